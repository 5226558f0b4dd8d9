"""The photograph is Grace Hopper's official portrait by James S. Davis, US Navy, 1984: in the public domain."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from actalker.puppet.drawing import draw
from actalker.puppet.person import person
from tasks.picture.photograph import is_photograph
from tests.course import ROOT

pytestmark = pytest.mark.numeric

PHOTOGRAPH = Path(__file__).parent / "pictures/grace-hopper.jpg"


@pytest.mark.parametrize("edge", [128, 256, 512, 600])
def test_a_photograph_of_any_size_is_known(edge: int) -> None:
    with Image.open(PHOTOGRAPH) as image:
        assert is_photograph(np.asarray(image.resize((edge, edge))))


def test_a_soft_photograph_is_known() -> None:
    with Image.open(PHOTOGRAPH) as image:
        assert is_photograph(np.asarray(cv2.GaussianBlur(np.asarray(image), (0, 0), 3)))


def test_drawn_heads_are_not_taken_for_photographs() -> None:
    drawn = [draw(person(seed), size=size) for seed in range(40) for size in (256, 512)]
    assert not any(map(is_photograph, drawn))


@pytest.mark.parametrize("portrait", sorted((ROOT / "examples").glob("*/portraits/*.png")), ids=lambda path: path.stem)
def test_the_examples_are_not_taken_for_photographs(portrait: Path) -> None:
    with Image.open(portrait) as image:
        assert not is_photograph(np.asarray(image.convert("RGB")))
