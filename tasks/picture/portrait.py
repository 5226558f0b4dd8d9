"""The portrait: read upright, its face found, and cut to the picture's proportions around it."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from actalker.encoders.faces import Face, FaceError, FaceLimits, HaarDetector, check_box, select_face
from actalker.shapes import Box, Size
from tasks.errors import BadInput
from tasks.media.images import read_image
from tasks.records.store import check_digest

FaceBox: TypeAlias = tuple[int, int, int, int] | None
"""Left, top, right, bottom in pixels of the portrait, as the manifest gives it; None: it is looked for."""

FACE_HEIGHT = 0.42
"""Where the middle of a face stands, as a share of the picture's height, if the portrait has the room."""
SEARCH_EDGE = 480
"""Faces are looked for in a copy of at most this size: a tenth of a second."""
LIMITS = FaceLimits()


@dataclass(frozen=True)
class Portrait:
    """A picture of one person.

    Attributes:
        pixels: (height, width, 3) RGB.
        faces: Found in it, largest first, or the one that the manifest gives.
    """

    pixels: NDArray[np.uint8]
    faces: tuple[Face, ...]

    def cut(self, proportion: float) -> "Portrait":
        """The largest part of this width over height: around the first face, or at the top, in the middle, without."""
        height, width = self.pixels.shape[:2]
        part_width, part_height = min(width, round(height * proportion)), min(height, round(width / proportion))
        middle_x, middle_y = width / 2, part_height * FACE_HEIGHT
        if self.faces:
            box = self.faces[0].box
            middle_x, middle_y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        left = round(np.clip(middle_x - part_width / 2, 0, width - part_width))
        top = round(np.clip(middle_y - part_height * FACE_HEIGHT, 0, height - part_height))
        part = self.pixels[top : top + part_height, left : left + part_width].copy()  # writable: torch insists
        moved = (_moved(face, left, top, part_width, part_height) for face in self.faces)
        return Portrait(part, tuple(face for face in moved if face))


def _moved(face: Face, left: int, top: int, width: int, height: int) -> Face | None:
    """The face as it lies in a part of the picture; None when it does not."""
    box = face.box
    columns = max(0, box.left - left), min(width, box.right - left)
    rows = max(0, box.top - top), min(height, box.bottom - top)
    if columns[0] >= columns[1] or rows[0] >= rows[1]:
        return None
    return Face(Box(columns[0], rows[0], columns[1], rows[1]), face.turn)


@lru_cache(maxsize=4)
def portrait_of(path: Path, width: int, height: int, face_box: FaceBox, sha256: str = "") -> Portrait:
    """A portrait, cut to the proportions of a picture.

    Raises:
        BadInput: The file is no image, or not the one of this digest.
    """
    check_digest(path, sha256)
    picture = read_image(path)
    faces = (_given(face_box, picture.shrink),) if face_box else find_faces(picture.pixels)
    return Portrait(picture.pixels, faces).cut(width / height)


def _given(face_box: tuple[int, int, int, int], shrink: int) -> Face:
    """The manifest's box, in pixels of a portrait that was read `shrink` times smaller."""
    left, top, right, bottom = (round(edge / shrink) for edge in face_box)
    return Face(Box(left, top, max(right, left + 1), max(bottom, top + 1)), 0.0)


def find_faces(pixels: NDArray[np.uint8]) -> tuple[Face, ...]:
    """The faces in a picture, (height, width, 3) RGB, largest first."""
    scale = min(1.0, SEARCH_EDGE / max(pixels.shape[:2]))
    small = np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    return tuple(_enlarged(face, 1 / scale) for face in HaarDetector().detect(small))


def usable_face(portrait: Portrait, *, given: bool) -> Box:
    """The box of the face that the network is to move.

    Args:
        given: The box came with the manifest: it is judged by its size and place alone.

    Raises:
        BadInput: There is no face, or several, or one that is too small or turned away; with the numbers.
    """
    size = Size(*portrait.pixels.shape[:2])
    try:
        if given and portrait.faces:
            return check_box(portrait.faces[0].box, size, LIMITS)
        return select_face(list(portrait.faces), size, LIMITS)
    except FaceError as error:
        raise BadInput(str(error)) from error


def _enlarged(face: Face, factor: float) -> Face:
    edges = (face.box.left, face.box.top, face.box.right, face.box.bottom)
    left, top, right, bottom = (round(edge * factor) for edge in edges)
    return Face(Box(left, top, right, bottom), face.turn)
