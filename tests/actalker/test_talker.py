"""The talker end to end on tiny random weights: shapes, determinism, gates, spans, refusals."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from actalker.checkpoint import PARTS, Options, PictureConfig, read_config, save_checkpoint
from actalker.encoders.build import EncodersConfig
from actalker.encoders.widths import PublishedWidths
from actalker.interpolation import double_frame_rate
from actalker.sampling import CancelledError, Guidance, Sampling, Schedule
from actalker.shapes import Box, Size
from actalker.talker import Controls, Talker
from actalker.training.demo import DEMO
from tests.actalker.test_weights import TINY_CHECKPOINT

pytestmark = pytest.mark.numeric

FACE = Box(20, 12, 60, 56)
CONFIG = replace(
    TINY_CHECKPOINT,
    encoders=EncodersConfig(
        PublishedWidths(
            tokens=64, whisper=24, audio_hidden=16, arcface=4, arcface_counts=(1, 1, 1, 1), identity_hidden=16
        )
    ),
    picture=PictureConfig(short_edge=64, multiple=32),
    options=Options(
        Sampling(
            steps=2,
            schedule=Schedule(0.02, 20.0),
            guidance=Guidance(1.0, (1.0, 1.0)),
            window=4,
            padding=0,
        )
    ),
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("talker")
    save_checkpoint(path, CONFIG, {part: CONFIG.build(part).state_dict() for part in PARTS})
    return path


@pytest.fixture(scope="module")
def talker(directory):
    return Talker.load(directory)


@pytest.fixture
def scene():
    rng = np.random.default_rng(0)
    portrait = rng.integers(0, 255, (80, 120, 3), np.uint8)
    return portrait, rng.normal(0, 0.1, 8_000).astype(np.float32)


def render(talker, scene, controls, **keywords):
    portrait, audio = scene
    plan = talker.plan(Size(*portrait.shape[:2]), len(audio), controls, talker.options)
    noise = torch.randn(plan.noise_shape, generator=torch.Generator().manual_seed(7))
    return talker.generate(portrait, audio, controls, talker.options, noise, **keywords)


def test_the_plan_and_the_frames_agree(talker, scene):
    controls = Controls(FACE)
    plan = talker.plan(Size(80, 120), 8_000, controls, talker.options)
    assert (plan.frames, plan.generated, plan.size, plan.noise_shape) == (12, 6, Size(64, 96), (6, 4, 8, 12))
    frames = render(talker, scene, controls)
    assert frames.shape == (12, 64, 96, 3)
    assert frames.dtype == np.uint8


def test_the_same_inputs_give_the_same_frames_and_sound_matters(talker, scene):
    portrait, audio = scene
    frames = render(talker, scene, Controls(FACE))
    assert np.array_equal(frames, render(talker, scene, Controls(FACE)))
    assert not np.array_equal(frames, render(talker, (portrait, audio[::-1].copy()), Controls(FACE)))


def driven(frames, **keywords):
    return Controls(FACE, driving=frames, driving_face=Box(10, 10, 50, 50), **keywords)


def test_closed_gates_shut_their_signals_out_of_the_pixels(talker, scene):
    portrait, audio = scene
    rng = np.random.default_rng(1)
    one, other = rng.integers(0, 255, (2, 4, 64, 64, 3), np.uint8)
    few = {"span": (0, 4)}
    assert np.array_equal(render(talker, scene, driven(one, **few)), render(talker, scene, driven(other, **few)))
    by_motion = {"audio_gate": False, "motion_gate": True}
    moved = render(talker, scene, driven(one, **by_motion))
    assert np.array_equal(moved, render(talker, (portrait, -audio), driven(one, **by_motion)))
    assert not np.array_equal(moved, render(talker, scene, driven(other, **by_motion)))
    both = render(talker, scene, driven(one, motion_gate=True, **few))
    assert not np.array_equal(both, moved)


def test_a_span_hears_its_surroundings(talker, scene):
    portrait, audio = scene
    controls = Controls(FACE, span=(4, 8))
    assert talker.plan(Size(80, 120), 8_000, controls, talker.options).frames == 4
    assert render(talker, scene, controls).shape[0] == 4
    before = audio.copy()
    before[: 4 * 640] = 0
    assert not np.array_equal(render(talker, scene, controls), render(talker, (portrait, before), controls))


def test_motion_alone_needs_no_sound(talker, scene):
    frames = np.random.default_rng(2).integers(0, 255, (4, 64, 64, 3), np.uint8)
    controls = driven(frames, audio_gate=False, motion_gate=True)
    plan = talker.plan(Size(80, 120), 0, controls, talker.options)
    assert talker.generate(scene[0], None, controls, talker.options, torch.randn(plan.noise_shape)).shape[0] == 4


def test_a_warm_up_needs_no_inputs(talker):
    talker.warm_up()


def test_progress_and_cancel_reach_the_caller(talker, scene):
    seen = []
    render(talker, scene, Controls(FACE), on_step=lambda done, of: seen.append((done, of)))
    assert seen == [(1, 2), (2, 2)]
    with pytest.raises(CancelledError):
        render(talker, scene, Controls(FACE), cancelled=lambda: True)


def test_bfloat16_gives_nearly_the_same_picture(directory, talker, scene):
    exact = render(talker, scene, Controls(FACE)).astype(float)
    rounded = render(Talker.load(directory, dtype=torch.bfloat16), scene, Controls(FACE)).astype(float)
    # Of the generated frames; those between follow a flow that random weights make arbitrary.
    assert np.abs(exact - rounded)[::2].mean() < 2


def test_what_cannot_be_rendered_is_refused(talker, scene):
    portrait, audio = scene
    with pytest.raises(ValueError, match="both gates are closed"):
        Controls(FACE, audio_gate=False)
    with pytest.raises(ValueError, match="needs driving frames"):
        Controls(FACE, motion_gate=True)
    with pytest.raises(ValueError, match="frames 0 to 13 cannot be rendered: there are 12"):
        talker.plan(Size(80, 120), 8_000, Controls(FACE, span=(0, 13)), talker.options)
    with pytest.raises(ValueError, match="frames 0 to 0 cannot be rendered"):
        talker.plan(Size(80, 120), 600, Controls(FACE), talker.options)
    with pytest.raises(ValueError, match="needs sound"):
        talker.generate(portrait, None, Controls(FACE), talker.options, torch.zeros(1))
    with pytest.raises(ValueError, match="lids are for a closed motion gate"):
        driven(np.zeros((4, 64, 64, 3), np.uint8), motion_gate=True, lids=np.zeros(4, np.float32))
    with pytest.raises(ValueError, match="for 12 of a talker that may take none"):  # it blinks by itself
        render(talker, scene, Controls(FACE, lids=np.zeros(12, np.float32)))
    with pytest.raises(ValueError, match="noise has shape"):
        talker.generate(portrait, audio, Controls(FACE), talker.options, torch.zeros(3, 4, 8, 12))


def moving_bar(frames):
    pictures = np.full((frames, 64, 96, 3), 40, np.uint8)
    for i in range(frames):
        pictures[i, 16:48, 8 + 8 * i : 24 + 8 * i] = 220
    return pictures


def test_frames_between_lie_half_way():
    frames = moving_bar(4)
    result = double_frame_rate(frames)
    assert result.shape == (8, 64, 96, 3)
    assert np.array_equal(result[::2], frames)
    for i in range(3):  # the bar's left edge moves by 8 pixels a frame
        middle = result[2 * i + 1, 32, :, 0].astype(float)
        edge = np.argmax(middle > 130)
        assert abs(edge - (8 + 8 * i + 4)) <= 1
        blended = (frames[i, 32, :, 0].astype(float) + frames[i + 1, 32, :, 0]) / 2
        truth = np.full(96, 40.0)
        truth[12 + 8 * i : 28 + 8 * i] = 220
        assert np.abs(middle - truth).mean() < 0.5 * np.abs(blended - truth).mean(), "nearer than a plain average"


def test_small_pictures_are_averaged():
    frames = np.stack([np.full((8, 8, 3), 10, np.uint8), np.full((8, 8, 3), 20, np.uint8)])
    assert (double_frame_rate(frames)[1] == 15).all()


def test_the_demos_classes_talk_too(tmp_path, scene):
    torch.manual_seed(0)
    sampling = replace(DEMO.options.sampling, steps=1)
    config = replace(
        DEMO,
        picture=replace(DEMO.picture, short_edge=128),
        options=replace(DEMO.options, sampling=sampling),
    )
    save_checkpoint(tmp_path, config, {part: config.build(part).state_dict() for part in PARTS})
    talker = Talker.load(tmp_path)
    controls = Controls(FACE, span=(2, 6))
    plan = talker.plan(Size(80, 120), 8_000, controls, talker.options)
    assert (plan.frames, plan.generated, plan.noise_shape) == (4, 4, (4, 64, 8, 12)), "25 frames a second, no padding"
    assert render(talker, scene, controls).shape == (4, 128, 192, 3)
    assert read_config(tmp_path) == config
    assert talker.takes_lids
    shut, half = (render(talker, scene, replace(controls, lids=np.full(4, lid, np.float32))) for lid in (1, 0.5))
    assert not np.array_equal(shut, half)
    with pytest.raises(ValueError, match="lids of 3 frames, for 4"):
        render(talker, scene, replace(controls, lids=np.zeros(3, np.float32)))
