"""The qualities of a video: what a renderer leaves out to be faster. All their values are here.

`published` is the checkpoint's own sampler, and the default. The others take fewer steps, and leave out guidance and
padding where they are expected to matter least. What they cost is counted (docs/gpu.md); whether pictures suffer has
not been judged on real faces. `actalker compare` shows a row in several qualities side by side.

A checkpoint that takes no more steps than a quality, such as the demo's with one, keeps its steps and its guidance.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actalker.checkpoint import Options
    from actalker.sampling import Guidance, Sampling, Solver

ALIGN_YOUR_STEPS = (700.0, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002)
"""Noise levels for Stable Video Diffusion with few steps: Sabour et al. 2024, "Align Your Steps".

Of the 25 published levels ten lie above 49, where latents are nothing but noise; of ten levels of these, two."""

ALWAYS = (0.0, 1e9)


@dataclass(frozen=True)
class Quality:
    """What differs from a checkpoint's own options. The defaults change nothing."""

    steps: int | None = None
    """Steps at the levels of `ALIGN_YOUR_STEPS`, if the checkpoint takes more. None: its own."""
    solver: "Solver" = "dpm++2m"
    """With `steps`."""
    identity_interval: tuple[float, float] = ALWAYS
    """With `steps`: noise levels at which the identity is guided, see `Guidance.intervals`."""
    signal_interval: tuple[float, float] = ALWAYS
    """The same for audio and motion."""
    guidance_renewed_every: int = 1
    """With `steps`, see `Guidance.renewed_every`."""
    deep_renewed_every: int = 1
    """With `steps`, see `Sampling.deep_renewed_every`. Above 1, windows stand still."""
    no_padding: bool = False
    """Whether the padding is left out: a window that would reach beyond the clip is moved inwards."""
    no_overlap: bool = False
    """Whether neighbouring windows share no frames."""

    def applied(self, options: "Options") -> "Options":
        """A checkpoint's options in this quality."""
        sampling = options.sampling
        if self.steps is not None and self.steps < sampling.steps:
            sampling = self._with_fewer_steps(sampling, self.steps)
        if self.no_padding:
            sampling = replace(sampling, padding=0)
        if self.no_overlap:
            sampling = replace(sampling, overlap=0)
        return replace(options, sampling=sampling)

    def _with_fewer_steps(self, sampling: "Sampling", steps: int) -> "Sampling":
        return replace(
            sampling,
            steps=steps,
            solver=self.solver,
            schedule=replace(sampling.schedule, anchors=ALIGN_YOUR_STEPS),
            guidance=self._guidance(sampling.guidance),
            deep_renewed_every=self.deep_renewed_every,
            shift=sampling.shift if self.deep_renewed_every == 1 else 0,
        )

    def _guidance(self, guidance: "Guidance") -> "Guidance":
        intervals = (self.identity_interval, *[self.signal_interval] * len(guidance.signals))
        if set(intervals) == {ALWAYS}:
            intervals = ()
        return replace(guidance, intervals=intervals, renewed_every=self.guidance_renewed_every)


QUALITIES = {
    "published": Quality(),
    "balanced": Quality(steps=15, no_padding=True),
    "fast": Quality(
        steps=10,
        identity_interval=(0.05, 60.0),
        signal_interval=(0.05, 60.0),
        guidance_renewed_every=2,
        no_padding=True,
    ),
    "proof": Quality(
        steps=6,
        identity_interval=(0.2, 20.0),
        signal_interval=(0.2, 60.0),
        guidance_renewed_every=2,
        deep_renewed_every=2,
        no_padding=True,
        no_overlap=True,
    ),
}
"""By the name in `--quality` and in a manifest's column `quality`. A change of values changes the keys of segments."""
