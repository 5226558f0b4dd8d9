"""From noise to latents: schedule, guidance, sliding windows and solver. Free functions over a network.

n frames are wanted, P more may pad them; Z latent channels on a grid of h x w; K driving signals of width D.
Noise is an argument, so that the caller decides what it depends on.
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
"""What the network was trained to give (see `clean_latents`): v, as SVD and the published network, or the difference of
the clean latents to the reference's."""
OnStep = Callable[[int, int], None]
"""Called after each step with the number of steps done and of all."""
IsCancelled = Callable[[], bool]

LATENT_SCALE = 0.18215
"""SVD's factor between VAE latents and the ones that noise is added to."""


class CancelledError(Exception):
    """The caller asked to stop; nothing was kept."""


@dataclass(frozen=True)
class Schedule:
    """Noise levels of Karras et al. (2022), equation 5; SVD's own are the defaults."""

    sigma_min: float = 0.002
    sigma_max: float = 700.0
    rho: float = 7.0

    def sigmas(self, steps: int) -> list[float]:
        """`steps` falling noise levels, then 0."""
        if steps < 1:
            raise ValueError(f"at least one step is needed, not {steps}")
        low, high = self.sigma_min ** (1 / self.rho), self.sigma_max ** (1 / self.rho)
        ramp = [i / max(steps - 1, 1) for i in range(steps)]
        return [(high + r * (low - high)) ** self.rho for r in ramp] + [0.0]


@dataclass(frozen=True)
class Guidance:
    """Classifier-free guidance, one scale for each condition that is added to the one before.

    result = none + identity (id - none) + signals[0] (id+s0 - id) + signals[1] (id+s0+s1 - id+s0) + ...
    """

    identity: float = 2.0
    signals: tuple[float, ...] = (7.5, 3.0)

    def together(self) -> "Guidance":
        """All signals with the first one's scale: what lies between them has no weight, and its pass is not run."""
        return replace(self, signals=self.signals[:1] * len(self.signals))

    def passes(self, gates: Sequence[bool]) -> list[tuple[int, float]]:
        """The network passes to run, as (level, weight); weights sum to 1.

        Level 0 knows no condition, 1 the identity, 1 + k the identity and the first k signals. A closed gate makes two
        levels equal, and a weight of zero makes one needless: neither is run.
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
    """How latents are sampled; the defaults are the published script's."""

    steps: int = 25
    solver: Solver = "euler"
    schedule: Schedule = Schedule()
    guidance: Guidance = Guidance()
    window: int = 25
    """Frames that the network sees at once."""
    overlap: int = 0
    shift: int = 7
    """How far the windows move between steps, so that their joints never stay in one place."""
    prediction: Prediction = "velocity"
    temperature: float = 1.0
    """What the first noise is multiplied by. Below 1, what the conditions leave open becomes calmer; at 0 the sampler
    starts from the reference, and everything that is not asked for stays as it is there."""
    residual_spread: float = 0.5
    """Of what differs from the reference, for `residual`: root mean square of latents less the reference's."""
    latent_scale: float = LATENT_SCALE
    """What VAE latents are multiplied by before noise is added."""
    padding: int | None = None
    """Frames behind the wanted ones, across which the windows wrap around. None: one window's length, as published;
    0: none, and the windows at both ends are moved inwards instead."""

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.window:
            raise ValueError(f"overlap ({self.overlap}) must be at least 0 and less than the window ({self.window})")
        if self.solver not in get_args(Solver):
            raise ValueError(f"solver must be 'euler' or 'dpm++2m', not {self.solver!r}")
        if self.prediction not in get_args(Prediction):
            raise ValueError(f"prediction must be one of {get_args(Prediction)}, not {self.prediction!r}")

    def total(self, frames: int) -> int:
        """Frames to sample so that `frames` may be kept: the length of the noise."""
        return frames + (self.window if self.padding is None else self.padding)


@dataclass(frozen=True)
class Scene:
    """Everything that one clip of n frames depends on, besides its noise."""

    reference: Tensor
    """(Z, h, w) VAE mode of the portrait, unscaled."""
    identity: Tensor
    """(T, D) tokens."""
    signals: tuple[Tensor, ...]
    """Per signal (n, T_k, D) tokens."""
    silence: tuple[Tensor, ...]
    """Per signal (T_k, D) unconditional tokens."""
    masks: Tensor
    """(K, H, W) region masks."""
    gates: tuple[bool, ...]
    time_ids: Tensor
    """(I) micro-conditioning values."""
    guide: Tensor | None
    """(channels, h, w) spatial guide, or none."""

    @property
    def frames(self) -> int:
        """n"""
        return self.signals[0].shape[0]


