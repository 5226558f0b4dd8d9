"""Captions against the video that they belong to: its length, each other, and its speech."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from tasks.job import FPS, Score
from tasks.quality_control.curves import runs
from tasks.quality_control.lips import Activity

Cue = tuple[int, int]
"""When a caption appears and disappears, in milliseconds."""

_PAUSE_MS = 300
"""A caption after so long a gap begins with the speech after a pause, which the sound shows."""
_ONSET_FRAMES = 6
"""Speech that follows so many frames without it begins anew."""
_SPOKEN_SHARE = 0.25
"""A caption with less speech is shown while nobody speaks."""


def scores(cues: Sequence[Cue], frames: int, activity: Activity) -> dict[str, Score]:
    """What is found in captions in time order, of a video of so many frames."""
    if not cues:
        return {}
    ends = max(cues, key=lambda cue: cue[1])
    found = {"caption_outside_ms": Score(float(max(0, ends[1] - frames * 1000 // FPS, -cues[0][0])), _frame(ends[0]))}
    overlaps = [Score(float(max(0, one[1] - other[0])), _frame(other[0])) for one, other in pairwise(cues)]
    found["caption_overlap_ms"] = max(overlaps, default=Score(0.0))
    shares = [Score(_spoken_share(cue, activity), _frame(cue[0])) for cue in cues]
    found["captions_without_speech"] = Score(
        float(sum(share.value < _SPOKEN_SHARE for share in shares)), min(shares).frame
    )
    apart = _from_onsets(cues, activity)
    if apart:
        mean = sum(score.value for score in apart) / len(apart)
        found["captions_off_ms"] = Score(mean, max(apart).frame)
    return found


def _frame(ms: int) -> int:
    return max(0, ms * FPS // 1000)


def _spoken_share(cue: Cue, activity: Activity) -> float:
    during = activity.speaking[_frame(cue[0]) : max(_frame(cue[1]), _frame(cue[0]) + 1)]
    return float(during.mean()) if during.size else 0.0


def _from_onsets(cues: Sequence[Cue], activity: Activity) -> list[Score]:
    """How far the captions after pauses are from where the speech begins that is nearest, in milliseconds."""
    speaking = activity.speaking
    if not speaking.any():
        return []
    onsets = {int(speaking.argmax()), *(end for _, end in runs(~speaking, _ONSET_FRAMES) if end < len(speaking))}
    times = np.array(sorted(onsets)) * 1000 // FPS
    firsts = [
        cue for before, cue in zip([(0, -_PAUSE_MS), *cues], cues, strict=False) if cue[0] - before[1] >= _PAUSE_MS
    ]
    return [Score(float(np.abs(times - cue[0]).min()), _frame(cue[0])) for cue in firsts]
