"""Face detection: a real photograph is found offline, and every unusable portrait is refused with its numbers."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from actalker.encoders.faces import (
    Face,
    FaceError,
    FaceLimits,
    HaarDetector,
    YuNetDetector,
    _from_row,
    check_box,
    select_face,
)
from actalker.shapes import Box, Size

pytestmark = pytest.mark.numeric

PICTURE, GOOD = Size(600, 800), Box(300, 200, 500, 420)


def test_the_cascades_load_and_a_blank_picture_has_no_face():
    assert HaarDetector().detect(np.full((200, 200, 3), 128, np.uint8)) == []


def test_a_usable_face_is_its_box():
    assert select_face([Face(GOOD, 0.1)], PICTURE, FaceLimits()) == GOOD


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        ([], "no face found in a picture of 600 x 800"),
        (
            [Face(GOOD, 0), Face(Box(0, 0, 90, 90), 0)],
            r"2 faces found \(columns 300 to 500, rows 200 to 420; columns 0",
        ),
        ([Face(Box(10, 10, 60, 60), 0)], "too small: 50 x 50 pixels in a picture of 600 x 800; at least 64 pixels"),
        ([Face(Box(10, 10, 80, 80), 0)], "too small: 70 x 70 pixels .* 12% of the short edge"),
        ([Face(GOOD, 0.8)], "turned away: 0.80 of a profile, at most 0.50"),
    ],
)
def test_unusable_portraits_are_refused_with_the_numbers(faces, message):
    with pytest.raises(FaceError, match=message):
        select_face(faces, PICTURE, FaceLimits())


def test_a_box_by_hand_is_checked_too():
    assert check_box(GOOD, PICTURE, FaceLimits()) == GOOD
    with pytest.raises(
        FaceError, match=r"columns 300 to 900, rows 200 to 420\) reaches out of the picture of 600 x 800"
    ):
        check_box(Box(300, 200, 900, 420), PICTURE, FaceLimits())
    with pytest.raises(FaceError, match="too small"):
        check_box(Box(0, 0, 40, 40), PICTURE, FaceLimits())


def test_yunets_landmarks_tell_how_far_a_face_is_turned():
    def row(nose):
        return np.array([300, 200, 200, 220, 350, 280, 450, 280, nose, 330, 360, 380, 440, 380, 0.9], np.float32)

    assert _from_row(row(400), PICTURE) == Face(Box(300, 200, 500, 420), 0.0)
    assert _from_row(row(440), PICTURE).turn == pytest.approx(0.8)
    assert _from_row(row(470), PICTURE).turn == 1.0


def test_a_missing_model_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no YuNet model at"):
        YuNetDetector(tmp_path / "yunet.onnx")


PORTRAITS = sorted((Path(__file__).parents[3] / "examples" / "course" / "portraits").glob("*.png"))


def opened(path):
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.mark.parametrize("path", PORTRAITS, ids=lambda path: path.stem)
def test_the_cascades_find_the_one_face_of_each_example_portrait(path):
    picture = opened(path)
    size = Size(*picture.shape[:2])
    box = select_face(HaarDetector().detect(picture), size, FaceLimits())
    assert box.left < size.width // 2 < box.right
    assert box.top < size.height // 2 < box.bottom
    assert 0.3 < box.size.width / size.width < 0.7


def test_two_people_in_one_picture_are_counted():
    both = np.concatenate([opened(PORTRAITS[0]), opened(PORTRAITS[1])], axis=1)
    found = HaarDetector().detect(both)
    assert [face.turn for face in found] == [0.0, 0.0]
    assert sorted(face.box.left // 512 for face in found) == [0, 1]
    with pytest.raises(FaceError, match="2 faces found"):
        select_face(found, Size(*both.shape[:2]), FaceLimits())


def test_the_examples_are_there():
    assert len(PORTRAITS) >= 3