def windows(total: int, sampling: Sampling, shift: int) -> list[list[int]]:
    """Frame indices of each window; together they cover [0, total)."""
    size, stride = sampling.window, sampling.window - sampling.overlap
    if total <= size:
        return [list(range(total))]
    if sampling.padding == 0:
        starts = range(-shift, total, stride)
        inward = sorted({min(max(start, 0), total - size) for start in starts})
        return [list(range(start, start + size)) for start in inward]
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

    noise: (total, Z, h, w), standard normal. The network runs in the scene's type; the latents stay in float32, since
    at high noise levels what is left of the picture is smaller than the rounding of a half-precision number.
    Raises CancelledError as soon as `cancelled` answers true, which it is asked before every window.
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
        seen = torch.zeros(total, device=x.device)
        for window in frames:
            if cancelled is not None and cancelled():
                raise CancelledError(f"cancelled in step {step + 1} of {sampling.steps}")
            clean[window] += _clean(unet, passes, x[window], window, sigmas[step], sampling)
            seen[window] += 1
        # Frames seen by several windows are averaged. Both solvers are linear in the clean estimate, so that this is
        # the average of the stepped latents.
        clean = clean / seen[:, None, None, None]
        x = advance(x, clean, previous, sigmas=sigmas, step=step, solver=sampling.solver)
        previous = clean
        if on_step is not None:
            on_step(step + 1, sampling.steps)
    return x


@dataclass(frozen=True)
class _Pass:
    """One guidance pass over all frames: its weight in the sum, its conditions, its reference latents."""

    weight: float
    conditions: Conditions
    reference: Tensor


def _passes(scene: Scene, guidance: Guidance, total: int) -> list[_Pass]:
    """Conditions (B = 1, F = total) of the passes that guidance needs."""
    padding = total - scene.frames
    silences = [silence.expand(total, -1, -1) for silence in scene.silence]
    spoken = [torch.cat([signal, silence[:padding]]) for signal, silence in zip(scene.signals, silences, strict=True)]
    identity = scene.identity.expand(total, -1, -1)
    found = []
    for level, weight in guidance.passes(scene.gates):
        heard = [spoken[k] if level >= k + 2 else silences[k] for k in range(len(spoken))]
        conditions = Conditions(
            identity=(identity if level else torch.zeros_like(identity))[None],
            signals=tuple(signal[None] for signal in heard),
            masks=scene.masks[None],
            gates=torch.tensor([scene.gates]),
            time_ids=scene.time_ids[None],
            guide=None if scene.guide is None else scene.guide[None, None],
        )
        found.append(_Pass(weight, conditions, scene.reference if level else torch.zeros_like(scene.reference)))
    return found


def _clean(unet: UNet, passes: list[_Pass], x: Tensor, window: list[int], sigma: float, sampling: Sampling) -> Tensor:
    """Guided estimate of the clean latents of one window, x and result (F, Z, h, w)."""
    timestep = torch.full((1,), 0.25 * math.log(sigma), device=x.device)
    estimate = torch.zeros_like(x)
    for one in passes:
        known = replace(
            one.conditions,
            identity=one.conditions.identity[:, window],
            signals=tuple(signal[:, window] for signal in one.conditions.signals),
        )
        scaled = (x / math.sqrt(sigma**2 + 1)).to(one.reference.dtype)
        found = unet(torch.cat([scaled, one.reference.expand_as(x)], dim=1)[None], timestep, known)[0].float()
        reference = one.reference.float() * sampling.latent_scale
        level = torch.tensor(sigma, device=x.device)
        estimate += one.weight * clean_latents(
            found, x, reference, level, sampling.prediction, sampling.residual_spread
        )
    return estimate


def clean_latents(
    found: Tensor, x: Tensor, reference: Tensor, sigma: Tensor, prediction: Prediction, residual_spread: float
) -> Tensor:
    """What the network's output `found` says about the clean latents behind x = clean + sigma noise.

    `velocity`: c_skip x + c_out found, for data of unit spread (Karras et al. 2022, section 5). `residual`: the
    reference and what differs from it, in units of its spread: what stands still is right from the first step of
    training.
    """
    if prediction == "residual":
        return reference + residual_spread * found
    share = 1 / (1 + sigma**2)
    return share * x - sigma * share.sqrt() * found


def advance(
    x: Tensor, clean: Tensor, previous: Tensor | None, *, sigmas: Sequence[float], step: int, solver: Solver
) -> Tensor:
    """One solver step from sigmas[step] to sigmas[step + 1], given the clean estimates of this and the previous step.

    Euler: Karras et al. (2022), algorithm 1 without the correction. DPM-Solver++(2M): Lu et al. (2022), algorithm 2,
    over the same noise levels; its first step, and the one to zero noise, are of first order.
    """
    now, then = sigmas[step], sigmas[step + 1]
    if then == 0:
        return clean
    if solver == "euler" or previous is None:
        # With log-sigma as time, the first step of DPM-Solver++ is the same line.
        return clean + (x - clean) * (then / now)
    h, h_before = math.log(now / then), math.log(sigmas[step - 1] / now)
    slope = h / (2 * h_before)
    extrapolated = (1 + slope) * clean - slope * previous
    return extrapolated + (x - extrapolated) * (then / now)


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

    portrait: (3, H, W) in [-1, 1], for decoders that take detail from it.

    The decoder looks at neighbouring frames; `context` frames on either side of a chunk are decoded with it and
    dropped. 0 is what the published script does.
    """
    for start in range(0, len(latents), chunk):
        first, last = max(0, start - context), min(len(latents), start + chunk + context)
        pictures = autoencoder.decode(latents[first:last] / scale, last - first, portrait)
        yield pictures[start - first : start - first + chunk]
