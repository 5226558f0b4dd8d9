"""From sounds and gestures to expressions: smooth, and in a joint the same from both sides."""

import numpy as np
import pytest

from actalker.draft.expression import Expression
from actalker.draft.signals import HEAD, expressions, mouth_shapes, sway

pytestmark = pytest.mark.numeric

JOINT = 8


def test_a_joint_is_heard_by_itself_and_goes_over_into_the_rest() -> None:
    rng = np.random.default_rng(0)
    joint, left, right = (rng.uniform(0, 1, (frames, 4)) for frames in (JOINT, 60, 50))
    quiet = np.zeros((JOINT, 4))
    before, after = mouth_shapes(left, quiet, joint), mouth_shapes(right, joint, quiet)
    assert np.array_equal(before[-JOINT:], after[:JOINT])
    assert not before[:JOINT].any()
    same = mouth_shapes(left, left[:JOINT], left[-JOINT:])
    assert np.abs(np.diff(same, axis=0)).max() < 1


def test_lips_that_are_hardly_open_touch_and_shapes_stay_in_range() -> None:
    heard = np.tile([[0.035, -2.0, 1.7, -0.2]], (30, 1))
    shapes = mouth_shapes(heard, np.zeros((0, 4)), np.zeros((0, 4)))
    assert shapes[0].tolist() == [0, -1, 1, 0]


def test_the_head_sways_smoothly_by_its_seed_and_rests_in_no_joint() -> None:
    first, second = sway(1, 9, 100, JOINT), sway(2, 9, 120, JOINT)
    for name, far in HEAD.items():
        assert np.allclose(first[name][-JOINT:], second[name][:JOINT])
        assert np.allclose(first[name][:JOINT], second[name][:JOINT])
        assert np.abs(first[name]).max() < 1.4 * far
        assert np.abs(np.diff(first[name])).max() < 0.15 * far
        assert np.ptp(first[name]) > 0.1 * far
        assert not np.array_equal(first[name][20:60], second[name][20:60])


@pytest.mark.parametrize("frames", [18, 19, 30, 250])
def test_stretches_of_any_length_have_smooth_heads(frames: int) -> None:
    for name, curve in sway(3, 4, frames, JOINT).items():
        assert curve.shape == (frames,)
        assert np.abs(np.diff(curve)).max() < 0.3 * HEAD[name]


def test_expressions_have_their_signals_in_place() -> None:
    mouth = np.zeros((40, 4))
    mouth[15:25] = 0.8, 0.1, 0.2, 0.3
    blink = np.linspace(0, 1, 40)
    made = expressions(mouth, blink, sway(1, 2, 40, JOINT), JOINT)
    assert made[20].open == 0.8
    assert made[20].tongue == 0.3
    assert made[20].close == made[0].close == 1
    assert [one.blink for one in made] == blink.tolist()
    assert made[20].brow > made[0].brow == 0
    assert made[20] != Expression()
    held = expressions(mouth, blink, None, JOINT)
    assert all((one.yaw, one.nod, one.roll, one.x, one.y) == (0, 0, 0, 0, 0) for one in held)
    assert held[20].brow == made[20].brow
