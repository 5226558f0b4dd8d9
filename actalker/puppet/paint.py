"""Helpers for Skia: paints from colours, paths from points."""

from collections.abc import Sequence
from typing import Any

import skia

from actalker.puppet.person import Colour

Point = tuple[float, float]


def colour4(colour: Colour, alpha: float = 1.0) -> int:
    """Skia's packed colour; components are clamped to [0, 1]."""
    red, green, blue, opacity = (round(255 * min(max(c, 0.0), 1.0)) for c in (*colour, alpha))
    return int(skia.Color(red, green, blue, opacity))


def fill(colour: Colour, alpha: float = 1.0) -> Any:
    """An antialiased flat fill."""
    return skia.Paint(AntiAlias=True, Color=colour4(colour, alpha))


def stroke(colour: Colour, width: float, alpha: float = 1.0) -> Any:
    """An antialiased line with round ends."""
    return skia.Paint(
        AntiAlias=True,
        Color=colour4(colour, alpha),
        Style=skia.Paint.kStroke_Style,
        StrokeWidth=width,
        StrokeCap=skia.Paint.kRound_Cap,
        StrokeJoin=skia.Paint.kRound_Join,
    )


def linear(start: Point, end: Point, stops: Sequence[tuple[Colour, float]]) -> Any:
    """A fill that runs through `stops`, pairs of colour and opacity, from `start` to `end`."""
    shader = skia.GradientShader.MakeLinear([skia.Point(*start), skia.Point(*end)], [colour4(c, a) for c, a in stops])
    return skia.Paint(AntiAlias=True, Shader=shader)


def radial(centre: Point, radius: float, stops: Sequence[tuple[Colour, float]]) -> Any:
    """A fill that runs through `stops` from `centre` outwards to `radius`."""
    shader = skia.GradientShader.MakeRadial(skia.Point(*centre), radius, [colour4(c, a) for c, a in stops])
    return skia.Paint(AntiAlias=True, Shader=shader)


def glow(canvas: Any, centre: Point, radii: Point, colour: Colour, alpha: float) -> None:
    """A soft ellipse that fades to nothing at its edge."""
    canvas.save()
    canvas.translate(*centre)
    canvas.scale(radii[0], radii[1])
    canvas.drawCircle(0, 0, 1, radial((0, 0), 1, [(colour, alpha), (colour, alpha * 0.45), (colour, 0.0)]))
    canvas.restore()


def curve(start: Point, *segments: Sequence[Point], close: bool = True) -> Any:
    """A path of lines (1 point), quadratic (2) and cubic (3) Bezier segments."""
    path = skia.Path()
    path.moveTo(*start)
    for points in segments:
        flat = [v for point in points for v in point]
        (path.lineTo, path.quadTo, path.cubicTo)[len(points) - 1](*flat)
    if close:
        path.close()
    return path


def oval(centre: Point, radii: Point) -> Any:
    """An axis-aligned ellipse as a path."""
    return skia.Path.Oval(box(centre, radii))


def box(centre: Point, radii: Point) -> Any:
    """A rectangle by its centre and half extents."""
    return skia.Rect(centre[0] - radii[0], centre[1] - radii[1], centre[0] + radii[0], centre[1] + radii[1])


class Clip:
    """`with Clip(canvas, path):` draws inside the path only."""

    def __init__(self, canvas: Any, path: Any) -> None:
        self.canvas, self.path = canvas, path

    def __enter__(self) -> None:
        self.canvas.save()
        self.canvas.clipPath(self.path, skia.ClipOp.kIntersect, True)

    def __exit__(self, *_: object) -> None:
        self.canvas.restore()
