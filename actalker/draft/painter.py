"""Draws a photograph that talks: the moving mesh, and through its holes what lies behind.

Lids and lips are curtains: eyeballs and teeth come from the photograph as it is, so they never stretch. Outside the
last ring around the face nothing is drawn at all: there every frame is the photograph.
"""

from typing import Any

import cv2
import numpy as np
import skia
from numpy.typing import NDArray

from actalker.draft.anatomy import Anatomy
from actalker.draft.expression import Expression
from actalker.draft.finish import finish_of
from actalker.draft.fit import fit
from actalker.draft.mouth import MouthPainter
from actalker.draft.movements import smooth
from actalker.draft.skia_paint import Triangles, colour, edge_path, masked, open_path, paint, texture
from actalker.draft.triangulation import holes
from actalker.faces.mesh import Picture, Points
from actalker.faces.topology import EYES, Eye


class Painter:
    """Draws frames of one photograph, one after the other.

    Args:
        picture: (H, W, 3) RGB, both even.
        mesh: (468, 3), as the face mesh found it there.
    """

    def __init__(self, picture: Picture, mesh: Points) -> None:
        fitted = fit(picture, mesh)
        self.anatomy = Anatomy(fitted.mesh, fitted.mouth)
        finish = finish_of(picture, fitted.mesh)
        self._photo = texture(masked(picture, np.ones(picture.shape[:2], np.float32)))
        self._all = Triangles(self.anatomy.drawn, self.anatomy.rest)
        self._holes = Triangles(holes(), self.anatomy.rest)
        self._mouth = MouthPainter(picture, fitted, self.anatomy, finish)
        soft = cv2.blur(picture, (5, 5)).astype(np.float64)
        self._lids = [_Lid(eye, soft, self.anatomy, fitted.skin, finish.blur_px) for eye in EYES]
        self._still = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
        self._pixels = self._still.copy()
        self._canvas = skia.Surface(self._pixels, colorType=skia.kRGBA_8888_ColorType).getCanvas()

    def frame(self, expression: Expression) -> NDArray[np.uint8]:
        """(H, W, 3) RGB."""
        rigid, moving = self.anatomy.posed(expression)
        self._pixels[:] = self._still  # a frame depends on no other
        self._all.draw(self._canvas, moving, self._photo)
        for lid in self._lids:
            lid.draw(
                self._canvas,
                expression.blink,
                rigid,
                moving,
                lambda: self._holes.draw(self._canvas, rigid, self._photo),
            )
        self._mouth.draw(self._canvas, expression, rigid, moving)
        return np.asarray(cv2.cvtColor(self._pixels, cv2.COLOR_RGBA2RGB), np.uint8)


class _Lid:
    """One eye's lid.

    A brow right above the eye leaves no skin to stretch: so much of the lid is painted.
    """

    def __init__(
        self, eye: Eye, soft: NDArray[np.float64], anatomy: Anatomy, skin: NDArray[np.float64], blur_px: float
    ) -> None:
        self._eye, self._unit, self._down, self._blur = eye, anatomy.unit, anatomy.axes[1], blur_px
        height, width = soft.shape[:2]

        def at(points: Points) -> NDArray[np.float64]:
            columns, rows = points.astype(int).T
            return np.asarray(soft[rows.clip(0, height - 1), columns.clip(0, width - 1)])

        upper = anatomy.rest[list(eye.upper)]
        under = np.median(at(anatomy.rest[list(eye.lower)] + 0.11 * self._unit * self._down), axis=0)
        above = at(anatomy.rest[list(eye.fold)])[1:6]
        band = np.concatenate([at(upper + shift * self._unit * self._down) for shift in (-0.02, 0, 0.02)])
        bare = float(smooth(0.45, 0.75, np.median(above.mean(1)) / max(under.mean(), 1)))
        self._lash = np.percentile(band, 10, axis=0)
        self._skin = 0.3 * bare * np.median(above, axis=0) + (1 - 0.3 * bare) * (under + skin) / 2
        self._cover = 1 - 0.2 * bare

    def draw(self, canvas: Any, blink: float, rigid: Points, moving: Points, draw_eyeball: Any) -> None:
        """The eyeball behind the lids, and what is painted of a shutting lid."""
        eye, unit = self._eye, self._unit
        canvas.save()
        canvas.clipPath(edge_path(moving, eye.corners, eye.upper, eye.lower), skia.ClipOp.kIntersect, True)
        draw_eyeball()
        canvas.restore()
        if blink <= 0:
            return
        upper = list(eye.upper)
        top = rigid[upper] - 0.03 * unit * self._down
        opacity = self._cover * float(smooth(0.1, 0.6, blink))
        tones = [colour(self._skin * light, opacity) for light in (0.84, 0.93, 0.99, 0.84)]
        ends = [skia.Point(*point.tolist()) for point in (top[3], moving[upper[3]])]
        shader = skia.GradientShader.MakeLinear(ends, tones, [0, 0.35, 0.7, 1])
        lid = np.concatenate([rigid[list(eye.corners)], top, moving[upper]])
        path = edge_path(lid, (0, 1), range(2, 2 + len(upper)), range(2 + len(upper), 2 + 2 * len(upper)))
        canvas.drawPath(path, paint(colour(self._skin), 0.022 * unit, shader=shader))
        line = moving[[eye.corners[0], *upper, eye.corners[1]]]
        lash = paint(colour(self._lash, 0.9 * blink), max(0.006 * unit, self._blur), 0.02 * unit)
        canvas.drawPath(open_path(line), lash)
