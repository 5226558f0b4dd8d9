"""What shows between the lips: the photograph's own teeth where it has any, else painted ones.

Upper teeth belong to the skull and lie as the head lies. Lower teeth and tongue go with the jaw. Neither is stretched:
the lips move over them like curtains.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import skia
from numpy.typing import NDArray

from actalker.draft.anatomy import Anatomy
from actalker.draft.expression import Expression
from actalker.draft.finish import Finish
from actalker.draft.fit import Fitted
from actalker.draft.movements import JAW
from actalker.draft.skia_paint import Triangles, colour, edge_path, masked, open_path, paint, texture
from actalker.draft.triangulation import lips_and_hole
from actalker.faces.mesh import Picture, Points
from actalker.faces.topology import INNER_CORNERS, INNER_LIPS, LOWER_LIP, UPPER_LIP

_UPPER, _LOWER = UPPER_LIP[3], LOWER_LIP[3]
_INCISORS = (0.118, 0.100, 0.100, 0.075, 0.06)
"""Widths of upper teeth from the middle outwards, in eye distances."""
_EDGE = 0.046
"""How far the upper teeth reach below the line of the closed lips, in eye distances."""
_BETWEEN = 0.005
_COLOURED = 0.15
"""The saturation from which skin is a colour photograph's: it has 0.3 to 0.6 there."""
_FINE = 4
"""Painted teeth are drawn so many times larger, and shrunk."""


