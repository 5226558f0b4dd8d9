"""The programme's sound on disk: written as it comes, measured on the way, and searched for pauses."""

import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tasks.job import OVERLAP_FRAMES, SAMPLE_RATE, SAMPLES_PER_FRAME, SILENCE_FRAMES

SILENCE_DBFS: Final = -120
MIN_PAUSE_FRAMES: Final = OVERLAP_FRAMES + 2 * SILENCE_FRAMES
"""The shortest silence that a joint fits into without touching the words on either side."""

_BLOCK_SAMPLES: Final = 1500 * SAMPLES_PER_FRAME
"""A minute: an hour's recording is measured without copies of all of it."""

_QUIETEST_FLOOR_DBFS = -70
_MIN_RANGE_DB = 10


class Programme:
    """A sound in the making, mono 16-bit at `SAMPLE_RATE`, always a whole number of video frames long."""

    def __init__(self, file: wave.Wave_write) -> None:
        self._file = file
        self.levels: list[int] = []

    @property
    def frames(self) -> int:
        """Its length so far."""
        return len(self.levels)

    def add(self, samples: NDArray[np.int16]) -> int:
        """Append sound, filled up with silence to whole frames; the frame that it starts on."""
        start = self.frames
        for first in range(0, len(samples), _BLOCK_SAMPLES):
            block = samples[first : first + _BLOCK_SAMPLES]
            padded = np.pad(block, (0, -len(block) % SAMPLES_PER_FRAME))
            self._file.writeframes(padded.astype("<i2").tobytes())
            self.levels += levels(padded)
        return start

    def rest(self, frames: int) -> None:
        """Append digital silence."""
        self.add(np.zeros(frames * SAMPLES_PER_FRAME, dtype=np.int16))


@contextmanager
def programme(wav: Path) -> Iterator[Programme]:
    """A programme that is at its place when the block ends, whole or not at all."""
    unfinished = wav.with_suffix(".part")
    with wave.open(str(unfinished), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        yield Programme(file)
    unfinished.replace(wav)


def levels(samples: NDArray[np.int16]) -> list[int]:
    """The root mean square of every frame in whole dBFS. `samples` is `[frames * SAMPLES_PER_FRAME]`."""
    power = np.square(samples.reshape(-1, SAMPLES_PER_FRAME), dtype=np.float64).mean(axis=1) / 32768**2
    silence = 10 ** (SILENCE_DBFS / 10)
    return [round(level) for level in 10 * np.log10(np.maximum(power, silence))]


def pauses(frame_levels: Sequence[int], min_frames: int = MIN_PAUSE_FRAMES) -> list[tuple[int, int]]:
    """The stretches of a recording without speech, half-open, in frames.

    What counts as silence is judged by the recording: nearer to its quietest tenth than to its loudest twentieth.
    A recording without 10 dB between the two has no pauses that could be distinguished from speech.
    """
    if not frame_levels:
        return []
    floor = max(float(np.percentile(frame_levels, 10)), _QUIETEST_FLOOR_DBFS)
    speech = float(np.percentile(frame_levels, 95))
    if speech - floor < _MIN_RANGE_DB:
        return []
    threshold = floor + 0.3 * (speech - floor)
    found: list[tuple[int, int]] = []
    frame = 0
    for quiet, run in groupby(level < threshold for level in frame_levels):
        length = len(list(run))
        if quiet and length >= min_frames:
            found.append((frame, frame + length))
        frame += length
    return found


def cuts_of(frame_levels: Sequence[int]) -> tuple[int, ...]:
    """The middles of a recording's pauses, strictly inside it."""
    middles = [(start + end) // 2 for start, end in pauses(frame_levels)]
    return tuple(frame for frame in middles if 0 < frame < len(frame_levels))
