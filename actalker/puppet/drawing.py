"""Drawing one frame of one person."""

from typing import Any

import numpy as np
import numpy.typing as npt
import skia

from actalker.puppet import clothes, features, hair, head
from actalker.puppet.face import REST, Face
from actalker.puppet.person import Person

Picture = npt.NDArray[np.uint8]


def draw(person: Person, face: Face = REST, size: int = 256) -> Picture:
    """RGB picture of shape (size, size, 3)."""
    pixels = np.zeros((size, size, 4), np.uint8)
    surface = skia.Surface(pixels, colorType=skia.kRGBA_8888_ColorType)
    canvas = surface.getCanvas()
    canvas.scale(size, size)
    clothes.draw_backdrop(canvas, person)
    canvas.translate(person.centre_x, person.centre_y)
    _draw_behind(canvas, person, face)
    _draw_head(canvas, person, face)
    return pixels[..., :3].copy()


def _draw_behind(canvas: Any, person: Person, face: Face) -> None:
    """Hair on the shoulders, body and neck, which move less than the head."""
    canvas.save()
    canvas.translate(face.x * 0.8, face.y * 0.8)
    canvas.rotate(face.roll_deg * 0.8, 0, 0.33)
    hair.draw_back(canvas, person)
    canvas.restore()
    canvas.save()
    canvas.translate(face.x * 0.25, face.y * 0.25)
    clothes.draw_body(canvas, person)
    head.draw_neck(canvas, person)
    clothes.draw_collar(canvas, person)
    hair.draw_wrap(canvas, person)
    canvas.restore()


def _draw_head(canvas: Any, person: Person, face: Face) -> None:
    canvas.save()
    canvas.translate(face.x, face.y)
    canvas.rotate(face.roll_deg, 0, 0.33)  # about the neck
    outline = head.face_path(person, face)
    head.draw_ears(canvas, person)
    head.draw_skin(canvas, person, face, outline)
    head.draw_nose(canvas, person, face)
    head.draw_folds(canvas, person, face)
    head.draw_beard(canvas, person, face, outline)
    features.draw_mouth(canvas, person, face)
    for side in (-1, 1):
        features.draw_eye(canvas, person, face, side)
    hair.draw_front(canvas, person, face, outline)
    for side in (-1, 1):
        features.draw_brow(canvas, person, face, side)
    features.draw_glasses(canvas, person, face)
    canvas.restore()
