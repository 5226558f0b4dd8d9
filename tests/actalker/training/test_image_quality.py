import math

import numpy as np
import pytest

from actalker.shapes import Box
from actalker.training.image_quality import Pictures, image_quality

pytestmark = pytest.mark.numeric

FACE = Box(8, 8, 56, 56)


def moving_bar() -> Pictures:
    """A dark bar that moves down one pixel a frame, on a flat wall."""
    truth = np.full((6, 64, 64, 3), 180, np.uint8)
    for k, frame in enumerate(truth):
        frame[20 + k : 24 + k, 20:40] = 40
    return truth


def test_the_truth_itself_is_clean() -> None:
    truth = moving_bar()
    found = image_quality(truth, truth, FACE)
    assert (found.grain, found.flicker) == (0, 0)
    assert found.psnr_db > 80


def test_speckle_on_a_flat_wall_is_grain_and_a_shade_is_not() -> None:
    truth = moving_bar()
    speckled, shaded = truth.copy(), truth.copy()
    speckled[2, 40:50:3, 10:50:3] += 30
    shaded[2] += 30
    assert image_quality(speckled, truth, FACE).grain > 3
    assert image_quality(shaded, truth, FACE).grain < 1e-3  # grey levels: nothing but rounding
    assert image_quality(shaded, truth, FACE).flicker > 10


def test_grain_is_that_of_the_worst_frame() -> None:
    truth = moving_bar()
    once, always = truth.copy(), truth.copy()
    once[3, 44:50:2, 12:50:2] += 20
    always[:, 44:50:2, 12:50:2] += 20
    in_one, in_all = (image_quality(made, truth, FACE).grain for made in (once, always))
    assert in_one == pytest.approx(in_all, rel=0.1)  # a mean over frames would be a sixth
    assert image_quality(always, truth, FACE).flicker == 0  # it does not change


def test_what_stays_behind_costs_decibels_where_something_moves() -> None:
    truth = moving_bar()
    stuck = np.repeat(truth[:1], len(truth), axis=0)
    assert image_quality(stuck, truth, FACE).psnr_db < 15
    assert image_quality(stuck, truth, FACE).grain > 5  # the bar that should have gone
    assert math.isnan(image_quality(stuck, stuck, FACE).psnr_db)


def test_only_the_face_is_looked_at() -> None:
    truth = moving_bar()
    elsewhere = truth.copy()
    elsewhere[:, :6] = 255
    assert image_quality(elsewhere, truth, FACE) == image_quality(truth, truth, FACE)
