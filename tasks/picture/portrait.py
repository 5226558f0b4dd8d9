"""The portrait: read upright, its face found, and cut to the picture's proportions around it."""

import threading
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from actalker.faces.geometry import box_of, eye_centres, eye_distance
from actalker.faces.mesh import MIN_SCORE, FaceMesh, Points
from actalker.shapes import Box, Size
from tasks.media.images import Picture, read_image
from tasks.records.store import check_digest

FaceBox: TypeAlias = tuple[int, int, int, int] | None
"""Left, top, right, bottom in pixels of the portrait, as the manifest gives it; None: it is looked for."""

FACE_HEIGHT = 0.42
"""Where the middle of a face stands, as a share of the picture's height, if the portrait has the room."""
CLOSE = 0.08
"""Of the width: the least distance of the eyes in a draft. Portraits have 0.12 to 0.2."""


@dataclass(frozen=True)
class Face:
    """A face in a picture.

    Attributes:
        box: A square around it, inside the picture; or the one that the manifest gives.
        points: (468, 3) of its mesh, in pixels; None where a given box shows none.
    """

    box: Box
    points: Points | None = field(default=None, compare=False)


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
        return self._part(left, top, part_width, part_height)

    def closer(self) -> "Portrait":
        """The part of the same proportions in which the eyes of a small first face are `CLOSE` of its width apart."""
        height, width = self.pixels.shape[:2]
        points = self.faces[0].points if self.faces else None
        if points is None or (share := eye_distance(points) / width / CLOSE) >= 1:
            return self
        part_width, part_height = round(width * share), round(height * share)
        x, y = eye_centres(points).mean(0)[:2]
        left = round(np.clip(x - part_width / 2, 0, width - part_width))
        top = round(np.clip(y - part_height * FACE_HEIGHT, 0, height - part_height))
        return self._part(left, top, part_width, part_height)

    def _part(self, left: int, top: int, width: int, height: int) -> "Portrait":
        pixels = self.pixels[top : top + height, left : left + width].copy()  # writable: torch insists
        moved = (_moved(face, left, top, width, height) for face in self.faces)
        return Portrait(pixels, tuple(face for face in moved if face))


def _moved(face: Face, left: int, top: int, width: int, height: int) -> Face | None:
    """The face as it lies in a part of the picture; None when it does not."""
    box = face.box
    columns = max(0, box.left - left), min(width, box.right - left)
    rows = max(0, box.top - top), min(height, box.bottom - top)
    if columns[0] >= columns[1] or rows[0] >= rows[1]:
        return None
    points = None if face.points is None else face.points - [left, top, 0]
    return Face(Box(columns[0], rows[0], columns[1], rows[1]), points)


@lru_cache(maxsize=4)
def portrait_of(path: Path, width: int, height: int, face_box: FaceBox, sha256: str = "") -> Portrait:
    """A portrait, cut to the proportions of a picture.

    Raises:
        BadInput: The file is no image, or not the one of this digest.
    """
    check_digest(path, sha256)
    picture = read_image(path)
    return Portrait(picture.pixels, faces_of(picture, face_box)).cut(width / height)


def faces_of(picture: Picture, face_box: FaceBox) -> tuple[Face, ...]:
    """The faces in an image, largest first; or the one at the manifest's box, which is in pixels of the file."""
    if face_box is None:
        return find_faces(picture.pixels)
    left, top, right, bottom = (round(edge / picture.shrink) for edge in face_box)
    box = Box(left, top, max(right, left + 1), max(bottom, top + 1))
    middle = np.array([left + box.size.width / 2, top + box.size.height / 2])
    mesh = face_mesh().mesh(picture.pixels, middle, float(max(box.size.height, box.size.width)), np.array([1.0, 0.0]))
    return (Face(box, mesh.points if mesh.score > MIN_SCORE else None),)


def find_faces(pixels: NDArray[np.uint8]) -> tuple[Face, ...]:
    """The faces in a picture, (height, width, 3) RGB, largest first."""
    size = Size(*pixels.shape[:2])
    meshes = face_mesh().find(pixels)
    return tuple(Face(box_of(mesh.points).within(size), mesh.points) for mesh in meshes)


_of_thread = threading.local()


def face_mesh() -> FaceMesh:
    """This thread's networks: loaded in a tenth of a second, and used by one thread alone."""
    if not hasattr(_of_thread, "mesh"):
        _of_thread.mesh = FaceMesh()
    found: FaceMesh = _of_thread.mesh
    return found
