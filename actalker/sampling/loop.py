"""The loop of the sampler: over steps, windows of frames, and passes of the network.

n frames, and P frames of padding; Z latent channels on a grid of h x w; K driving signals of width D. Noise is an
argument, so that the caller controls the random numbers.

Besides the published loop there are three ways to leave out passes, or parts of them, at some steps. At their neutral
values (the defaults) the result is that of the published loop, bit for bit.

- A scale applies only at some noise levels (`Guidance.intervals`).
- Guidance is renewed at every n-th step (`Guidance.renewed_every`). What is kept is the difference that it makes to the
  estimate with all conditions, per frame: windows move between steps, frames do not.
- Deep features are renewed at every n-th step (`Sampling.deep_renewed_every`), for windows that stand still.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from actalker.memory import halving
from actalker.network import Conditions, UNet
from actalker.sampling.options import Sampling, windows
from actalker.sampling.solver import advance, clean_latents

OnStep = Callable[[int, int], None]
"""Called after each step with the number of steps done and the number of all steps."""
IsCancelled = Callable[[], bool]
"""Called before every window, or every few that are one call of the network; True stops the sampling."""
Passes = list[tuple[int, float]]
"""Levels of conditions and their weights, see `Guidance.passes`."""


class CancelledError(Exception):
    """The caller cancelled the sampling. There is no result."""


@dataclass(frozen=True)
class Scene:
    """All inputs of one clip of n frames, except the noise."""

    reference: Tensor
    """(Z, h, w) VAE mode of the portrait, unscaled."""
    identity: Tensor
    """(T, D) tokens."""
    signals: tuple[Tensor, ...]
    """Per signal (n, T_k, D) tokens."""
    unconditional: tuple[Tensor, ...]
    """Per signal (T_k, D) unconditional tokens."""
    masks: Tensor
    """(K, H, W) region masks."""
    gates: tuple[bool, ...]
    time_ids: Tensor
    """(I) micro-conditioning values."""
    guide: Tensor | None
    """(channels, h, w) features of the spatial guide, or None."""

    @property
    def frames(self) -> int:
        """n"""
        return self.signals[0].shape[0]


@torch.no_grad()
def denoise(
    unet: UNet,
    scene: Scene,
    noise: Tensor,
    sampling: Sampling,
    *,
    batch: int = 1,
    on_step: OnStep | None = None,
    cancelled: IsCancelled | None = None,
) -> Tensor:
    """Sample latents (total, Z, h, w), scaled by `latent_scale`, of which the first n frames are the scene's.

    noise: (total, Z, h, w), standard normal. The network runs in the dtype of the scene. The latents stay in float32,
    because at high noise levels the signal is smaller than the rounding error of half precision.
    batch: how many passes, of a window or of several, may be one call of the network.
    Raises ValueError if the noise has another shape, CancelledError when `cancelled` returns True.
    """
    total = sampling.total(scene.frames)
    if noise.shape != (total, *scene.reference.shape):
        raise ValueError(f"noise has shape {tuple(noise.shape)}, expected {(total, *scene.reference.shape)}")
    sigmas = sampling.schedule.sigmas(sampling.steps)
    x = scene.reference.float() * sampling.latent_scale + sigmas[0] * sampling.temperature * noise.float()
    estimator = _Estimator(unet, scene, sampling, total, batch)
    plan = sampling.guidance.plan(scene.gates, sigmas[:-1])
    previous: Tensor | None = None
    kept = torch.zeros_like(x)  # the difference that guidance made, per frame
    for step, (frames, now) in enumerate(zip(_all_windows(total, sampling, x.device), plan, strict=True)):
        clean, counts = torch.zeros_like(x), torch.zeros(total, device=x.device)
        unguided = torch.zeros_like(x)
        at_once = max(1, batch // len(now.passes))
        for start in range(0, len(frames), at_once):
            if cancelled is not None and cancelled():
                raise CancelledError(f"cancelled in step {step + 1} of {sampling.steps}")
            some = frames[start : start + at_once]
            for window, estimates in zip(some, estimator(x, some, now.passes, step, sigmas[step]), strict=True):
                clean[window.frames] += _weighted(estimates, now.passes)
                unguided[window.frames] += estimates[-1]
                counts[window.frames] += 1
        # Frames in several windows are averaged. Both solvers are linear in the clean estimate, so that this equals the
        # average of the latents after the step.
        clean = clean / counts[:, None, None, None]
        if now.keeps:
            kept = clean - unguided / counts[:, None, None, None]
        if now.adds_kept:
            clean = clean + kept
        x = advance(x, clean, previous, sigmas=sigmas, step=step, solver=sampling.solver)
        previous = clean
        if on_step is not None:
            on_step(step + 1, sampling.steps)
    return x


@dataclass(frozen=True)
class _Window:
    """Some frames of the clip."""

    first: int
    frames: Tensor
    """(F) indices, on the device."""


def _all_windows(total: int, sampling: Sampling, device: torch.device) -> Iterator[list[_Window]]:
    """The windows of each step. Their indices are copied to the device once, for all steps."""
    steps = [windows(total, sampling, step * sampling.shift % sampling.window) for step in range(sampling.steps)]
    rows = iter(torch.tensor([window for step in steps for window in step]).to(device).unbind())
    for step in steps:
        yield [_Window(window[0], next(rows)) for window in step]


def _weighted(estimates: Sequence[Tensor], passes: Passes) -> Tensor:
    result = torch.zeros_like(estimates[0])
    for estimate, (_, weight) in zip(estimates, passes, strict=True):
        result += weight * estimate
    return result


@dataclass(frozen=True)
class _Pass:
    """One guidance pass over all frames of the clip."""

    conditions: Conditions
    reference: Tensor
    """(Z, h, w)"""


class _Estimator:
    """Estimates of the clean latents of windows, one per guidance pass."""

    def __init__(self, unet: UNet, scene: Scene, sampling: Sampling, total: int, batch: int) -> None:
        self._unet, self._sampling, self._batch = unet, sampling, batch
        self._passes = _passes(unet, scene, total)
        self._deep: dict[tuple[int, int], tuple[int, Tensor]] = {}
        """By first frame of the window and level: the step, and the deep features."""

    def __call__(
        self, x: Tensor, windows: Sequence[_Window], passes: Passes, step: int, sigma: float
    ) -> list[list[Tensor]]:
        """Latents x (total, Z, h, w) of noise level sigma -> for each window and pass (F, Z, h, w)."""
        calls = [(window, level) for window in windows for level, _ in passes]
        found: list[Tensor] = []
        while len(found) < len(calls):
            some = calls[len(found) : len(found) + self._batch]
            outputs, count = halving(len(some), partial(self._outputs, x, step, sigma, some))
            if count < len(some):
                self._batch = count  # for the rest of the clip
            for output, (window, level) in zip(outputs, some[:count], strict=True):
                found.append(self._clean(output, x[window.frames], self._passes[level], sigma))
        return [found[start : start + len(passes)] for start in range(0, len(found), len(passes))]

    def _outputs(self, x: Tensor, step: int, sigma: float, calls: list[tuple[_Window, int]], count: int) -> Tensor:
        """Outputs of the network for the first windows and levels as one batch, in float32: (count, F, Z, h, w)."""
        samples, known, places = [], [], []
        for window, level in calls[:count]:
            one = self._passes[level]
            scaled = (x[window.frames] / math.sqrt(sigma**2 + 1)).to(one.reference.dtype)
            samples.append(torch.cat([scaled, one.reference.expand_as(scaled)], dim=1))
            known.append(one.conditions.window(window.frames))
            places.append((window.first, level))
        timesteps = torch.full((count,), 0.25 * math.log(sigma), device=x.device)
        return self._network(torch.stack(samples), timesteps, Conditions.stacked(known), places, step).float()

    def _clean(self, output: Tensor, x: Tensor, one: _Pass, sigma: float) -> Tensor:
        reference = one.reference.float() * self._sampling.latent_scale
        level = torch.full((), sigma, device=x.device)
        return clean_latents(output, x, reference, level, self._sampling.prediction, self._sampling.residual_spread)

    def _network(
        self, sample: Tensor, timesteps: Tensor, conditions: Conditions, places: list[tuple[int, int]], step: int
    ) -> Tensor:
        """v of passes at `places` (first frame, level), with the deep features of an earlier step where it has them."""
        every = self._sampling.deep_renewed_every
        if every == 1:
            v: Tensor = self._unet(sample, timesteps, conditions)
            return v
        self._deep = {place: kept for place, kept in self._deep.items() if step - kept[0] < every}
        kept = [self._deep[place][1] for place in places if place in self._deep]
        if len(kept) == len(places):
            return self._unet.with_deep_features(sample, timesteps, conditions, torch.cat(kept))[0]
        v, features = self._unet.with_deep_features(sample, timesteps, conditions)
        for place, own in zip(places, features.chunk(len(places)), strict=True):
            self._deep[place] = step, own
        return v


def _passes(unet: UNet, scene: Scene, total: int) -> list[_Pass]:
    """The passes of all levels of conditions (see `Guidance.passes`), with B = 1 clip of all frames."""
    padding = total - scene.frames
    unconditional = [tokens.expand(total, -1, -1) for tokens in scene.unconditional]
    padded = [torch.cat([signal, rest[:padding]]) for signal, rest in zip(scene.signals, unconditional, strict=True)]
    identity = scene.identity.expand(total, -1, -1)
    shared = Conditions(
        identity=identity[None],
        signals=tuple(signal[None] for signal in padded),
        masks=scene.masks[None],
        gates=torch.tensor([scene.gates]),
        time_ids=scene.time_ids[None],
        guide=None if scene.guide is None else scene.guide[None, None],
    )
    shared = unet.prepared(shared, (scene.reference.shape[1], scene.reference.shape[2]))
    passes = []
    for level in range(len(padded) + 2):
        signals = tuple((padded[k] if level >= k + 2 else unconditional[k])[None] for k in range(len(padded)))
        tokens, reference = shared.identity, scene.reference
        if level == 0:
            tokens, reference = torch.zeros_like(tokens), torch.zeros_like(reference)
        passes.append(_Pass(replace(shared, signals=signals, identity=tokens), reference))
    return passes
