"""Painted lids become as even as the skin around them; all else stays, to the bit."""

import numpy as np
import pytest
from numpy.typing import NDArray

from actalker.eyelids import evened
from actalker.full_size import Sources
from actalker.shapes import Box

FACE = Box(20, 20, 140, 160)
LID = np.s_[60:72, 50:80]
CREASE, LASH, IRIS = np.s_[56:57, 50:80], np.s_[73:76, 50:80], np.s_[62:70, 100:110]
BROWN = {"fair": (236, 188, 160), "dark": (120, 72, 46)}


def scene(skin: str) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float16]]:
    """Portrait, one frame with a blotched lid over a lash, and where the frame agrees with the portrait."""
    light = np.linspace(0.9, 1.1, 180)[:, None, None]
    portrait = (np.broadcast_to(light * BROWN[skin], (180, 160, 3))).astype(np.float32).clip(0, 250)
    portrait[CREASE] *= 0.9
    frame = portrait.copy()
    portrait[LID] = 240, 240, 245  # the eye is open
    frame[LID] += np.random.default_rng(0).uniform(-0.08, 0.08, (12, 30, 1)) * frame[LID]
    frame[LASH] = 25, 20, 20
    frame[IRIS] = 90, 120, 60
    agreement = np.ones((180, 160), np.float16)
    agreement[54:78, 46:84] = 0
    agreement[IRIS] = 0
    return portrait, frame.round().astype(np.uint8), agreement


@pytest.mark.parametrize("skin", BROWN)
def test_a_lid_is_as_even_as_skin_and_lash_crease_and_iris_stay(skin: str) -> None:
    portrait, frame, agreement = scene(skin)
    sources = Sources(np.zeros((1, 180, 160, 2), np.float16), agreement[None])
    (result,), better = evened(frame[None], sources, portrait, FACE)
    skin_there = np.linspace(0.9, 1.1, 180)[60:72, None, None] * BROWN[skin]
    before, after = (np.abs(x[LID] - skin_there).mean() for x in (frame, result))
    assert after < 0.35 * before
    for part in (LASH, IRIS):
        assert np.abs(result[part].astype(int) - frame[part]).max() <= 3
    assert np.abs(result[CREASE] - portrait[CREASE]).max() <= 2
    assert np.array_equal(result[90:], frame[90:]), "the lower half"
    assert np.array_equal(result[20:50, 85:95], frame[20:50, 85:95]), "what the portrait shows"
    assert better.agreement[0][CREASE].mean() > 0.8 > better.agreement[0][LID].mean(), (
        "sharp where the portrait is skin"
    )


def test_a_frame_that_is_the_portrait_stays_it() -> None:
    portrait, _, _ = scene("fair")
    frames = portrait.round().astype(np.uint8)[None]
    sources = Sources(np.ones((1, 180, 160, 2), np.float16), np.ones((1, 180, 160), np.float16))
    result, same = evened(frames, sources, portrait, FACE)
    assert np.array_equal(result, frames)
    assert np.array_equal(same.flow, sources.flow)
    assert np.array_equal(same.agreement, sources.agreement)
