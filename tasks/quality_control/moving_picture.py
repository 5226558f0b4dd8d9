"""What changes from frame to frame: black and frozen frames, flicker, jumps. A small version of the luma suffices.

n: frames; k: small versions in memory, of 64 x 64 pixels.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.job import FPS, OVERLAP_FRAMES, Score
from tasks.quality_control.curves import around, longest_run, worst_stretch

Luma = NDArray[np.uint8]
"""(height, width), limited range."""

EDGE = 64
"""A small version has so many rows and columns, whatever the picture's proportions are."""
BLACK = 16
"""Luma of black, in limited range."""
_DARK = 0.1
"""A frame is black whose mean luma, above black, is less than this part of the portrait's."""
_BLOCK = 8
"""Flicker is of blocks of so many rows and columns of the small version."""
_NOISE = 1
"""Grey levels: by so much the pixels of a small version differ where frames that were the same have been encoded."""
_LEAST_CHANGE = 0.4
"""Mean grey levels: a change is compared with this where next to nothing moves around it."""
_ACROSS = OVERLAP_FRAMES + 1
"""From the last frame before a joint to the first after it."""
_TOGETHER = 32
"""So many frames are compared at once: one by one it takes three times as long."""


class MovingPicture:
    """Takes the luma of the frames of a clip or a video, one by one; holds a few numbers for each.

    Args:
        brightness: Mean luma of the portrait; None where there is none.
        lossless: Whether frames that are the same still are, to the bit.
    """

    def __init__(self, brightness: float | None, *, lossless: bool) -> None:
        self._same = 0 if lossless else _NOISE
        self._dark = BLACK + (2.0 if brightness is None else max(2.0, _DARK * (brightness - BLACK)))
        self._last: list[Luma] = []
        self._waiting: list[Luma] = []
        self._black: list[int] = []
        self._changes, self._largest = [0.0], [255]
        self._across, self._flicker = [0.0] * _ACROSS, [0.0]
        self.frames = 0

    def take(self, luma: Luma) -> None:
        """Take the next frame in."""
        self._waiting.append(np.asarray(cv2.resize(luma, (EDGE, EDGE), interpolation=cv2.INTER_AREA), np.uint8))
        self.frames += 1
        if len(self._waiting) == _TOGETHER:
            self._compare()

    def _compare(self) -> None:
        """Compare the frames that wait with those before them."""
        if not self._waiting:
            return
        known, first = len(self._last), self.frames - len(self._waiting)
        small = np.concatenate([*self._last, *self._waiting]).reshape(-1, EDGE**2)
        self._black += (np.flatnonzero(_mean(small[known:]) < self._dark) + first).tolist()
        differences = _apart(small, 1)[max(known - 1, 0) :]
        self._changes += _mean(differences).tolist()
        self._largest += differences.max(1).tolist()
        self._across += _mean(_apart(small, _ACROSS)[max(known - _ACROSS, 0) :]).tolist()
        self._flicker += _flicker(_blocks(small))[max(known - 2, 0) :].tolist()
        self._last, self._waiting = [*self._last, *self._waiting][-_ACROSS:], []

    def scores(self, speaking: NDArray[np.bool_] | None, joints: Sequence[int] = ()) -> dict[str, Score]:
        """What was found in all frames.

        Args:
            speaking: (n,) Where somebody speaks, who moves while he does; None for a picture that may stand still.
            joints: The first frame after each joint of two segments.
        """
        self._compare()
        found = {"black_frames": Score(len(self._black), self._black[0] if self._black else -1)}
        if self.frames > 2:
            found["flicker"] = worst_stretch(np.array(self._flicker[1:]), FPS, max, first=1)
            found["jump"] = self._jump()
        if speaking is not None:
            found["frozen_ms"] = self._frozen(speaking[: self.frames])
        if inside := [joint for joint in joints if joint < len(self._across)]:
            found["jump_at_joint"] = self._jump_at_joint(inside)
        return found

    def _jump(self) -> Score:
        """The largest change between two frames, over those that are usual within a second of it."""
        changes = np.array(self._changes)
        usual = np.maximum(around(changes, FPS, 90), _LEAST_CHANGE)
        ratio = changes / usual
        for frame in self._black:  # which have their own name
            ratio[frame : frame + 2] = 0.0
        return Score(float(ratio.max()), int(ratio.argmax()))

    def _frozen(self, speaking: NDArray[np.bool_]) -> Score:
        """The longest run of frames that are the same, of which as much counts as is spoken in."""
        same = np.array(self._largest) <= self._same
        length, start = longest_run(same, speaking[: len(same)])
        return Score(length * 1000 / FPS, start)

    def _jump_at_joint(self, joints: Sequence[int]) -> Score:
        """How much the picture changes over a joint, over what it changes in as many frames around it."""
        across = np.array(self._across)
        ratios = []
        for joint in joints:
            near = np.arange(max(_ACROSS, joint - 2 * FPS), min(len(across), joint + 2 * FPS))
            near = near[(near < joint - OVERLAP_FRAMES) | (near > joint + OVERLAP_FRAMES)]
            usual = float(np.percentile(across[near], 90)) if near.size else 0.0
            ratios.append(float(across[joint]) / max(usual, _LEAST_CHANGE))
        worst = int(np.argmax(ratios))
        return Score(ratios[worst], joints[worst])


def _mean(small: Luma) -> NDArray[np.float64]:
    """Of each picture: (k, 4096) -> (k,)."""
    return np.asarray(small.sum(1, dtype=np.uint32) / EDGE**2)


def _apart(small: Luma, frames: int) -> Luma:
    """How far each picture is from the one so many before it: (k, 4096) -> (k - frames, 4096)."""
    if len(small) <= frames:
        return small[:0]
    return np.asarray(cv2.absdiff(small[frames:], small[:-frames]), np.uint8)


def _blocks(small: Luma) -> NDArray[np.float32]:
    """The mean of each block: (k, 4096) -> (k, 64)."""
    side, below = EDGE // _BLOCK, small.reshape(-1, EDGE).astype(np.float32)  # one below the other
    blocks = cv2.resize(below, (side, side * len(small)), interpolation=cv2.INTER_AREA)
    return np.asarray(blocks, np.float32).reshape(len(small), side**2)


def _flicker(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far the light of a frame is off that of both neighbours: the median of all blocks, so that what moves in a
    part of the picture does not count. (k, 64) -> (k - 2,), without the first and the last frame."""
    return np.asarray(np.median(np.abs(blocks[:-2] - 2 * blocks[1:-1] + blocks[2:]), axis=1))
