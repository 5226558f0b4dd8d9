"""A small meter of the voice in the corner of the picture: five bars with round ends on a dark, translucent pill."""

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.job import SAMPLE_RATE, SAMPLES_PER_FRAME

BANDS_HZ = (90, 250, 500, 1000, 2000, 4500)
"""The edges of the five bars, from the chest of the voice to its edge."""
FLOOR_DB, CEILING_DB = -58.0, -22.0
"""The loudness of a band, against a full-scale sine, at which its bar begins to rise, and at which it is full."""

BLACK, WHITE, GREY = 16, 228, 128
"""Luma of the pill and the bars, and the chroma of both, in limited range."""
OPACITY = 0.42
STEPS = 32

Plane = NDArray[np.uint8]


def voice_levels(samples: NDArray[np.int16]) -> NDArray[np.float64]:
    """How full the meter's bars are: (frames, bars), 0 to 1. A frame without sound, nor any beside it, has zeros."""
    frames = samples.reshape(-1, SAMPLES_PER_FRAME) / 32768.0
    window = np.hanning(SAMPLES_PER_FRAME)
    spectrum = np.abs(np.fft.rfft(frames * window)) / (window.sum() / 2)
    pitches_hz = np.fft.rfftfreq(SAMPLES_PER_FRAME, 1 / SAMPLE_RATE)
    edges = np.searchsorted(pitches_hz, BANDS_HZ)
    power = np.add.reduceat(spectrum**2, edges, axis=1)[:, :-1]
    decibels = 10 * np.log10(power + 1e-12)
    levels = np.clip((decibels - FLOOR_DB) / (CEILING_DB - FLOOR_DB), 0, 1)
    beside = np.pad(levels, ((1, 1), (0, 0)), mode="edge")
    return 0.25 * beside[:-2] + 0.5 * levels + 0.25 * beside[2:]


class Meter:
    """Draws itself into the planes of a picture of this size; everything that does not change is drawn once, here."""

    def __init__(self, width: int, height: int) -> None:
        unit = min(width, height) / 100
        self._bar, gap = max(2, round(0.9 * unit)), max(1, round(0.8 * unit))
        pad, tall = round(2.2 * unit), max(4, round(5.0 * unit))
        self._left = pad + np.arange(len(BANDS_HZ) - 1) * (self._bar + gap)
        rows, columns = _even(tall + 2.2 * unit), _even(self._left[-1] + self._bar + pad)
        corner = _even(4 * unit)
        self._luma = slice(corner, corner + rows), slice(corner, corner + columns)
        self._chroma = tuple(slice(part.start // 2, part.stop // 2) for part in self._luma)
        self._pill = _capsule((rows, columns), columns, rows) * OPACITY
        self._shapes = [_capsule((rows, self._bar), self._bar, h) for h in np.linspace(self._bar, tall, STEPS)]

    def draw(self, luma: Plane, chroma: tuple[Plane, Plane], levels: NDArray[np.float64]) -> None:
        """Draw the bars; an empty one is a dot."""
        light = np.zeros_like(self._pill)
        for left, level in zip(self._left, levels, strict=True):
            light[:, left : left + self._bar] = self._shapes[round(level * (STEPS - 1))]
        keep = (1 - self._pill) * (1 - light)
        place = luma[self._luma]
        place[:] = place * keep + BLACK * self._pill * (1 - light) + WHITE * light + 0.5
        keep = cv2.resize(keep, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        for plane in chroma:
            place = plane[self._chroma]
            place[:] = place * keep + GREY * (1 - keep) + 0.5


def _even(pixels: float) -> int:
    return 2 * round(pixels / 2)


def _capsule(size: tuple[int, int], width: float, height: float) -> NDArray[np.float32]:
    """How much of every pixel a rectangle with round ends covers, in the middle of (rows, columns): 0 to 1."""
    y, x = np.indices(size) - (np.array(size)[:, None, None] - 1) / 2
    radius = min(width, height) / 2
    beside, above = np.abs(x) - (width / 2 - radius), np.abs(y) - (height / 2 - radius)
    outside = np.hypot(np.maximum(beside, 0), np.maximum(above, 0))
    coverage: NDArray[np.float32] = np.clip(radius - outside + 0.5, 0, 1).astype(np.float32)
    return coverage
