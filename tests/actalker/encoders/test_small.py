import numpy as np
import pytest
import torch

from actalker.encoders.small import (
    HEARINGS,
    MOTION_SIGNALS,
    VISEMES,
    AudioEncoder,
    IdentityEncoder,
    SmallEncoders,
    face_crops,
    frame_mel,
    late,
    log_mel,
    surroundings,
    warped_filters,
)
from actalker.encoders.widths import SmallWidths
from actalker.shapes import Box
from tests.actalker.rounding import HALF_UNIT, rounding, rounding_of
from tests.actalker.weights_by_rule import relative_error

pytestmark = pytest.mark.numeric


def _tone(seconds: float, hertz: float) -> torch.Tensor:
    return 0.5 * torch.sin(2 * np.pi * hertz * torch.arange(round(16000 * seconds)) / 16000)


def test_a_tone_is_loudest_in_its_own_filter() -> None:
    low, high = (log_mel(_tone(1.0, hertz))[50].argmax() for hertz in (300.0, 3000.0))
    assert low < 15
    assert high > 40


def test_a_frame_does_not_depend_on_how_loud_the_rest_is() -> None:
    quiet, loud = _tone(2.0, 500.0), _tone(2.0, 500.0)
    loud[24000:] *= 2
    assert relative_error(log_mel(loud)[:140], log_mel(quiet)[:140]) < rounding(400)  # samples in a window


def test_silence_is_zero() -> None:
    assert not log_mel(torch.zeros(6400)).any()
    assert log_mel(_tone(0.4, 500.0)).min() >= 0


def test_what_a_frame_hears_lies_evenly_around_its_middle() -> None:
    torch.manual_seed(0)
    encoder, mel = AudioEncoder().double(), torch.zeros(1, 1200, 80, dtype=torch.float64, requires_grad=True)
    encoder(mel)[0, 150].sum().backward()
    assert mel.grad is not None
    influence = mel.grad[0].abs().sum(1)
    (heard,) = torch.nonzero(influence > 1e-10 * influence.max(), as_tuple=True)  # the sums are rounded
    first, last = int(heard[0]), int(heard[-1])
    assert (first + last) / 2 == 4 * 150 + 2  # steps are 10 ms, frames 40 ms
    assert last - first == 2 * (36 + 200)  # convolutions, and the mean over the surroundings
    assert influence[602 - 36 : 602 + 37].sum() > 10 * influence[602 + 37 :].sum()


def test_surroundings_are_the_mean_of_two_seconds_on_either_side() -> None:
    torch.manual_seed(0)
    level = torch.rand(2, 80, 900)
    reference = torch.stack([level[..., max(0, t - 200) : t + 201].mean(-1) for t in range(900)], -1)
    assert relative_error(surroundings(level), reference) < rounding(401)
    assert surroundings(torch.zeros(1, 80, 40, device="meta")).device.type == "meta"


def test_a_rest_of_less_than_a_frame_is_dropped() -> None:
    assert frame_mel(torch.zeros(640 * 3 + 100)).shape == (12, 80)


def test_a_longer_vocal_tract_moves_a_tone_down() -> None:
    tone = _tone(1.0, 1000.0)
    peaks = [int(log_mel(tone, warp)[50].argmax()) for warp in (-4, 0, 4)]
    assert peaks == sorted(set(peaks), reverse=True)
    filters = warped_filters(3)
    assert relative_error(filters.sum(1), warped_filters(0).sum(1)) < rounding(201)  # as loud


def test_what_is_late_begins_with_silence() -> None:
    sound = torch.arange(1.0, 8.0)
    assert late(sound, 2).tolist() == [0, 0, 1, 2, 3, 4, 5]
    assert late(sound, -2).tolist() == [3, 4, 5, 6, 7, 0, 0]
    assert late(sound, 0).tolist() == sound.tolist()


def test_what_is_heard_is_the_mean_of_all_hearings() -> None:
    torch.manual_seed(0)
    encoder, sound = AudioEncoder(32).eval(), torch.randn(640 * 30 + 99)
    with torch.no_grad():
        one_by_one = [encoder(frame_mel(late(sound, samples), warp)[None])[0] for samples, warp in HEARINGS]
        assert relative_error(encoder.hear(sound), torch.stack(one_by_one).mean(0)) < rounding_of(encoder)
    assert len(one_by_one[0]) == 30
    assert np.sum(HEARINGS, axis=0).tolist() == [0, 0]  # on the whole, neither late nor of another vocal tract


def test_encoders_offer_tokens_of_the_stated_shapes() -> None:
    torch.manual_seed(0)
    encoders = SmallEncoders(SmallWidths(tokens=32, audio_tokens=3)).eval()
    box = Box(40, 30, 90, 100)
    with torch.no_grad():
        assert encoders.audio(torch.zeros(6400)).shape == (10, 3, 32)
        assert encoders.identity(torch.rand(3, 128, 128), box).shape == (1, 32)
        assert encoders.motion(torch.rand(5, 3, 128, 128), box).shape == (5, 1, 32)
        audio, motion = encoders.unconditional()
    assert audio.shape == (3, 32)
    assert motion.shape == (1, 32)


def test_a_resting_mouth_and_face_are_not_what_nothing_is_said_of() -> None:
    """Else a pause in speech would look like having no condition, which is answered with the average mouth."""
    torch.manual_seed(0)
    encoders = SmallEncoders(SmallWidths()).eval()
    audio, motion = encoders.unconditional()
    with torch.no_grad():
        resting = encoders.audio_tokens(torch.zeros(len(VISEMES))), encoders.lids(torch.zeros(1))[0]
    assert (resting[0] - audio).norm(dim=-1).min() > 1
    assert (resting[1] - motion).norm() > 0.1


def test_identity_lies_on_the_unit_sphere_and_heads_have_their_sizes() -> None:
    crops = torch.rand(4, 3, 64, 64) * 2 - 1
    identities = IdentityEncoder()(crops)
    assert (identities.norm(dim=1) - 1).abs().max() < rounding(identities.shape[1])
    assert AudioEncoder()(torch.zeros(2, 40, 80)).shape == (2, 10, len(VISEMES))
    assert len(MOTION_SIGNALS) == 11


def test_crops_are_scaled_to_the_encoders_range() -> None:
    crops = face_crops(torch.ones(1, 3, 100, 100), Box(30, 30, 70, 70))
    assert crops.shape == (1, 3, 64, 64)
    assert (crops - 1).abs().max() < 8 * HALF_UNIT  # a mean of ones


def test_nothing_is_made_on_another_device_than_the_sounds() -> None:
    """`meta` stands in for a GPU: a tensor that is made on the CPU cannot meet one of another device."""
    assert log_mel(torch.zeros(16_000, device="meta")).device.type == "meta"
