"""From mouth shapes and gestures to the expressions of a stretch of frames.

A stretch begins and ends with `joint` frames that its neighbours show too. There, everything comes from what both know:
the sound of these frames alone, and the seed of the joint. The rest depends on the stretch's own sound and seed. So a
frame never depends on the place of its stretch in the video.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actalker.draft.expression import Expression

Curve = NDArray[np.float64]

FPS = 25
HEAD = {"yaw": 0.045, "nod": 0.026, "roll": 0.014, "x": 0.018, "y": 0.010}
"""How far the head sways: radians, and eye distances."""
_SWAY_HZ = (0.11, 0.19, 0.31)
_SWAY_SHARES = (0.55, 0.45, 0.3)
_EASE = 20
"""Frames in which the head goes over from the joint's movement to its own."""
_CROSSFADE = 2
_LEAST_OPEN = 0.04
"""Lips that are open by less touch: for p, b and m they must."""


@dataclass(frozen=True)
class Gestures:
    """What is not the mouth's, (n,) each, in the units of `Expression`. None: the face has its own way."""

    brow: Curve
    blink: Curve
    yaw: Curve
    nod: Curve
    roll: Curve
    x: Curve
    y: Curve


def mouth_shapes(heard: Curve, first: Curve, last: Curve) -> Curve:
    """The mouth in every frame: open, wide, round, tongue, (n, 4).

    Args:
        heard: What an encoder hears in the stretch, (n, 4).
        first, last: What it hears in the sound of the first and of the last joint alone, (joint, 4); both empty for a
            stretch without joints.
    """
    shapes, joint = _smoothed(heard), len(first)
    for part, begin in ((_smoothed(first), 0), (_smoothed(last), len(heard) - joint)) if joint else ():
        shapes[begin : begin + joint] = part
        for k in range(1, _CROSSFADE + 1):
            share = 1 - k / (_CROSSFADE + 1)
            inner, edge = (joint - 1 + k, part[-1]) if begin == 0 else (begin - k, part[0])
            if joint <= inner < len(shapes) - joint:
                shapes[inner] = share * edge + (1 - share) * shapes[inner]
    shapes[:, 0] = np.clip((shapes[:, 0] - _LEAST_OPEN) / (1 - _LEAST_OPEN), 0, 1)
    return np.clip(shapes, [0, -1, 0, 0], [1, 1, 1, 1])


def _smoothed(heard: Curve) -> Curve:
    """Over two frames, and half a frame before the sound: lips are seen to lead it."""
    if len(heard) < 2:
        return heard.copy()
    ahead = np.concatenate([heard[1:], heard[-1:]])
    return np.asarray(0.5 * heard + 0.5 * ahead)


def sway(seed: int, joint_seed: int, frames: int, joint: int) -> dict[str, Curve]:
    """The head's movement, (frames,) of each of `HEAD`: smooth, small, and in the joints the joint's own."""
    moments = np.arange(frames, dtype=np.float64)
    own, shared = _Waves(seed), _Waves(joint_seed)
    free = _inner(frames, joint, _EASE)
    late = _share(moments, joint, frames - joint)
    curves = {}
    for name, far in HEAD.items():
        first, last = shared.at(name, moments), shared.at(name, moments - (frames - joint))
        curves[name] = far * (free * own.at(name, moments) + (1 - free) * ((1 - late) * first + late * last))
    return curves


def expressions(
    mouth: Curve, blink: Curve, head: dict[str, Curve] | None, joint: int, driven: Gestures | None = None
) -> list[Expression]:
    """All signals of a stretch as one `Expression` a frame.

    Args:
        mouth: (n, 4), see `mouth_shapes`.
        blink: (n,), of a face that nobody drives.
        head: See `sway`; None: it is held still.
        driven: What a driver does instead.
    """
    frames = len(mouth)
    free = _inner(frames, joint, _CROSSFADE + 2)
    emphasis = free * _mean(mouth[:, 0], 6)
    if driven is None:
        still = dict.fromkeys(HEAD, np.zeros(frames))
        nods = {} if head is None else {"nod": head["nod"] + 0.05 * emphasis, "y": head["y"] + 0.02 * emphasis}
        driven = Gestures(brow=0.6 * emphasis, blink=blink, **(still | (head or {}) | nods))
    d, shut = driven, np.ones(frames)  # a grin does not come back in every pause
    table = np.column_stack([mouth, shut, d.brow, d.blink, d.yaw, d.nod, d.roll, d.x, d.y])
    return [Expression(*row) for row in table.tolist()]  # in the order of its fields


class _Waves:
    """Smooth noise of about unit size, for any moment in frames: three sines of random phase for each name."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed & 0x7FFFFFFF, 0x5A7])
        self._waves = {name: (rng.uniform(0.8, 1.2, 3), rng.uniform(0, 1, 3)) for name in HEAD}

    def at(self, name: str, moments: Curve) -> Curve:
        rates, phases = self._waves[name]
        turns = moments[:, None] / FPS * np.array(_SWAY_HZ) * rates + phases
        return np.asarray(np.sin(2 * np.pi * turns) @ np.array(_SWAY_SHARES))


def _share(moments: Curve, low: float, high: float) -> Curve:
    """Smoothly from 0 at `low` to 1 at `high`."""
    share = np.clip((moments - low) / max(high - low, 1), 0, 1)
    return np.asarray(share * share * (3 - 2 * share))


def _inner(frames: int, joint: int, ease: int) -> Curve:
    """(frames,): 0 in both joints, 1 from `ease` frames beside them on."""
    moments = np.arange(frames, dtype=np.float64)
    if not joint:
        return np.ones(frames)
    after = _share(moments, joint - 1, joint - 1 + ease)
    return np.asarray(np.minimum(after, _share(frames - 1 - moments, joint - 1, joint - 1 + ease)))


def _mean(curve: Curve, reach: int) -> Curve:
    """Over `reach` frames on either side."""
    width = 2 * reach + 1
    return np.asarray(np.convolve(np.pad(curve, reach, mode="edge"), np.ones(width) / width, "valid"))
