"""Where everything lies: content key -> path, published atomically, verified when it is found again.

DIR/
  store/clips/ab/<key>.avi, .json     finished segments, by content
  store/videos/ab/<key>/              finished videos, by content
  store/inputs/ab/<digest>/<name>     copies of the customer's files, by content
  store/tmp/                          work in flight; swept when its owner is dead
  store/locks/                        which owners are alive
  store/damaged/                      what was found damaged, moved aside
  videos/<batch>/<id>/                what the customer collects: links into the store
  videos/<batch>/results.csv          the manifest with what became of each row
  batches/<batch>/                    the batch's log and the scratch folders of its rows
  ledger/                             the record (tasks/records/journal.py, tasks/records/ledger.py)
"""

import hashlib
import logging
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from tasks.errors import BadInput
from tasks.job import Clip
from tasks.records import checked_json, owner_lock
from tasks.records.space import is_no_space

CLIP_SUFFIX = ".avi"
"""What tasks/media/lossless.py writes."""

RECORD_SUFFIX = ".record.json"
"""Of the file in every finished video's folder that says what the video was made from; it is written last."""

RESULTS = "results.csv"
"""Beside the folders of a batch's videos: the manifest with what became of each row."""

log = logging.getLogger(__name__)


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


@lru_cache(maxsize=4096)
def check_digest(path: Path, sha256: str) -> None:
    """See, once in a process, that a file is what it was when its digest was taken; without a digest, do nothing.

    Raises:
        BadInput: It is not, or it cannot be read.
    """
    try:
        if sha256 and digest_file(path) != sha256:
            raise BadInput(f"{path} is not what it was when it was checked", "Submit the manifest again.")
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror})", "Submit the manifest again.") from error


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
    try:
        temporary.write_text(text, encoding="utf-8")
        return publish(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class FinishedVideo:
    """A finished video in the store: its folder, and what its record file says."""

    folder: Path
    record: dict[str, Any]


class Store:
    """The workspace folder, and what is found in it by content.

    Args:
        root: The workspace; made when it is not there. On a cluster, a folder that every node sees under this path.

    Raises:
        BadInput: The folder cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._kept: dict[tuple[str, str], Path] = {}
        try:
            for folder in (self.clips, self.finished, self.scratch, self._locks, self.ledger):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if is_no_space(error):
                raise
            problem = f"the workspace {self.root} cannot be used: {error.strerror}"
            raise BadInput(problem, "Name a folder that you may write to with --workspace.") from error

    @property
    def clips(self) -> Path:
        """Finished segments."""
        return self.root / "store" / "clips"

    @property
    def finished(self) -> Path:
        """Finished videos."""
        return self.root / "store" / "videos"

    @property
    def inputs(self) -> Path:
        """Copies of the customer's files."""
        return self.root / "store" / "inputs"

    @property
    def scratch(self) -> Path:
        """Work in flight."""
        return self.root / "store" / "tmp"

    @property
    def damaged(self) -> Path:
        """What was found damaged."""
        return self.root / "store" / "damaged"

    @property
    def ledger(self) -> Path:
        """The record."""
        return self.root / "ledger"

    @property
    def _locks(self) -> Path:
        return self.root / "store" / "locks"

    def batch(self, batch_id: str) -> Path:
        """A batch's own folder: its log and its rows' scratch."""
        return self.root / "batches" / batch_id

    def work(self, batch_id: str, job_id: str) -> Path:
        """A row's scratch folder."""
        return self.batch(batch_id) / "work" / job_id

    @property
    def videos(self) -> Path:
        """What customers collect: a folder for each batch."""
        return self.root / "videos"

    def video(self, batch_id: str, job_id: str) -> Path:
        """The folder that the customer opens."""
        return self.videos / batch_id / job_id

    def temporary(self, suffix: str) -> Path:
        """A name that nothing has, in the store's file system, which says which process owns it. Nothing is made."""
        return self.scratch / f"{owner_lock.own_name(self._locks)}+{uuid.uuid4().hex}{suffix}"

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
        left: dict[str, list[Path]] = {}
        for path in (*_entries(self.scratch), *_entries(self._locks)):
            left.setdefault(owner_lock.owner_of(path), []).append(path)
        swept = 0
        for owner, paths in left.items():
            with owner_lock.if_dead(self._locks, owner) as dead:
                for path in paths if dead else ():
                    if path.parent == self.scratch:
                        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
                        swept += 1
        return swept

    def keep_input(self, path: Path, sha256: str) -> Path:
        """A copy of a customer's file whose bytes have this digest: later stages read it, and not the original.

        Raises:
            BadInput: The file is gone, or is not what it was when its digest was taken.
        """
        kept = self._kept.get((sha256, path.name))
        if kept is None:
            kept = _sharded(self.inputs, sha256, "") / path.name
            if kept.exists() and digest_file(kept) != sha256:
                self.set_aside(kept, "its bytes are not what its digest says")
            if not kept.exists():
                self._copy_input(path, sha256, kept)
            self._kept[sha256, path.name] = kept
        return kept

    def _copy_input(self, path: Path, sha256: str, target: Path) -> None:
        temporary = self.temporary(path.suffix)
        try:
            try:
                shutil.copyfile(path, temporary)
            except FileNotFoundError as error:
                raise BadInput(f"{path} was removed after it was checked", "Put it back, and submit again.") from error
            if digest_file(temporary) != sha256:
                raise BadInput(f"{path} was changed after it was checked", "Submit the manifest again.")
            publish(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)

    def find_clip(self, key: str) -> Clip | None:
        """The finished segment of this key, or None. What is damaged is moved aside, and counts as missing."""
        clip = self.clip_record(key)
        if clip is None:
            return None
        if not clip.path.exists():
            problem = "its video is missing"
        elif digest_file(clip.path) != clip.sha256:
            problem = "its video is not what its digest says"
        else:
            return clip
        self.set_aside(clip.path.with_suffix(".json"), problem)
        self.set_aside(clip.path, problem)
        return None

    def clip_record(self, key: str) -> Clip | None:
        """What the JSON file beside a clip says, or None; the clip itself is not read."""
        path = _sharded(self.clips, key, CLIP_SUFFIX)
        record = path.with_suffix(".json")
        try:
            facts = checked_json.loads(record.read_bytes())
            known = {field.name for field in fields(Clip)}
            clip = Clip(**{**{name: facts[name] for name in facts if name in known}, "path": path})  # type: ignore[arg-type]
            if clip.key != key:
                raise checked_json.DamagedJson(f"it is of the clip {clip.key}")
        except FileNotFoundError:
            return None
        except (checked_json.DamagedJson, TypeError) as error:
            self.set_aside(record, str(error))
            return None
        return clip

    def publish_clip(self, clip: Clip, temporary: Path) -> Clip:
        """Publish a finished segment; its JSON file is written last, so that a clip that has one is whole.

        Args:
            clip: All but its path and its digest, which are filled in here.
        """
        sha256 = digest_file(temporary)
        path = publish(temporary, _sharded(self.clips, clip.key, CLIP_SUFFIX))
        clip = replace(clip, path=path, sha256=sha256)
        facts = {**asdict(clip), "path": path.name}
        facts.pop("reused")
        write_text(path.with_suffix(".json"), checked_json.dumps(facts))
        return clip

    def find_video(self, key: str, name: str) -> FinishedVideo | None:
        """The finished video of this key, every file verified, or None. What is damaged is moved aside.

        Args:
            name: Of the video, without a suffix.
        """
        folder = _sharded(self.finished, key, "")
        if not folder.is_dir():
            return None
        try:
            record = checked_json.loads((folder / f"{name}{RECORD_SUFFIX}").read_bytes())
            # Records of older versions name no file but the video.
            expected = cast("dict[str, str]", record.get("files") or {f"{name}.mp4": record["sha256"]})
            problem = _difference(folder, expected)
        except (OSError, KeyError, checked_json.DamagedJson) as error:
            problem = f"its record cannot be read ({error})"
        if problem:
            self.set_aside(folder, problem)
            return None
        return FinishedVideo(folder, record)

    def publish_video(self, key: str, temporary: Path) -> Path:
        """Publish a folder of finished files. If another process published the same content first, that one stays."""
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
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        sync_folder(target)
        return target

    def is_delivered(self, batch_id: str, job_id: str, files: Mapping[str, str]) -> bool:
        """Whether the customer's folder holds these files: name -> digest."""
        return bool(files) and not _difference(self.video(batch_id, job_id), files)

    def set_aside(self, path: Path, problem: str) -> None:
        """Move a damaged file or folder out of the way, and say so in the log: what it was is made again."""
        try:
            self.damaged.mkdir(exist_ok=True)
            path.rename(self.damaged / f"{path.name}.{uuid.uuid4().hex[:8]}")
        except FileNotFoundError:
            return
        log.warning("%s is damaged: %s. It is moved to %s and made again", path, problem, self.damaged)


def _difference(folder: Path, files: Mapping[str, str]) -> str:
    """What of these files, name -> digest, is not as it should be; empty when all are."""
    for name, sha256 in files.items():
        path = folder / name
        if not path.is_file():
            return f"{name} is missing"
        if digest_file(path) != sha256:
            return f"{name} is not what its digest says"
    return ""


def _entries(folder: Path) -> list[Path]:
    """What is in a folder; nothing, when somebody has removed it."""
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _sharded(folder: Path, key: str, suffix: str) -> Path:
    """Two digits of the key as a folder: a million clips do not share one."""
    return folder / key[:2] / f"{key}{suffix}"


def _link(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{uuid.uuid4().hex}")
    try:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copy2(source, temporary)
        temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)  # also after a rename onto another link of the same file
