"""Where the points of a photographed face are in any expression, with no triangle between them turned over.

Points are (n, 2) pixels: 468 of the mesh, and then four rings around it that fade the movement out into hair, neck and
background.
"""

import numpy as np
from numpy.typing import NDArray

from actalker.draft.expression import Expression
from actalker.draft.movements import MouthShape, Movements, smooth
from actalker.draft.triangulation import RINGS, holes, neighbours, skin
from actalker.faces.geometry import axes_of, eye_centres, eye_distance
from actalker.faces.mesh import Points
from actalker.faces.topology import CHIN, EYES, INNER_CORNERS, LOWER_LIP, OVAL, POINTS, SIDES, UPPER_LIP

_MET = 0.008
"""Lips that are so near, in eye distances, touch."""
LID_SHARE = 0.45
"""How far the fold above the eye follows the lid."""
NECK = 1.6
"""How far below the eyes the head tilts."""
_DEPTH_STEPS = 4
_UNTANGLED = 0.04
"""The least area of a triangle that has moved, over its area at rest."""
_SMOOTHING_STEPS, _UNTANGLING_STEPS = 8, 24
_KEPT = np.zeros(POINTS + len(RINGS) * len(OVAL), bool)
_KEPT[[*UPPER_LIP[3], *LOWER_LIP[3], *INNER_CORNERS]] = True
for _eye in EYES:
    _KEPT[[*_eye.upper, *_eye.lower, *_eye.corners]] = True


class Anatomy:
    """The movements of one face.

    Args:
        mesh: (468, 3), fitted to the picture (`actalker.draft.fit`).
        mouth: What the picture shows of the mouth.
    """

    def __init__(self, mesh: Points, mouth: MouthShape) -> None:
        outline, middle = mesh[list(OVAL)], mesh[list(OVAL)].mean(0)
        rings = [
            np.column_stack([middle[:2] + (outline - middle)[:, :2] * size, outline[:, 2] * depth])
            for size, _, _, depth in RINGS
        ]
        points = np.concatenate([mesh, *rings])
        self.rest, self.unit, self.axes = points[:, :2], eye_distance(mesh), axes_of(mesh)
        self.mouth = mouth
        self.eyes_middle = eye_centres(mesh).mean(0)[:2]
        table, count = self._beside = neighbours(skin(), len(points))
        depth = points[:, 2]
        for _ in range(_DEPTH_STEPS):  # small triangles would fold when the head turns
            depth = 0.5 * depth + 0.5 * (depth[table] * (table >= 0)).sum(1) / count
        self.depth = (mesh[list(SIDES), 2].mean() - depth) / self.unit  # the nose is nearest
        x, y = self._own(self.rest, (mesh[13] + mesh[14])[:2] / 2)
        self.moves = Movements(x, y, self.rest, self.unit, mouth).fields
        low = smooth(0.1, 0.9, y[list(OVAL)] / y[CHIN])
        self.stiffness = np.concatenate(
            [np.ones(POINTS), *(hair * (1 - low) + neck * low for _, hair, neck, _ in RINGS)]
        )
        self.skin = skin()
        areas = self._areas(self.rest)
        front = areas > 0
        # What a turned head hides is drawn first, and covered by the rest.
        self.drawn = np.concatenate([holes(), self.skin[~front], self.skin[front]])
        self.skin = self.skin[front]
        self._least = _UNTANGLED * areas[front]

    def _own(self, points: Points, origin: Points) -> Points:
        """(2, n): along the face's axes, in eye distances."""
        return np.asarray(((points - origin) / self.unit @ self.axes.T).T)

    def posed(self, expression: Expression) -> tuple[Points, Points]:
        """The points moved with the head alone, and with the expression too."""
        rigid = self.rest + self._with_head(expression)
        moved = sum((getattr(expression, name) * field for name, field in self.moves.items()), np.zeros_like(self.rest))
        moving = rigid + self.unit * moved @ self.axes
        for eye in EYES:
            upper, lower, fold = list(eye.upper), list(eye.lower), list(eye.fold)
            way = expression.blink * (moving[lower] - moving[upper])
            moving[upper] += way
            moving[fold] += LID_SHARE * way
        return rigid, self._untangled(rigid, self._with_lips_that_meet(moving))

    def _with_lips_that_meet(self, moving: Points) -> Points:
        """Lips that are hardly apart, or would overlap, have one line."""
        upper, lower = list(UPPER_LIP[3]), list(LOWER_LIP[3])
        met = (moving[lower] - moving[upper]) @ self.axes[1] < _MET * self.unit
        line = (moving[upper] + moving[lower])[met] / 2
        moving[np.array(upper)[met]] = moving[np.array(lower)[met]] = line
        return moving

    def _with_head(self, e: Expression) -> Points:
        turn = np.stack([e.yaw * self.depth + e.x, e.nod * self.depth + e.y], -1)
        x, y = self._own(self.rest, self.eyes_middle)
        turn += e.roll * np.stack([NECK - y, x], -1)
        return np.asarray(self.unit * (turn * self.stiffness[:, None]) @ self.axes)

    def folded(self, moving: Points) -> NDArray[np.bool_]:
        """Which of the triangles that are drawn have turned over, (n,)."""
        return np.asarray(self._areas(moving) <= 0)

    def _areas(self, points: Points) -> NDArray[np.float64]:
        """Twice the signed area of the skin's triangles in pixels, positive where they face the camera."""
        a, b, c = (points[self.skin[:, k]] for k in range(3))
        return np.asarray((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])

    def _untangled(self, rigid: Points, moving: Points) -> Points:
        """The moving points, with none of the triangles turned over.

        Where one would be, its points take the mean movement of their neighbours. What resists takes the shape that it
        has at rest. The edges of lips and lids are kept as long as possible: a mouth that shuts must stay shut.
        """
        table, count = self._beside
        for step in range(_UNTANGLING_STEPS):
            bad = self.skin[self._areas(moving) < self._least]
            if not bad.size:
                break
            if step < _SMOOTHING_STEPS:
                way, around = moving - rigid, np.unique(table[np.unique(bad)])
                loose = around[(around >= 0) & ~_KEPT[around]]
                mean = (way[table[loose]] * (table[loose] >= 0)[..., None]).sum(1) / count[loose][:, None]
                moving[loose] = rigid[loose] + mean
                continue
            way = moving - self.rest
            for face in bad:
                loose = face if step >= 2 * _SMOOTHING_STEPS else face[~_KEPT[face]]
                moving[loose] = self.rest[loose] + 0.5 * way[loose] + 0.5 * way[face].mean(0)
        return moving
