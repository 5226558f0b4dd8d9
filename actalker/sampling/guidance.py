"""Guidance: which passes of the network a step needs, and their weights."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from actalker.serialization import added


@dataclass(frozen=True)
class Guidance:
    """Classifier-free guidance with one scale per condition. Conditions are added one after another.

    result = none + identity (id - none) + signals[0] (id+s0 - id) + signals[1] (id+s0+s1 - id+s0) + ...
    """

    identity: float = 2.0
    signals: tuple[float, ...] = (7.5, 3.0)
    intervals: tuple[tuple[float, float], ...] = added(())
    """Per condition, the identity first, the noise levels (low, high) within which its scale applies; at others it is 1
    (Kynkaanniemi et al. 2024, "Applying Guidance in a Limited Interval"). Empty: at all."""
    renewed_every: int = added(1)
    """At every n-th step the guidance is computed, at the others that of the last such step is added to the estimate
    with all conditions, frame by frame. Wherever a window lies, its frames have it (see `loop.py`)."""

    def __post_init__(self) -> None:
        if self.intervals and len(self.intervals) != 1 + len(self.signals):
            raise ValueError(f"{len(self.intervals)} intervals for the identity and {len(self.signals)} signals")
        if self.renewed_every < 1:
            raise ValueError(f"guidance is renewed at every n-th step: n is at least 1, not {self.renewed_every}")

    def with_equal_scales(self) -> "Guidance":
        """All signals with the first one's scale. The passes between them have weight zero and are not run."""
        count = len(self.signals)
        intervals = self.intervals and (self.intervals[0], *self.intervals[1:2] * count)
        return replace(self, signals=self.signals[:1] * count, intervals=intervals)

    def at(self, sigma: float) -> "Guidance":
        """The guidance at a noise level: scales outside their interval are 1."""
        if not self.intervals:
            return self
        scales = (self.identity, *self.signals)
        inside = [low <= sigma <= high for low, high in self.intervals]
        identity, *signals = (scale if here else 1.0 for scale, here in zip(scales, inside, strict=True))
        return replace(self, identity=identity, signals=tuple(signals), intervals=())

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

    def plan(self, gates: Sequence[bool], sigmas: Sequence[float]) -> list["StepPasses"]:
        """The passes of each step, for its noise levels (without the last, zero)."""
        plan: list[StepPasses] = []
        renewed, renewed_for = 0, None  # step, and passes, of the guidance that is kept
        for step, sigma in enumerate(sigmas):
            passes = self.at(sigma).passes(gates)
            if passes == renewed_for and step - renewed < self.renewed_every:
                plan.append(StepPasses([(passes[-1][0], 1.0)], adds_kept=True))
                continue
            keeps = self.renewed_every > 1 and len(passes) > 1
            renewed, renewed_for = step, passes if keeps else None
            plan.append(StepPasses(passes, keeps=keeps))
        return plan


@dataclass(frozen=True)
class StepPasses:
    """The passes of the network in one step."""

    passes: list[tuple[int, float]]
    """As of `Guidance.passes`; the last one has all conditions."""
    keeps: bool = False
    """The difference of the result to that of the last pass is kept."""
    adds_kept: bool = False
    """What was kept is added to the result."""
