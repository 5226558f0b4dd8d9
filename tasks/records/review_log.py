"""The reviews of a batch's videos: a JSON line with a checksum each, in `WORKSPACE/batches/<batch>/reviews.jsonl`.

The journal has one writer, the driver, and reviews come when no driver runs: so they have a file and a lock of their
own.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from tasks.records import checked_json


class Decision(StrEnum):
    """What somebody thinks of a video."""

    APPROVE = "approve"
    REJECT = "reject"
    COMMENT = "comment"


@dataclass(frozen=True, slots=True)
class Review:
    """One decision about one video.

    Attributes:
        sha256: Of the video that was looked at.
        at_ms: Milliseconds since 1970, UTC.
    """

    job_id: str
    decision: Decision
    reason: str
    who: str
    at_ms: int
    sha256: str


def path_of(ledger: Path, batch_id: str) -> Path:
    """Where a batch's reviews are."""
    return ledger.parent / "batches" / batch_id / "reviews.jsonl"


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock of a file of reviews, which is made when it is not there; wait for it. Yields its handle."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def append(handle: int, review: Review) -> None:
    """Add a review, and wait until the disk has it. What a crash or a full disk left of a line before it is dropped.

    Args:
        handle: See `locked`.
    """
    start = os.lseek(handle, 0, os.SEEK_END)
    whole = os.pread(handle, start, 0)
    start = whole.rfind(b"\n") + 1
    os.ftruncate(handle, start)
    line = checked_json.dumps(asdict(review)).encode() + b"\n"
    try:
        while line:
            line = line[os.write(handle, line) :]
        os.fdatasync(handle)
    except OSError:
        os.ftruncate(handle, start)
        raise


def read(path: Path, on_damage: Callable[[str], None]) -> Iterator[Review]:
    """The reviews of a file, oldest first; none where there is no file.

    Args:
        on_damage: Called with a sentence for each line that cannot be read.
    """
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            if not line.endswith(b"\n"):
                raise checked_json.DamagedJson("it has no end")
            facts = checked_json.loads(line, required=True)
            decision = Decision(str(facts.pop("decision")))
            yield Review(decision=decision, **facts)  # type: ignore[arg-type]
        except (TypeError, KeyError, ValueError) as error:
            on_damage(f"{path.name}, line {number} is damaged and left out: {error}")
