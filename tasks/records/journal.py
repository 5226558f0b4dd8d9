"""What happened in a batch, event by event: one JSON object a line, on the disk before anybody is told.

There is one writer, the driver that holds the batch's lock. Readers need no lock: they see whole lines, also of a
batch that runs or whose driver died. tasks/records/ledger.py makes the Parquet tables from the same events.
"""

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from tasks.errors import BadInput
from tasks.job import Attempt, Outcome


@dataclass(frozen=True, slots=True)
class BatchStarted:
    """A driver took the batch up. A batch that is resumed has several; the first one gives its date."""

    batch_id: str
    manifest: str
    started_ms: int
    pid: int
    rows: tuple[tuple[str, str], ...]
    """Id and title of every row, in the order of the manifest."""


@dataclass(frozen=True, slots=True)
class VideoPlanned:
    """A row's segments are known."""

    job_id: str
    segments: int
    frames: int


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


@dataclass(frozen=True, slots=True)
class VideoEnded:
    """A row is finished and verified, or failed. This is the row of the `videos` table.

    Attributes:
        path: The MP4, relative to the workspace.
        settings: What the pixels and captions were made with, as JSON.
        render_ms: Worker time that this video cost: found segments cost nothing.
        stages_ms: What each stage took, by name.
        notes: What needs a look, one sentence each.
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


@dataclass(frozen=True, slots=True)
class BatchEnded:
    """The driver let the batch go. Without this line it still runs, or its driver died."""

    ended_ms: int
    done: int
    failed: int


Event = BatchStarted | VideoPlanned | Attempt | SegmentEnded | VideoEnded | BatchEnded
KINDS: dict[str, type[Event]] = {
    kind.__name__: kind for kind in (BatchStarted, VideoPlanned, Attempt, SegmentEnded, VideoEnded, BatchEnded)
}


def path_of(ledger: Path, batch_id: str) -> Path:
    """Where a batch's journal lies."""
    return ledger / "journal" / f"{batch_id}.jsonl"


class Journal:
    """The writing end of a batch's journal; a context manager that holds the batch's lock.

    Args:
        ledger: The ledger's folder.
        on_event: Called with every event after it is on the disk, from the thread that wrote it.

    Raises:
        BadInput: When another process is writing it.
    """

    def __init__(self, ledger: Path, batch_id: str, on_event: Callable[[Event], None] = lambda event: None) -> None:
        self.path = path_of(ledger, batch_id)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._on_event = on_event
        self._guard = threading.Lock()
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            problem = f"batch {batch_id} is being rendered by another process"
            raise BadInput(problem, "Wait for it; `actalker status` shows how far it is.") from error
        _cut_torn_line(self._handle)

    def write(self, event: Event) -> None:
        """Append one event and wait until the disk has it (about 0.15 ms)."""
        line = json.dumps({"event": type(event).__name__, **asdict(event)}, ensure_ascii=False) + "\n"
        with self._guard:
            os.write(self._handle, line.encode())
            os.fdatasync(self._handle)
        self._on_event(event)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)


def is_being_written(path: Path) -> bool:
    """Whether a driver holds this journal now."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


def replay(path: Path) -> Iterator[Event]:
    """The events of a journal, oldest first, without a last line that a crash tore."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                facts = json.loads(line)
                yield _event(facts.pop("event"), facts)


def _event(kind: str, facts: dict[str, object]) -> Event:
    """JSON has no tuples and no enums."""
    if "rows" in facts:
        facts["rows"] = tuple((row[0], row[1]) for row in facts["rows"])  # type: ignore[attr-defined]
    if "notes" in facts:
        facts["notes"] = tuple(facts["notes"])  # type: ignore[arg-type]
    if "outcome" in facts:
        facts["outcome"] = Outcome(str(facts["outcome"]))
    return KINDS[kind](**facts)  # type: ignore[arg-type]


def _cut_torn_line(handle: int) -> None:
    """Drop what a crash left after the last line end, so that the next event starts a line of its own."""
    size = os.fstat(handle).st_size
    start = max(0, size - (1 << 20))
    tail = os.pread(handle, size - start, start)
    os.ftruncate(handle, start + tail.rfind(b"\n") + 1)
