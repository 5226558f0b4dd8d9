"""Mouth and speech: whether the mouth rests in silence, moves in speech, and does so when it is heard.

n: frames of the video; m: frames in which the mouth was read.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.job import FPS, Score, Word
from tasks.quality_control.curves import Curve, runs

_RANGE_DB = 30.0
"""Of speech, from its loudest twentieth down."""
_SPEAKING_DB, _SILENT_DB = 25.0, 42.0
"""Below the loudest twentieth of all that sounds: above the one somebody speaks, below the other nobody does."""
_FAINTEST_DB = -65
"""Below this nobody speaks, however soft the rest is."""
_SETTLE_FRAMES = 6
"""Before a word the mouth opens, and after it it closes: these frames of a pause do not count."""
_SILENCE_FRAMES = 10
"""What is left of a pause must be so long."""
_STILL_FRAMES = 40
"""A mouth is judged to stand still over so many frames of speech: closed lips last a fifth of it."""
_MOST_LAG = 15
"""Frames: sound and picture are looked for so far apart."""
_TOGETHER_LAG = 2
_BELIEVED, _BETTER = 0.35, 0.08
"""Sound and picture count as apart where they agree at least so well elsewhere, and so much better than together."""
_SYNC_FRAMES = 20 * FPS
"""They are compared over so many frames, and again half of it later."""
_LEAST_SYNC_FRAMES = 3 * FPS
"""Of speech: in less, syllables that follow each other evenly agree as well one syllable later."""
_LEAST_SWING = 0.03
"""Eye distances: a mouth that moves less shows nothing of the speech."""


@dataclass(frozen=True)
class Activity:
    """Where somebody speaks, by the loudness of every frame.

    Attributes:
        levels: (n,) dBFS, no more than `_RANGE_DB` below the loudest twentieth.
        speaking, silent: (n,) What is neither is a breath, a noise, or a soft end of a word.
    """

    levels: Curve
    speaking: NDArray[np.bool_]
    silent: NDArray[np.bool_]

    @classmethod
    def of(cls, levels: Sequence[int], words: Sequence[Word] = ()) -> "Activity":
        """Judge by loudness; and by the words, where they are known: a noise is no speech."""
        curve = np.asarray(levels, np.float64)
        heard = curve[curve > _FAINTEST_DB]
        loud = float(np.percentile(heard, 95)) if heard.size else float(_FAINTEST_DB)
        speaking = curve > max(loud - _SPEAKING_DB, _FAINTEST_DB)
        if words:
            speaking &= spoken([(word.start_ms, word.end_ms) for word in words], len(curve))
        silent = curve < max(loud - _SILENT_DB, _FAINTEST_DB)
        return cls(np.clip(curve, loud - _RANGE_DB, loud), speaking, silent)


def spoken(spans_ms: Iterable[tuple[int, int]], frames: int) -> NDArray[np.bool_]:
    """(n,) Where there are words, whose starts and ends are given."""
    found = np.zeros(frames, np.bool_)
    for start_ms, end_ms in spans_ms:
        found[start_ms * FPS // 1000 : -(-end_ms * FPS // 1000)] = True
    return found


def scores(frames: Sequence[int], gaps: Curve, activity: Activity) -> dict[str, Score]:
    """How mouth and speech go together.

    Args:
        frames: (m,) Where the mouth was read, ascending, equally far apart.
        gaps: (m,) How far it is open, in eye distances; nan where there is no face.
    """
    at = np.asarray(frames, np.int64)
    inside = (at < len(activity.levels)) & ~np.isnan(gaps)
    at, read = at[inside], gaps[inside]
    if len(at) < 2:
        return {}
    step = frames[1] - frames[0]
    found: dict[str, Score] = {}
    if silences := list(_swings(at, read, _settled(activity.silent), _SILENCE_FRAMES, step)):
        found["mouth_moves_in_silence"] = max(silences)
    if stretches := list(_stills(at, read, activity.speaking)):
        found["mouth_moves_in_speech"] = min(stretches)
    offsets = list(_offsets(at, read, activity))
    if offsets:
        found["lips_follow_speech"] = min(Score(best, frame) for _, best, frame in offsets)
        lag, _, frame = max(offsets, key=lambda offset: abs(offset[0]))
        found["sound_offset_ms"] = Score(lag * 1000 / FPS, frame)
    return found


def _settled(silent: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Silence without the first and last frames of every stretch; the ends of the video are no such ends."""
    kept = np.zeros_like(silent)
    for start, end in runs(silent):
        first = start if start == 0 else start + _SETTLE_FRAMES
        last = end if end == len(silent) else end - _SETTLE_FRAMES
        kept[first : max(first, last)] = True
    return kept


def _swings(at: NDArray[np.int64], read: Curve, where: NDArray[np.bool_], at_least: int, step: int) -> Iterator[Score]:
    """How far the mouth moves in every stretch, in eye distances: from its 5th to its 95th percentile."""
    for start, end in runs(where, at_least):
        inside = (at >= start) & (at < end)
        if inside.sum() * step >= at_least // 2:
            low, high = np.percentile(read[inside], [5, 95])
            yield Score(float(high - low), start)


def _stills(at: NDArray[np.int64], read: Curve, speaking: NDArray[np.bool_]) -> Iterator[Score]:
    """How far the mouth moves in stretches of `_STILL_FRAMES` in which somebody speaks nearly all of the time."""
    said = np.convolve(speaking, np.ones(_STILL_FRAMES), "valid")
    for start in np.flatnonzero(said >= 0.8 * _STILL_FRAMES)[::5]:
        first, last = np.searchsorted(at, [start, start + _STILL_FRAMES])
        if last - first >= _STILL_FRAMES // 4:
            low, high = np.percentile(read[first:last], [5, 95])
            yield Score(float(high - low), int(start))


def _offsets(at: NDArray[np.int64], read: Curve, activity: Activity) -> Iterator[tuple[int, float, int]]:
    """By how many frames the mouth is late, how well it then agrees, and where: in overlapping stretches."""
    last = int(at[-1])
    starts = range(0, max(1, last - _SYNC_FRAMES // 2), _SYNC_FRAMES // 2)
    for start in starts:
        inside = (at >= start) & (at < start + _SYNC_FRAMES)
        speech = activity.speaking[start : start + _SYNC_FRAMES].sum()
        if speech < _LEAST_SYNC_FRAMES or inside.sum() < _LEAST_SYNC_FRAMES // 2:
            continue
        lags = range(-_MOST_LAG, _MOST_LAG + 1)
        agreed = np.array([_agreement(at[inside] - lag, read[inside], activity.levels) for lag in lags])
        together = agreed[_MOST_LAG - _TOGETHER_LAG : _MOST_LAG + _TOGETHER_LAG + 1]
        best, near = float(agreed.max()), float(together.max())
        apart = best > _BELIEVED and best > near + _BETTER
        lag = int(agreed.argmax()) - _MOST_LAG if apart else int(together.argmax()) - _TOGETHER_LAG
        yield lag, best, start


def _agreement(at: NDArray[np.int64], read: Curve, levels: Curve) -> float:
    """Correlation of the mouth's opening with the loudness at other frames; 0 where one of them is constant."""
    inside = (at >= 0) & (at < len(levels))
    gaps, loud = read[inside], levels[at[inside]]
    if len(gaps) < _LEAST_SYNC_FRAMES // 2 or gaps.std() < _LEAST_SWING / 4 or loud.std() < 1:
        return 0.0
    return float(np.corrcoef(gaps, loud)[0, 1])
