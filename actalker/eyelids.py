"""Closed eyelids as even as the skin around them.

The demo's network paints lids anew, in blotches of other colours than the skin's. Whatever was painted in the upper
half of a face, and is nearly as the skin, becomes what is skin in the portrait at that place, creases included; or,
where the portrait has an open eye, what the skin around it leads to expect. Lashes, the white and the iris differ from
skin, and stay.

F frames of h x w pixels.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from actalker.full_size import Frames, Plane, Sources
from actalker.shapes import Box

_BLUR, _FADE = 1 / 28, 1 / 23
"""Parts of the face box's height: how far skin is looked for around a place, and where the edges begin."""
_ROUNDS = 3
_SKIN = 18.0
"""Grey levels: so much differs what has a third of the weight in the mean of the skin around a place."""
_LIKE_SKIN = 0.12, 0.32
"""Parts of the skin's brightness: what differs up to the first is skin, and from the second on something else."""
_PORTRAIT_LIKE_SKIN = 0.16, 0.32
"""The same for the portrait; a crease is skin."""


def evened(frames: Frames, sources: Sources, portrait: Plane, face: Box) -> tuple[Frames, Sources]:
    """Frames (F, h, w, 3) with even lids, and their sources.

    Args:
        portrait: (h, w, 3) in grey levels.
        face: Of the portrait.
    """
    area = np.s_[face.top : face.middle_row, face.left : face.right]
    height = face.size.height
    inside = _faded(portrait[area].shape[:2], _FADE * height)
    result, flow, agreement = frames.copy(), sources.flow.copy(), sources.agreement.copy()
    for index in range(len(frames)):
        painted, agreed = frames[index][area].astype(np.float32), agreement[index][area].astype(np.float32)
        skin = _skin(painted, agreed**2, _BLUR * height)
        kept = _alike(portrait[area], skin, _PORTRAIT_LIKE_SKIN)
        goal = skin + kept[..., None] * (portrait[area] - skin)
        share = np.maximum(_alike(painted, skin, _LIKE_SKIN), _alike(painted, goal, _LIKE_SKIN)) * (1 - agreed) * inside
        result[index][area] = np.rint(painted + share[..., None] * (goal - painted)).clip(0, 255)
        kept *= share
        flow[index][area] *= (1 - kept)[..., None].astype(np.float16)
        agreement[index][area] = np.maximum(agreed, kept)
    return result, Sources(flow, agreement)


def _skin(picture: Plane, weight: Plane, blur: float) -> Plane:
    """Weighted mean around each place, of what is near it: (h, w, 3), (h, w) -> (h, w, 3)."""
    mean, near = picture, weight
    for _ in range(_ROUNDS):
        total = cv2.GaussianBlur(picture * near[..., None], (0, 0), blur)
        mean = np.asarray(total / (cv2.GaussianBlur(near, (0, 0), blur)[..., None] + 1e-4), np.float32)
        near = weight * np.exp(-((np.abs(picture - mean).max(-1) / _SKIN) ** 2))
    return mean


def _alike(one: Plane, other: Plane, bounds: tuple[float, float]) -> Plane:
    """From 1 up to the first of the bounds to 0 from the second on, smoothly: (h, w, 3) twice -> (h, w)."""
    difference = cv2.GaussianBlur(np.abs(one - other).max(-1) / (other.mean(-1) + 1), (0, 0), 0.8)
    beyond = np.clip((difference - bounds[0]) / (bounds[1] - bounds[0]), 0, 1)
    return np.asarray(1 - beyond * beyond * (3 - 2 * beyond), np.float32)


def _faded(shape: tuple[int, ...], fade: float) -> NDArray[np.float32]:
    """1 in the middle, 0 at the edges: (height, width)."""
    down, across = (np.minimum(np.arange(n), np.arange(n)[::-1]) / fade for n in shape)
    return np.minimum(down[:, None], across[None]).clip(0, 1).astype(np.float32)
