"""What the page knows of a workspace: its batches, followed while they run. Names from addresses are looked up here."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flows.web.attempts_view import Timeline, timeline
from flows.web.guard import Access
from tasks.errors import BadInput
from tasks.job import Attempt, Verdict
from tasks.records import journal
from tasks.records.follow import Follower
from tasks.records.journal import Checked, Event, SegmentEnded, VideoPlanned
from tasks.records.report import BatchReport, RowReport, batches
from tasks.records.review_log import Decision, Review
from tasks.records.reviews import reviews_of


class NotHere(BadInput):
    """An address names something that does not exist."""


@dataclass
class Details:
    """What a report of a batch leaves out: every attempt, and every segment that has ended, by row.

    Attributes:
        checks: What quality control says, by row and segment; by `journal.VIDEO` of the finished video.
    """

    attempts: list[Attempt] = field(default_factory=list)
    segments: dict[str, dict[int, SegmentEnded]] = field(default_factory=dict)
    checks: dict[str, dict[int, tuple[Verdict, ...]]] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Take one event in."""
        match event:
            case Attempt():
                self.attempts.append(event)
            case SegmentEnded():
                self.segments.setdefault(event.job_id, {})[event.index] = event
            case Checked():
                self.checks.setdefault(event.job_id, {})[event.index] = event.verdicts
            case VideoPlanned():
                self.segments.pop(event.job_id, None)
                self.checks.pop(event.job_id, None)
            case _:
                pass


class Followed:
    """One batch, kept up to date: each look reads what is new in its journal."""

    def __init__(self, root: Path, name: str) -> None:
        self.name, self._root = name, root
        self._follower = Follower(root, name)
        self._reader = journal.Reader(journal.path_of(root / "ledger", name), lambda sentence: None)
        self._details = Details()
        self._timeline, self._next_drawing = Timeline(), 0.0

    def report(self) -> BatchReport:
        """How far it is."""
        return self._follower.update()

    def details(self) -> Details:
        """Its attempts and segments. The first look at a journal of 60,000 lines takes two seconds."""
        for event in self._reader.new():
            self._details.take(event)
        return self._details

    def timeline(self) -> Timeline:
        """What its workers did. It is drawn anew when 20 times as long has passed as that takes: 0.2 s for 20,000
        attempts, and browsers ask every two seconds."""
        began = time.monotonic()
        if began >= self._next_drawing:
            self._timeline = timeline(self.report(), self.details().attempts)
            ended = time.monotonic()
            self._next_drawing = ended + 20 * (ended - began)
        return self._timeline

    def reviews(self) -> tuple[Review, ...]:
        """What people have decided, oldest first."""
        return reviews_of(self._root, self.name, lambda sentence: None)


@dataclass
class Site:
    """A workspace as the page shows it.

    Attributes:
        root: The workspace, resolved.
        inbox: A folder of manifests to pick from, or None.
    """

    root: Path
    access: Access
    inbox: Path | None = None
    _followed: dict[str, Followed] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def names(self) -> tuple[str, ...]:
        """The batches, newest first."""
        return batches(self.root / "ledger")

    @contextmanager
    def batch(self, name: str) -> Iterator[Followed]:
        """A batch; nobody else reads it meanwhile.

        Raises:
            NotHere: There is no batch of that name.
        """
        with self._lock:
            if name not in self.names():
                raise NotHere(f"there is no batch {name!r}", "The list of batches has those that there are.")
            if name not in self._followed:
                self._followed[name] = Followed(self.root, name)
            yield self._followed[name]

    def delivered(self, batch: str, row: RowReport, file: str) -> Path | None:
        """A delivered file of a row, if the ledger names it and it is there.

        The name comes from an address: it must be one that the ledger has, and is never made into a path before.
        """
        if not row.video or file not in row.video.files:
            return None
        folder = self.root / "videos" / batch / row.id
        path = folder / file
        whole = path.resolve()
        return path if whole.is_file() and whole.parent == folder.resolve() else None


def row_of(report: BatchReport, name: str) -> RowReport:
    """A row of a batch.

    Raises:
        NotHere: It has no such row.
    """
    if name not in report.rows:
        raise NotHere(f"{report.id} has no row {name!r}", "The page of the batch has those that there are.")
    return report.rows[name]


def decisions(report: BatchReport, reviews: tuple[Review, ...]) -> dict[str, Review]:
    """The latest approval or rejection of each row's video, as it is now: a video made since has none."""
    latest: dict[str, Review] = {}
    for review in reviews:
        row = report.rows.get(review.job_id)
        if review.decision is not Decision.COMMENT and row and row.video and row.video.sha256 == review.sha256:
            latest[review.job_id] = review
    return latest
