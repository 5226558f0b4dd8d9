"""Face parameters over time: the mouth from speech, everything else from a seed, independent of speech."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from actalker.puppet.espeak import Speech
from actalker.puppet.face import Face
from actalker.puppet.visemes import FPS, visemes

Curve = npt.NDArray[np.float64]

_BLINK = np.array([0.45, 1.0, 1.0, 0.7, 0.3])  # 200 ms: it closes faster than it opens
_HEAD_SHIFT = 0.006  # fractions of the picture's width
_HEAD_ROLL_DEG = 1.1


def performance(speech: Speech, seed: int, frames: int) -> list[Face]:
    """One `Face` per frame of 1/25 s."""
    mouth, gesture = visemes(speech, frames), gestures(seed, frames)
    return [Face(*map(float, (*mouth[k], *gesture[k]))) for k in range(frames)]  # in the order of Face's fields


def gestures(seed: int, frames: int) -> Curve:
    """Brow, blink, smile, gaze x, gaze y, shift x, shift y, roll, yaw: (frames, 9)."""
    rng = np.random.default_rng([seed, 0x51A7])
    brow = np.clip(_smooth_noise(rng, frames, 0.35) * 0.35 + _events(rng, frames, every_s=2.5, hold_s=0.7), -1, 1)
    smile = np.clip(
        0.2 + _smooth_noise(rng, frames, 0.35) * 0.45 + _events(rng, frames, every_s=3.5, hold_s=1.2) * 0.6, -0.2, 1
    )
    gaze_x, gaze_y = _saccades(rng, frames) * 0.55, _saccades(rng, frames) * 0.35
    shift_x, shift_y = _smooth_noise(rng, frames, 0.30) * _HEAD_SHIFT, _smooth_noise(rng, frames, 0.35) * _HEAD_SHIFT
    roll, yaw = _smooth_noise(rng, frames, 0.30) * _HEAD_ROLL_DEG, _smooth_noise(rng, frames, 0.25) * 0.35
    return np.stack([brow, blinks(rng, frames), smile, gaze_x, gaze_y, shift_x, shift_y, roll, yaw], axis=1)


def _smooth_noise(rng: np.random.Generator, frames: int, bandwidth_hz: float) -> Curve:
    """Smooth noise of about unit size (frames,): three sines of random phase, up to the bandwidth."""
    seconds = np.arange(frames) / FPS
    rates = bandwidth_hz * np.array([0.35, 0.65, 1.0]) * rng.uniform(0.8, 1.2, 3)
    waves = np.sin(2 * np.pi * (rates * seconds[:, None] + rng.uniform(0, 1, 3)))
    return np.asarray(waves @ np.array([0.6, 0.5, 0.35]))


def _events(rng: np.random.Generator, frames: int, every_s: float, hold_s: float) -> Curve:
    """Raised-cosine bumps of random size at random times: (frames,)."""
    curve, at = np.zeros(frames), rng.exponential(every_s)
    moments = np.arange(frames) / FPS
    while at < frames / FPS:
        length = hold_s * rng.uniform(0.7, 1.5)
        phase = np.clip((moments - at) / length, 0, 1)
        curve += rng.uniform(0.6, 1.0) * 0.5 * (1 - np.cos(2 * np.pi * phase))
        at += length + rng.exponential(every_s)
    return curve


def blinks(rng: np.random.Generator, frames: int) -> Curve:
    """How far the eyelids are shut, 0 to 1 (frames,): blinks of 200 ms, every 1.2 to 4 s."""
    curve, at = np.zeros(frames + len(_BLINK)), int(rng.integers(5, 50))
    while at < frames:
        curve[at : at + len(_BLINK)] = _BLINK
        at += int(rng.integers(30, 100))
    return curve[:frames]


def _saccades(rng: np.random.Generator, frames: int) -> Curve:
    """Gaze (frames,) that jumps within two frames and then holds. In 55 % of the holds it is at the viewer."""
    curve, at = np.zeros(frames), 0
    while at < frames:
        hold = int(rng.integers(15, 60))
        curve[at : at + hold] = rng.uniform(-1, 1) * (rng.uniform() < 0.45)
        at += hold
    return np.convolve(np.pad(curve, (1, 1), mode="edge"), [0.25, 0.5, 0.25], mode="valid")


def signal(faces: Sequence[Face], name: str) -> Curve:
    """One field of the faces as a curve over the frames (n,)."""
    return np.array([getattr(face, name) for face in faces])
