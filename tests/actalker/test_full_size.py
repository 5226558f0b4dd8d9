"""The demo's frames at the portrait's own size: as sharp as it where they agree with it, no sharper elsewhere."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import actalker
from actalker.full_size import Sources, enlarge, fitted, lost_detail
from actalker.interpolation import double_frame_rate
from actalker.puppet.clip import held_out_clip
from actalker.puppet.drawing import draw
from actalker.puppet.measure import region_box
from actalker.puppet.person import Person, person
from actalker.shapes import Size
from actalker.talker import Controls, Picture, Talker
from tasks.picture.portrait import find_faces
from tasks.picture.preflight import usable_face

DEMO = Path(actalker.__file__).parent / "checkpoints/demo"
FRAMES = 7
"""Odd: the network draws every second frame."""


def textured(height: int, width: int) -> NDArray[np.float32]:
    noise = np.random.default_rng(0).normal(128, 60, (height, width, 3)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.0), np.float32).clip(0, 255)


def sources(frames: int, size: Size, right: float = 0.0, agreement: float = 1.0) -> Sources:
    flow = np.zeros((frames, size.height, size.width, 2), np.float16)
    flow[..., 0] = right
    return Sources(flow, np.full((frames, size.height, size.width), agreement, np.float16))


@pytest.fixture
def whole() -> NDArray[np.float32]:
    return textured(96, 144)


@pytest.fixture
def small(whole: NDArray[np.float32]) -> Picture:
    return cv2.resize(whole, (48, 32), interpolation=cv2.INTER_AREA).round().astype(np.uint8)


def test_a_head_at_rest_is_the_portrait(whole: NDArray[np.float32], small: Picture) -> None:
    lost = lost_detail(whole, small.astype(np.float32))
    for frame in enlarge(np.stack([small] * 3), sources(3, Size(32, 48)), lost):
        assert np.abs(frame - whole).max() <= 0.5


def test_detail_moves_with_what_it_belongs_to(whole: NDArray[np.float32], small: Picture) -> None:
    lost = lost_detail(whole, small.astype(np.float32))
    moved = np.roll(small, -1, axis=1)  # by one pixel, which is three of the portrait's
    (frame,) = enlarge(moved[None], sources(1, Size(32, 48), right=1.0), lost)
    assert np.abs(frame[:, 12:-12] - whole[:, 15:-9]).max() <= 1


def test_what_is_painted_anew_is_only_enlarged(whole: NDArray[np.float32], small: Picture) -> None:
    lost = lost_detail(whole, small.astype(np.float32))
    (frame,) = enlarge(small[None], sources(1, Size(32, 48), agreement=0.0), lost)
    difference = frame.astype(int) - fitted(small, Size(96, 144))
    assert np.abs(difference).max() <= 1  # OpenCV enlarges bytes in fixed point


def test_sources_double_like_frames() -> None:
    frames = np.zeros((3, 32, 48, 3), np.uint8)
    flow = np.arange(3, dtype=np.float16)[:, None, None, None] * np.ones((3, 32, 48, 2), np.float16)
    doubled = Sources(flow, flow[..., 0]).doubled(6)
    assert len(doubled.flow) == len(doubled.agreement) == len(double_frame_rate(frames))
    assert doubled.flow[:, 0, 0, 0].tolist() == [0, 0.5, 1, 1.5, 2, 2]
    assert len(Sources(flow, flow[..., 0]).doubled(5).agreement) == 5


@pytest.fixture(scope="module")
def someone() -> Person:
    return person(4)


@pytest.fixture(scope="module")
def portrait(someone: Person) -> Picture:
    return draw(someone, size=768)


def rendered(talker: Talker, portrait: Picture, size: Size) -> tuple[Picture, Picture]:
    """A few frames as the network draws them, and in another size."""
    sound = np.random.default_rng(1).normal(0, 0.05, FRAMES * 640).astype(np.float32)
    controls = Controls(usable_face(portrait, find_faces(portrait)), lids=np.zeros(FRAMES, np.float32))
    plan = talker.plan(Size(*portrait.shape[:2]), len(sound), controls, talker.options)
    noise = torch.randn(plan.noise_shape, generator=torch.Generator().manual_seed(0))
    drawn = talker.generate(portrait, sound, controls, talker.options, noise)
    return drawn, np.stack(list(talker.draw(size, portrait, sound, controls, talker.options, noise).pictures()))


def sharpness(picture: Picture) -> float:
    return float(np.abs(cv2.Laplacian(picture.astype(np.float32), cv2.CV_32F)).mean())


def test_the_demos_eyes_are_nearly_as_sharp_as_the_portraits(someone: Person, portrait: Picture) -> None:
    drawn, frames = rendered(Talker.load(DEMO), portrait, Size(768, 768))
    assert frames.shape == (FRAMES, 768, 768, 3)
    left, top, right, bottom = region_box(someone, "eyes", 768)
    eyes = (slice(top, bottom), slice(left, right))
    asked = sharpness(portrait[eyes])
    assert sharpness(fitted(drawn[3], Size(768, 768))[eyes]) < 0.6 * asked  # what it would be without the detail
    assert 0.7 * asked < sharpness(frames[3][eyes]) < 1.1 * asked


def test_at_the_networks_own_size_and_below_nothing_is_added(portrait: Picture) -> None:
    talker = Talker.load(DEMO)
    drawn, frames = rendered(talker, portrait, Size(256, 256))
    assert np.array_equal(drawn, frames)
    drawn, frames = rendered(talker, portrait, Size(128, 128))
    assert np.array_equal(frames[0], fitted(drawn[0], Size(128, 128)))


def test_a_clip_is_the_same_generated_and_drawn_with_its_lids_evened_in_both() -> None:
    talker, clip = Talker.load(DEMO), held_out_clip(7, FRAMES)
    lids = np.linspace(0, 1, FRAMES).astype(np.float32)
    controls, sound, size = Controls(clip.person.face_box(256), lids=lids), clip.audio(), Size(256, 256)
    plan = talker.plan(size, len(sound), controls, talker.options)
    inputs = (clip.portrait(256), sound, controls, talker.options, torch.zeros(plan.noise_shape))
    drawn = talker.draw(size, *inputs)
    finished = np.stack(list(drawn.pictures()))
    assert np.array_equal(finished, talker.generate(*inputs))
    changed = np.abs(finished.astype(int) - drawn.generated)[-1].max(-1)
    assert changed[: clip.person.face_box(256).middle_row].max() > 4
    assert not changed[clip.person.face_box(256).middle_row :].any()
