"""Verify: everything that a workspace holds is read and compared with its digests and checksums. Nothing is changed.

Not looked at: logs, scratch files, what is in `store/damaged`, and `results.csv`, which customers may edit.
"""

import os
import shlex
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

from tasks.job import Clip
from tasks.records import checked_json, journal, ledger, references, review_log
from tasks.records.checked_json import DamagedJson
from tasks.records.journal import VideoEnded
from tasks.records.references import References
from tasks.records.store import CLIP_SUFFIX, RECORD_SUFFIX, Store, digest_file

T = TypeVar("T")

_CLIP = frozenset(one.name for one in fields(Clip))
_VIDEO = frozenset(one.name for one in fields(VideoEnded)) | {"batch_id"}
_FROM_JOURNAL = "Write it again from the journal, by:"


class Kind(StrEnum):
    """What a file is."""

    JOURNAL = "journal"
    REVIEWS = "reviews"
    TABLE = "table"
    NIGHTS = "nights"
    CLIP = "clip"
    VIDEO = "video"
    DELIVERED = "delivered file"
    INPUT = "input"


@dataclass(frozen=True, slots=True)
class Damage:
    """One damaged file.

    Attributes:
        path: Relative to the workspace.
        problem: A clause.
        remedy: A sentence.
        command: What makes it again; empty where nothing does, or nothing has to.
    """

    kind: Kind
    path: str
    problem: str
    remedy: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One file that is to be looked at.

    Attributes:
        look: Returns what is wrong with it, a clause each.
    """

    kind: Kind
    path: Path
    look: Callable[[], list[str]]
    remedy: str
    command: str = ""


@dataclass
class Verified:
    """What was found."""

    files: int = 0
    damaged: list[Damage] = field(default_factory=list)


def verify(store: Store, on_progress: Callable[[int, int], None] = lambda done, total: None) -> Verified:
    """Look at everything, in parallel up to the cores.

    Args:
        on_progress: Is told how many files have been looked at, of how many.
    """
    checks = list(_Workspace(store).checks())
    found = Verified(len(checks))

    def looked(check: Check) -> list[Damage]:
        path = str(check.path.relative_to(store.root))
        return [Damage(check.kind, path, problem, check.remedy, check.command) for problem in _problems(check)]

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:  # digests are taken without Python's lock
        for done, damages in enumerate(threads.map(looked, checks), 1):
            found.damaged += damages
            on_progress(done, len(checks))
    return found


def _problems(check: Check) -> list[str]:
    try:
        return check.look()
    except FileNotFoundError:
        return ["it is missing"]
    except DamagedJson as error:
        return [str(error)]
    except OSError as error:
        if error.errno is not None:
            return [f"it cannot be read ({error.strerror})"]
        return [str(error).removeprefix(f"{check.path} is damaged: ")]


class _Digests:
    """The digest of each file, taken once: what is delivered is a link to a file of the store."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._found: dict[tuple[int, int], Future[str]] = {}

    def of(self, path: Path) -> str:
        stat = path.stat()
        with self._guard:
            first = (stat.st_dev, stat.st_ino) not in self._found
            digest = self._found.setdefault((stat.st_dev, stat.st_ino), Future())
        if first:
            try:
                digest.set_result(digest_file(path))
            except OSError as error:
                digest.set_exception(error)
        return digest.result()

    def compare(self, path: Path, sha256: str) -> list[str]:
        return [] if self.of(path) == sha256 else ["it is not what its digest says"]


