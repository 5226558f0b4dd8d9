"""Whether the workspace's disk has room. All that write to it wait here, and continue when there is room again."""

import errno
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tasks.errors import BadInput, Cancelled, NoSpace

RESERVE_MB = 512
"""A batch pauses when less is free: about a dozen clips of ten seconds. `ACTALKER_RESERVE_MB` sets another figure."""

CHECK_EVERY_S = 1.0
PAUSE_S = 5.0
"""The shortest pause after a write that found the disk full: a quota does not show in what is free."""

FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_no_space(error: BaseException) -> bool:
    """Whether an error says that the disk, or the user's share of it, is full."""
    return isinstance(error, NoSpace) or (isinstance(error, OSError) and error.errno in FULL_DISK)


def _configured_bytes() -> int:
    configured = os.environ.get("ACTALKER_RESERVE_MB", str(RESERVE_MB))
    if not configured.isdecimal():
        raise BadInput(f"ACTALKER_RESERVE_MB is {configured!r}", "Give a number of MiB that are to stay free.")
    return int(configured) << 20


class DiskSpace:
    """The free space of one folder's disk; thread-safe.

    Args:
        folder: On the disk in question; it exists.
        reserve_bytes: What must stay free; None for `RESERVE_MB`, or what the environment says.
        pause_s: See `PAUSE_S`.

    Raises:
        BadInput: The environment names no number.
    """

    def __init__(self, folder: Path, reserve_bytes: int | None = None, pause_s: float = PAUSE_S) -> None:
        self._folder, self._pause_s = folder, pause_s
        self.reserve_bytes = _configured_bytes() if reserve_bytes is None else reserve_bytes
        self._closed = threading.Event()
        self._checked_until = 0.0
        self._enough = True

    def __call__(self) -> bool:
        """Whether there is room. Looked up once a second at most."""
        now = time.monotonic()
        if now >= self._checked_until:
            self._checked_until = now + CHECK_EVERY_S
            self._enough = shutil.disk_usage(self._folder).free >= self.reserve_bytes
        return self._enough

    def found_full(self) -> None:
        """A write has failed for want of space: whatever is free, nothing continues for a moment."""
        self._enough, self._checked_until = False, time.monotonic() + self._pause_s

    def wait(self, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Return when there is room.

        Raises:
            Cancelled: The batch ends meanwhile.
        """
        while not self():
            if self._closed.wait(CHECK_EVERY_S / 4) or cancelled():
                raise Cancelled("the batch ended while it waited for space on the disk")

    def close(self) -> None:
        """End every wait."""
        self._closed.set()
