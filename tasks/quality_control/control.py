"""The quality control of one batch: its limits, and what it has learnt of its segments so far."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tasks.job import Score, Verdict
from tasks.quality_control.judge import Thresholds, Usual, judge

TRIES = 4
"""After so many segments that another seed did not help, no other is rendered again for the same finding."""


@dataclass
class QualityControl:
    """Judges the segments and videos of a batch that have one renderer. Safe between threads."""

    thresholds: Thresholds
    usual: Usual = field(default_factory=Usual)
    _tried: Counter[str] = field(default_factory=Counter)
    _cured: Counter[str] = field(default_factory=Counter)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def segment(self, key: str, scores: Mapping[str, Score]) -> tuple[Verdict, ...]:
        """The verdicts on a segment, among the others of the batch."""
        self.usual.add(key, scores)
        return judge(scores, self.thresholds, self.usual.without(key))

    def video(self, scores: Mapping[str, Score]) -> tuple[Verdict, ...]:
        """The verdicts on a finished video."""
        return judge(scores, self.thresholds)

    def worth_another_seed(self, wrong: Sequence[Verdict]) -> bool:
        """Whether rendering a segment again may help: not where it never has, for a fault that they all have."""
        with self._guard:
            return any(self._tried[verdict.check] < TRIES or self._cured[verdict.check] for verdict in wrong)

    def rendered_again(self, before: Sequence[Verdict], after: Sequence[Verdict]) -> None:
        """Learn from a segment that was rendered with another seed: what was wrong with it, and what still is."""
        still = {verdict.check for verdict in after}
        with self._guard:
            for verdict in before:
                self._tried[verdict.check] += 1
                self._cured[verdict.check] += verdict.check not in still
