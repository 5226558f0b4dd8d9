"""Report: how far a batch is, or how it ended, from its journal and its orders."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tasks.errors import BadInput
from tasks.job import FPS, Attempt, Outcome
from tasks.records import journal
from tasks.records.journal import (
    AttemptStarted,
    BatchEnded,
    BatchStarted,
    BatchSuspended,
    OrderTaken,
    VideoEnded,
    VideoPlanned,
)
from tasks.records.orders import Order, OrderKind, Steering

RECENT_ATTEMPTS = 200
"""From so many the pace is taken."""
DONE = (Outcome.DONE, Outcome.REUSED)


@dataclass
class RowReport:
    """One row: what is known of it.

    Attributes:
        segments, frames: Once it is planned.
        rendered, rendered_frames: Segments of it that were rendered, and their frames.
        at_work: Segments that are being rendered.
        state: How it ended, or how far it is; `pause-requested` and `cancel-requested` while an order is not obeyed.
    """

    id: str
    title: str
    segments: int = 0
    frames: int = 0
    rendered: int = 0
    rendered_frames: int = 0
    at_work: int = 0
    state: str = "waiting"
    video: VideoEnded | None = None

    @property
    def remark(self) -> str:
        """Why it failed, or what needs a look."""
        return (self.video.error or " ".join(self.video.notes)) if self.video else ""


@dataclass(frozen=True, slots=True)
class Working:
    """What a worker is doing."""

    worker: str
    job_id: str
    index: int
    started_ms: int


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """Seconds until a batch is done: as likely more as less, and what nine in ten stay below."""

    half_s: float
    most_s: float


@dataclass
class BatchReport:
    """One batch.

    Attributes:
        command: The command that goes on with it, where it is known.
        error: Why it ended before every row was tried.
        suspended: Why a run has left it to a later one; empty if none has.
        reserve_bytes: What must stay free on the disk, and `is_full` whether less is.
        steering: What the orders come to that were obeyed, and `requested` those that were not yet.
        at_work: Attempt -> what is being rendered.
        recent: When the latest attempts began and ended, in ms, and their frames.
        damaged: A sentence for each line of its journal that cannot be read.
    """

    id: str
    manifest: str = ""
    command: str = ""
    started_ms: int = 0
    ended_ms: int = 0
    running: bool = False
    error: str = ""
    suspended: str = ""
    reserve_bytes: int = 0
    is_full: bool = False
    steering: Steering = field(default_factory=Steering)
    orders: list[Order] = field(default_factory=list)
    requested: tuple[Order, ...] = ()
    at_work: dict[str, Working] = field(default_factory=dict)
    recent: deque[tuple[int, int, int]] = field(default_factory=lambda: deque(maxlen=RECENT_ATTEMPTS))
    damaged: list[str] = field(default_factory=list)
    rows: dict[str, RowReport] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """One of: running, waiting-for-space, pause-requested, paused, cancel-requested.

        When nobody works on it: cancelled, done, incomplete, failed, suspended, interrupted.
        Interrupted: nobody works on it, and `actalker submit` goes on with it. Suspended: the same, on purpose.
        Incomplete: rows were cancelled.
        """
        if self.running:
            return self._state_of_running()
        if self.steering.cancelled and self.ended_ms:
            return "cancelled"
        if not self.ended_ms:
            return "suspended" if self.suspended else "interrupted"
        if self.error or self.count(Outcome.FAILED):
            return "failed"
        return "incomplete" if self.count(Outcome.CANCELLED) else "done"

    def _state_of_running(self) -> str:
        wanted = {order.kind for order in self.requested if not order.rows}
        if self.steering.cancelled or OrderKind.CANCEL in wanted:
            return "cancel-requested"
        if self.steering.paused:
            return "pause-requested" if self.at_work else "paused"
        if self.is_full:
            return "waiting-for-space"
        return "pause-requested" if OrderKind.PAUSE in wanted else "running"

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

    @property
    def pace(self) -> float:
        """Frames per second, of the attempts that ended last; 0 while there is none."""
        if not self.recent:
            return 0.0
        began = min(started for started, _, _ in self.recent)
        lasted_ms = max(ended for _, ended, _ in self.recent) - began
        return sum(frames for _, _, frames in self.recent) * 1000 / max(1, lasted_ms)

    @property
    def time_left(self) -> TimeLeft | None:
        """Until the rows that have not ended are rendered; None while nobody can say.

        Rows that are not planned yet are taken to be as long as the others. The longest that nine in ten stay below
        comes from how much the pace of single attempts and the lengths of rows differ.
        """
        planned = [row.frames for row in self.rows.values() if row.frames]
        if not self.running or self.is_full or not self.pace or not planned:
            return None
        usual = sum(planned) / len(planned)
        open_rows = [row for row in self.rows.values() if not row.video]
        unknown = sum(not row.frames for row in open_rows)
        frames = unknown * usual + sum(max(0, row.frames - row.rendered_frames) for row in open_rows if row.frames)
        paces = [frames / max(1, ended - started) for started, ended, frames in self.recent]
        doubt = (_spread(paces) ** 2 / len(paces) + (_spread(planned) * unknown / max(1, len(self.rows))) ** 2) ** 0.5
        half_s = frames / self.pace
        return TimeLeft(half_s, half_s * (1.1 + 1.3 * doubt))

    def count(self, *outcomes: Outcome) -> int:
        """How many rows ended so."""
        return sum(row.video is not None and row.video.outcome in outcomes for row in self.rows.values())

    def take(self, event: journal.Event) -> None:
        """Take one event in."""
        match event:
            case BatchStarted():
                self._begin(event)
            case VideoPlanned():
                row = self._row(event.job_id)
                row.segments, row.frames, row.rendered, row.rendered_frames = event.segments, event.frames, 0, 0
                row.video = None
            case AttemptStarted():
                self.at_work[event.id] = Working(event.worker, event.job_id, event.index, event.started_ms)
            case Attempt():
                self.at_work.pop(event.id, None)
                if event.outcome is Outcome.DONE:
                    row = self._row(event.job_id)
                    row.rendered, row.rendered_frames = row.rendered + 1, row.rendered_frames + event.frames
                    self.recent.append((event.started_ms, event.ended_ms, event.frames))
            case VideoEnded():
                self._row(event.job_id).video = event
            case OrderTaken():
                self._obey(event.order)
            case BatchSuspended():
                self.suspended = event.reason
                self.at_work.clear()
            case BatchEnded():
                self.ended_ms, self.error = event.ended_ms, event.error
                self.at_work.clear()
            case _:
                pass

    def settle(self, given: Iterable[Order], *, running: bool, free_bytes: int) -> None:
        """Take in what is not in the journal, and work out the rows' states.

        Args:
            given: All orders, those that were obeyed too.
            running: Whether a driver has the batch.
            free_bytes: On the workspace's disk.
        """
        taken = {order.id for order in self.orders}
        self.requested = tuple(order for order in given if order.id not in taken)
        self.running, self.is_full = running, running and free_bytes < self.reserve_bytes
        if not running:
            self.at_work.clear()
        for row in self.rows.values():
            row.at_work = 0
        for working in self.at_work.values():
            self._row(working.job_id).at_work += 1
        for row in self.rows.values():
            row.state = self._state_of(row)

    def _state_of(self, row: RowReport) -> str:
        if row.video:
            return str(row.video.outcome)
        if self.steering.cancelled or self._wants(OrderKind.CANCEL, row) or row.id in self.steering.cancelled_rows:
            return "cancel-requested"
        if self.steering.holds(row.id):
            return "pause-requested" if row.at_work else "paused"
        if self._wants(OrderKind.PAUSE, row):
            return "pause-requested"
        return "rendering" if row.segments else "waiting"

    def _wants(self, kind: OrderKind, row: RowReport) -> bool:
        return any(order.kind is kind and order.means(row.id) for order in self.requested)

    def _begin(self, event: BatchStarted) -> None:
        self.manifest, self.started_ms, self.ended_ms, self.error = event.manifest, event.started_ms, 0, ""
        self.suspended, self.command, self.reserve_bytes = "", event.command, event.reserve_bytes
        self.at_work.clear()
        self.recent.clear()
        for name, title in event.rows:
            self.rows.setdefault(name, RowReport(name, title))

    def _obey(self, order: Order) -> None:
        self.orders.append(order)
        self.steering = self.steering.after(order)
        for row in self.rows.values():
            if row.video and self.steering.opens(order, row.id, row.video.outcome):
                row.video, row.segments, row.frames = None, 0, 0

    def _row(self, name: str) -> RowReport:
        """A row, also one that no readable line has named before."""
        return self.rows.setdefault(name, RowReport(name, ""))


def _spread(values: list[float] | list[int]) -> float:
    """The standard deviation, as a share of the mean."""
    mean = sum(values) / len(values)
    return (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5 / mean if mean else 0.0


def batches(ledger: Path) -> tuple[str, ...]:
    """The names of the batches of a workspace, newest first."""
    folder = ledger / "journal"
    if not folder.is_dir():
        return ()
    newest_first = sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)
    return tuple(path.stem for path in newest_first)


def find(ledger: Path, name: str | None) -> str:
    """The batch of this name, or the one whose name begins so; the newest without a name.

    Raises:
        BadInput: There is none, or several begin so.
    """
    known = batches(ledger)
    if not known:
        raise BadInput(f"{ledger.parent} holds no batches yet", "Submit a manifest with this workspace.")
    if name is None or name in known:
        return name or known[0]
    matching = [one for one in known if one.startswith(name)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise BadInput(f"{len(matching)} batches begin with {name!r}", f"They are: {', '.join(matching[:5])}.")
    raise BadInput(f"there is no batch {name!r} in {ledger.parent}", f"The newest are: {', '.join(known[:5])}.")


def needs_a_look(batch: BatchReport) -> Iterator[RowReport]:
    """Rows that failed or carry notes."""
    return (row for row in batch.rows.values() if row.remark)
