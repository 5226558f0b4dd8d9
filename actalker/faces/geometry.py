"""What a mesh says about a face: its size, how it is turned, how far mouth and lids are open.

Lengths are in pixels of the picture, or in eye distances: from the middle of one eye to the middle of the other, in
three dimensions, so that a turned head keeps its scale.
"""

from dataclasses import dataclass

import numpy as np

from actalker.faces.mesh import Points
from actalker.faces.topology import (
    CHIN,
    EYES,
    FOREHEAD,
    LOWER_LIP,
    OUTER_CORNERS,
    OVAL,
    SIDES,
    UPPER_LIP,
    Eye,
)
from actalker.shapes import Box, Size

_LEVEL_PITCH_DEG = 8.0
"""What the line from forehead to chin shows of a head that is held level."""
_MIDDLE = slice(2, 7)
"""The points of a lid that are not at its ends."""


@dataclass(frozen=True)
class Pose:
    """How a head is held, in degrees; all 0 for one that looks straight at the camera.

    yaw is positive when its nose points to the picture's right, pitch when it points down, roll when the eye at the
    picture's right is lower.
    """

    yaw_deg: float
    pitch_deg: float
    roll_deg: float

    @property
    def turned_deg(self) -> float:
        """Away from the camera, whichever way."""
        return float(np.hypot(self.yaw_deg, self.pitch_deg))


def axes_of(points: Points) -> Points:
    """The face's own axes in the picture, (2, 2): rows along the eyes, to the picture's right, and down the face."""
    along = points[OUTER_CORNERS[1], :2] - points[OUTER_CORNERS[0], :2]
    right = along / np.hypot(*along)
    return np.stack([right, [-right[1], right[0]]])


def eye_centres(points: Points) -> Points:
    """(2, 3): the middles of the lids."""
    return np.stack([points[list(eye.upper + eye.lower)].mean(0) for eye in EYES])


def eye_distance(points: Points) -> float:
    """Pixels."""
    left, right = eye_centres(points)
    return float(np.linalg.norm(right - left))


def pose_of(points: Points) -> Pose:
    """See `Pose`."""
    across, down = points[SIDES[1]] - points[SIDES[0]], points[CHIN] - points[FOREHEAD]
    right = axes_of(points)[0]
    yaw = np.degrees(np.arctan2(across[2], np.hypot(*across[:2])))
    pitch = np.degrees(np.arctan2(down[2], np.hypot(*down[:2]))) - _LEVEL_PITCH_DEG
    return Pose(float(yaw), float(pitch), float(np.degrees(np.arctan2(right[1], right[0]))))


def mouth_gap(points: Points) -> float:
    """Between the inner edges of the lips, in eye distances; 0 where they touch."""
    gap = points[list(LOWER_LIP[3]), :2] - points[list(UPPER_LIP[3]), :2]
    return float((gap @ axes_of(points)[1])[3:6].mean() / eye_distance(points))


def lid_gap(points: Points, eye: Eye) -> float:
    """Between the lids of an eye, over the distance of its corners."""
    gap = (points[list(eye.lower), :2] - points[list(eye.upper), :2]) @ axes_of(points)[1]
    return float(gap[_MIDDLE].mean() / np.linalg.norm(np.subtract(*points[list(eye.corners)])))


def share_outside(points: Points, picture: Size) -> float:
    """The share of the outline's points that lie outside the picture."""
    outline = points[list(OVAL), :2]
    return float(np.mean(np.any((outline < 0) | (outline >= [picture.width, picture.height]), axis=1)))


def box_of(points: Points) -> Box:
    """The square that a network is told of as the face's box; it may reach out of the picture.

    It is where OpenCV's frontal cascade saw faces, whose boxes the demo network was trained with: on 142 drawn heads
    its middle is within 1 % of the picture and its side within 4 %. (Standard deviations. The cascade knows sides only
    in steps of 10 %.)
    """
    outline = points[list(OVAL), :2]
    low, high = outline.min(0), outline.max(0)
    around = float((high - low).sum())
    x, y = (low + high) / 2 - [0, 0.05 * around]
    side = round(0.55 * around)
    left, top = round(x - side / 2), round(y - side / 2)
    return Box(left, top, left + side, top + side)
