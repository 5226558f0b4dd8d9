"""Hair behind and in front of the face, each style a few curves."""

import math
from typing import Any

import skia

from actalker.puppet.face import Face
from actalker.puppet.head import WHITE
from actalker.puppet.paint import Clip, curve, fill, glow, linear, oval, stroke
from actalker.puppet.person import Hair, Person, mix

DARK = (0.06, 0.04, 0.06)


def draw_back(canvas: Any, person: Person) -> None:
    """Hair behind the neck and the shoulders."""
    w, paint = person.face_half_width, fill(mix(person.hair_colour, DARK, 0.28))
    if person.hair is Hair.LONG:
        canvas.drawPath(
            curve(
                (-w * 0.7, -0.33),
                [(-w * 1.5, -0.25), (-w * 1.36, 0.2), (-w * 1.42, 0.46)],
                [(w * 1.42, 0.46)],
                [(w * 1.36, 0.2), (w * 1.5, -0.25), (w * 0.7, -0.33)],
            ),
            paint,
        )
    elif person.hair is Hair.BOB:
        canvas.drawPath(
            curve(
                (-w * 0.7, -0.33),
                [(-w * 1.55, -0.22), (-w * 1.30, 0.14), (-w * 1.22, 0.235)],
                [(0, 0.28), (w * 1.22, 0.235)],
                [(w * 1.30, 0.14), (w * 1.55, -0.22), (w * 0.7, -0.33)],
            ),
            paint,
        )
    elif person.hair is Hair.WAVES:
        for side in (-1, 1):
            lock = curve(
                (0, -0.36),
                [(side * w * 1.4, -0.34), (side * w * 1.34, -0.08)],
                [(side * w * 1.26, 0.02), (side * w * 1.44, 0.10)],
                [(side * w * 1.60, 0.20), (side * w * 1.40, 0.27)],
                [(side * w * 1.30, 0.33), (side * w * 1.36, 0.39)],
                [(side * w * 0.95, 0.42), (side * w * 0.62, 0.33)],
                [(0, 0.2)],
            )
            canvas.drawPath(lock, paint)
    elif person.hair is Hair.CURLS:
        for i in range(15):
            angle = math.pi * (1.16 * i / 14 - 0.08)
            canvas.drawPath(oval((-math.cos(angle) * w * 1.12, -0.10 - math.sin(angle) * 0.22), (0.082, 0.082)), paint)
    elif person.hair is Hair.BUN:
        canvas.drawPath(oval((0, -0.385), (0.088, 0.075)), fill(mix(person.hair_colour, DARK, 0.10)))
        canvas.drawPath(
            curve((-0.05, -0.41), [(0, -0.44), (0.05, -0.40)], close=False),
            stroke(mix(person.hair_colour, WHITE, 0.22), 0.006, 0.5),
        )
    elif person.hair is Hair.SCARF:
        cloth = mix(person.fabric, DARK, 0.25)
        canvas.drawPath(
            curve(
                (0, -0.2),
                [(-w * 1.5, -0.1), (-w * 0.75, 0.26), (-w * 1.55, 0.48)],
                [(w * 1.55, 0.48)],
                [(w * 0.75, 0.26), (w * 1.5, -0.1), (0, -0.2)],
            ),
            fill(cloth),
        )


def draw_wrap(canvas: Any, person: Person) -> None:
    """The end of a headscarf, laid around the neck over the clothes."""
    if person.hair is not Hair.SCARF:
        return
    cloth = person.fabric
    wrap = curve(
        (-0.15, 0.27), [(-0.25, 0.37), (-0.20, 0.43)], [(0.0, 0.53), (0.20, 0.43)], [(0.25, 0.37), (0.15, 0.27)]
    )
    canvas.drawPath(wrap, linear((-0.2, 0.3), (0.2, 0.5), [(mix(cloth, WHITE, 0.10), 1), (mix(cloth, DARK, 0.25), 1)]))
    for dy in (0.0, 0.035):
        fold = curve((-0.19, 0.375 + dy), [(0.02, 0.475 + dy), (0.17, 0.36 + dy)], close=False)
        canvas.drawPath(fold, stroke(mix(cloth, DARK, 0.5), 0.005, 0.5))


