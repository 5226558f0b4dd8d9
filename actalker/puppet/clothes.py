"""Background, shoulders and clothes."""

from typing import Any

import skia

from actalker.puppet.head import WHITE
from actalker.puppet.paint import Clip, curve, fill, glow, linear, oval, stroke
from actalker.puppet.person import Clothes, Colour, Person, mix

DARK: Colour = (0.08, 0.06, 0.10)


def draw_backdrop(canvas: Any, person: Person) -> None:
    """A plain wall with soft light and two large, faint circles."""
    wall = person.backdrop
    canvas.drawRect(
        skia.Rect(0, 0, 1, 1), linear((0, 0), (0.3, 1), [(mix(wall, WHITE, 0.25), 1), (mix(wall, DARK, 0.13), 1)])
    )
    side = 0.16 if person.light_from_left else 0.84
    canvas.drawPath(oval((side, 0.22), (0.30, 0.30)), fill(WHITE, 0.16))
    canvas.drawPath(oval((1 - side, 0.72), (0.36, 0.36)), fill(mix(wall, DARK, 0.35), 0.10))
    glow(canvas, (0.5, 0.42), (0.55, 0.50), WHITE, 0.22)


def _shoulders() -> Any:
    return curve(
        (-0.49, 0.60),
        [(-0.47, 0.43), (-0.34, 0.405), (-0.19, 0.365)],
        [(-0.13, 0.345), (-0.115, 0.33)],
        [(0.115, 0.33)],
        [(0.13, 0.345), (0.19, 0.365)],
        [(0.34, 0.405), (0.47, 0.43), (0.49, 0.60)],
    )


def draw_body(canvas: Any, person: Person) -> None:
    """Shoulders in the person's clothes. The origin is the middle of the face at rest."""
    fabric, body = person.fabric, _shoulders()
    with Clip(canvas, body):
        canvas.drawRect(
            skia.Rect(-0.6, 0.2, 0.6, 0.7),
            linear((-0.4, 0.3), (0.4, 0.6), [(mix(fabric, WHITE, 0.10), 1), (mix(fabric, DARK, 0.20), 1)]),
        )
        for side in (-1, 1):
            fold = curve((side * 0.33, 0.60), [(side * 0.30, 0.53), (side * 0.315, 0.475)], close=False)
            canvas.drawPath(fold, stroke(mix(fabric, DARK, 0.5), 0.006, 0.35))


def draw_collar(canvas: Any, person: Person) -> None:
    """Collars and hems, drawn over the neck."""
    fabric, second = person.fabric, person.second_fabric
    dim = mix(fabric, DARK, 0.30)
    match person.clothes:
        case Clothes.TEE:
            hem = curve((-0.128, 0.345), [(-0.11, 0.465), (0.11, 0.465), (0.128, 0.345)], close=False)
            canvas.drawPath(hem, stroke(dim, 0.016, 0.9))
        case Clothes.TURTLENECK:
            roll = curve((-0.128, 0.325), [(0, 0.352), (0.128, 0.325)], [(0.155, 0.425)], [(0, 0.490), (-0.155, 0.425)])
            canvas.drawPath(
                roll, linear((-0.13, 0), (0.13, 0), [(mix(fabric, WHITE, 0.14), 1), (mix(fabric, DARK, 0.18), 1)])
            )
            canvas.drawPath(curve((-0.152, 0.424), [(0, 0.488), (0.152, 0.424)], close=False), stroke(dim, 0.005, 0.6))
        case Clothes.HOODIE:
            for side in (-1, 1):
                hood = curve(
                    (side * 0.10, 0.325),
                    [(side * 0.24, 0.335), (side * 0.24, 0.42), (side * 0.05, 0.475)],
                    [(side * 0.115, 0.41), (side * 0.10, 0.325)],
                )
                canvas.drawPath(hood, fill(mix(fabric, DARK, 0.16)))
                canvas.drawPath(
                    curve((side * 0.05, 0.465), [(side * 0.062, 0.51), (side * 0.055, 0.55)], close=False),
                    stroke(mix(second, WHITE, 0.5), 0.007),
                )
        case Clothes.SHIRT | Clothes.BLAZER:
            _draw_lapels(canvas, person, fabric if person.clothes is Clothes.SHIRT else mix(second, WHITE, 0.55))


def _draw_lapels(canvas: Any, person: Person, shirt: Colour) -> None:
    blazer = person.clothes is Clothes.BLAZER
    if blazer:
        canvas.drawPath(
            curve(
                (-0.125, 0.345),
                [(-0.02, 0.66)],
                [(0.02, 0.66)],
                [(0.125, 0.345)],
                [(0.05, 0.455)],
                [(0, 0.485)],
                [(-0.05, 0.455)],
            ),
            fill(shirt),
        )
    for side in (-1, 1):
        flap = curve(
            (side * 0.118, 0.318),
            [(side * 0.175, 0.375)],
            [(side * 0.085, 0.475)],
            [(0, 0.452)],
            [(side * 0.095, 0.395), (side * 0.118, 0.318)],
        )
        canvas.drawPath(flap, fill(mix(shirt, WHITE, 0.16)))
        canvas.drawPath(flap, stroke(mix(shirt, DARK, 0.35), 0.004, 0.5))
        if blazer:
            lapel = curve(
                (side * 0.165, 0.355),
                [(side * 0.235, 0.47)],
                [(side * 0.185, 0.485)],
                [(side * 0.205, 0.515)],
                [(side * 0.03, 0.66)],
                [(side * 0.09, 0.50), (side * 0.165, 0.355)],
            )
            canvas.drawPath(lapel, fill(mix(person.fabric, DARK, 0.17)))
            canvas.drawPath(lapel, stroke(mix(person.fabric, DARK, 0.5), 0.004, 0.6))
    if not blazer:
        canvas.drawPath(curve((0, 0.46), [(0.004, 0.60)], close=False), stroke(mix(shirt, DARK, 0.4), 0.005, 0.6))
