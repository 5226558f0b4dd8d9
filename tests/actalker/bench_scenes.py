"""A straightforward ACTalker for benchmarks: what one writes first, with the same weights and the same result."""

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from actalker.network import UNet
from actalker.network.pcm import PCM
from actalker.sampling import Guidance, Sampling, Scene, advance, windows
from actalker.sampling.loop import _passes


class StraightforwardPCM(PCM):
    """Tokens are picked by indexing, sample by sample and frame by frame; the scan runs step by step."""

    def _branch(self, k, x, identity, signal, selection):
        projected = self.in_projs[k](x).clone()
        signal = x.new_zeros(*x.shape[:2], 1, self.signal_projs[k].in_features) if signal is None else signal
        for b in range(x.shape[0]):
            inside = selection.index[b][selection.valid[b]]
            for f in range(x.shape[1]):
                context = torch.cat([identity[b, f], F.silu(self.signal_projs[k](signal[b, f]))])
                scanned = self.scans[k](torch.cat([projected[b, f, inside], context])[None])[0]
                projected[b, f, inside] = scanned[: len(inside)]
        return projected


def straightforward(unet: UNet) -> UNet:
    """The same network, slow (changed in place)."""
    for module in unet.modules():
        if isinstance(module, PCM):
            module.__class__ = StraightforwardPCM
            for unit in module.scans:
                unit.backend = "reference"
    return unet


@torch.no_grad()
def denoise_with_four_passes(unet: UNet, scene: Scene, noise: Tensor, sampling: Sampling) -> Tensor:
    """`denoise`, but every pass is run, also those behind closed gates, whose results are known to be equal."""
    total = sampling.total(scene.frames)
    levels = _passes(unet, scene, total)
    weights = Guidance(2.0, (7.5, 3.0)).passes((True, True))
    sigmas = sampling.schedule.sigmas(sampling.steps)
    x = scene.reference * sampling.latent_scale + sigmas[0] * noise
    for step in range(sampling.steps):
        clean, seen = torch.zeros_like(x), torch.zeros(total, 1, 1, 1)
        scale = 1 / math.sqrt(sigmas[step] ** 2 + 1)
        time = torch.full((1,), 0.25 * math.log(sigmas[step]))
        for window in windows(total, sampling, step * sampling.shift % sampling.window):
            v = torch.zeros_like(x[window])
            for level, weight in weights:
                one = levels[level]
                known = replace(one.conditions.window(torch.tensor(window)), regions=None)
                sample = torch.cat([x[window] * scale, one.reference.expand_as(x[window])], dim=1)
                v += weight * unet(sample[None], time, known)[0]
            clean[window] += x[window] * scale**2 - v * (sigmas[step] * scale)
            seen[window] += 1
        x = advance(x, clean / seen, None, sigmas=sigmas, step=step, solver="euler")
    return x
