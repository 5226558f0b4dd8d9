"""Photographs are told from drawings by their grain."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from actalker.puppet.drawing import draw
from actalker.puppet.person import person
from tasks.picture.photograph import is_photograph
from tasks.picture.portrait import find_faces
from tests.course import ROOT
from tests.photographs import GRACE, dark, portraits

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize("edge", [128, 256, 512, 600])
def test_a_photograph_of_any_size_is_known(edge: int) -> None:
    with Image.open(GRACE) as image:
        assert is_photograph(np.asarray(image.resize((edge, edge))))


def test_a_soft_photograph_is_known() -> None:
    with Image.open(GRACE) as image:
        assert is_photograph(np.asarray(cv2.GaussianBlur(np.asarray(image), (0, 0), 3)))


def test_a_face_before_an_even_background_is_known() -> None:
    """Most of the picture has no grain then: the face tells."""
    picture = portraits()["grace"]
    (face,) = find_faces(picture)
    box = face.box
    wall = np.full_like(picture, 200)
    wall[box.top : box.bottom, box.left : box.right] = picture[box.top : box.bottom, box.left : box.right]
    assert not is_photograph(wall)
    assert is_photograph(wall, face.points)
    assert is_photograph(dark(picture), find_faces(dark(picture))[0].points)


def test_drawn_faces_are_not_taken_for_photographs() -> None:
    for seed in range(24):
        picture = draw(person(seed), size=512)
        assert not is_photograph(picture, find_faces(picture)[0].points)


def test_drawn_heads_are_not_taken_for_photographs() -> None:
    drawn = [draw(person(seed), size=size) for seed in range(40) for size in (256, 512)]
    assert not any(map(is_photograph, drawn))


@pytest.mark.parametrize("portrait", sorted((ROOT / "examples").glob("*/portraits/*.png")), ids=lambda path: path.stem)
def test_the_examples_are_not_taken_for_photographs(portrait: Path) -> None:
    with Image.open(portrait) as image:
        assert not is_photograph(np.asarray(image.convert("RGB")))
