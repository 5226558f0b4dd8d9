"""A driving video: where its face is, which of its frames drives which of the programme, and how much it moves."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from actalker.draft.gestures import Reading, at_rest, read
from actalker.shapes import Box
from tasks.errors import BadInput
from tasks.job import FPS
from tasks.media.decode import decode_frames, decode_thumbnails
from tasks.picture.portrait import find_faces
from tasks.picture.preflight import usable_face

LOOKS = 15
"""Frames of a driving video in which its face is looked for."""
_THUMBNAIL_PX = 64
"""Pixels along the edge of the small pictures by which movement is judged."""


@dataclass(frozen=True)
class Driver:
    """What a driving video shows.

    Attributes:
        length: In frames of 1/25 s.
        face: Where its face is, in all of it.
        rest: What its face does when it does nothing: the median.
    """

    length: int
    face: Box
    rest: Reading


@lru_cache(maxsize=16)
def driver_of(path: Path, sha256: str) -> Driver:
    """Look through a driving video: once in a worker for each content, because every segment needs to know.

    A detector's boxes differ from frame to frame, and what is read off a face depends on its box: were there one for
    each segment, gestures would shift where segments meet. So all share the median of one a second, `LOOKS` at most.

    Raises:
        BadInput: The face is usable in none of them; why it is not in the first.
    """
    faces: list[tuple[int, int, int, int]] = []
    readings: list[Reading] = []
    problems: list[BadInput] = []
    length = 0
    for frame in decode_frames(path):
        if length % FPS == 0 and len(faces) + len(problems) < LOOKS:
            try:
                found = find_faces(frame)
                face = usable_face(frame, found)
                faces.append((face.left, face.top, face.right, face.bottom))
                readings += [read(one.points) for one in found[:1] if one.points is not None]
            except BadInput as error:
                problems.append(error)
        length += 1
    if not faces:
        raise BadInput(f"{path}: {problems[0] if problems else 'it has no frames'}")
    return Driver(length, Box(*(int(edge) for edge in np.median(faces, axis=0))), at_rest(readings))


def driving_frames(path: Path, start: int, end: int, length: int) -> NDArray[np.uint8]:
    """Frames [start, end) of a driving video of `length` frames, (frames, height, width, 3) RGB.

    A video that is too short is played forwards and backwards, so that the head never jumps.
    """
    wanted = [_played(number, length) for number in range(start, end)]
    low = min(wanted)
    shown = list(decode_frames(path, low, max(wanted) + 1))
    return np.stack([shown[number - low] for number in wanted])


def movement_of(path: Path, sha256: str, frames: int) -> tuple[int, ...]:
    """How much the driver moves as each of `frames` frames of the programme comes: thousandths of a grey level, 0 for
    the first. Raises BadInput when the video cannot be read.
    """
    with _movement_lock:  # rows of one driver are planned side by side
        movement = _movement(path, sha256)
    length = len(movement)
    # Between two frames it moves alike forwards and backwards: the step belongs to the later one of the video.
    pairs = pairwise(_played(number, length) for number in range(frames))
    return (0, *(movement[max(pair)] for pair in pairs))


_movement_lock = Lock()


@lru_cache(maxsize=64)
def _movement(path: Path, sha256: str) -> tuple[int, ...]:
    thumbnails = (thumbnail.astype(np.int16) for thumbnail in decode_thumbnails(path, _THUMBNAIL_PX))
    return (0, *(round(1000 * float(np.abs(now - before).mean())) for before, now in pairwise(thumbnails)))


def _played(number: int, length: int) -> int:
    """The driving frame of a frame of the programme, forwards and backwards."""
    turn = max(1, 2 * length - 2)
    return min(number % turn, turn - number % turn)
