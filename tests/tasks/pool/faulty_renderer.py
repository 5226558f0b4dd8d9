"""A renderer for the tests of the pool: plain frames, and accidents on demand, loaded by real workers."""

import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from enum import IntEnum
from hashlib import sha256
from pathlib import Path

import numpy as np

from tasks.errors import BadInput, Cancelled
from tasks.job import Job, Preset, Segment
from tasks.renderers.renderer import Frame, Renderer

FRAME_S = 0.02


class Behaviour(IntEnum):
    """What happens to a segment; it stands in the segment's `joint_seed`."""

    FINE = 0
    SLOW = 1
    KILL = 2
    IGNORE_CANCEL = 3
    RAISE = 4
    BAD = 5
    SHORT = 6
    FULL = 7


class FaultyRenderer(Renderer[tuple[Job, Segment], Frame]):
    """Draws grey frames and meets the segment's behaviour half way; what is deaf is so from the start."""

    def prepare(self, job: Job, segment: Segment) -> tuple[Job, Segment]:
        return job, segment

    def finish(self, prepared: tuple[Job, Segment], parts: Iterator[Frame]) -> Iterator[Frame]:
        return parts

    def draw(self, prepared: tuple[Job, Segment], cancelled: Callable[[], bool]) -> Iterator[Frame]:
        job, segment = prepared
        behaviour = Behaviour(segment.joint_seed)
        for index in range(segment.frames):
            if index == (0 if behaviour is Behaviour.IGNORE_CANCEL else segment.frames // 2):
                meet(behaviour, segment.wav)
            if behaviour is Behaviour.SLOW:
                time.sleep(FRAME_S)
            if cancelled():
                raise Cancelled("seen by the renderer")
            if behaviour is not Behaviour.SHORT or index:
                yield np.full((job.height, job.width, 3), (segment.seed + index) % 256, np.uint8)


def meet(behaviour: Behaviour, mark: Path) -> None:
    """`mark` is made by the first try of a segment that finds the disk full."""
    if behaviour is Behaviour.KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour is Behaviour.IGNORE_CANCEL:
        time.sleep(600)
    if behaviour is Behaviour.RAISE:
        raise ZeroDivisionError("a bug in the renderer")
    if behaviour is Behaviour.FULL and not mark.exists():
        mark.touch()
        raise OSError(errno.ENOSPC, "No space left on device")
    if behaviour is Behaviour.BAD:
        raise BadInput("no face in the portrait")


def load(preset: Preset, weights: Path | None, threads: int) -> FaultyRenderer:
    if weights and not weights.exists():
        raise BadInput(f"{weights} is missing")
    return FaultyRenderer()


def segments(
    row: str, count: int, frames: int = 10, behaviours: dict[int, Behaviour] | None = None
) -> tuple[Segment, ...]:
    """So many segments of a row, all fine but those with another behaviour; the keys are the row's own."""
    given = behaviours or {}
    return tuple(
        Segment(row, index, 0, frames, Path("-"), index, given.get(index, Behaviour.FINE), key(row, index))
        for index in range(count)
    )


def key(row: str, index: int) -> str:
    return sha256(f"{row} {index}".encode()).hexdigest()


def job(row: str) -> Job:
    return Job(row, 1, Path("portrait.png"), width=64, height=64)
