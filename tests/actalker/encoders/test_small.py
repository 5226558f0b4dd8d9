import numpy as np
import torch

from actalker.encoders.small import (
    MOTION_SIGNALS,
    WINDOW,
    AudioEncoder,
    IdentityEncoder,
    SmallEncoders,
    face_crops,
    log_mel,
    mel_windows,
)
from actalker.encoders.widths import SmallWidths
from actalker.shapes import Box


def _tone(seconds: float, hertz: float) -> torch.Tensor:
    return 0.5 * torch.sin(2 * np.pi * hertz * torch.arange(round(16000 * seconds)) / 16000)


def test_a_tone_is_loudest_in_its_own_filter() -> None:
    low, high = (log_mel(_tone(1.0, hertz))[50].argmax() for hertz in (300.0, 3000.0))
    assert low < 15
    assert high > 40


def test_a_frame_does_not_depend_on_how_loud_the_rest_is() -> None:
    quiet, loud = _tone(2.0, 500.0), _tone(2.0, 500.0)
    loud[24000:] *= 2
    assert torch.allclose(log_mel(quiet)[:140], log_mel(loud)[:140])


def test_windows_are_centred_on_their_frames() -> None:
    sound = torch.zeros(640 * 20)
    sound[640 * 10 : 640 * 11] = _tone(0.04, 1000.0)
    windows = mel_windows(sound)
    assert windows.shape == (20, WINDOW, 80)
    loudest = windows.amax(2).argmax(1)
    assert 20 <= loudest[10] <= 24  # the frame's own four steps, and the edges of the analysis window
    assert loudest[9] == loudest[10] + 4
    assert loudest[12] == loudest[10] - 8


def test_a_rest_of_less_than_a_frame_is_dropped() -> None:
    assert len(mel_windows(torch.zeros(640 * 3 + 100))) == 3


def test_encoders_offer_tokens_of_the_stated_shapes() -> None:
    torch.manual_seed(0)
    encoders = SmallEncoders(SmallWidths(tokens=32, audio_tokens=3)).eval()
    box = Box(40, 30, 90, 100)
    with torch.no_grad():
        assert encoders.audio(torch.zeros(6400)).shape == (10, 3, 32)
        assert encoders.identity(torch.rand(3, 128, 128), box).shape == (1, 32)
        assert encoders.motion(torch.rand(5, 3, 128, 128), box).shape == (5, 1, 32)
        audio, motion = encoders.silence()
    assert audio.shape == (3, 32)
    assert motion.shape == (1, 32)


def test_identity_lies_on_the_unit_sphere_and_heads_have_their_sizes() -> None:
    crops = torch.rand(4, 3, 64, 64) * 2 - 1
    assert torch.allclose(IdentityEncoder()(crops).norm(dim=1), torch.ones(4), atol=1e-5)
    assert AudioEncoder().visemes(torch.zeros(2, WINDOW, 80)).shape == (2, 4)
    assert len(MOTION_SIGNALS) == 11


def test_crops_are_scaled_to_the_encoders_range() -> None:
    crops = face_crops(torch.ones(1, 3, 100, 100), Box(30, 30, 70, 70))
    assert crops.shape == (1, 3, 64, 64)
    assert torch.allclose(crops, torch.ones_like(crops))
