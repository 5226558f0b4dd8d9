"""Curves over the frames of a video: the worst stretch of one, its longest run, what is usual around a place."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tasks.job import Score

Curve = NDArray[np.float64]

_PART = 4096


def medians(curve: Curve, length: int) -> Curve:
    """The median of every stretch of `length` values; of all of them where there are fewer."""
    length = min(length, len(curve))
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(curve, length), axis=1))


def worst_stretch(
    curve: Curve, length: int, worst: Callable[[Curve], float], *, first: int = 0, step: int = 1
) -> Score:
    """The worst median of a stretch: what lasts counts, and not what passes.

    Args:
        curve: Not empty.
        worst: `max` or `min`.
        first, step: The frame of the first value, and how many frames lie between two.
    """
    found = medians(curve, length)
    value = float(worst(found))
    middle = int(np.argmax(found == value)) + min(length, len(curve)) // 2
    return Score(value, first + step * middle)


def longest_run(condition: NDArray[np.bool_], counted: NDArray[np.bool_] | None = None) -> tuple[int, int]:
    """The length of the longest run in which a condition holds, and where it starts; (0, -1) if it never does.

    Args:
        counted: Which values of a run count; all of them by default.
    """
    counts = condition if counted is None else condition & counted
    edges = np.flatnonzero(np.diff(np.concatenate([[False], condition, [False]])))
    best = (0, -1)
    for start, end in edges.reshape(-1, 2):
        length = int(counts[start:end].sum())
        if length > best[0]:
            best = (length, int(start))
    return best


def runs(condition: NDArray[np.bool_], at_least: int = 1) -> list[tuple[int, int]]:
    """Where a condition holds for so many values, as half-open ranges."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], condition, [False]]))).reshape(-1, 2)
    return [(int(start), int(end)) for start, end in edges if end - start >= at_least]


def around(curve: Curve, reach: int, percentile: float) -> Curve:
    """For every value, a percentile of those within `reach` of it on either side, but for its neighbours and itself."""
    padded = np.pad(curve, reach, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    parts = (windows[start : start + _PART] for start in range(0, len(curve), _PART))  # hours would fill the memory
    others = (np.delete(part, range(reach - 1, reach + 2), axis=1) for part in parts)
    return np.concatenate([_percentiles(part, percentile) for part in others])


def _percentiles(rows: NDArray[np.float64], percentile: float) -> Curve:
    """`np.nanpercentile` of each row to the last bit, in a thirtieth of the time: that one goes from row to row."""
    ordered = np.sort(rows, axis=1)  # those that are not there come last
    count = np.count_nonzero(~np.isnan(rows), axis=1)
    place = np.maximum(count - 1, 0) * (percentile / 100)
    below = place.astype(np.intp)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    low, high = (np.take_along_axis(ordered, index[:, None], axis=1)[:, 0] for index in (below, above))
    share = place - below
    return np.asarray(np.where(share < 0.5, low + (high - low) * share, high - (high - low) * (1 - share)))
