"""The head moves as one, what is far from it does not, and a segment's joints move as their neighbours show them."""

import numpy as np

from actalker.draft.signals import sway
from actalker.head_movement import Movement, moved
from actalker.puppet.drawing import draw
from actalker.puppet.person import person
from actalker.shapes import Box

SIDE = 256
FACE = Box(64, 56, 190, 182)
PORTRAIT = draw(person(4), size=SIDE)


def shown(roll: float = 0.0, right: float = 0.0, down: float = 0.0) -> np.ndarray:
    (frame,) = moved(iter([PORTRAIT]), FACE, Movement(*(np.array([value]) for value in (roll, right, down))))
    return frame.astype(int)


def test_a_head_at_rest_is_as_it_was() -> None:
    assert np.array_equal(shown(), PORTRAIT)


def test_the_face_moves_as_one_and_the_corners_stay() -> None:
    frame = shown(right=3, down=2)
    inside = (slice(90, 150), slice(100, 160))
    assert np.abs(frame[92:152, 103:163] - PORTRAIT[inside]).max() <= 1
    for corner in ((slice(20), slice(20)), (slice(20), slice(-20, None))):
        assert np.abs(frame[corner] - PORTRAIT[corner]).max() <= 1


def test_it_turns_clockwise_about_the_neck() -> None:
    upper, neck = (slice(40, 80), slice(60, 196)), (slice(FACE.bottom - 2, FACE.bottom + 2), slice(120, 136))
    right = shown(roll=0.02)
    left_px = np.abs(right[upper] - shown(right=2)[upper]).mean()
    assert left_px < np.abs(right[upper] - shown(right=-2)[upper]).mean()
    assert np.abs(right[neck] - PORTRAIT[neck]).mean() < 1


def test_neighbours_move_alike_where_they_overlap() -> None:
    joint = 8
    before, after = sway(1, 7, 60, joint), sway(2, 7, 90, joint)
    for name, curve in before.items():
        assert np.allclose(curve[-joint:], after[name][:joint])
        assert np.abs(np.diff(curve)).max() < 0.01
