from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from actalker.puppet.drawing import draw
from actalker.puppet.face import Face
from actalker.puppet.measure import region_box
from actalker.puppet.person import Beard, Hair, person

PORTRAITS = Path(__file__).parents[3] / "examples/course/portraits"


def test_a_person_is_a_pure_function_of_the_seed() -> None:
    assert person(7) == person(7)
    assert len({person(seed) for seed in range(200)}) == 200


def test_two_hundred_people_wear_every_hair_and_beard() -> None:
    people = [person(seed) for seed in range(200)]
    assert {p.hair for p in people} == set(Hair)
    assert {p.beard for p in people} == set(Beard)


@pytest.mark.parametrize("hair", list(Hair))
def test_every_style_is_drawn_opaque_and_the_same_each_time(hair: Hair) -> None:
    someone = replace(person(3), hair=hair)
    first = draw(someone, Face(open=0.4), 96)
    assert first.shape == (96, 96, 3)
    assert np.array_equal(first, draw(someone, Face(open=0.4), 96))


@pytest.mark.parametrize(("name", "seed"), [("mara", 115), ("jonas", 114), ("aisha", 109)])
def test_the_example_portraits_are_these_people(name: str, seed: int) -> None:
    stored = np.asarray(Image.open(PORTRAITS / f"{name}.png"))
    assert np.abs(stored.astype(int) - draw(person(seed), size=1024)).max() <= 2  # Skia's rounding differs by processor


def test_opening_the_mouth_darkens_the_mouth_and_leaves_the_eyes() -> None:
    someone = person(20)
    closed, opened = draw(someone), draw(someone, Face(open=0.9))
    left, top, right, bottom = region_box(someone, "mouth", 256)
    assert opened[top:bottom, left:right].mean() < closed[top:bottom, left:right].mean() - 3
    assert np.array_equal(opened[:100], closed[:100])


def test_a_blink_changes_the_eyes_alone() -> None:
    someone = person(20)
    changed = (draw(someone) != draw(someone, Face(blink=1.0))).any(-1)
    left, top, right, bottom = region_box(someone, "eyes", 256)
    inside = changed[top:bottom, left:right].sum()
    assert inside > 200
    assert changed.sum() == inside
