"""Helpers for Skia on photographs: textures, triangles, smooth paths, paints."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import skia
from numpy.typing import NDArray

from actalker.faces.mesh import Points

RGBA = NDArray[np.uint8]


def texture(rgba: RGBA) -> Any:
    """A shader that samples (H, W, 4), premultiplied. Linear sampling would save 3 ms a frame and is visibly softer."""
    sampling = skia.SamplingOptions(skia.CubicResampler.CatmullRom())
    return skia.Image.fromarray(rgba, colorType=skia.kRGBA_8888_ColorType).makeShader(
        skia.TileMode.kClamp, skia.TileMode.kClamp, sampling
    )


def masked(picture: NDArray[np.uint8], mask: NDArray[np.float32]) -> RGBA:
    """(H, W, 3) and (H, W) from 0 to 1 -> (H, W, 4), premultiplied."""
    share = np.clip(mask, 0, 1)[..., None]
    return np.dstack([picture * share, 255 * share]).round().astype(np.uint8)


def points_of(points: Points) -> list[Any]:
    """Skia's points."""
    return [skia.Point(x, y) for x, y in points.tolist()]


class Triangles:
    """Triangles that a texture is drawn with: (n, 3) of points whose places in the texture do not change."""

    def __init__(self, faces: NDArray[np.int32], rest: Points) -> None:
        self._indices = faces.ravel().tolist()
        self._rest = points_of(rest)

    def draw(self, canvas: Any, points: Points, shader: Any, opacity: float = 1.0) -> None:
        """Draw the texture with its points moved."""
        kind = skia.Vertices.kTriangles_VertexMode
        canvas.drawVertices(
            skia.Vertices(kind, points_of(points), self._rest, None, self._indices),
            skia.Paint(Shader=shader, Alphaf=opacity),
        )


def edge_path(points: Points, ends: tuple[int, int], upper: Sequence[int], lower: Sequence[int]) -> Any:
    """A closed path along two rows of points with common ends: Catmull-Rom curves.

    It covers the polygon of the points too, which is the hole that the triangles leave.
    """
    first, last = points[ends[0]], points[ends[1]]
    there, back = np.array([first, *points[list(upper)], last]), np.array([last, *points[list(lower)][::-1], first])
    path = skia.Path()
    path.moveTo(*first.tolist())
    _curve_on(path, there)
    _curve_on(path, back)
    path.close()
    path.addPoly(points_of(np.concatenate([there, back[1:-1]])), True)
    return path


def open_path(points: Points) -> Any:
    """A curve through (n, 2) points."""
    path = skia.Path()
    path.moveTo(*points[0].tolist())
    _curve_on(path, points)
    return path


def _curve_on(path: Any, row: Points) -> None:
    p = np.concatenate([row[:1], row, row[-1:]])
    controls = np.concatenate([p[1:-2] + (p[2:-1] - p[:-3]) / 6, p[2:-1] - (p[3:] - p[1:-2]) / 6, p[2:-1]], axis=1)
    for control in controls.tolist():
        path.cubicTo(*control)


def colour(rgb: NDArray[np.float64] | Sequence[float], alpha: float = 1.0) -> int:
    """Skia's packed colour, from components up to 255 and an opacity up to 1."""
    red, green, blue = (int(np.clip(c, 0, 255)) for c in rgb)
    return int(skia.Color(red, green, blue, int(np.clip(255 * alpha, 0, 255))))


def paint(tone: int, blur_px: float = 0.0, stroke_px: float = 0.0, shader: Any = None) -> Any:
    """A fill or a line, soft by a Gaussian of this sigma, in units of the canvas."""
    blur = skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, blur_px) if blur_px > 0 else None
    style = skia.Paint.kStroke_Style if stroke_px else skia.Paint.kFill_Style
    return skia.Paint(
        AntiAlias=True,
        Color=tone,
        Shader=shader,
        MaskFilter=blur,
        StrokeWidth=stroke_px,
        Style=style,
        StrokeCap=skia.Paint.kRound_Cap,
    )