class _Workspace:
    """Where the checks of a workspace come from."""

    def __init__(self, store: Store) -> None:
        self.store, self.digests = store, _Digests()
        self.batches = references.references(store, lambda problem: None)
        self.needed_by = {key: batch for batch in reversed(self.batches) for key in (*batch.clips, *batch.inputs)}

    def checks(self) -> Iterator[Check]:
        for batch in self.batches:
            yield self._journal(batch)
            yield from self._reviews(batch)
            yield from self._delivered(batch)
        yield from self._tables()
        yield from self._clips()
        yield from self._videos()
        yield from self._inputs()
        nights = self.store.ledger / "nights.json"
        if nights.exists():
            remedy = "Nothing has to be done: how often each manifest has failed is counted anew."
            yield Check(Kind.NIGHTS, nights, lambda: _raising(checked_json.check, nights.read_bytes()), remedy)

    def _journal(self, batch: References) -> Check:
        path = journal.path_of(self.store.ledger, batch.id)
        remedy = "The line is left out. What it said of a row is found in the store when the batch is submitted again."
        return Check(Kind.JOURNAL, path, partial(_lines, path), remedy, batch.command)

    def _reviews(self, batch: References) -> Iterator[Check]:
        path = review_log.path_of(self.store.ledger, batch.id)
        if path.exists():
            remedy = "The review is lost: give it again with `actalker review`."
            yield Check(Kind.REVIEWS, path, partial(_lines, path), remedy)

    def _delivered(self, batch: References) -> Iterator[Check]:
        for video in batch.finished:
            folder = self.store.video(batch.id, video.job_id)
            if not folder.is_dir():
                continue  # taken away as a whole: its owner's business
            files = video.files or {f"{video.job_id}.mp4": video.sha256}  # older versions name the video alone
            for name, sha256 in files.items():
                look = partial(self.digests.compare, folder / name, sha256)
                yield Check(Kind.DELIVERED, folder / name, look, "Submit the manifest again, by:", batch.command)

    def _tables(self) -> Iterator[Check]:
        for name in ledger.SCHEMAS:
            for folder in sorted((self.store.ledger / name).glob("batch_date=*/batch_id=*")):
                batch_id = folder.name.partition("=")[2]
                words = ("actalker", "ledger", "snapshot", batch_id, "--workspace", str(self.store.root))
                path = folder / "part-0.parquet"
                for file, look in ((path, ledger.check), (ledger.digest_path(path), ledger.check_digest)):
                    yield Check(Kind.TABLE, file, partial(_raising, look, path), _FROM_JOURNAL, shlex.join(words))

    def _clips(self) -> Iterator[Check]:
        for record in sorted(self.store.clips.glob("*/*.json")):
            when, command = self._when_needed(record.stem)
            clip = record.with_suffix(CLIP_SUFFIX)
            yield Check(Kind.CLIP, record, partial(self._clip_record, record), when, command)
            yield Check(Kind.CLIP, clip, partial(self._clip, clip, record), when, command)

    def _when_needed(self, key: str) -> tuple[str, str]:
        batch = self.needed_by.get(key)
        if batch is None:
            return "No batch needs it: `actalker gc` removes it.", ""
        return "It is made again when it is next needed, by:", batch.command

    def _clip_record(self, record: Path) -> list[str]:
        key = _read(record.read_bytes(), _CLIP).get("key")
        return [] if key == record.stem else [f"it is of the clip {key}"]

    def _clip(self, clip: Path, record: Path) -> list[str]:
        try:
            sha256 = str(checked_json.loads(record.read_bytes())["sha256"])
        except (DamagedJson, KeyError):
            return []  # there is nothing to compare it with, which the check of the record says
        return self.digests.compare(clip, sha256)

    def _videos(self) -> Iterator[Check]:
        made_by = {video.sha256: batch for batch in reversed(self.batches) for video in batch.finished}
        for folder in sorted(self.store.finished.glob("*/*")):
            record = next(folder.glob(f"*{RECORD_SUFFIX}"), folder / f"video{RECORD_SUFFIX}")
            facts: dict[str, object] = {}
            with suppress(DamagedJson, FileNotFoundError):  # which the check of the record says
                facts = checked_json.loads(record.read_bytes())
            batch = made_by.get(str(facts.get("sha256")))
            when = "It is made again when it is next needed" + (", by:" if batch else ".")
            yield Check(Kind.VIDEO, record, partial(_video_record, record), when, batch.command if batch else "")
            for name, sha256 in cast("dict[str, str]", facts.get("files", {})).items():
                look = partial(self.digests.compare, folder / name, sha256)
                yield Check(Kind.VIDEO, folder / name, look, when, batch.command if batch else "")

    def _inputs(self) -> Iterator[Check]:
        for path in sorted(self.store.inputs.glob("*/*/*")):
            sha256 = path.parent.name
            when, command = self._when_needed(sha256)
            yield Check(Kind.INPUT, path, partial(self.digests.compare, path, sha256), when, command)


def _raising(look: Callable[[T], object], what: T) -> list[str]:
    """For what raises when something is wrong."""
    look(what)
    return []


def _video_record(record: Path) -> list[str]:
    _read(record.read_bytes(), _VIDEO, indent=1)
    return []


def _read(text: bytes, known: frozenset[str], indent: int | None = None) -> dict[str, object]:
    """An object that is what was written, to the last byte. Older versions wrote no checksum, and no other fields.

    Raises:
        DamagedJson: It is not.
    """
    facts = checked_json.loads(text)
    older = checked_json.CHECKSUM.encode() not in text and facts.keys() <= known
    return facts if older else checked_json.check(text, indent)


def _lines(path: Path) -> list[str]:
    """The problems of a file of JSON lines. A journal that is being written may end within a line."""
    problems = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                if not journal.is_being_written(path):
                    problems.append(f"line {number} has no end")
                break
            try:
                kind = journal.KINDS.get(str(checked_json.loads(line[:-1]).get("event")))
                _read(line[:-1], frozenset({"event", *(one.name for one in fields(kind))}) if kind else frozenset())
            except DamagedJson as error:
                problems.append(f"line {number}: {error}")
    return problems
