"""What a stretch of speech sounds like, whoever says it: the shape of its spectrum, and which frames are silence.

Shape legend: n frames; c = 64 numbers (32 mel bands and their slopes).
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 16_000
HOP: Final = 320
"""Samples per frame: 20 ms."""

MS_PER_FRAME: Final = 1000 * HOP // RATE

_WINDOW: Final = 400
_FFT: Final = 512
_MELS: Final = 32
_FLOOR: Final = 1e-8
_BLOCK_FRAMES: Final = 4096
_SLOPE_FRAMES: Final = 2
_QUIETEST_FLOOR_DB: Final = -65.0


@dataclass(frozen=True, slots=True)
class Features:
    """A stretch of sound. `vectors` is `[n, c]` of unit length; `silent` is `[n]`."""

    vectors: NDArray[np.float32]
    silent: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.silent)


def features(samples: NDArray[np.int16]) -> Features:
    """Describe sound, int16 `[samples]` at `RATE`, by frames of `HOP`.

    Logarithms of mel bands without the loudness that they share, normalised to zero mean and unit variance over the
    speech in the stretch: that takes out the speaker's voice and the room to a good part.
    """
    sound = np.pad(samples.astype(np.float32) / 32768, (_WINDOW // 2, _WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[::HOP][: len(samples) // HOP]
    blocks = [_log_mels(frames[start : start + _BLOCK_FRAMES]) for start in range(0, len(frames), _BLOCK_FRAMES)]
    if not blocks:
        return Features(np.zeros((0, 2 * _MELS), np.float32), np.zeros(0, np.bool_))
    log_mels = np.concatenate(blocks)
    silent = _silent(10 / np.log(10) * log_mels.max(axis=1))
    shapes = log_mels - log_mels.mean(axis=1, keepdims=True)
    padded = np.pad(shapes, ((_SLOPE_FRAMES, _SLOPE_FRAMES), (0, 0)), mode="edge")
    vectors = np.concatenate([shapes, padded[2 * _SLOPE_FRAMES :] - padded[: -2 * _SLOPE_FRAMES]], axis=1)
    if not silent.all():
        vectors = (vectors - vectors[~silent].mean(axis=0)) / (vectors[~silent].std(axis=0) + 1e-3)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-6
    return Features(vectors.astype(np.float32), silent)


def _log_mels(frames: NDArray[np.floating]) -> NDArray[np.float32]:
    spectrum = np.fft.rfft(frames * np.hanning(_WINDOW).astype(np.float32), _FFT, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2) / _WINDOW
    return np.asarray(np.log(power.astype(np.float32) @ _mel_filters() + _FLOOR))


def _silent(levels_db: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Frames much nearer to the quietest tenth than to the loudest one; none where no 10 dB are between them."""
    floor = max(float(np.percentile(levels_db, 10)), _QUIETEST_FLOOR_DB)
    loud = float(np.percentile(levels_db, 90))
    threshold = floor + 0.2 * (loud - floor) if loud - floor > 10 else _QUIETEST_FLOOR_DB
    return np.asarray(levels_db < threshold)


@cache
def _mel_filters() -> NDArray[np.float32]:
    """Triangles on the mel scale, 80 Hz to 7.6 kHz, `[fft // 2 + 1, mels]`."""
    lowest, highest = (2595 * math.log10(1 + frequency / 700) for frequency in (80, 7600))
    mels = np.linspace(lowest, highest, _MELS + 2)
    centres = 700 * (10 ** (mels / 2595) - 1)
    frequencies = np.fft.rfftfreq(_FFT, 1 / RATE)[:, None]
    rising = (frequencies - centres[:-2]) / (centres[1:-1] - centres[:-2])
    falling = (centres[2:] - frequencies) / (centres[2:] - centres[1:-1])
    return np.asarray(np.maximum(0, np.minimum(rising, falling)), dtype=np.float32)
