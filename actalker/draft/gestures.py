"""What a face in a driving video does, read from its mesh, and the same for a photograph's face."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from actalker.draft.movements import JAW
from actalker.draft.signals import Curve, Gestures
from actalker.faces.geometry import axes_of, eye_centres, eye_distance, lid_gap, mouth_gap, pose_of
from actalker.faces.mesh import Points
from actalker.faces.topology import BROWS, EYES, LIP_CORNERS

MOST_TURN, MOST_SHIFT = 0.12, 0.15
"""Radians, eye distances: a photograph bears no more."""
_BROW_RANGE, _WIDTH_RANGE = 0.06, 0.12
_LIDS_TREMBLE, _LIDS_SHUT = 0.15, 0.42
"""The shares by which the gap of the lids that is read varies in eyes that are open, and shrinks when they shut."""


@dataclass(frozen=True)
class Reading:
    """One face's measures: gaps and heights in eye distances, angles in radians, the middle of the eyes in pixels."""

    gap: float
    width: float
    brow: float
    lids: float
    yaw: float
    pitch: float
    roll: float
    x: float
    y: float
    eyes: float


def read(points: Points) -> Reading:
    """Measure a mesh, (468, 3)."""
    unit, axes, pose = eye_distance(points), axes_of(points), pose_of(points)
    middle = eye_centres(points).mean(0)[:2]
    brow = float(((middle - points[list(BROWS), :2].mean(0)) @ axes[1]) / unit)
    left, right = LIP_CORNERS[0]
    width = float(np.linalg.norm(points[left] - points[right])) / unit
    lids = float(np.mean([lid_gap(points, eye) for eye in EYES]))
    yaw, pitch, roll = np.radians([pose.yaw_deg, pose.pitch_deg, pose.roll_deg]).tolist()
    return Reading(mouth_gap(points), width, brow, lids, yaw, pitch, roll, float(middle[0]), float(middle[1]), unit)


def at_rest(readings: Sequence[Reading]) -> Reading:
    """The median of readings that are spread over a video."""
    return Reading(*np.median([astuple(one) for one in readings], axis=0).tolist())


def gestures_of(readings: Sequence[Reading], rest: Reading) -> Gestures:
    """Brows, lids and head of consecutive frames, away from the driver's rest.

    Args:
        readings: One frame more than wanted on either side: the movements are smoothed over three.
    """
    table = np.array([astuple(one) for one in readings])
    names = list(Reading.__dataclass_fields__)
    curve = {name: table[:, names.index(name)] - getattr(rest, name) for name in names}

    def smooth(name: str, scale: float, most: float) -> Curve:
        values = curve[name] * scale
        return np.asarray(np.clip(0.25 * values[:-2] + 0.5 * values[1:-1] + 0.25 * values[2:], -most, most))

    shut = -curve["lids"][1:-1] / max(rest.lids, 0.05)
    return Gestures(
        brow=smooth("brow", 1 / _BROW_RANGE, 1),
        blink=np.clip((shut - _LIDS_TREMBLE) / (_LIDS_SHUT - _LIDS_TREMBLE), 0, 1),
        yaw=smooth("yaw", 1, MOST_TURN),
        nod=smooth("pitch", 1, MOST_TURN),
        roll=smooth("roll", 1, MOST_TURN),
        x=smooth("x", 1 / rest.eyes, MOST_SHIFT),
        y=smooth("y", 1 / rest.eyes, MOST_SHIFT),
    )


def mouth_of(readings: Sequence[Reading], rest: Reading) -> Curve:
    """The mouth of consecutive frames: open, wide, round, tongue, (n, 4); one frame more is given on either side."""
    gap = np.array([one.gap for one in readings[1:-1]])
    width = np.array([one.width for one in readings[1:-1]]) - rest.width
    wide = np.clip(width / _WIDTH_RANGE, -1, 1)
    opened = np.clip((gap - min(rest.gap, 0.06)) / (JAW + 0.02), 0, 1)
    return np.stack([opened, np.maximum(wide, 0), np.maximum(-wide, 0), np.zeros(len(gap))], -1)
