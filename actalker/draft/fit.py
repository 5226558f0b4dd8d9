"""The mesh fitted to the pixels of one photograph, where its errors would show: lips and lids.

The mesh is exact to 0.02 of the distance of the eyes, the line between closed lips to a few pixels: it decides whether
a mouth opens or tears.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from actalker.draft.movements import MouthShape, smooth
from actalker.draft.triangulation import face_triangles
from actalker.faces.geometry import axes_of, eye_distance
from actalker.faces.mesh import Picture, Points
from actalker.faces.topology import (
    CHEEKS,
    EYES,
    INNER_CORNERS,
    INNER_LIPS,
    LIP_CORNERS,
    LOWER_LIP,
    OVAL,
    UPPER_LIP,
)

LID_SHIFT = 0.016, 0.010
"""Out of the lashes, upper and lower: the mesh runs inside them, and a rim of white would move with the lid."""
TOUCHING, PARTED = 0.05, 0.13
"""Gaps of the mesh, in eye distances, up to which lips touch, and from which they are apart; between, pixels decide."""
_REACH, _EDGE_REACH = 0.09, 0.055
_CLEAR_EDGE = 2.5
"""Of red against green, in units of Lab and twenty-fourths of the reach."""
_INTO_LIP, _TO_CORNER = 0.012, 0.3
_AT_CORNERS = np.array([1, 0.8, 0.3, 0, 0, 0, 0.3, 0.8, 1])
"""There lips end in shadow, not in teeth."""
"""In eye distances: so far is the edge of teeth soft."""
_LEAST_HEIGHT = 0.025
"""Of a triangle, in eye distances."""
_USUAL_WIDTH, _BROAD_WIDTH = 0.80, 1.05
"""Of mouths, in eye distances."""


@dataclass(frozen=True)
class Fitted:
    """A photographed face.

    mesh: (468, 3) in pixels. skin: (3,) the colour of its cheeks. teeth: the share of bright pixels between the lips.
    """

    mesh: Points
    mouth: MouthShape
    skin: NDArray[np.float64]
    teeth: float


def fit(picture: Picture, mesh: Points) -> Fitted:
    """Fit a mesh (468, 3) to the picture, (H, W, 3) RGB, that it was found in."""
    mesh, down, unit = mesh.copy(), axes_of(mesh)[1], eye_distance(mesh)
    skin = np.median([cv2.getRectSubPix(picture, (7, 7), mesh[k, :2].tolist()) for k in CHEEKS], axis=(0, 1, 2))
    dark, teeth = _between_lips(picture, mesh, skin)
    gap = (mesh[list(LOWER_LIP[3]), :2] - mesh[list(UPPER_LIP[3]), :2]) @ down / unit
    middle = float(gap[3:6].mean())
    if middle < TOUCHING or (middle < PARTED and teeth < 0.2):
        _join_lips(picture, mesh, down, unit)
        gap = np.zeros(len(gap))
    else:
        _find_edges(picture, mesh, down, unit)
        gap = np.maximum((mesh[list(LOWER_LIP[3]), :2] - mesh[list(UPPER_LIP[3]), :2]) @ down / unit, 0)
    for eye in EYES:
        mesh[list(eye.upper), :2] -= LID_SHIFT[0] * unit * down
        mesh[list(eye.lower), :2] += LID_SHIFT[1] * unit * down
    _unfold(mesh, unit)
    width = float(np.linalg.norm(mesh[61] - mesh[291])) / unit
    smile = float(smooth(_USUAL_WIDTH, _BROAD_WIDTH, width)) * float(smooth(0.0, 0.1, middle))
    clenched = float(smooth(0.25, 0.6, teeth / max(teeth + dark, 1e-6)))
    return Fitted(mesh, MouthShape(gap, clenched, smile), skin, teeth)


def _between_lips(picture: Picture, mesh: Points, skin: NDArray[np.float64]) -> tuple[float, float]:
    """The shares of pixels between the lips that are dark, and that are bright like teeth."""
    inside = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.round(mesh[list(INNER_LIPS), :2]).astype(np.int32)], 1)
    pixels = picture[inside > 0].astype(np.float64)
    if len(pixels) < 12:
        return 0.0, 0.0
    light = pixels @ [0.299, 0.587, 0.114] / max(float(skin @ [0.299, 0.587, 0.114]), 1.0)
    highest = np.asarray(pixels.max(axis=1))
    colour = np.ptp(pixels, axis=1) / np.maximum(highest, 1)
    usual = float(np.ptp(skin)) / max(float(skin.max()), 1.0)
    bright = (light > 0.72) & (colour < np.maximum(0.9 * usual, 0.12))
    return float(np.mean(light < 0.45)), float(np.mean(bright))


def _join_lips(picture: Picture, mesh: Points, down: Points, unit: float) -> None:
    """Both inner edges, and the corners, onto the darkest line between closed lips."""
    upper, lower = list(UPPER_LIP[3]), list(LOWER_LIP[3])
    line = (mesh[upper, :2] + mesh[lower, :2]) / 2
    middle = np.concatenate([mesh[[61, 78], :2], line, mesh[[308, 291], :2]])
    steps = np.linspace(-_REACH, _REACH, 37)
    at = (middle[:, None] + steps[None, :, None] * down * unit).astype(np.float32)
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), max(0.6, 0.012 * unit))
    light = cv2.remap(grey, at[..., 0], at[..., 1], cv2.INTER_LINEAR).astype(np.float64)
    contrast = max(float(np.ptp(light)), 1.0)
    path = _smoothest(light / contrast + 20 * steps**2)
    shift = np.convolve(np.pad(steps[path], 1, mode="edge"), [0.25, 0.5, 0.25], "valid")[:, None] * down * unit
    mesh[[61, 78, *upper, 308, 291], :2] = middle + shift
    mesh[lower, :2] = mesh[upper, :2]


def _find_edges(picture: Picture, mesh: Points, down: Points, unit: float) -> None:
    """The inner edges of lips that are apart to where red ends, or light changes; a little beyond it: within the lip.

    Teeth end as steeply as lips do, but are not red. The hole reaches towards the corners, where it is dark.
    """
    inner, outer = list(INNER_CORNERS), list(LIP_CORNERS[0])
    mesh[inner, :2] += _TO_CORNER * (mesh[outer, :2] - mesh[inner, :2])
    steps = np.linspace(-_EDGE_REACH, _EDGE_REACH, 25)
    lab = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB), (0, 0), max(0.5, 0.010 * unit))
    for row, inward in ((UPPER_LIP[3], 1), (LOWER_LIP[3], -1)):
        edge = mesh[list(row), :2]
        at = (edge[:, None] + steps[None, :, None] * down * unit).astype(np.float32)
        values = cv2.remap(lab, at[..., 0], at[..., 1], cv2.INTER_LINEAR).astype(np.float64)
        change = np.gradient(values[..., :2], axis=1)  # of light, and of red against green
        paler, steep = np.maximum(-inward * change[..., 1], 0), np.abs(change[..., 0])
        colour = min(1.0, float(paler.max()) / _CLEAR_EDGE)  # none in a grey photograph
        good = colour * paler / max(float(paler.max()), 1e-3) + (1 - 0.8 * colour) * steep / max(
            float(steep.max()), 1e-3
        )
        darker = np.maximum(-inward * change[..., 0], 0)
        good += _AT_CORNERS[:, None] * (darker / max(float(darker.max()), 1e-3) - good)
        path = _smoothest(1 - good + 120 * steps**2)
        shift = np.convolve(np.pad(steps[path], 1, mode="edge"), [0.25, 0.5, 0.25], "valid") - inward * _INTO_LIP
        mesh[list(row), :2] = edge + shift[:, None] * down * unit


def _smoothest(cost: NDArray[np.float64]) -> NDArray[np.int64]:
    """The cheapest path through (columns, steps) that changes little from column to column."""
    steps = np.arange(cost.shape[1])
    bend = 0.004 * (steps[:, None] - steps) ** 2
    total, back = cost[0], []
    for column in cost[1:]:
        ways = total[None] + bend
        back.append(ways.argmin(1))
        total = column + ways.min(1)
    path = [int(total.argmin())]
    for came in reversed(back):
        path.append(int(came[path[-1]]))
    return np.array(path[::-1])


def _unfold(mesh: Points, unit: float) -> None:
    """Triangles that are turned over at rest, or slivers, get some height: their points go towards their neighbours.

    The points are only handles. Those of lips, lids and outline stay.
    """
    faces = face_triangles()
    fixed = {point for row in (*UPPER_LIP[::3], *LOWER_LIP[::3], INNER_CORNERS, LIP_CORNERS[0], OVAL) for point in row}
    fixed |= {point for eye in EYES for part in (eye.corners, eye.upper, eye.lower) for point in part}
    beside: dict[int, set[int]] = {}
    for face in faces.tolist():
        for point in face:
            beside.setdefault(point, set()).update(set(face) - {point})
    for _ in range(60):
        a, b, c = (mesh[faces[:, k], :2] for k in range(3))
        double = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
        longest = np.max([np.linalg.norm(side, axis=1) for side in (b - a, c - b, a - c)], axis=0)
        bad = faces[double < _LEAST_HEIGHT * unit * longest]
        loose = sorted(set(bad.ravel().tolist()) - fixed)
        if not loose:
            break
        mesh[loose] = [0.6 * mesh[point] + 0.4 * mesh[sorted(beside[point])].mean(0) for point in loose]
