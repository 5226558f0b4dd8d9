"""Driving videos: which frame plays when, where the face is, how much it movement."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.errors import BadInput
from tasks.job import FPS
from tasks.media.lossless import LosslessWriter
from tasks.picture.driving import driver_of, driving_frames, movement_of
from tasks.picture.portrait import find_faces
from tasks.picture.preflight import usable_face
from tests.tasks.renderers.test_still import PORTRAIT

pytestmark = pytest.mark.numeric


def film(path: Path, frames: int, light: float = 1.0) -> Path:
    """The portrait, getting brighter."""
    with Image.open(PORTRAIT) as image:
        picture = np.asarray(image.convert("RGB").resize((256, 256)))
    with LosslessWriter(path, 256, 256) as writer:
        for number in range(frames):
            writer.write((picture * light * (0.5 + 0.5 * number / frames)).astype(np.uint8))
    return path


def test_a_short_driving_video_goes_forwards_and_backwards(tmp_path: Path) -> None:
    video = film(tmp_path / "driving.avi", 6)
    light = driving_frames(video, 3, 14, driver_of(video, "").length).mean(axis=(1, 2, 3))
    steps = np.sign(np.diff(light)).astype(int)
    assert steps.tolist() == [1, 1, -1, -1, -1, -1, -1, 1, 1, 1]  # frames 3 4 5 4 3 2 1 0 1 2 3
    assert len({round(float(value), 3) for value in light}) == 6


def test_a_drivers_face_has_one_box_whatever_a_single_frame_says(tmp_path: Path) -> None:
    with Image.open(PORTRAIT) as image:
        picture = np.asarray(image.convert("RGB").resize((256, 256)))
    video = tmp_path / "driving.avi"
    with LosslessWriter(video, 256, 256) as writer:
        for number in range(5 * FPS):  # a second of nothing, one with the head elsewhere, three with it in its place
            shifted = np.roll(picture, 40, axis=1) if number < 2 * FPS else picture
            writer.write(shifted if number >= FPS else np.zeros_like(picture))
    driver, face = driver_of(video, ""), usable_face(picture, find_faces(picture))
    assert driver.length == 5 * FPS
    assert abs(driver.face.left - face.left) < 5  # the file has half the colours
    assert abs(driver.face.bottom - face.bottom) < 5


def test_a_driver_stirs_where_the_picture_changes_forwards_and_backwards(tmp_path: Path) -> None:
    video = tmp_path / "driving.avi"
    with LosslessWriter(video, 64, 64) as writer:
        for light in (50, 50, 90, 100):
            writer.write(np.full((64, 64, 3), light, np.uint8))
    still, leap, step = movement_of(video, "movement", 4)[1:]
    assert still == 0
    assert leap > 3 * step > 0
    assert movement_of(video, "movement", 10) == (0, still, leap, step, step, leap, still, still, leap, step)


def test_a_driving_video_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.avi").write_text("no video at all")
    with pytest.raises(BadInput, match=r"notes\.avi"):
        movement_of(tmp_path / "notes.avi", "notes", 10)
