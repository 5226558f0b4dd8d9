"""Dynamic time warping of a reading onto a recording that may leave sentences out, and put things in between.

Sakoe and Chiba, "Dynamic programming algorithm optimization for spoken word recognition", 1978: symmetric weights, and
a slope between 1/3 and 3 wherever the reading speaks. Where it rests, the recording may do what it likes for as long
as it likes, and a whole sentence may be passed over, both at a fixed price: without that one misread sentence would
pull its neighbours out of place.

Shape legend: n frames of the reading, m frames of the recording.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
from numpy.typing import NDArray

from tasks.speech.features import Features

SKIP_COST: Final = 0.8
"""What a frame costs that is passed over. Frames of a sentence read by two people cost 0.4 to 0.6 on average."""

COST_DEVIATION: Final = 0.3
"""The standard deviation that the costs of all pairs of speech frames are scaled to. Unscaled it is 0.24 in noise and
0.33 in clean speech, and costs cannot be compared with a fixed price for passing something over."""

EXTRA_COST: Final = 100.0
EXTRA_FRAME_COST: Final = 0.3
"""What it costs that something is said between two sentences that is not in the script: once, and per frame."""

_LEAST_DEVIATION: Final = 0.05
_SILENCE_COST: Final = 0.15
_SILENCE_AGAINST_SPEECH_COST: Final = 0.95
_MATCH, _NEXT_READING, _NEXT_RECORDING, _FAST_2, _FAST_3, _SLOW_2, _SLOW_3, _JUMP, _EXTRA = range(9)


@dataclass(frozen=True, slots=True)
class WarpingPath:
    """Where a reading is in a recording.

    Attributes:
        begins: `[n + 1]` the frame of the recording at which each frame of the reading begins, and the last one ends.
        skipped: `[n]` whether a frame of the reading was passed over.
        costs: `[n]` how badly each frame fits, from 0; 1 is what two frames cost on average.
        better: `[n]` the share of the recording's speech that would fit a frame of speech better than where it is laid.
    """

    begins: NDArray[np.int64]
    skipped: NDArray[np.bool_]
    costs: NDArray[np.float32]
    better: NDArray[np.float32]


def align_features(reading: Features, sentences: Sequence[tuple[int, int]], recording: Features) -> WarpingPath:
    """Lay a whole reading onto the part of a recording that fits it best, from its beginning on.

    Args:
        sentences: The frames of each sentence of the reading, half-open, with rests before, between and after them.
    """
    count = len(reading)
    if not len(recording):
        nothing = np.ones(count, np.float32)
        return WarpingPath(np.zeros(count + 1, np.int64), np.ones(count, np.bool_), nothing * SKIP_COST, nothing)
    costs = _costs(reading, recording)
    jumps = np.full(count, -1, np.int64)
    gates = np.full(count, -1, np.int64)
    for index, (start, end) in enumerate(sentences):
        jumps[end], gates[start - 1] = start - 1, index
    last, moves, origins = _accumulate(costs, reading.silent, jumps, gates)
    end = int(np.argmin(last / (count + np.arange(len(last)) + 1)))
    begins, skipped = _trace(moves, jumps, gates, origins, end)
    fits = costs[np.arange(count), np.minimum(begins[:-1], len(recording) - 1)]
    return WarpingPath(begins, skipped, fits, _better(costs, fits, reading.silent, recording.silent))


def _costs(reading: Features, recording: Features) -> NDArray[np.float32]:
    """The distance of all frames of one to all of the other, `[n, m]`: 1 - cosine, scaled; silence has fixed costs."""
    scale = COST_DEVIATION / _deviation(reading.vectors[~reading.silent], recording.vectors[~recording.silent])
    costs = 1 - (reading.vectors * np.float32(scale)) @ recording.vectors.T
    costs[:, recording.silent] = _SILENCE_AGAINST_SPEECH_COST
    costs[reading.silent] = np.where(recording.silent, _SILENCE_COST, _SILENCE_AGAINST_SPEECH_COST)
    return np.maximum(costs, 0, out=costs)


def _deviation(some: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """The standard deviation of the products of all pairs of vectors, `[n, c]` and `[m, c]`, without forming them."""
    if not len(some) or not len(others):
        return COST_DEVIATION
    mean = some.mean(axis=0) @ others.mean(axis=0)
    square = np.sum((some.T @ some) * (others.T @ others)) / (len(some) * len(others))
    return max(math.sqrt(max(0.0, float(square - mean**2))), _LEAST_DEVIATION)


@numba.njit(nogil=True, cache=True)
def _accumulate(costs, rests, jumps, gates):  # type: ignore[no-untyped-def]  # noqa: PLR0912  one branch per move
    """What the best path to the end of the reading costs at each frame of the recording, `[m]`; moves `[n, m]`.

    Before each sentence the recording may say more than the script: where that began is in origins, `[sentences, m]`.
    `jumps` `[n]` holds, after a sentence, the row before it; `gates` `[n]` numbers the rows before sentences.
    """
    n, m = costs.shape
    skip = np.float32(SKIP_COST)
    moves = np.zeros((n, m), np.uint8)
    rows = np.full((4, m), np.inf, np.float32)
    gate = np.full(m, np.inf, np.float32)  # the row before the sentence that may be passed over next
    gate_row = -1
    origins = np.zeros((gates.max() + 1, m), np.int32)
    for i in range(n):
        row, row_1, row_2, row_3 = rows[i % 4], rows[(i - 1) % 4], rows[(i - 2) % 4], rows[(i - 3) % 4]
        for j in range(m):
            cost = costs[i, j]
            best, move = np.float32(np.inf), _MATCH
            if i == 0:
                best = skip * j + 2 * cost
            if i >= 1 and j >= 1 and row_1[j - 1] + 2 * cost < best:
                best, move = row_1[j - 1] + 2 * cost, _MATCH
            if i >= 1 and j >= 2 and row_1[j - 2] + 2 * costs[i, j - 1] + cost < best:
                best, move = row_1[j - 2] + 2 * costs[i, j - 1] + cost, _SLOW_2
            if i >= 1 and j >= 3 and row_1[j - 3] + 2 * costs[i, j - 2] + costs[i, j - 1] + cost < best:
                best, move = row_1[j - 3] + 2 * costs[i, j - 2] + costs[i, j - 1] + cost, _SLOW_3
            if i >= 2 and j >= 1 and row_2[j - 1] + 2 * costs[i - 1, j] + cost < best:
                best, move = row_2[j - 1] + 2 * costs[i - 1, j] + cost, _FAST_2
            if i >= 3 and j >= 1 and row_3[j - 1] + 2 * costs[i - 2, j] + costs[i - 1, j] + cost < best:
                best, move = row_3[j - 1] + 2 * costs[i - 2, j] + costs[i - 1, j] + cost, _FAST_3
            if rests[i]:
                resting = min(cost, skip)
                if j >= 1 and row[j - 1] + resting < best:
                    best, move = row[j - 1] + resting, _NEXT_RECORDING
                if i >= 1 and row_1[j] + resting < best:
                    best, move = row_1[j] + resting, _NEXT_READING
            if jumps[i] >= 0 and jumps[i] == gate_row and gate[j] + skip * (i - gate_row) < best:
                best, move = gate[j] + skip * (i - gate_row), _JUMP
            row[j] = best
            moves[i, j] = move
        if gates[i] >= 0:
            _pass_over(row, moves[i], origins[gates[i]])
            gate[:] = row
            gate_row = i
    return rows[(n - 1) % 4].copy(), moves, origins


@numba.njit(nogil=True, cache=True)
def _better(costs, fits, rests, silent):  # type: ignore[no-untyped-def]
    """Of each frame of the reading the share of the recording's speech that costs less than `fits`; 1 in rests."""
    n, m = costs.shape
    shares = np.ones(n, np.float32)
    for i in range(n):
        if not rests[i]:
            less, speech = 0, 0
            for j in range(m):
                if not silent[j]:
                    speech += 1
                    less += costs[i, j] < fits[i]
            shares[i] = less / speech if speech else 1
    return shares


