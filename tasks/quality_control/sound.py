"""The sound of a video: missing, clipped, with clicks. Taken in block by block; a few numbers a frame are held.

n: frames of the video.
"""

from collections.abc import Iterable, Iterator
from itertools import chain

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.job import FPS, SAMPLES_PER_FRAME, Score
from tasks.quality_control.curves import longest_run
from tasks.speech.programme import levels

Samples = NDArray[np.int16]

_FULL = 32768.0
_SILENT_DB = -55
"""The finished sound has between -23 and -14 LUFS: speech below this is not heard."""
_PEAKS_IN_FRAME = 4
"""Peaks are taken of 10 ms: of one or two pulses of a voice."""
_LOUD = 0.3
"""Of the highest peaks: those above this are of loud speech, and the upper half of them is compared."""
_CLIP_FRAMES, _LEAST_LOUD = 10 * FPS, 60
"""Peaks are compared over so many frames, if there are so many loud ones."""
_TICK = 48
"""Samples: clicks are looked for in steps of a millisecond."""
_NEAR_TICKS, _FAR_TICKS = 3, 20
"""A click stands out of what is further away than the first and no further than the second: a voice repeats itself."""
_ORDER = 6
"""The sixth difference of the samples shows what is above 12 kHz, where speech has little and a click as much as
anywhere."""
_LEAST_EDGE = 0.05
"""Of full scale: softer edges count as this."""


class Sound:
    """The sound of a video, mono at 48 kHz.

    Attributes:
        levels: (n,) The loudness of every frame in whole dBFS.
    """

    def __init__(self, blocks: Iterable[Samples]) -> None:
        self.levels: list[int] = []
        peaks: list[NDArray[np.float32]] = []
        edges: list[NDArray[np.float32]] = []
        before = np.zeros(_ORDER, np.int16)
        for second in _whole(blocks, FPS * SAMPLES_PER_FRAME):
            self.levels += levels(second)
            scaled = np.abs(second.astype(np.float32)) / _FULL
            peaks.append(scaled.reshape(-1, SAMPLES_PER_FRAME // _PEAKS_IN_FRAME).max(axis=1))
            edges.append(_edges(np.concatenate([before, second])))
            before = second[-_ORDER:]
        nothing = np.zeros(0, np.float32)
        self._peaks, self._edges = np.concatenate([nothing, *peaks]), np.concatenate([nothing, *edges])

    def scores(self, expected: NDArray[np.bool_]) -> dict[str, Score]:
        """What was found.

        Args:
            expected: (n,) Where there must be sound, for somebody speaks.
        """
        found = {"sound_missing_ms": self._missing(expected)}
        if self._edges.size:
            found["click"] = self._click()
        if spread := self._peak_spread():
            found["peak_spread_db"] = spread
        return found

    def _missing(self, expected: NDArray[np.bool_]) -> Score:
        heard = np.full(len(expected), -120)
        heard[: min(len(expected), len(self.levels))] = self.levels[: len(expected)]
        run, start = longest_run(expected & (heard < _SILENT_DB))
        return Score(run * 1000 / FPS, start)

    def _peak_spread(self) -> Score | None:
        """How much the peaks of loud speech differ, as a standard deviation in dB, in the worst stretch of 10 s.

        The tops of clipped speech are all equally high. The final encode makes ripples on them, and hides nothing.
        """
        worst: Score | None = None
        window = _CLIP_FRAMES * _PEAKS_IN_FRAME
        for start in range(0, max(1, len(self._peaks) - window // 2), window):
            peaks = self._peaks[start : start + window]
            loud = np.sort(peaks[peaks > max(_LOUD * np.percentile(peaks, 99.5), 1e-3)]) if peaks.size else peaks
            if len(loud) >= _LEAST_LOUD:
                spread_db = float(20 * np.log10(loud[len(loud) // 2 :]).std())
                found = Score(spread_db, (start + int(peaks.argmax())) // _PEAKS_IN_FRAME)
                worst = min(worst or found, found)
        return worst

    def _click(self) -> Score:
        """The sharpest edge, over the sharpest one shortly before and after it."""
        edges = np.pad(self._edges, _FAR_TICKS)
        reach = np.ones((1, 2 * _FAR_TICKS + 1), np.uint8)
        reach[:, _FAR_TICKS - _NEAR_TICKS : _FAR_TICKS + _NEAR_TICKS + 1] = 0
        near = cv2.dilate(edges[None], reach)[0]
        ratio = (edges / np.maximum(near, _LEAST_EDGE))[_FAR_TICKS:-_FAR_TICKS]
        return Score(float(ratio.max()), int(ratio.argmax()) * _TICK // SAMPLES_PER_FRAME)


def _edges(samples: Samples) -> NDArray[np.float32]:
    """The largest difference of order `_ORDER` in every millisecond, of full scale.

    Args:
        samples: With `_ORDER` more at the beginning.
    """
    differences = np.abs(np.diff(samples.astype(np.float32) / _FULL, n=_ORDER))
    return np.asarray(differences.reshape(-1, _TICK).max(axis=1), np.float32)


def _whole(blocks: Iterable[Samples], size: int) -> Iterator[Samples]:
    """The samples in pieces of `size`; the last one is filled up with silence to whole frames."""
    held: list[Samples] = []
    count = 0
    for block in chain(blocks, [None]):
        if block is not None:
            held.append(block)
            count += len(block)
            if count < size:
                continue
        joined = np.concatenate(held) if held else np.zeros(0, np.int16)
        whole = len(joined) // size * size
        for start in range(0, whole, size):
            yield joined[start : start + size]
        held, count = [joined[whole:]], len(joined) - whole
    if count:
        yield np.pad(held[0], (0, -count % SAMPLES_PER_FRAME))
