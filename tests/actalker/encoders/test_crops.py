"""Masks, guide and crops from a face box; the arithmetic of boxes and sizes."""

import pytest
import torch

from actalker.encoders.crops import crop, guide_picture, region_masks
from actalker.shapes import Box, Size, render_size
from tests.actalker.rounding import HALF_UNIT

pytestmark = pytest.mark.numeric

SIZE, FACE = Size(128, 192), Box(50, 20, 110, 80)


def test_both_gates_share_the_enlarged_face():
    audio, motion = region_masks(FACE, SIZE, (True, True))
    assert audio.sum() == motion.sum() == 72 * 36, "the box of 60 x 60 grows to 72 x 72"
    assert (audio[50:86, 44:116] == 1).all(), "the lower half speaks"
    assert (motion[14:50, 44:116] == 1).all()


@pytest.mark.parametrize("opened", [0, 1])
def test_a_single_open_gate_has_the_whole_face(opened):
    masks = region_masks(FACE, SIZE, [k == opened for k in range(2)])
    assert masks[opened].sum() == 72 * 72
    assert masks[1 - opened].sum() == 0


def test_the_released_rule_gives_everything_to_both_and_nothing_else():
    assert region_masks(FACE, SIZE, (True, True), "released").all()
    single = region_masks(FACE, SIZE, (True, False), "released")
    assert torch.equal(single, region_masks(FACE, SIZE, (True, False), "paper"))
    with pytest.raises(ValueError, match="not 'both'"):
        region_masks(FACE, SIZE, (True, True), "both")


def test_the_guide_is_white_where_the_face_is():
    portrait = torch.rand(3, 128, 192)
    guide = guide_picture(FACE, portrait, "box")
    assert guide.shape == (3, 128, 192)
    assert guide.sum() == 3 * 60 * 60
    assert (guide[:, 20:80, 50:110] == 1).all()
    seen = guide_picture(FACE, portrait, "portrait")
    assert torch.equal(seen, guide * portrait)


def test_the_guide_may_say_where_in_the_face_a_place_is():
    place = guide_picture(FACE, torch.rand(3, 128, 192), "place")
    white = guide_picture(FACE, torch.zeros(3, 128, 192), "box")
    assert torch.equal(place[0], white[0])
    assert not place[:, white[0] == 0].any()
    assert (place[1, 50, 50], place[1, 50, 109]) == (0, 1)  # left to right
    assert (place[2, 20, 80], place[2, 79, 80]) == (0, 1)  # top to bottom


def test_a_crop_is_the_box_resized_and_cut_to_the_picture():
    picture = torch.zeros(1, 3, 128, 192)
    picture[:, :, 20:80, 50:110] = 0.5
    resized = crop(picture, FACE, 32)
    assert resized.shape == (1, 3, 32, 32)
    assert (resized - 0.5).abs().max() < 8 * HALF_UNIT  # a mean of halves, and nothing of the black around them
    assert crop(picture, Box(-10, -10, 30, 30), 16).shape == (1, 3, 16, 16)


def test_a_box_follows_the_picture_when_it_is_resized():
    assert FACE.scaled(SIZE, Size(64, 96)) == Box(25, 10, 55, 40)
    assert Box(0, 0, 100, 100).enlarged(3, 2, Size(120, 120)) == Box(0, 0, 120, 120)


def test_impossible_boxes_and_sizes_are_refused():
    with pytest.raises(ValueError, match="empty box: columns 5 to 5"):
        Box(5, 0, 5, 10)
    with pytest.raises(ValueError, match="outside a picture of 128 x 192"):
        Box(200, 0, 220, 20).within(SIZE)
    with pytest.raises(ValueError, match="multiples of 8"):
        Size(100, 128).latent(8)


@pytest.mark.parametrize(
    ("picture", "expected"),
    [(Size(1080, 1920), Size(576, 1024)), (Size(1000, 1000), Size(576, 576)), (Size(1280, 720), Size(1024, 576))],
    ids=str,
)
def test_the_render_size_has_the_short_edge_and_nearly_the_aspect(picture, expected):
    assert render_size(picture, 576, 64) == expected
    assert expected.latent(8) == Size(expected.height // 8, expected.width // 8)
