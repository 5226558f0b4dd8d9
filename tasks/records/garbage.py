"""What no batch needs any more: clips, finished videos and copies of inputs in the store, scratch folders, uploads.

A batch needs what it refers to while it runs, while it can go on, and while anything that it delivered is still there.
What is removed costs time, and nothing else: it is made again when it is asked for. Only uploads have to be repeated.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from stat import S_ISREG

from tasks.records import checked_json, references
from tasks.records.references import References
from tasks.records.store import CLIP_SUFFIX, RECORD_SUFFIX, Store, sync_folder

UPLOAD_RESTS_MS = 24 * 3600 * 1000
"""Somebody may still be filling in what was uploaded, or be about to submit it."""


class Kind(StrEnum):
    """What can be removed. Of what was last used together, in this order: a finished video saves its clips."""

    SCRATCH = "scratch folder"
    UPLOAD = "upload"
    CLIP = "clip"
    INPUT = "input"
    VIDEO = "finished video"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing in a workspace.

    Attributes:
        path: A clip's lossless video, a video's folder, the copy of a file, a batch's scratch folder, or an upload's.
        bytes: What its removal frees: a file that has another name, such as a delivered one, frees nothing.
        used_ms: When a batch last used it.
    """

    kind: Kind
    path: Path
    bytes: int
    used_ms: int


@dataclass
class Survey:
    """What is in a workspace's store.

    Attributes:
        bytes: Of all of it, counted as `Item.bytes` is.
        unused: What no batch needs, oldest use first.
    """

    bytes: int = 0
    unused: list[Item] = field(default_factory=list)

    def to_remove(self, before_ms: float, keep_bytes: int | None) -> list[Item]:
        """Of what is unused, the oldest.

        Args:
            before_ms: Only what was last used before this time.
            keep_bytes: Only until the store is no larger than this; None: all.
        """
        chosen, left = [], self.bytes
        for item in self.unused:
            if item.used_ms < before_ms and (keep_bytes is None or left > keep_bytes):
                chosen.append(item)
                left -= item.bytes
        return chosen


def survey(store: Store, on_damage: Callable[[str], None] = lambda problem: None) -> Survey:
    """Look at everything in the store. Nothing is changed.

    Args:
        on_damage: Called with a sentence for each damaged line of a journal: its batch counts as one that goes on.
    """
    batches = references.references(store, on_damage)
    needed, used_ms = _Names(), dict[str, int]()
    for batch in batches:
        names = _Names.of(batch)
        if not batch.ended or batch.is_delivered(store):
            needed.add(names)
        for name in names.all | batch.ever:
            used_ms[name] = max(used_ms.get(name, 0), batch.used_ms)
    found, young_ms = Survey(), time.time() * 1000 - UPLOAD_RESTS_MS
    for item, name in _contents(store, batches):
        found.bytes += item.bytes
        if item.kind is Kind.UPLOAD and item.used_ms > young_ms:
            continue
        if name not in needed.all and not _is_an_older_video(item, needed):
            found.unused.append(Item(item.kind, item.path, item.bytes, max(item.used_ms, used_ms.get(name, 0))))
    order = list(Kind)
    found.unused.sort(key=lambda item: (item.used_ms, order.index(item.kind)))
    return found


@dataclass
class _Names:
    """What batches refer to.

    Attributes:
        all: Keys of clips and videos, digests of inputs, names of batches, folders of uploads.
        videos: Digests of videos that were recorded without their key, by an older version.
    """

    all: set[str] = field(default_factory=set)
    videos: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, batch: References) -> "_Names":
        finished = list(batch.finished)
        keys = {video.key for video in finished if video.key}
        upload = {_upload_name(batch.upload)} if batch.upload else set()
        older = {video.sha256 for video in finished if not video.key}
        return cls({batch.id} | batch.clips | batch.inputs | keys | upload, older)

    def add(self, other: "_Names") -> None:
        self.all |= other.all
        self.videos |= other.videos


def _contents(store: Store, batches: list[References]) -> Iterator[tuple[Item, str]]:
    """Everything in the store, and the name by which batches refer to it."""
    for path in store.clips.glob(f"*/*{CLIP_SUFFIX}"):
        yield _item(Kind.CLIP, path, path, path.with_suffix(".json")), path.stem
    for path in store.finished.glob("*/*"):
        yield _item(Kind.VIDEO, path, *path.iterdir()), path.name
    for path in store.inputs.glob("*/*/*"):
        yield _item(Kind.INPUT, path, path), path.parent.name
    for batch in batches:
        path = store.batch(batch.id) / "work"
        if path.is_dir() and any(path.iterdir()):
            yield _item(Kind.SCRATCH, path, *path.rglob("*")), batch.id

    for path in (store.root / references.UPLOADS).glob("*"):
        if path.is_dir():
            yield _item(Kind.UPLOAD, path, path, *path.rglob("*")), _upload_name(path.name)


def _upload_name(folder: str) -> str:
    return f"{references.UPLOADS}/{folder}"


def _item(kind: Kind, path: Path, *files: Path) -> Item:
    stats = [file.lstat() for file in files if file.exists()]
    size = sum(stat.st_size for stat in stats if stat.st_nlink == 1 and S_ISREG(stat.st_mode))
    return Item(kind, path, size, max((stat.st_mtime_ns // 1_000_000 for stat in stats), default=0))


def _is_an_older_video(item: Item, needed: _Names) -> bool:
    if item.kind is not Kind.VIDEO or not needed.videos:
        return False
    records = list(item.path.glob(f"*{RECORD_SUFFIX}"))
    try:
        return any(checked_json.loads(record.read_bytes()).get("sha256") in needed.videos for record in records)
    except checked_json.DamagedJson:
        return False


def remove(store: Store, items: list[Item]) -> None:
    """Remove things. The caller holds `journal.all_ended`, and has chosen them meanwhile.

    Whenever this is cut short, what is left is whole, or counts as missing and is removed by the next call.
    """
    clips = [item.path for item in items if item.kind is Kind.CLIP]
    for path in clips:
        path.with_suffix(".json").unlink(missing_ok=True)
    for folder in {path.parent for path in clips}:
        sync_folder(folder)  # a clip without its JSON file does not count: that order has to reach the disk
    for item in items:
        match item.kind:
            case Kind.CLIP:
                item.path.unlink(missing_ok=True)
            case Kind.INPUT:
                item.path.unlink(missing_ok=True)
                if not any(item.path.parent.iterdir()):
                    item.path.parent.rmdir()
            case Kind.VIDEO | Kind.SCRATCH | Kind.UPLOAD:
                doomed = store.temporary("")  # which the next driver sweeps, should this process end now
                item.path.rename(doomed)
                shutil.rmtree(doomed)
