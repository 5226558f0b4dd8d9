import numpy as np
import pytest
import torch

from actalker.encoders.small import MOTION_SIGNALS, VISEMES, SmallEncoders
from actalker.encoders.widths import SmallWidths
from actalker.puppet.clip import training_clip
from actalker.training.takes import FRAMES, FootageTakes, PuppetTakes, Video
from tests.actalker.rounding import rounding_of
from tests.actalker.weights_by_rule import relative_error

pytestmark = pytest.mark.numeric

SIZE = 64


@pytest.fixture(scope="module")
def video() -> Video:
    clip = training_clip(11, 90)
    return Video(clip.pictures(SIZE), clip.audio(), clip.person.face_box(SIZE))


def test_a_stretch_of_a_drawn_take_is_that_stretch_of_the_whole() -> None:
    takes = PuppetTakes(SIZE)
    whole, part = takes.take(2), takes.take(2, 5, 9)
    assert whole.pictures.shape == (FRAMES, SIZE, SIZE, 3)
    assert np.array_equal(part.pictures, whole.pictures[5:9])
    assert np.array_equal(part.spoken, whole.spoken[5:9])
    assert torch.equal(part.other_motion, whole.other_motion[5:9])


def test_drawn_heads_hold_still_and_sound_moves_nothing_but_the_mouth() -> None:
    take = PuppetTakes(SIZE).take(2)
    crown, brows, mouth = (slice(None, SIZE // 12), slice(SIZE * 7 // 20, SIZE * 2 // 5), slice(SIZE // 2, None))
    assert np.ptp(take.motion[:, MOTION_SIGNALS.index("yaw")].numpy()) > 0
    for pictures in (take.pictures, take.spoken):
        assert np.array_equal(pictures[:, crown], np.broadcast_to(take.portrait[crown], pictures[:, crown].shape))
        assert np.ptp(pictures[:, mouth].astype(int), axis=0).max() > 30
    assert np.ptp(take.pictures[:, brows].astype(int), axis=0).max() > 30
    assert np.array_equal(take.spoken[:, brows], np.broadcast_to(take.portrait[brows], take.spoken[:, brows].shape))


def test_the_other_speaker_makes_the_same_gestures_with_another_mouth() -> None:
    take = PuppetTakes(SIZE).take(2)
    mouth = [MOTION_SIGNALS.index(name) for name in VISEMES]
    rest = [i for i in range(len(MOTION_SIGNALS)) if i not in mouth]
    assert torch.equal(take.motion[:, mouth], take.audio)
    assert torch.equal(take.motion[:, rest], take.other_motion[:, rest])
    assert not torch.equal(take.motion[:, mouth], take.other_motion[:, mouth])


def test_the_signals_of_footage_belong_to_its_frames(video: Video) -> None:
    torch.manual_seed(0)
    encoders = SmallEncoders(SmallWidths())
    takes = FootageTakes([video], encoders, SIZE)
    for index in range(4):
        whole, part = takes.take(index), takes.take(index, 10, 14)
        assert np.array_equal(part.pictures, whole.pictures[10:14])
        assert relative_error(part.motion, whole.motion[10:14]) < rounding_of(encoders.motion_encoder)
        assert relative_error(part.audio, whole.audio[10:14]) < rounding_of(encoders.audio_encoder)
        (start,) = [k for k in range(90 - FRAMES + 1) if np.array_equal(video.frames[k], whole.pictures[0])]
        assert 0 <= start <= 90 - FRAMES


def test_footage_that_is_too_short_is_refused(video: Video) -> None:
    with pytest.raises(ValueError, match="63 frames are too few"):
        Video(video.frames[:63], video.sound, video.box)
