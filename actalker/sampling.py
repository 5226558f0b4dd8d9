"""Sampling of latents: noise schedule, guidance, sliding windows and solvers.

n frames, and P frames of padding; Z latent channels on a grid of h x w; K driving signals of width D. Noise is an
argument, so that the caller controls the random numbers.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from actalker.encoders.interface import Autoencoder
from actalker.network import Conditions, UNet

Solver = Literal["euler", "dpm++2m"]
Prediction = Literal["velocity", "residual"]
"""Output of the network (see `clean_latents`): v, as in SVD and the published network, or the difference of the clean
latents to the reference."""
OnStep = Callable[[int, int], None]
"""Called after each step with the number of steps done and the number of all steps."""
IsCancelled = Callable[[], bool]
"""Called before every window; True stops the sampling."""

LATENT_SCALE = 0.18215
"""SVD's factor on VAE latents before noise is added."""


class CancelledError(Exception):
    """The caller cancelled the sampling. There is no result."""


@dataclass(frozen=True)
class Schedule:
    """Noise levels of Karras et al. (2022), equation 5; the defaults are SVD's."""

    sigma_min: float = 0.002
    sigma_max: float = 700.0
    rho: float = 7.0

    def sigmas(self, steps: int) -> list[float]:
        """`steps` falling noise levels, then 0. Raises ValueError for less than one step."""
        if steps < 1:
            raise ValueError(f"at least one step is needed, not {steps}")
        low, high = self.sigma_min ** (1 / self.rho), self.sigma_max ** (1 / self.rho)
        ramp = [i / max(steps - 1, 1) for i in range(steps)]
        return [(high + r * (low - high)) ** self.rho for r in ramp] + [0.0]


@dataclass(frozen=True)
class Guidance:
    """Classifier-free guidance with one scale per condition. Conditions are added one after another.

    result = none + identity (id - none) + signals[0] (id+s0 - id) + signals[1] (id+s0+s1 - id+s0) + ...
    """

    identity: float = 2.0
    signals: tuple[float, ...] = (7.5, 3.0)

    def with_equal_scales(self) -> "Guidance":
        """All signals with the first one's scale. The passes between them have weight zero and are not run."""
        return replace(self, signals=self.signals[:1] * len(self.signals))

    def passes(self, gates: Sequence[bool]) -> list[tuple[int, float]]:
        """The network passes to run, as (level, weight); weights sum to 1.

        Level 0 has no condition, 1 the identity, 1 + k the identity and the first k signals. A pass is left out if it
        equals another one, because a gate is closed, or if its weight is zero. Raises ValueError unless there is one
        gate per signal.
        """
        if len(gates) != len(self.signals):
            raise ValueError(f"{len(self.signals)} guidance scales for {len(gates)} signals")
        opened = [(k + 2, scale) for k, (scale, gate) in enumerate(zip(self.signals, gates, strict=True)) if gate]
        levels, scales = [0, 1], [1.0, self.identity]
        for level, scale in opened:
            levels.append(level)
            scales.append(scale)
        weights = [scale - after for scale, after in zip(scales, [*scales[1:], 0.0], strict=True)]
        return [(level, weight) for level, weight in zip(levels, weights, strict=True) if weight]


@dataclass(frozen=True)
class Sampling:
    """Options of the sampler; the defaults are the published script's."""

    steps: int = 25
    solver: Solver = "euler"
    schedule: Schedule = Schedule()
    guidance: Guidance = Guidance()
    window: int = 25
    """Frames per call of the network."""
    overlap: int = 0
    """Frames that neighbouring windows share; their estimates are averaged."""
    shift: int = 7
    """Frames by which the windows move between steps, so that their joints are at other frames in every step."""
    prediction: Prediction = "velocity"
    temperature: float = 1.0
    """Scale of the initial noise. Below 1, what the conditions do not determine varies less. At 0 the sampler starts
    from the reference, and what the conditions do not determine stays as in the reference."""
    residual_spread: float = 0.5
    """For `residual`: root mean square of the difference between latents and reference."""
    latent_scale: float = LATENT_SCALE
    """Factor on VAE latents before noise is added."""
    padding: int | None = None
    """P: frames after the wanted ones, across which windows wrap around. None: as many as in a window, as published.
    0: none; windows that would reach beyond the ends are moved inwards."""

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.window:
            raise ValueError(f"overlap ({self.overlap}) must be at least 0 and less than the window ({self.window})")
        if self.solver not in get_args(Solver):
            raise ValueError(f"solver must be 'euler' or 'dpm++2m', not {self.solver!r}")
        if self.prediction not in get_args(Prediction):
            raise ValueError(f"prediction must be one of {get_args(Prediction)}, not {self.prediction!r}")

    def total(self, frames: int) -> int:
        """Frames to sample for a result of `frames` frames, n + P: the length of the noise."""
        return frames + (self.window if self.padding is None else self.padding)


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