@numba.njit(nogil=True, cache=True)
def _pass_over(row, moves, origins):  # type: ignore[no-untyped-def]
    """Let a row of path costs, `[m]`, go on from any frame of the recording to any later one."""
    best, origin = np.float32(np.inf), 0
    for j in range(1, row.shape[0]):
        best += np.float32(EXTRA_FRAME_COST)
        if row[j - 1] + np.float32(EXTRA_COST) < best and moves[j - 1] != _EXTRA:
            best, origin = row[j - 1] + np.float32(EXTRA_COST), j - 1
        if best < row[j]:
            row[j] = best
            moves[j] = _EXTRA
            origins[j] = origin


@numba.njit(nogil=True, cache=True)
def _trace(moves, jumps, gates, origins, end):  # type: ignore[no-untyped-def]
    """The path back from the last frame of the reading at `end`."""
    n = moves.shape[0]
    begins = np.zeros(n + 1, np.int64)
    skipped = np.zeros(n, np.bool_)
    begins[n] = end + 1
    i, j = n - 1, end
    while i >= 0 and j >= 0:
        begins[i] = j
        move = moves[i, j]
        if move == _MATCH:
            i, j = i - 1, j - 1
        elif move == _NEXT_READING:
            i -= 1
        elif move == _NEXT_RECORDING:
            j -= 1
        elif move in (_SLOW_2, _SLOW_3):
            begins[i] = j - 1 if move == _SLOW_2 else j - 2
            i, j = i - 1, begins[i] - 1
        elif move in (_FAST_2, _FAST_3):
            back = 2 if move == _FAST_2 else 3
            begins[i - back + 1 : i + 1] = j
            i, j = i - back, j - 1
        elif move == _EXTRA:
            j = origins[gates[i], j]
        else:
            begins[jumps[i] + 1 : i + 1] = j
            skipped[jumps[i] + 1 : i + 1] = True
            i = jumps[i]
    return begins, skipped
