"""The journal of a batch: one event a line, as JSON with a checksum, on the disk before anything else knows of it.

There is one writer, the driver that holds the batch's lock. Readers need no lock: they see whole lines, also of a
batch that runs or whose driver died. tasks/records/ledger.py makes the Parquet tables from the same events.
"""

import fcntl
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self, get_args

from tasks.errors import BadInput
from tasks.job import Attempt, Outcome, Verdict
from tasks.records import checked_json
from tasks.records.orders import Order
from tasks.records.space import DiskSpace, is_no_space

log = logging.getLogger(__name__)

_BLOCK_BYTES = 1 << 20
_CHECKED_LINE = re.compile(rb'"crc32": "[0-9a-f]{8}"}\n$')


@dataclass(frozen=True, slots=True)
class BatchStarted:
    """A driver took the batch up. A batch that is resumed has several; the first one gives its date."""

    batch_id: str
    manifest: str
    started_ms: int
    pid: int
    rows: tuple[tuple[str, str], ...]
    """Id and title of every row, in the order of the manifest."""
    flow_run: str = ""
    """The id of Prefect's run, empty where there is none."""
    command: str = ""
    """What the driver was called with, to be typed again; empty where another program called it."""
    reserve_bytes: int = 0
    """What must stay free on the workspace's disk: with less, everything waits."""


@dataclass(frozen=True, slots=True)
class WorkerStarted:
    """A worker holds its renderer. Attempts name it by its address, which a later worker may have again."""

    address: str
    host: str
    device: str
    versions: dict[str, str]
    started_ms: int


@dataclass(frozen=True, slots=True)
class VideoPlanned:
    """A row's segments are known.

    Attributes:
        inputs: Digests of the copies in the store that it is made from.
    """

    job_id: str
    segments: int
    frames: int
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A worker began to render a segment. An `Attempt` of the same id follows, unless the driver dies first."""

    id: str
    key: str
    job_id: str
    index: int
    worker: str
    started_ms: int


@dataclass(frozen=True, slots=True)
class SegmentEnded:
    """A segment was rendered, found in the store, or given up."""

    job_id: str
    index: int
    key: str
    start_frame: int
    end_frame: int
    seed: int
    joint_seed: int
    outcome: Outcome
    path: str = ""
    sha256: str = ""
    render_ms: int = 0
    worker: str = ""
    error: str = ""


VIDEO = -1
"""The index, in `Checked`, of a finished video."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A segment, or a finished video, was measured and judged. Frames are those of the video."""

    job_id: str
    index: int
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class VideoEnded:
    """A row is finished and verified, or failed. This is the row of the `videos` table.

    Attributes:
        portrait, audio, driving_video, lexicon: The files' absolute paths when they were checked; empty where there is
            none.
        key: Of the finished video in the store; empty where the row failed before it was planned.
        path: The MP4, relative to the workspace.
        settings: What the pixels and captions were made with, as JSON.
        render_ms: Worker time that this video cost: found segments cost nothing.
        stages_ms: What each stage took, by name.
        notes: What needs a look, one sentence each.
        files: The name of every delivered file, and its digest.
    """

    job_id: str
    row: int
    title: str
    outcome: Outcome
    started_ms: int
    ended_ms: int
    portrait_sha256: str = ""
    script_sha256: str = ""
    audio_sha256: str = ""
    driving_sha256: str = ""
    consent: str = ""
    renderer: str = ""
    settings: str = "{}"
    seed: int = 0
    language: str = ""
    words_from: str = ""
    width: int = 0
    height: int = 0
    frames: int = 0
    segments: int = 0
    segments_rendered: int = 0
    render_ms: int = 0
    stages_ms: dict[str, int] = field(default_factory=dict)
    measured: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    path: str = ""
    sha256: str = ""
    error_class: str = ""
    error: str = ""
    files: dict[str, str] = field(default_factory=dict)
    portrait: str = ""
    audio: str = ""
    driving_video: str = ""
    lexicon: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class OrderTaken:
    """The driver obeys an order from here on."""

    order: Order
    taken_ms: int


@dataclass(frozen=True, slots=True)
class BatchEnded:
    """The driver has finished with the batch. Without this line it still runs, or its driver died.

    Attributes:
        error: Why it ended before every row was tried; empty otherwise.
        cancelled: Rows that are not done because somebody cancelled them.
    """

    ended_ms: int
    done: int
    failed: int
    error: str = ""
    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class BatchSuspended:
    """The driver has left the batch to a later run, which goes on with it.

    Attributes:
        reason: Such as the end of a night's window.
    """

    suspended_ms: int
    reason: str


Event = (
    BatchStarted
    | WorkerStarted
    | VideoPlanned
    | AttemptStarted
    | Attempt
    | SegmentEnded
    | Checked
    | VideoEnded
    | OrderTaken
    | BatchSuspended
    | BatchEnded
)
KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}


def path_of(ledger: Path, batch_id: str) -> Path:
    """Where a batch's journal lies."""
    return ledger / "journal" / f"{batch_id}.jsonl"


def _workspace_lock(ledger: Path) -> int:
    """A handle of the file whose lock every driver shares, and `all_ended` holds alone."""
    ledger.mkdir(parents=True, exist_ok=True)
    return os.open(ledger / ".lock", os.O_RDWR | os.O_CREAT, 0o644)


@contextmanager
def all_ended(ledger: Path) -> Iterator[None]:
    """No batch of this workspace runs, and none can begin meanwhile.

    Raises:
        BadInput: A batch runs.
    """
    handle = _workspace_lock(ledger)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BadInput("a batch of this workspace is being rendered", "Wait until it has ended.") from error
        yield
    finally:
        os.close(handle)