def front_path(person: Person) -> Any:
    """The hair over the forehead as one shape; None for a bald head and for curls, which are circles."""
    w = person.face_half_width
    left = (-w * 1.03, 0.0)
    match person.hair:
        case Hair.SIDE_PART:
            path = curve(
                left,
                [(-w * 1.22, -0.47), (w * 1.25, -0.47), (w * 1.03, 0.01)],
                [(w * 0.99, -0.05), (w * 0.93, -0.12)],
                [(w * 0.55, -0.13), (-0.02, -0.15), (-w * 0.40, -0.235)],
                [(-w * 0.62, -0.18), (-w * 0.88, -0.17), (-w * 0.93, -0.10)],
                [(-w * 0.99, -0.05), left],
            )
        case Hair.CROP:
            path = curve(
                left,
                [(-w * 1.10, -0.425), (w * 1.10, -0.425), (w * 1.03, 0.0)],
                [(w * 0.97, -0.07), (w * 0.90, -0.13)],
                [(w * 0.80, -0.195), (w * 0.3, -0.195), (0, -0.192)],
                [(-w * 0.3, -0.195), (-w * 0.80, -0.195), (-w * 0.90, -0.13)],
                [(-w * 0.97, -0.07), left],
            )
        case Hair.QUIFF:
            path = curve(
                left,
                [(-w * 1.10, -0.26), (-w * 0.95, -0.36), (-w * 0.45, -0.365)],
                [(-w * 0.05, -0.455), (w * 0.98, -0.43), (w * 0.93, -0.25)],
                [(w * 1.05, -0.16), (w * 1.03, 0.0)],
                [(w * 0.96, -0.08), (w * 0.88, -0.17)],
                [(w * 0.5, -0.215), (-w * 0.1, -0.20), (-w * 0.72, -0.215)],
                [(-w * 0.93, -0.14), left],
            )
        case Hair.LONG:
            path = curve(
                (-w * 1.10, 0.27),
                [(-w * 1.42, -0.06), (-w * 1.15, -0.44), (0, -0.405)],
                [(w * 1.15, -0.44), (w * 1.42, -0.06), (w * 1.10, 0.27)],
                [(w * 1.08, 0.02), (w * 0.72, -0.17), (0.005, -0.275)],
                [(-w * 0.72, -0.17), (-w * 1.08, 0.02), (-w * 1.10, 0.27)],
            )
        case Hair.BOB:
            path = curve(
                (-w * 1.06, 0.20),
                [(-w * 1.40, -0.05), (-w * 1.15, -0.46), (0, -0.415)],
                [(w * 1.15, -0.46), (w * 1.40, -0.05), (w * 1.06, 0.20)],
                [(w * 1.0, 0.02), (w * 0.92, -0.115)],
                [(w * 0.4, -0.145), (-w * 0.4, -0.145), (-w * 0.92, -0.115)],
                [(-w * 1.0, 0.02), (-w * 1.06, 0.20)],
            )
        case Hair.WAVES:
            path = curve(
                (-w * 1.08, 0.13),
                [(-w * 1.40, -0.10), (-w * 1.15, -0.48), (0.03, -0.415)],
                [(w * 1.20, -0.46), (w * 1.36, -0.06), (w * 1.10, 0.16)],
                [(w * 1.02, -0.02), (w * 0.95, -0.13), (w * 0.34, -0.262)],
                [(w * 0.05, -0.14), (-w * 0.85, -0.14), (-w * 1.08, 0.13)],
            )
        case Hair.BUN:
            path = curve(
                left,
                [(-w * 1.12, -0.43), (w * 1.12, -0.43), (w * 1.03, 0.0)],
                [(w * 0.98, -0.10), (w * 0.60, -0.245), (0, -0.252)],
                [(-w * 0.60, -0.245), (-w * 0.98, -0.10), left],
            )
        case Hair.SCARF:
            path = curve(
                (-w * 1.03, 0.10),
                [(-w * 1.30, -0.50), (w * 1.30, -0.50), (w * 1.03, 0.10)],
                [(w * 1.02, 0.22), (w * 0.70, 0.33), (0, 0.385)],
                [(-w * 0.70, 0.33), (-w * 1.02, 0.22), (-w * 1.03, 0.10)],
            )
        case _:
            path = None
    return path


def draw_front(canvas: Any, person: Person, face: Face, outline: Any) -> None:
    """Shadow on the forehead, the hair itself and its sheen."""
    if person.hair is Hair.CURLS:
        return _draw_curls(canvas, person)
    path = front_path(person)
    if path is None:
        return None
    colour = mix(person.fabric, WHITE, 0.08) if person.hair is Hair.SCARF else person.hair_colour
    if person.hair is Hair.SCARF:
        path = _scarf_ring(person, face, path)
    with Clip(canvas, outline):
        canvas.save()
        canvas.translate(0, 0.014)
        canvas.drawPath(path, fill((0.25, 0.10, 0.08), 0.20))
        canvas.restore()
    lit = -1.0 if person.light_from_left else 1.0
    canvas.drawPath(
        path,
        linear(
            (lit * 0.2, -0.35),
            (-lit * 0.2, 0.1),
            [(mix(colour, WHITE, 0.13), 1), (colour, 1), (mix(colour, DARK, 0.28), 1)],
        ),
    )
    with Clip(canvas, path):
        glow(canvas, (lit * 0.075, -0.315), (0.15, 0.055), WHITE, 0.20)
        for i in range(4 if person.hair is not Hair.SCARF else 0):
            x = -0.13 + 0.085 * i
            strand = curve((x * 0.5, -0.42), [(x * 1.4, -0.33), (x * 1.9 + 0.02, -0.20)], close=False)
            canvas.drawPath(strand, stroke(mix(colour, DARK, 0.5), 0.004, 0.22))
    return None


def _scarf_ring(person: Person, face: Face, outer: Any) -> Any:
    """The outer shape of the scarf without the oval of the face."""
    w = person.face_half_width
    ring = skia.Path(outer)
    ring.addPath(oval((0, 0.028 + 0.008 * face.open), (w * 0.90, 0.262 + 0.012 * face.open)))
    ring.setFillType(skia.PathFillType.kEvenOdd)
    return ring


def _draw_curls(canvas: Any, person: Person) -> None:
    w, colour = person.face_half_width, person.hair_colour
    for i in range(13):
        angle = math.pi * (i / 12)
        centre = (-math.cos(angle) * w * 0.93, -0.085 - math.sin(angle) * 0.185)
        canvas.drawPath(oval(centre, (0.062, 0.060)), fill(mix(colour, WHITE, 0.05 * (i % 2))))
    canvas.drawPath(oval((0, -0.285), (w * 0.78, 0.075)), fill(colour))
    for i in range(9):
        x = (i - 4) * w * 0.24
        y = -0.315 + 0.010 * (i % 2) + x * x * 1.6
        swirl = curve((x - 0.020, y + 0.006), [(x, y - 0.024), (x + 0.020, y + 0.006)], close=False)
        canvas.drawPath(swirl, stroke(mix(colour, WHITE, 0.30), 0.006, 0.40))
