"""Fitting the autoencoder's finish on what the network really leaves behind.

Latents of a clip are noised to a middle level, the network cleans them in one pass, and the finish learns to turn the
decoded result into the drawn frames: what grain and flicker look like is the network's own business.
"""

import numpy as np
import torch
from torch import Tensor, nn

from actalker.encoders.autoencoder import PatchAutoencoder
from actalker.puppet.clip import training_clip
from actalker.training.data import FRAMES, Example
from actalker.training.diffusion import GATES, DiffusionObjective
from actalker.training.loop import Metrics
from actalker.training.pictures import detail_weight, to_tensor

_LOG_SIGMA = (-1.2, 0.7)  # ends of the noise level's logarithm: the levels of the sampler's last steps


class FinishObjective:
    """Absolute error of pixels and of their differences in space and time, weighted towards the features."""

    def __init__(
        self,
        autoencoder: PatchAutoencoder,
        network: DiffusionObjective,
        liveliness: float,
        people: int,
        frames: int = 8,
    ) -> None:
        self.autoencoder, self.network, self.liveliness = autoencoder, network, liveliness
        self.people, self.frames = people, frames

    def module(self) -> nn.Module:
        """The autoencoder, of which only the finish has parameters."""
        return self.autoencoder

    def loss(self, step: int) -> tuple[Tensor, Metrics]:
        """See the class."""
        rng = np.random.default_rng([step, 0xF1A1])
        index, start = int(rng.integers(self.people)), int(rng.integers(FRAMES - self.frames + 1))
        span = slice(start, start + self.frames)
        latents = self._latents(self.network.examples[index], span, step, rng)
        clip = training_clip(index, FRAMES, self.liveliness)
        pictures = to_tensor(clip.pictures(self.network.size, span.start, span.stop))
        weight = detail_weight(clip.person, self.network.size)
        guess = self.autoencoder.linear(latents)
        with torch.autocast("cpu", torch.bfloat16):
            result = self.autoencoder.finish(guess, self.frames)
        miss = result.float() - pictures
        edges = sum((miss.diff(dim=d).abs() * weight.narrow(d - 2, 1, len(weight) - 1)).mean() for d in (2, 3))
        flicker = miss.diff(dim=0).abs().mean()
        return (miss.abs() * weight).mean() + edges + flicker, {
            "psnr_db": psnr(miss),
            "given_db": psnr(guess - pictures),
        }

    @torch.no_grad()
    def _latents(self, example: Example, span: slice, step: int, rng: np.random.Generator) -> Tensor:
        gates = GATES[int(rng.integers(len(GATES)))]
        sigma = torch.tensor([float(np.exp(rng.uniform(*_LOG_SIGMA)))])
        return self.network.estimate([(example, span)], gates, sigma, step, rng)[1][0]


def psnr(miss: Tensor) -> float:
    """Decibels of an error in pictures that run from -1 to 1."""
    return float(-10 * torch.log10((miss.detach() / 2).square().mean()))
