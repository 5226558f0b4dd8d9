"""Stages for tests, which nodes import from here: one that works, and some that meet an accident."""

import errno
import os
import time
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.errors import BadInput
from tasks.media import ffmpeg


@task(name="who", retries=2, cache_policy=NO_CACHE)
def who(text: str) -> tuple[str, int]:
    """What it was given, and the process that it runs in."""
    return text, os.getpid()


@task(name="fail", retries=2, cache_policy=NO_CACHE)
def fail(how: str, mark: Path) -> str:
    """Fail as asked; what dies, or finds the disk full, does so once."""
    first = not mark.exists()
    mark.touch()
    if how == "bad":
        raise BadInput("no such voice")
    if how == "bug":
        raise ZeroDivisionError("in a stage")
    if how == "full" and first:
        raise OSError(errno.ENOSPC, "No space left on device")
    if how == "dies" and first:
        os._exit(13)
    return how


@task(name="linger", cache_policy=NO_CACHE)
def linger(folder: Path) -> None:
    """Work for ten minutes, with a file that is there meanwhile."""
    path = folder / "at work"
    path.touch()
    try:
        for _ in range(6000):
            time.sleep(0.1)
            ffmpeg.check_cancelled("lingering")
    finally:
        path.unlink()