def windows(total: int, sampling: Sampling, shift: int) -> list[list[int]]:
    """Frame indices of each window. Together they cover [0, total)."""
    size, stride = sampling.window, sampling.window - sampling.overlap
    if total <= size:
        return [list(range(total))]
    if sampling.padding == 0:
        starts = range(-shift, total, stride)
        inside = sorted({min(max(start, 0), total - size) for start in starts})
        return [list(range(start, start + size)) for start in inside]
    return [[(start - shift + i) % total for i in range(size)] for start in range(0, total, stride)]


@torch.no_grad()
def denoise(
    unet: UNet,
    scene: Scene,
    noise: Tensor,
    sampling: Sampling,
    *,
    on_step: OnStep | None = None,
    cancelled: IsCancelled | None = None,
) -> Tensor:
    """Sample latents (total, Z, h, w), scaled by `latent_scale`, of which the first n frames are the scene's.

    noise: (total, Z, h, w), standard normal. The network runs in the dtype of the scene. The latents stay in float32,
    because at high noise levels the signal is smaller than the rounding error of half precision.
    Raises ValueError if the noise has another shape, CancelledError when `cancelled` returns True.
    """
    total = sampling.total(scene.frames)
    if noise.shape != (total, *scene.reference.shape):
        raise ValueError(f"noise has shape {tuple(noise.shape)}, expected {(total, *scene.reference.shape)}")
    passes = _passes(scene, sampling.guidance, total)
    sigmas = sampling.schedule.sigmas(sampling.steps)
    x = scene.reference.float() * sampling.latent_scale + sigmas[0] * sampling.temperature * noise.float()
    previous: Tensor | None = None
    for step in range(sampling.steps):
        frames = windows(total, sampling, step * sampling.shift % sampling.window)
        clean = torch.zeros_like(x)
        counts = torch.zeros(total, device=x.device)
        for window in frames:
            if cancelled is not None and cancelled():
                raise CancelledError(f"cancelled in step {step + 1} of {sampling.steps}")
            clean[window] += _guided_estimate(unet, passes, x[window], window, sigmas[step], sampling)
            counts[window] += 1
        # Frames in several windows are averaged. Both solvers are linear in the clean estimate, so that this equals the
        # average of the latents after the step.
        clean = clean / counts[:, None, None, None]
        x = advance(x, clean, previous, sigmas=sigmas, step=step, solver=sampling.solver)
        previous = clean
        if on_step is not None:
            on_step(step + 1, sampling.steps)
    return x


@dataclass(frozen=True)
class _Pass:
    """One guidance pass over all frames: weight in the sum, conditions and reference latents."""

    weight: float
    conditions: Conditions
    reference: Tensor


def _passes(scene: Scene, guidance: Guidance, total: int) -> list[_Pass]:
    """Conditions (B = 1, F = total) of the passes that guidance needs."""
    padding = total - scene.frames
    unconditional = [tokens.expand(total, -1, -1) for tokens in scene.unconditional]
    padded = [torch.cat([signal, rest[:padding]]) for signal, rest in zip(scene.signals, unconditional, strict=True)]
    identity = scene.identity.expand(total, -1, -1)
    passes = []
    for level, weight in guidance.passes(scene.gates):
        signals = [padded[k] if level >= k + 2 else unconditional[k] for k in range(len(padded))]
        conditions = Conditions(
            identity=(identity if level else torch.zeros_like(identity))[None],
            signals=tuple(signal[None] for signal in signals),
            masks=scene.masks[None],
            gates=torch.tensor([scene.gates]),
            time_ids=scene.time_ids[None],
            guide=None if scene.guide is None else scene.guide[None, None],
        )
        passes.append(_Pass(weight, conditions, scene.reference if level else torch.zeros_like(scene.reference)))
    return passes


