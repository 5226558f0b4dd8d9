"""ITU-R BS.1770-5 written down a second time, without ffmpeg: what loudness is checked against."""

import numpy as np
from numpy.typing import NDArray

_RATE = 48_000
# The two filters of annex 1, tables 1 and 2, for 48 kHz.
_SHELF = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
_HIGH_PASS = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))


def integrated_lufs(sound: NDArray[np.float64]) -> float:
    """Gated loudness of (channels, samples) at 48 kHz, full scale 1."""
    weighted = _k_weighted(sound)
    block, step = _RATE * 4 // 10, _RATE // 10
    starts = range(0, sound.shape[1] - block + 1, step)
    energy = np.array([(weighted[:, start : start + block] ** 2).mean(axis=1).sum() for start in starts])
    loudness = -0.691 + 10 * np.log10(np.maximum(energy, 1e-12))
    above = energy[loudness > -70]
    relative = -0.691 + 10 * np.log10(above.mean()) - 10
    return float(-0.691 + 10 * np.log10(energy[(loudness > -70) & (loudness > relative)].mean()))


def true_peak_dbtp(sound: NDArray[np.float64]) -> float:
    """The highest point of the curve through the samples, at eight times the rate, by Fourier interpolation."""
    highest = 0.0
    for channel in sound:
        for start in range(0, len(channel), _RATE):
            piece = channel[max(0, start - 2048) : start + _RATE + 2048]
            spectrum = np.fft.rfft(piece)
            highest = max(highest, np.abs(np.fft.irfft(spectrum, 8 * len(piece))).max() * 8)
    return float(20 * np.log10(highest))


def _k_weighted(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    size = sound.shape[1] + _RATE  # room for the filters' tails: no wrap into the beginning
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(size))
    response = np.ones_like(z)
    for numerator, denominator in (_SHELF, _HIGH_PASS):
        response *= np.polyval(numerator[::-1], z) / np.polyval(denominator[::-1], z)
    return np.fft.irfft(np.fft.rfft(sound, size) * response, size)[:, : sound.shape[1]]
