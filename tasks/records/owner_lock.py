"""Which process a temporary file belongs to, and whether that process lives: it holds a lock for as long as it does.

Neither a step of the clock nor a process id that is used again can make the living look dead.
"""

import fcntl
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LOCK_SUFFIX = ".owner"

FOREIGN_AGE_S = 24 * 3600
"""Not every shared file system carries locks between hosts: what another host left must be a day old, too."""


@dataclass(frozen=True)
class OwnerLock:
    """This process's lock in a folder. `name` begins the names of all that it makes there."""

    name: str
    handle: int


_locks: dict[tuple[int, Path], OwnerLock] = {}
_guard = threading.Lock()


def own_name(folder: Path) -> str:
    """What this process's temporary files in a folder begin with; its lock is taken on first use, and kept."""
    with _guard:
        key = (os.getpid(), folder)  # a forked child takes a lock of its own
        lock = _locks.get(key)
        if lock is None or not _path(folder, lock.name).exists():
            lock = _locks[key] = _taken(folder)
        return lock.name


def _taken(folder: Path) -> OwnerLock:
    while True:
        name = f"{socket.gethostname()}+{os.getpid()}+{uuid.uuid4().hex[:12]}"
        handle = os.open(_path(folder, name), os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:  # else it was swept before it was locked
            return OwnerLock(name, handle)
        os.close(handle)


def owner_of(path: Path) -> str:
    """The part of a temporary file's name that says whose it is."""
    return "+".join(path.name.removesuffix(LOCK_SUFFIX).split("+")[:3])


@contextmanager
def if_dead(folder: Path, owner: str) -> Iterator[bool]:
    """Whether the process that made files under this name has ended. Its lock is held meanwhile, and gone afterwards.

    A name without a lock belongs to a process that has been swept already.
    """
    path = _path(folder, owner)
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield True
        return
    try:
        dead = _lockable(handle) and not _may_live_elsewhere(owner, handle)
        yield dead
        if dead:
            path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _lockable(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _may_live_elsewhere(owner: str, handle: int) -> bool:
    elsewhere = owner.partition("+")[0] != socket.gethostname()
    return elsewhere and time.time() - os.fstat(handle).st_mtime < FOREIGN_AGE_S


def _path(folder: Path, owner: str) -> Path:
    return folder / f"{owner}{LOCK_SUFFIX}"