def _guided_estimate(
    unet: UNet, passes: list[_Pass], x: Tensor, window: list[int], sigma: float, sampling: Sampling
) -> Tensor:
    """Guided estimate of the clean latents of one window, x and result (F, Z, h, w)."""
    timestep = torch.full((1,), 0.25 * math.log(sigma), device=x.device)
    estimate = torch.zeros_like(x)
    for pass_ in passes:
        conditions = replace(
            pass_.conditions,
            identity=pass_.conditions.identity[:, window],
            signals=tuple(signal[:, window] for signal in pass_.conditions.signals),
        )
        scaled = (x / math.sqrt(sigma**2 + 1)).to(pass_.reference.dtype)
        output = unet(torch.cat([scaled, pass_.reference.expand_as(x)], dim=1)[None], timestep, conditions)[0].float()
        reference = pass_.reference.float() * sampling.latent_scale
        level = torch.tensor(sigma, device=x.device)
        estimate += pass_.weight * clean_latents(
            output, x, reference, level, sampling.prediction, sampling.residual_spread
        )
    return estimate


def clean_latents(
    output: Tensor, x: Tensor, reference: Tensor, sigma: Tensor, prediction: Prediction, residual_spread: float
) -> Tensor:
    """Clean latents from the network's output, for x = clean + sigma noise.

    `velocity`: c_skip x + c_out output, for data of unit spread (Karras et al. 2022, section 5). `residual`: reference
    + residual_spread output, so that regions without motion are right from the first step of training.
    """
    if prediction == "residual":
        return reference + residual_spread * output
    share = 1 / (1 + sigma**2)
    return share * x - sigma * share.sqrt() * output


def advance(
    x: Tensor, clean: Tensor, previous: Tensor | None, *, sigmas: Sequence[float], step: int, solver: Solver
) -> Tensor:
    """One solver step from sigmas[step] to sigmas[step + 1], given the clean estimates of this and the previous step.

    Euler: Karras et al. (2022), algorithm 1 without the correction. DPM-Solver++(2M): Lu et al. (2022), algorithm 2,
    over the same noise levels; its first step and the step to zero noise are of first order.
    """
    sigma, next_sigma = sigmas[step], sigmas[step + 1]
    if next_sigma == 0:
        return clean
    if solver == "euler" or previous is None:
        # With log-sigma as time, the first step of DPM-Solver++ has the same formula.
        return clean + (x - clean) * (next_sigma / sigma)
    h, h_before = math.log(sigma / next_sigma), math.log(sigmas[step - 1] / sigma)
    slope = h / (2 * h_before)
    extrapolated = (1 + slope) * clean - slope * previous
    return extrapolated + (x - extrapolated) * (next_sigma / sigma)


@torch.no_grad()
def decode(
    autoencoder: Autoencoder,
    latents: Tensor,
    portrait: Tensor,
    *,
    scale: float = LATENT_SCALE,
    chunk: int = 10,
    context: int = 0,
) -> Iterator[Tensor]:
    """Latents (n, Z, h, w), scaled as in `denoise` -> pictures (at most `chunk`, 3, H, W) in [-1, 1], chunk by chunk.

    portrait: (3, H, W) in [-1, 1], for decoders that take detail from it. context: frames on either side of a chunk
    that are decoded with it and dropped, because the decoder convolves over time; 0 in the published script.
    """
    for start in range(0, len(latents), chunk):
        first, last = max(0, start - context), min(len(latents), start + chunk + context)
        pictures = autoencoder.decode(latents[first:last] / scale, last - first, portrait)
        yield pictures[start - first : start - first + chunk]
