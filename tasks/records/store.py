"""Where everything lies: content key -> path, published atomically, verified when it is found again.

DIR/
  store/clips/ab/<key>.avi, .json     finished segments, by content
  store/videos/ab/<key>/              finished videos, by content
  store/tmp/                          work in flight; swept when its owner is dead
  videos/<batch>/<id>/                what the customer collects: links into the store
  batches/<batch>/                    the batch's log and the scratch folders of its rows
  ledger/                             the record (tasks/records/journal.py, tasks/records/ledger.py)
"""

import hashlib
import json
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import psutil

from tasks.job import Clip

CLIP_SUFFIX = ".avi"
"""What tasks/media/lossless.py writes."""

FOREIGN_TEMPORARY_AGE_S = 24 * 3600
"""Temporary files of other hosts cannot be tied to a living process; after a day they are dead."""


def digest_of(*parts: str | bytes | int | float) -> str:
    """The SHA-256 of the parts, each framed by its kind and length, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(f"{type(part).__name__}:{len(data)}:".encode())
        digest.update(data)
    return digest.hexdigest()


def digest_file(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def publish(temporary: Path, target: Path) -> Path:
    """Move a finished file or folder to its name, for good. Readers see all of it or nothing."""
    if temporary.is_file():
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary.rename(target)
    sync_folder(target.parent)
    return target


def write_text(target: Path, text: str) -> Path:
    """Write a small text file atomically."""
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    temporary.write_text(text, encoding="utf-8")
    return publish(temporary, target)


class Store:
    """The workspace folder, and what is found in it by content.

    Args:
        root: The workspace; made when it is not there. On a cluster, a folder that every node sees under this path.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        for folder in (self.clips, self.finished, self.scratch, self.ledger):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def clips(self) -> Path:
        """Finished segments."""
        return self.root / "store" / "clips"

    @property
    def finished(self) -> Path:
        """Finished videos."""
        return self.root / "store" / "videos"

    @property
    def scratch(self) -> Path:
        """Work in flight."""
        return self.root / "store" / "tmp"

    @property
    def ledger(self) -> Path:
        """The record."""
        return self.root / "ledger"

    def batch(self, batch_id: str) -> Path:
        """A batch's own folder: its log and its rows' scratch."""
        return self.root / "batches" / batch_id

    def work(self, batch_id: str, job_id: str) -> Path:
        """A row's scratch folder."""
        return self.batch(batch_id) / "work" / job_id

    def video(self, batch_id: str, job_id: str) -> Path:
        """The folder that the customer opens."""
        return self.root / "videos" / batch_id / job_id

    def temporary(self, suffix: str) -> Path:
        """A name that nobody has, in the store's file system, that tells whose it is. Nothing is created."""
        owner = psutil.Process()
        stamp = f"{socket.gethostname()}+{owner.pid}+{int(owner.create_time() * 1000)}"
        return self.scratch / f"{stamp}+{uuid.uuid4().hex}{suffix}"

    @contextmanager
    def temporary_folder(self) -> Iterator[Path]:
        """A scratch folder that is gone afterwards, unless it was published."""
        folder = self.temporary("")
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> int:
        """Remove what dead processes left in the scratch folder. Returns how many entries went."""
        dead = [path for path in self.scratch.iterdir() if not _owner_lives(path)]
        for path in dead:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        return len(dead)

    def find_clip(self, key: str) -> Clip | None:
        """The finished segment of this key, or None. A file that is not what its digest says is removed."""
        path = _sharded(self.clips, key, CLIP_SUFFIX)
        card = path.with_suffix(".json")
        if not card.exists():
            return None
        if not path.exists() or json.loads(card.read_text())["sha256"] != digest_file(path):
            card.unlink(missing_ok=True)
            return None
        return Clip(**{**json.loads(card.read_text()), "path": path})

    def publish_clip(
        self, key: str, temporary: Path, *, frames: int, width: int, height: int, render_ms: int, worker: str
    ) -> Clip:
        """Publish a finished segment; its card is written last, so that a clip with a card is whole."""
        sha256 = digest_file(temporary)
        path = publish(temporary, _sharded(self.clips, key, CLIP_SUFFIX))
        clip = Clip(key, path, frames, width, height, sha256, render_ms, worker)
        write_text(path.with_suffix(".json"), json.dumps({**asdict(clip), "path": path.name}))
        return clip

    def find_video(self, key: str) -> Path | None:
        """The folder of the finished video of this key, or None."""
        folder = _sharded(self.finished, key, "")
        return folder if folder.is_dir() else None

    def publish_video(self, key: str, temporary: Path) -> Path:
        """Publish a folder of finished files. If somebody was faster with the same content, theirs stays."""
        for path in temporary.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        target = _sharded(self.finished, key, "")
        if not target.is_dir():
            publish(temporary, target)
        return target

    def deliver(self, finished: Path, batch_id: str, job_id: str) -> Path:
        """Put a finished video's files into the customer's folder, by links where the file system has them."""
        target = self.video(batch_id, job_id)
        target.mkdir(parents=True, exist_ok=True)
        wanted = sorted(finished.iterdir(), key=lambda path: path.suffix == ".mp4")
        for path in wanted:
            _link(path, target / path.name)
        for path in set(target.iterdir()) - {target / path.name for path in wanted}:
            path.unlink()
        sync_folder(target)
        return target


def _sharded(folder: Path, key: str, suffix: str) -> Path:
    """Two digits of the key as a folder: a million clips do not share one."""
    return folder / key[:2] / f"{key}{suffix}"


def _owner_lives(path: Path) -> bool:
    host, _, rest = path.name.partition("+")
    pid, _, rest = rest.partition("+")
    created, _, _ = rest.partition("+")
    if host != socket.gethostname():
        return time.time() - path.stat().st_mtime < FOREIGN_TEMPORARY_AGE_S
    try:
        return int(psutil.Process(int(pid)).create_time() * 1000) == int(created)
    except (psutil.NoSuchProcess, ValueError):
        return False


def _link(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{uuid.uuid4().hex}")
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copy2(source, temporary)
    temporary.rename(target)
    temporary.unlink(missing_ok=True)  # a rename onto another link of the same file leaves both names