class MouthPainter:
    """Draws the inside of one face's mouth."""

    def __init__(self, picture: Picture, fitted: Fitted, anatomy: Anatomy, finish: Finish) -> None:
        self._anatomy = anatomy
        self._unit, self._axes = anatomy.unit, anatomy.axes
        self._soft = max(finish.blur_px, 0.4)
        self._fill = Triangles(lips_and_hole(), anatomy.rest)
        self._own = float(fitted.mouth.gap.max()) > 0
        half = float(np.linalg.norm(anatomy.rest[308] - anatomy.rest[78])) / self._unit / 2
        self._colour = min(1.0, float(np.ptp(fitted.skin)) / max(float(fitted.skin.max()), 1.0) / _COLOURED)
        # Flesh and teeth are lit as the face is; skin tells the light's colour, and its own.
        level, light = finish.white, max(float(fitted.skin @ [0.299, 0.587, 0.114]), 1.0)
        self._flesh = 0.5 * fitted.skin + 0.5 * level * self._tinted([0.98, 0.72, 0.62])
        white = level * (0.7 * self._tinted([1, 0.95, 0.85]) + 0.3 * fitted.skin / light)
        self._white = white * min(1.0, 232 / float(white.max()))
        self._whole = self._upper = self._lower = None
        if self._own:
            self._whole, self._upper, self._lower = self._own_layers(picture)
        self._teeth = None if self._own else _teeth(half, self._white, self._unit, finish)

    def _own_layers(self, picture: Picture) -> tuple[Any, Any, Any]:
        """The photographed inside of the mouth, whole and above and below the edge of the upper teeth, as textures.

        The parts leave out the lips' rim, which would show where the lips open further than in the photograph.
        """
        anatomy, unit = self._anatomy, self._unit
        height, width = picture.shape[:2]
        soft = max(0.6, 0.012 * unit)
        inside = np.zeros((height, width), np.uint8)
        cv2.fillPoly(inside, [np.round(anatomy.rest[list(INNER_LIPS)] * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        inner = max(1, round(0.014 * unit))
        inside = np.asarray(
            cv2.erode(inside, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * inner + 1, 2 * inner + 1))), np.uint8
        )
        mask = cv2.GaussianBlur(inside.astype(np.float32) / 255, (0, 0), soft)
        split = _teeth_edge(picture, anatomy)
        up = anatomy.rest[[78, *_UPPER, 308]] - 0.3 * unit * self._axes[1]
        upper = np.zeros((height, width), np.uint8)
        cv2.fillPoly(upper, [np.round(np.concatenate([up, split[::-1]]) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        above = cv2.GaussianBlur(upper.astype(np.float32) / 255, (0, 0), soft)
        whole = texture(masked(picture, np.ones((height, width), np.float32)))
        return whole, texture(masked(picture, mask * above)), texture(masked(picture, mask * (1 - above)))

    def draw(self, canvas: Any, e: Expression, rigid: Points, moving: Points) -> None:
        """Draw it, clipped by the lips."""
        if not np.array_equal(moving[list(_UPPER)], moving[list(_LOWER)]):
            canvas.save()
            canvas.clipPath(edge_path(moving, INNER_CORNERS, _UPPER, _LOWER), skia.ClipOp.kIntersect, True)
            self._inside(canvas, e, rigid, moving)
            canvas.restore()
        if self._own:  # lips that the photograph shows apart have no line where they meet
            down = self._axes[1]
            met = 1 - np.clip((moving[14] - moving[13]) @ down / self._unit / 0.05, 0, 1)
            seam = paint(
                colour(self._tinted([0.42, 0.22, 0.22]) * self._flesh, 0.75 * met), self._soft, 0.016 * self._unit
            )
            canvas.drawPath(open_path(moving[[78, *_UPPER, 308]]), seam)

    def _inside(self, canvas: Any, e: Expression, rigid: Points, moving: Points) -> None:
        unit, flesh = self._unit, self._flesh
        origin = (rigid[13] + rigid[14]) / 2
        ends = (moving[[78, 308, 13, 14]] - origin) / unit @ self._axes.T
        (left, _), (right, _), (_, top), (_, bottom) = ends
        opening = float(np.clip((bottom - top) / 0.1, 0, 1))
        canvas.drawPaint(skia.Paint(Color=colour(self._tinted([0.20, 0.075, 0.075]) * flesh)))
        gums = paint(colour(self._tinted([0.72, 0.42, 0.42]) * flesh), 0.01 * unit, 0.09 * unit)
        canvas.drawPath(open_path(rigid[[78, *_UPPER, 308]] - 0.02 * unit * self._axes[1]), gums)
        jaw = (JAW * e.open - self._closing(e)) * unit * self._axes[1]
        canvas.save()
        canvas.concat(self._to_picture(origin))
        tongue = paint(
            colour(self._tinted([0.60, 0.31, 0.31]) * flesh, 0.4 + 0.5 * opening), max(0.028, self._soft / unit)
        )
        raised = bottom - 0.030 - 0.045 * opening - 0.055 * e.tongue
        canvas.drawOval(skia.Rect(0.62 * left, raised, 0.62 * right, bottom + 0.08), tongue)
        canvas.restore()
        if self._lower is not None:
            self._fill.draw(canvas, rigid + jaw, self._lower)
        if self._upper is not None:
            self._fill.draw(canvas, rigid, self._upper)
            wider = max(0.0, float((moving[14] - rigid[14]) @ self._axes[1])) / unit
            if wider < 0.04:
                self._fill.draw(canvas, rigid, self._whole, 1 - wider / 0.04)
        else:
            self._draw_teeth(canvas, self._teeth, origin, opening)
        shade = paint(
            colour((20, 5, 5), 0.45 * self._moved(rigid, moving)), max(0.016 * unit, self._soft), 0.036 * unit
        )
        canvas.drawPath(open_path(moving[[78, *_UPPER, 308]]), shade)
        tone = colour(self._tinted([0.45, 0.22, 0.2]) * flesh, (0.3 if self._own else 0.9) * self._moved(rigid, moving))
        for k in INNER_CORNERS:
            canvas.drawCircle(*moving[k].tolist(), 0.055 * unit, paint(tone, max(0.035 * unit, self._soft)))

    def _tinted(self, factors: Sequence[float]) -> NDArray[np.float64]:
        """Factors of red, green and blue; grey ones for a photograph without colour."""
        full = np.array(factors, np.float64)
        grey = float(full @ [0.299, 0.587, 0.114])
        return np.asarray(grey + self._colour * (full - grey))

    def _moved(self, rigid: Points, moving: Points) -> float:
        """0 for lips as photographed, to 1: what is painted over the photograph fades in with the movement."""
        far = np.abs((moving - rigid)[[13, 14, 78, 308]]).max() / self._unit
        return float(np.clip(far / 0.03, 0, 1))

    def _closing(self, e: Expression) -> float:
        """How far `close` raises the jaw, in eye distances."""
        mouth = self._anatomy.mouth
        return e.close * (1 - mouth.clenched) * max(float(mouth.gap[3:6].mean()) - 0.1, 0.0)

    def _to_picture(self, origin: Points) -> Any:
        """From the face's axes, in eye distances, to pixels."""
        across, down = self._axes * self._unit
        return skia.Matrix().setAll(
            *map(float, (across[0], down[0], origin[0], across[1], down[1], origin[1], 0, 0, 1))
        )

    def _draw_teeth(
        self, canvas: Any, teeth: "tuple[Any, float, float] | None", origin: Points, opening: float
    ) -> None:
        """Teeth are in the lips' shadow while the mouth is hardly open."""
        if teeth is None or opening <= 0:
            return
        image, left, top = teeth
        canvas.save()
        canvas.concat(self._to_picture(origin))
        canvas.translate(left, top)
        canvas.scale(1 / self._unit, 1 / self._unit)
        shade = 0.5 + 0.5 * opening
        dim = skia.ColorFilters.Matrix([shade, 0, 0, 0, 0, 0, shade, 0, 0, 0, 0, 0, shade, 0, 0, 0, 0, 0, 1, 0])
        look = skia.Paint(ColorFilter=dim, Alphaf=float(opening**0.5))
        canvas.drawImage(image, 0, 0, skia.SamplingOptions(skia.CubicResampler.CatmullRom()), look)
        canvas.restore()


def _teeth_edge(picture: Picture, anatomy: Anatomy) -> Points:
    """Where the photograph's upper teeth end, from corner to corner: (11, 2). The lower lip where they reach it."""
    upper, lower = anatomy.rest[[78, *_UPPER, 308]], anatomy.rest[[78, *_LOWER, 308]]
    steps = np.linspace(0, 1, 24)
    at = (upper[:, None] + (lower - upper)[:, None] * steps[None, :, None]).astype(np.float32)
    light = cv2.remap(picture, at[..., 0], at[..., 1], cv2.INTER_LINEAR).astype(np.float64) @ [0.299, 0.587, 0.114]
    bright = light > 0.5 * (np.percentile(light, 90) + np.percentile(light, 10))
    ends = np.ones(len(upper))
    for k in range(1, len(upper) - 1):
        rows = np.flatnonzero(bright[k])
        if rows.size:
            gaps = np.flatnonzero(np.diff(rows) > 2)
            ends[k] = steps[rows[gaps[0]] if gaps.size else rows[-1]]
    ends[1:-1] = np.maximum(ends[1:-1], np.median(ends[2:-2]))  # a gap between two teeth is no edge
    ends = np.where(ends > 0.7, 1.15, ends)
    ends = np.convolve(np.pad(ends, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    return np.asarray(upper + (lower - upper) * ends[:, None])


def _teeth(half: float, white: NDArray[np.float64], unit: float, finish: Finish) -> "tuple[Any, float, float]":
    """A row of upper teeth as an image at the picture's scale; its left and top from the middle of the lips.

    Args:
        half: Of the mouth's width, in eye distances, as are the results.
    """
    high, pad = 0.20, 0.06
    across, down = round(2 * (half + pad) * unit), round((high + 2 * pad) * unit)
    pixels = np.zeros((down * _FINE, across * _FINE, 4), np.uint8)
    canvas = skia.Surface(pixels, colorType=skia.kRGBA_8888_ColorType).getCanvas()
    canvas.scale(_FINE * unit, _FINE * unit)
    canvas.translate(half + pad, pad)
    reach, inner = 0.97 * half, 0.0
    for width in _INCISORS:
        outer = inner + width
        shade = 1 - 0.7 * min((inner + outer) / 2 / reach, 1) ** 2.2  # the arch turns away from the light
        edges = [high - 0.045 * (min(x, reach) / reach) ** 2 for x in (inner, outer)]
        tones = [colour(white * shade * light) for light in (0.80, 1.0, 0.95)]
        shine = skia.GradientShader.MakeLinear([skia.Point(0, 0), skia.Point(0, high)], tones, [0, 0.75, 1])
        for side in (-1, 1):
            tooth = _tooth(side * (inner + _BETWEEN), side * (outer - _BETWEEN), *edges)
            canvas.drawPath(tooth, paint(colour(white), shader=shine))
        inner = outer
    small = cv2.resize(pixels, (across, down), interpolation=cv2.INTER_AREA).astype(np.float32)
    closed = cv2.morphologyEx(small[..., 3], cv2.MORPH_CLOSE, np.ones((1, 2 * round(0.02 * unit) + 3)))
    under = np.array([*(white * 0.5), 255], np.float32) * closed[..., None] / 255  # darker between them, not empty
    small = np.asarray(small + (1 - small[..., 3:] / 255) * under, np.float32)
    x = (np.arange(across, dtype=np.float32) + 0.5) / unit - half - pad
    done = finish.apply(small, x).round().astype(np.uint8)
    return skia.Image.fromarray(done, colorType=skia.kRGBA_8888_ColorType), -half - pad, -pad - high + _EDGE


def _tooth(x0: float, x1: float, y0: float, y1: float) -> Any:
    """A tooth from its root at 0 to an edge between (x0, y0) and (x1, y1) with round corners."""
    rounding = 0.28 * (x1 - x0)
    path = skia.Path()
    path.moveTo(x0, 0)
    path.lineTo(x0, y0 - 0.022)
    path.quadTo(x0, y0, x0 + rounding, y0)
    path.lineTo(x1 - rounding, y1)
    path.quadTo(x1, y1, x1, y1 - 0.022)
    path.lineTo(x1, 0)
    path.close()
    return path
