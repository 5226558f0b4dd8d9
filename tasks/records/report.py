"""Report: how far a batch is, or how it ended, from its journal alone."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tasks.errors import BadInput
from tasks.job import FPS, Attempt, Outcome
from tasks.records import journal
from tasks.records.journal import BatchEnded, BatchStarted, VideoEnded, VideoPlanned


@dataclass
class RowReport:
    """One row: what is known of it."""

    id: str
    title: str
    segments: int = 0
    rendered: int = 0
    frames: int = 0
    video: VideoEnded | None = None

    @property
    def outcome(self) -> str:
        """How it ended, or how far it is."""
        if self.video:
            return str(self.video.outcome)
        return "rendering" if self.segments else "waiting"

    @property
    def remark(self) -> str:
        """Why it failed, or what needs a look."""
        return (self.video.error or " ".join(self.video.notes)) if self.video else ""


@dataclass
class BatchReport:
    """One batch.

    Attributes:
        error: Why it ended before every row was tried.
        damaged: A sentence for each line of its journal that cannot be read.
    """

    id: str
    manifest: str = ""
    started_ms: int = 0
    ended_ms: int = 0
    running: bool = False
    error: str = ""
    damaged: list[str] = field(default_factory=list)
    rows: dict[str, RowReport] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """Running, done, failed, or interrupted: then nobody works on it, and `actalker submit` goes on with it."""
        if self.running:
            return "running"
        if not self.ended_ms:
            return "interrupted"
        return "failed" if self.error or self.count(Outcome.FAILED) else "done"

    @property
    def elapsed_s(self) -> float:
        """Of the latest run, in seconds."""
        return ((self.ended_ms or time.time() * 1000) - self.started_ms) / 1000

    @property
    def video_s(self) -> float:
        """Finished video, in seconds."""
        return sum(row.video.frames for row in self.rows.values() if row.video) / FPS

    @property
    def render_s(self) -> float:
        """Worker time that the finished videos cost, in seconds."""
        return sum(row.video.render_ms for row in self.rows.values() if row.video) / 1000

    def count(self, *outcomes: Outcome) -> int:
        """How many rows ended so."""
        return sum(row.video is not None and row.video.outcome in outcomes for row in self.rows.values())

    def take(self, event: journal.Event) -> None:
        """Take one event in."""
        match event:
            case BatchStarted():
                self.manifest, self.started_ms, self.ended_ms, self.error = event.manifest, event.started_ms, 0, ""
                for name, title in event.rows:
                    self.rows.setdefault(name, RowReport(name, title))
            case VideoPlanned():
                row = self._row(event.job_id)
                row.segments, row.frames, row.rendered, row.video = event.segments, event.frames, 0, None
            case Attempt(outcome=Outcome.DONE):
                self._row(event.job_id).rendered += 1
            case VideoEnded():
                self._row(event.job_id).video = event
            case BatchEnded():
                self.ended_ms, self.error = event.ended_ms, event.error
            case _:
                pass

    def _row(self, name: str) -> RowReport:
        """A row, also one that no readable line has named before."""
        return self.rows.setdefault(name, RowReport(name, ""))


def batches(ledger: Path) -> tuple[str, ...]:
    """The names of the batches of a workspace, newest first."""
    folder = ledger / "journal"
    if not folder.is_dir():
        return ()
    newest_first = sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)
    return tuple(path.stem for path in newest_first)


def report(ledger: Path, batch_id: str) -> BatchReport:
    """What a batch's journal says now.

    Raises:
        BadInput: There is no such batch.
    """
    path = journal.path_of(ledger, batch_id)
    if not path.exists():
        known = ", ".join(batches(ledger)[:5]) or "none"
        raise BadInput(f"there is no batch {batch_id!r} in {ledger.parent}", f"The newest are: {known}.")
    found = BatchReport(batch_id)
    for event in journal.replay(path, found.damaged.append):
        found.take(event)
    found.running = journal.is_being_written(path)
    return found


def needs_a_look(batch: BatchReport) -> Iterator[RowReport]:
    """Rows that failed or carry notes."""
    return (row for row in batch.rows.values() if row.remark)
