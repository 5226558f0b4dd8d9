"""What the pages show of workers: what each does, has done, and when."""

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from flows.web import words
from flows.web.batch_view import Bar, merged
from tasks.job import Attempt, Outcome
from tasks.records.report import BatchReport, Working

WIDTH = 1000
"""Of a lane."""
GAP_MS = 6 * 3600 * 1000
"""A batch that was interrupted for longer is shown from where it went on."""


@dataclass
class WorkerLine:
    """One worker of a batch.

    Attributes:
        now: What it renders; None while it does nothing.
        busy_ms: Of its successful attempts, and `frames` too.
    """

    name: str
    done: int = 0
    failed: int = 0
    frames: int = 0
    busy_ms: int = 0
    last_ms: int = 0
    last_error: str = ""
    drained: bool = False
    now: Working | None = None

    @property
    def seconds_per_frame(self) -> float | None:
        """Of its successful attempts; None without one."""
        return self.busy_ms / 1000 / self.frames if self.frames else None

    @property
    def now_s(self) -> float:
        """How long it has been at what it renders."""
        return max(0.0, time.time() - self.now.started_ms / 1000) if self.now else 0.0


def workers(report: BatchReport, attempts: Iterable[Attempt]) -> list[WorkerLine]:
    """The workers of a batch, those at work first."""
    lines: dict[str, WorkerLine] = defaultdict(lambda: WorkerLine(""))
    for attempt in attempts:
        line = lines[attempt.worker]
        line.last_ms = max(line.last_ms, attempt.ended_ms)
        if attempt.outcome is Outcome.DONE:
            line.done += 1
            line.frames += attempt.frames
            line.busy_ms += attempt.ended_ms - attempt.started_ms
        elif attempt.outcome is Outcome.FAILED:
            line.failed += 1
            line.last_error = attempt.error
    for working in report.at_work.values():
        lines[working.worker].now = working
    for name, line in lines.items():
        line.name, line.drained = name, name in report.steering.drained
    return sorted(lines.values(), key=lambda line: (line.now is None, line.drained, line.name))


@dataclass(frozen=True, slots=True)
class Lane:
    """What one worker did, as bars."""

    worker: str
    bars: list[Bar]
    done: int
    failed: int


@dataclass(frozen=True)
class Timeline:
    """What all workers of a batch did, and five moments along it."""

    lanes: list[Lane] = field(default_factory=list)
    ticks: tuple[str, ...] = ()


def timeline(report: BatchReport, attempts: Sequence[Attempt]) -> Timeline:
    """The attempts of a batch along time, one lane a worker."""
    now_ms = int(time.time() * 1000)
    tried = [one for one in attempts if one.worker and one.ended_ms >= one.started_ms]
    kinds = {Outcome.DONE: "done", Outcome.FAILED: "failed"}
    spans = [
        _Span(one.worker, one.job_id, one.index, one.started_ms, one.ended_ms, kinds.get(one.outcome, "stopped"))
        for one in _since_the_last_gap(tried)
    ]
    spans += [
        _Span(one.worker, one.job_id, one.index, one.started_ms, now_ms, "now") for one in report.at_work.values()
    ]
    if not spans:
        return Timeline()
    began, ended = min(span.started_ms for span in spans), max(span.ended_ms for span in spans)
    lanes: dict[str, list[_Span]] = defaultdict(list)
    for span in spans:
        lanes[span.worker].append(span)
    scale = WIDTH / max(1, ended - began)
    shown = [_lane(worker, theirs, began, scale) for worker, theirs in sorted(lanes.items())]
    return Timeline(shown, words.ticks(began, ended))


@dataclass(frozen=True, slots=True)
class _Span:
    worker: str
    job_id: str
    index: int
    started_ms: int
    ended_ms: int
    kind: str


def _lane(worker: str, spans: Sequence[_Span], began_ms: int, scale: float) -> Lane:
    bars = [
        Bar(
            round((span.started_ms - began_ms) * scale),
            max(1, round((span.ended_ms - span.started_ms) * scale)),
            span.kind,
            f"{span.job_id}, segment {span.index}: {words.duration((span.ended_ms - span.started_ms) / 1000)}",
        )
        for span in spans
    ]
    done, failed = (sum(span.kind == kind for span in spans) for kind in ("done", "failed"))
    return Lane(worker, merged(bars), done, failed)


def _since_the_last_gap(attempts: Sequence[Attempt]) -> list[Attempt]:
    ordered = sorted(attempts, key=lambda one: one.started_ms)
    start, latest = 0, 0
    for place, one in enumerate(ordered):
        if place and one.started_ms - latest > GAP_MS:
            start = place
        latest = max(latest, one.ended_ms)
    return ordered[start:]
