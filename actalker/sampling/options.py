"""Options of the sampler, and the windows of frames that follow from them."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from actalker.sampling.guidance import Guidance
from actalker.sampling.schedule import Schedule
from actalker.serialization import added

Solver = Literal["euler", "dpm++2m"]
Prediction = Literal["velocity", "residual"]
"""Output of the network (see `clean_latents`): v, as in SVD and the published network, or the difference of the clean
latents to the reference."""

LATENT_SCALE = 0.18215
"""SVD's factor on VAE latents before noise is added."""


@dataclass(frozen=True)
class Sampling:
    """Options of the sampler; the defaults are the published script's."""

    steps: int = 25
    solver: Solver = "euler"
    schedule: Schedule = field(default_factory=Schedule)
    guidance: Guidance = field(default_factory=Guidance)
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
    deep_renewed_every: int = added(1)
    """The features below the highest resolution are computed at every n-th step, and used again at the others by
    windows that stand still (Ma et al. 2024, "DeepCache"): with `shift` 0, or where a clip is one window."""

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < self.window:
            raise ValueError(f"overlap ({self.overlap}) must be at least 0 and less than the window ({self.window})")
        if self.solver not in get_args(Solver):
            raise ValueError(f"solver must be 'euler' or 'dpm++2m', not {self.solver!r}")
        if self.prediction not in get_args(Prediction):
            raise ValueError(f"prediction must be one of {get_args(Prediction)}, not {self.prediction!r}")
        if self.deep_renewed_every < 1:
            raise ValueError(f"deep features are renewed every n-th step, n at least 1, not {self.deep_renewed_every}")

    def total(self, frames: int) -> int:
        """Frames to sample for a result of `frames` frames, n + P: the length of the noise."""
        return frames + (self.window if self.padding is None else self.padding)


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
