"""Small movements of the whole head, added to finished frames: a head that holds quite still looks lifeless.

The head turns about its neck and shifts. What is around it, the shoulders and the background, bends a little near the
head and stays as it is further away. Frames are H x W.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from actalker.shapes import Box, Size

Frame = NDArray[np.uint8]
Plane = NDArray[np.float32]

_HEAD = 0.75, 0.85
"""Half axes of the ellipse that moves as one, in widths and heights of the face's box: with hair and ears."""
_STILL = 1.9
"""How many times as large the ellipse is beyond which nothing moves."""


@dataclass(frozen=True)
class Movement:
    """Of n frames: roll in radians, clockwise in the picture; shifts right and down in pixels. (n,) each."""

    roll: NDArray[np.float64]
    right: NDArray[np.float64]
    down: NDArray[np.float64]


def moved(frames: Iterator[Frame], face: Box, movement: Movement) -> Iterator[Frame]:
    """Frames (H, W, 3) with the head moved, one by one.

    Args:
        face: The box of the face at rest, in their pixels.
    """
    fields: tuple[Plane, Plane, Plane, Plane, Plane] | None = None
    for frame, roll, right, down in zip(frames, movement.roll, movement.right, movement.down, strict=True):
        fields = fields or _fields(Size(*frame.shape[:2]), face)
        columns, rows, part, across, below = fields
        source_columns = (columns - part * np.float32(right) + part * np.float32(roll) * below).astype(np.float32)
        source_rows = (rows - part * np.float32(down) - part * np.float32(roll) * across).astype(np.float32)
        result = cv2.remap(frame, source_columns, source_rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        yield np.asarray(result, np.uint8)


def _fields(size: Size, face: Box) -> tuple[Plane, Plane, Plane, Plane, Plane]:
    """Of every pixel: its column and row, how far it moves with the head from 0 to 1, its distances from the neck."""
    columns, rows = np.meshgrid(np.arange(size.width, dtype=np.float32), np.arange(size.height, dtype=np.float32))
    middle_x, middle_y = (face.left + face.right) / 2, (face.top + face.bottom) / 2
    away = np.hypot(
        (columns - middle_x) / (_HEAD[0] * face.size.width), (rows - middle_y) / (_HEAD[1] * face.size.height)
    )
    share = np.clip((_STILL - away) / (_STILL - 1), 0, 1)
    part = share * share * (3 - 2 * share)
    return columns, rows, part.astype(np.float32), columns - np.float32(middle_x), rows - np.float32(face.bottom)
