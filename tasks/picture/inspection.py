"""What a check finds out about portraits: each is looked at once, in parallel, and remembered by its content."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import PIL

from actalker.faces import geometry, mesh, topology
from actalker.shapes import Box, Size
from tasks.errors import BadInput
from tasks.job import Job, Preset
from tasks.media import images
from tasks.media.die_with_parent import tie_to
from tasks.media.images import read_image
from tasks.picture import photograph, portrait, preflight
from tasks.picture.portrait import FaceBox, faces_of
from tasks.picture.preflight import FaceFound, Findings
from tasks.records.check_cache import CheckCache
from tasks.records.store import check_digest, digest_file, digest_of

MIN_PORTRAIT_PX = 128
ALONE = 24
"""So few new portraits are looked at in this process: to start others takes a second."""
MAX_PROCESSES = 8
"""Each may need 600 MB for the largest pictures."""

PortraitRef: TypeAlias = tuple[Path, FaceBox]
"""A portrait, and where its face is, if the manifest says so."""
Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many portraits have been looked at, of how many."""


@dataclass(frozen=True, slots=True)
class PortraitFacts:
    """The digest of a portrait's file, and what it shows."""

    sha256: str
    findings: Findings


def inspect(path: Path, face_box: FaceBox = None) -> PortraitFacts:
    """Look at a portrait.

    Raises:
        BadInput: It is not an image, is broken, or is smaller than `MIN_PORTRAIT_PX` on a side.
    """
    try:
        sha256 = digest_file(path)
    except (OSError, ValueError):
        sha256 = ""  # `read_image` says why
    picture = read_image(path)
    width, height = picture.size
    if min(width, height) < MIN_PORTRAIT_PX:
        raise BadInput(f"it is {width}x{height} pixels", f"Give at least {MIN_PORTRAIT_PX} on each side.")
    findings = preflight.inspect(picture.pixels, faces_of(picture, face_box), given=face_box is not None)
    if digest_file(path) != sha256:  # what was seen would be remembered as another picture's
        raise BadInput("it changed while it was looked at", "Check again.")
    return PortraitFacts(sha256, findings)


def notes_of(job: Job) -> tuple[str, ...]:
    """What the record of a finished row says of its portrait.

    Raises:
        BadInput: The portrait is no image, or not the one that was checked.
    """
    if job.preset is Preset.STILL:
        return ()
    check_digest(job.portrait, job.portrait_sha256)
    return tuple(preflight.notes(job, _findings(job.portrait, job.portrait_sha256, job.face_box)))


@lru_cache(maxsize=1024)
def _findings(path: Path, _sha256: str, face_box: FaceBox) -> Findings:
    """Asked for once for each content, in however many rows it stands."""
    return Portraits().of(path, face_box).findings


@dataclass
class Portraits:
    """The portraits of one manifest: each is looked at once, however many rows name it."""

    cache: CheckCache = field(default_factory=CheckCache)
    _seen: dict[PortraitRef, PortraitFacts | BadInput] = field(default_factory=dict)

    def of(self, path: Path, face_box: FaceBox = None) -> PortraitFacts:
        """What a portrait shows.

        Raises:
            BadInput: As for `inspect`.
        """
        look = path, face_box
        if look not in self._seen:
            self.look_at([look])
        found = self._seen[look]
        if isinstance(found, BadInput):
            raise found
        return found

    def look_at(self, looks: Iterable[PortraitRef], on_progress: Progress = lambda done, total: None) -> None:
        """Look at many portraits, in parallel where there are many that no check has seen before."""
        new = [look for look in dict.fromkeys(looks) if look not in self._seen]
        keys = {look: key for look in new if (key := _key(look))}
        known = self.cache.find(set(keys.values()))
        self._seen.update((look, _from_json(known[key])) for look, key in keys.items() if key in known)
        new = [look for look in new if look not in self._seen]
        inspected = _in_parallel(new) if len(new) > ALONE else ((look, _or_problem(look)) for look in new)
        for done, (look, facts) in enumerate(inspected, 1):
            self._seen[look] = facts
            on_progress(done, len(new))
        found = ((look[1], facts) for look in new if isinstance(facts := self._seen[look], PortraitFacts))
        if kept := {_key_of(facts.sha256, box): asdict(facts) for box, facts in found}:
            self.cache.keep(kept)


def _or_problem(look: PortraitRef) -> PortraitFacts | BadInput:
    try:
        return inspect(*look)
    except BadInput as error:
        return error


def _in_parallel(looks: list[PortraitRef]) -> Iterator[tuple[PortraitRef, PortraitFacts | BadInput]]:
    """The portraits as they are looked at. One that kills the process which decodes it is broken; others go on."""
    left = dict.fromkeys(looks)
    try:
        with _pool(min(MAX_PROCESSES, len(os.sched_getaffinity(0)))) as pool:
            futures = {pool.submit(_or_problem, look): look for look in looks}
            for future in as_completed(futures):
                yield futures[future], future.result()
                del left[futures[future]]
    except BrokenProcessPool:
        yield from _one_by_one(list(left))


def _one_by_one(looks: list[PortraitRef]) -> Iterator[tuple[PortraitRef, PortraitFacts | BadInput]]:
    """In one process, each after the last is done, so that it is known which of them kills it."""
    while looks:
        with _pool(1) as pool:
            try:
                while looks:
                    look = looks.pop()
                    yield look, pool.submit(_or_problem, look).result()
            except BrokenProcessPool:
                yield look, BadInput("the program that decodes it crashed", "Export it again.")


@contextmanager
def _pool(size: int) -> Iterator[ProcessPoolExecutor]:
    pool = ProcessPoolExecutor(size, multiprocessing.get_context("spawn"), _begin, (os.getpid(),))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(parent: int) -> None:
    """What a process does first: it ends with its parent, which Ctrl-C ends, and uses one core."""
    tie_to(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)


def _key(look: PortraitRef) -> str:
    """Under which the facts of a file are kept; empty when it cannot be read: `inspect` says why."""
    path, face_box = look
    try:
        return _key_of(digest_file(path), face_box)
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return ""


def _key_of(sha256: str, face_box: FaceBox) -> str:
    return digest_of(sha256, str(face_box), _code())


@cache
def _code() -> str:
    """The digest of all that looks at portraits: when it changes, they are looked at again."""
    modules = (images, portrait, photograph, preflight, geometry, mesh, topology, sys.modules[__name__])
    return digest_of(PIL.__version__, cv2.__version__, *(Path(str(module.__file__)).read_bytes() for module in modules))


def _from_json(facts: Mapping[str, Any]) -> PortraitFacts:
    found = facts["findings"]
    faces = tuple(
        FaceFound(Box(**face["box"]), face["look"] and preflight.Look(**face["look"])) for face in found["faces"]
    )
    findings = Findings(Size(**found["size"]), found["photograph"], faces, found["given"])
    return PortraitFacts(facts["sha256"], findings)