class Journal:
    """The writing end of a batch's journal; a context manager that holds the batch's lock.

    Args:
        ledger: The ledger's folder.
        on_event: Called with every event after it is on the disk, from the thread that wrote it.
        space: Of the disk that the journal is on: when it is full, `write` waits.

    Raises:
        BadInput: When another process is writing it, or removes what the workspace needs no more.
    """

    def __init__(
        self,
        ledger: Path,
        batch_id: str,
        on_event: Callable[[Event], None] = lambda event: None,
        space: DiskSpace | None = None,
    ) -> None:
        self.path = path_of(ledger, batch_id)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._on_event, self._space = on_event, space or DiskSpace(self.path.parent)
        self._guard = threading.Lock()
        self._workspace = _workspace_lock(ledger)
        try:
            fcntl.flock(self._workspace, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._workspace)
            raise BadInput("`actalker gc` is clearing this workspace", "Wait until it has ended.") from error
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.__exit__()
            problem = f"batch {batch_id} is being rendered by another process"
            raise BadInput(problem, "Wait for it; `actalker status` shows how far it is.") from error
        _cut_torn_line(self._handle)

    def write(self, event: Event) -> None:
        """Append one event and wait until the disk has it (about 0.15 ms). While the disk is full, wait for space.

        Raises:
            OSError: The disk has another fault. Nothing of the event is in the journal.
            Cancelled: The batch ends while this waits for space.
        """
        line = checked_json.dumps({"event": type(event).__name__, **asdict(event)}).encode() + b"\n"
        with self._guard:
            while not self._appended(line):
                self._space.wait()
        self._on_event(event)

    def _appended(self, line: bytes) -> bool:
        """Append a whole line, or nothing: then the disk is full. A write may be cut short before it fails."""
        start, done = os.fstat(self._handle).st_size, 0
        try:
            while done < len(line):
                done += os.write(self._handle, line[done:])
            os.fdatasync(self._handle)
        except OSError as error:
            os.ftruncate(self._handle, start)  # needs no space
            if not is_no_space(error):
                raise
            log.warning("the disk is full: the journal waits for space")
            self._space.found_full()
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)
        os.close(self._workspace)


def is_being_written(path: Path) -> bool:
    """Whether a driver holds this journal now."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


def replay(path: Path, on_damage: Callable[[str], None] = log.warning) -> Iterator[Event]:
    """The events of a journal, oldest first. See `Reader.new`."""
    return Reader(path, on_damage).new()


@dataclass
class Reader:
    """Reads a journal, also while it grows.

    Attributes:
        on_damage: Called with a sentence for each line that cannot be read.
        offset, number: How many bytes and lines have been read.
        checked: Whether a line has had a checksum: no later version leaves it out.
    """

    path: Path
    on_damage: Callable[[str], None] = log.warning
    offset: int = 0
    number: int = 0
    checked: bool = False

    def new(self) -> Iterator[Event]:
        """The events since the last call, without a last line that has no end: a crash tore it, or it is being written.

        A line that cannot be read is passed over, and so are events and fields that a newer version wrote.
        """
        with self.path.open("rb") as file:
            file.seek(self.offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self.offset, self.number = self.offset + len(line), self.number + 1
                self.checked = self.checked or bool(_CHECKED_LINE.search(line))
                try:
                    event = event_of(checked_json.loads(line, required=self.checked))
                except (TypeError, KeyError, ValueError) as error:
                    self.on_damage(f"{self.path.name}, line {self.number} is damaged and left out: {error}")
                    continue
                if event is not None:
                    yield event


def event_of(facts: dict[str, object]) -> Event | None:
    """An event from its fields and its name as `event`; None for one that this version does not know.

    Raises:
        TypeError, KeyError, ValueError: The fields are not those of such an event.
    """
    kind = KINDS.get(str(facts["event"]))
    known = {field.name for field in fields(kind)} if kind else set()
    facts = {name: fact for name, fact in facts.items() if name in known}
    # JSON has no tuples and no enums.
    if "rows" in facts:
        facts["rows"] = tuple((row[0], row[1]) for row in facts["rows"])  # type: ignore[attr-defined]
    for name in {"notes", "inputs"} & facts.keys():
        facts[name] = tuple(facts[name])  # type: ignore[arg-type]
    if "order" in facts:
        facts["order"] = Order.of(facts["order"])  # type: ignore[arg-type]
    if "verdicts" in facts:
        facts["verdicts"] = tuple(map(verdict_of, facts["verdicts"]))  # type: ignore[call-overload]
    if "outcome" in facts:
        facts["outcome"] = Outcome(str(facts["outcome"]))
    return kind(**facts) if kind else None  # type: ignore[arg-type]


def verdict_of(facts: Mapping[str, Any]) -> Verdict:
    """A verdict from its fields; those of newer versions are passed over."""
    known = {field.name for field in fields(Verdict)}
    return Verdict(**{name: fact for name, fact in facts.items() if name in known})


def _cut_torn_line(handle: int) -> None:
    """Drop what a crash left after the last line end, so that the next event starts a line of its own."""
    end = os.fstat(handle).st_size
    while end:
        start = max(0, end - _BLOCK_BYTES)
        found = os.pread(handle, end - start, start).rfind(b"\n")
        end = start + found + 1 if found >= 0 else start
        if found >= 0:
            break
    os.ftruncate(handle, end)
