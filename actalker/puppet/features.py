"""Eyes, brows, glasses and the mouth."""

from dataclasses import dataclass
from typing import Any

import skia

from actalker.puppet.face import Face
from actalker.puppet.head import WHITE, shade
from actalker.puppet.paint import Clip, Point, curve, fill, glow, linear, oval, stroke
from actalker.puppet.person import Colour, Hair, Person, mix

LASH: Colour = (0.13, 0.09, 0.09)
YAW_SHIFT = 0.022


@dataclass(frozen=True)
class _Eye:
    """Measures of one eye in its own frame, where x runs outwards: both eyes are the same drawing."""

    half: float
    upper: float
    lower: float
    lid: float  # the middle of the upper lid's edge
    tilt: float

    @classmethod
    def of(cls, person: Person, face: Face) -> "_Eye":
        upper = person.eye_size * 0.74
        lower = person.eye_size * (0.54 - 0.14 * max(face.smile, 0.0))
        lid = -upper + (upper + lower * 0.72) * face.blink
        return cls(person.eye_size * 1.06, upper, lower, lid, person.eye_tilt)

    @property
    def inner(self) -> Point:
        return -self.half, 0.006

    @property
    def outer(self) -> Point:
        return self.half, -self.tilt


def draw_eye(canvas: Any, person: Person, face: Face, side: int) -> None:
    """One eye with its lids; `side` is -1 for the picture's left and 1 for its right."""
    eye = _Eye.of(person, face)
    canvas.save()
    canvas.translate(side * person.eye_distance + YAW_SHIFT * face.yaw, -0.022)
    canvas.scale(side, 1)
    opening = curve(
        eye.inner,
        [(-eye.half * 0.5, eye.lid * 1.32), (eye.half * 0.6, eye.lid * 1.38 - eye.tilt), eye.outer],
        [(eye.half * 0.55, eye.lower * 1.25), (-eye.half * 0.5, eye.lower * 1.2), eye.inner],
    )
    glow(canvas, (0, -0.004), (eye.half * 1.55, eye.upper * 1.55), shade(person.skin), 0.30)
    if face.blink < 0.93:
        with Clip(canvas, opening):
            _draw_eyeball(canvas, person, face, side)
    _draw_lids(canvas, person, face, eye)
    canvas.restore()


def _draw_eyeball(canvas: Any, person: Person, face: Face, side: int) -> None:
    eye, radius = _Eye.of(person, face), person.eye_size * 0.68
    x, y = side * eye.half * 0.30 * face.gaze_x, eye.upper * 0.22 * face.gaze_y - 0.003
    white = linear((0, -eye.upper), (0, eye.upper * 0.6), [((0.80, 0.82, 0.86), 1), ((0.99, 0.985, 0.98), 1)])
    canvas.drawRect(skia.Rect(-eye.half, -eye.half, eye.half, eye.half), white)
    canvas.drawPath(oval((x, y), (radius, radius)), fill(mix(person.iris, LASH, 0.55)))
    stops = [(mix(person.iris, LASH, 0.35), 1.0), (mix(person.iris, WHITE, 0.28), 1.0)]
    iris = linear((0, y - radius), (0, y + radius), stops)
    canvas.drawPath(oval((x, y + 0.001), (radius * 0.84, radius * 0.84)), iris)
    canvas.drawPath(oval((x, y), (radius * 0.46, radius * 0.46)), fill((0.06, 0.05, 0.06)))
    glint = side * radius * (-0.34 if person.light_from_left else 0.34)
    canvas.drawPath(oval((x + glint, y - radius * 0.36), (radius * 0.24, radius * 0.24)), fill(WHITE, 0.95))


def _draw_lids(canvas: Any, person: Person, face: Face, eye: _Eye) -> None:
    half, tilt = eye.half, eye.tilt
    lash = curve(
        eye.inner,
        [(-half * 0.5, eye.lid * 1.32), (half * 0.6, eye.lid * 1.38 - tilt), eye.outer],
        [(half * 1.22, -tilt - 0.006 + 0.010 * face.blink)],
        [(half * 0.55, eye.lid * 1.38 - 0.011), (-half * 0.4, eye.lid * 1.32 - 0.007), eye.inner],
    )
    canvas.drawPath(lash, fill(LASH, 0.92))
    canvas.drawPath(lash, stroke(LASH, 0.006 * face.blink, 0.9))
    crease_y = -eye.upper * 1.62 + 0.010 * face.blink - 0.004 * face.brow
    crease = curve(
        (-half * 0.82, -eye.upper * 0.82),
        [(-half * 0.35, crease_y), (half * 0.55, crease_y - tilt), (half * 1.02, -eye.upper * 0.55 - tilt)],
        close=False,
    )
    canvas.drawPath(crease, stroke(mix(shade(person.skin), (0.3, 0.1, 0.1), 0.2), 0.0045, 0.55))


def draw_brow(canvas: Any, person: Person, face: Face, side: int) -> None:
    """A tapered brow. It is raised or lowered as a whole, most at its inner end."""
    canvas.save()
    canvas.translate(side * person.eye_distance + YAW_SHIFT * face.yaw, -0.084 - 0.026 * face.brow)
    canvas.scale(side, 1)
    half, t = person.eye_size * 1.32, person.brow_thickness
    dip = 0.001 - 0.006 * face.brow
    brow = curve(
        (-half, dip + t * 0.55),
        [(-half * 0.98, dip - t * 0.45)],
        [(-half * 0.2, -0.014 - t * 0.5), (half * 0.55, -0.016 - t * 0.4), (half * 1.04, 0.010)],
        [(half * 0.5, -0.006 + t * 0.3), (-half * 0.2, -0.004 + t * 0.5), (-half, dip + t * 0.55)],
    )
    tone = mix(person.hair_colour, LASH, 0.35) if person.hair is not Hair.SCARF else mix(LASH, person.skin, 0.12)
    canvas.drawPath(brow, fill(tone, 0.92))
    canvas.restore()


def draw_glasses(canvas: Any, person: Person, face: Face) -> None:
    """Round frames that sit on the head, over brows and eyes."""
    if not person.glasses:
        return
    frame = mix((0.16, 0.13, 0.14), person.second_fabric, 0.18)
    shift, d, r = YAW_SHIFT * face.yaw, person.eye_distance, 0.069
    for side in (-1, 1):
        lens = skia.Path.RRect(
            skia.RRect.MakeRectXY(skia.Rect(side * d + shift - r, -0.075, side * d + shift + r, 0.048), 0.054, 0.052)
        )
        canvas.drawPath(lens, fill(WHITE, 0.07))
        canvas.drawPath(lens, stroke(frame, 0.0085))
        arm = curve((side * (d + r) + shift, -0.025), [(side * (person.face_half_width + 0.004), -0.015)], close=False)
        canvas.drawPath(arm, stroke(frame, 0.0085))
    bridge = curve((-d + r + shift, -0.022), [(shift, -0.040), (d - r + shift, -0.022)], close=False)
    canvas.drawPath(bridge, stroke(frame, 0.0085))


@dataclass(frozen=True)
class _Mouth:
    """Measures of the mouth, relative to its line at rest."""

    half: float
    up: float  # edges of the opening
    low: float
    corner: float  # height of the corners
    smile: float

    @classmethod
    def of(cls, person: Person, face: Face) -> "_Mouth":
        rest = person.rest_smile * (1 - 0.5 * face.round)
        smile = face.smile + rest
        spread = 1 + 0.30 * face.wide - 0.36 * face.round + 0.14 * rest + 0.20 * face.smile
        height = 0.092 * face.open * (1 + 0.10 * face.round)
        corner = 0.14 * height - 0.020 * rest - 0.028 * face.smile
        return cls(person.mouth_half_width * spread, -0.30 * height, 0.70 * height, corner, smile)


def draw_mouth(canvas: Any, person: Person, face: Face) -> None:
    """Cavity, teeth and tongue behind two lips."""
    mouth = _Mouth.of(person, face)
    half, corner, smile = mouth.half, mouth.corner, mouth.smile
    canvas.save()
    canvas.translate(YAW_SHIFT * face.yaw, person.mouth_y)
    _draw_lips(canvas, person, face, mouth)
    if face.open > 0.01:
        bulge, top, bottom = 0.55 + 0.35 * face.round, mouth.up * 1.25 + 0.15 * corner, mouth.low * 1.32 + 0.012 * smile
        inside = curve(
            (-half * 0.90, corner),
            [(-half * 0.5, top), (half * 0.5, top), (half * 0.90, corner)],
            [(half * bulge, bottom), (-half * bulge, bottom), (-half * 0.90, corner)],
        )
        with Clip(canvas, inside):
            _draw_cavity(canvas, face, mouth)
    shut = 1 - min(face.open / 0.10, 1.0)
    if shut > 0:
        line = curve(
            (-half * 0.93, corner),
            [(-half * 0.4, 0.008 * smile + 0.004), (-half * 0.2, 0.007 * smile - 0.001), (0, 0.009 * smile + 0.002)],
            [(half * 0.2, 0.007 * smile - 0.001), (half * 0.4, 0.008 * smile + 0.004), (half * 0.93, corner)],
            close=False,
        )
        canvas.drawPath(line, stroke(mix(person.lip, (0.20, 0.04, 0.06), 0.62), 0.0062, shut))
    canvas.restore()


def _draw_lips(canvas: Any, person: Person, face: Face, mouth: _Mouth) -> None:
    half, corner, smile = mouth.half, mouth.corner, mouth.smile
    stretch = 0.12 * face.open + 0.14 * max(smile, 0.0) + 0.22 * face.wide
    t = person.lip_thickness * (1 + 0.35 * face.round - stretch)
    top, bottom, mid = mouth.up - t, mouth.low + t * 1.45, 0.007 * smile
    _draw_lip_shadows(canvas, person, mouth, bottom)
    dent, seam = top * 1.02 + 0.1 * corner, mouth.low * 0.5 + mid + 0.006
    upper = curve(
        (-half, corner),
        [(-half * 0.62, dent), (-half * 0.34, top - 0.003), (-half * 0.17, top - 0.002)],
        [(0, top + t * 0.42), (half * 0.17, top - 0.002)],
        [(half * 0.34, top - 0.003), (half * 0.62, dent), (half, corner)],
        [(half * 0.5, seam), (-half * 0.5, seam), (-half, corner)],
    )
    swell = bottom * 1.03 + 0.35 * mid
    lower = curve(
        (-half, corner),
        [(-half * 0.5, mouth.up * 0.6 + mid), (half * 0.5, mouth.up * 0.6 + mid), (half, corner)],
        [(half * 0.60, swell), (half * 0.30, bottom + mid), (0, bottom + mid)],
        [(-half * 0.30, bottom + mid), (-half * 0.60, swell), (-half, corner)],
    )
    canvas.drawPath(lower, linear((0, mouth.low), (0, bottom), [(mix(person.lip, WHITE, 0.14), 1), (person.lip, 1)]))
    canvas.drawPath(upper, fill(shade(person.lip, 0.42)))
    glow(canvas, (0, mouth.low + t * 0.70 + mid), (half * 0.36, t * 0.38), WHITE, 0.38)


def _draw_lip_shadows(canvas: Any, person: Person, mouth: _Mouth, bottom: float) -> None:
    """Under the lower lip, and in the corners, deeper with a smile."""
    dark, corner = mix(shade(person.skin), (0.35, 0.12, 0.10), 0.12), mouth.corner
    glow(canvas, (0, bottom + 0.014), (mouth.half * 0.62, 0.016), dark, 0.55)
    for side in (-1, 1):
        x = mouth.half + 0.004
        crease = curve(
            (side * x, corner - 0.005), [(side * (x + 0.007), corner + 0.001), (side * x, corner + 0.008)], close=False
        )
        canvas.drawPath(crease, stroke(dark, 0.0045, 0.30 + 0.35 * max(mouth.smile, 0.0)))


def _draw_cavity(canvas: Any, face: Face, mouth: _Mouth) -> None:
    half, up, low = mouth.half, mouth.up, mouth.low
    height = low - up
    dark = linear((0, up), (0, low), [((0.22, 0.05, 0.07), 1), ((0.36, 0.09, 0.11), 1)])
    canvas.drawRect(skia.Rect(-half, up - 0.05, half, low + 0.05), dark)
    tongue_y = low + 0.018 - (height * 0.40) * face.tongue
    canvas.drawPath(oval((0, tongue_y), (half * 0.56, 0.034 + 0.008 * face.tongue)), fill((0.80, 0.38, 0.38)))
    edge = up + min(max(0.0, 0.020 * (1 - 0.75 * face.round)), height * 0.42)
    teeth = skia.RRect.MakeRectXY(skia.Rect(-half * 0.64, up - 0.03, half * 0.64, edge), 0.010, 0.010)
    canvas.drawRRect(teeth, fill((0.975, 0.965, 0.945)))
    bared = low - min(0.022 * max(face.wide, 0.0), height * 0.30)
    lower_teeth = skia.RRect.MakeRectXY(skia.Rect(-half * 0.50, bared, half * 0.50, low + 0.03), 0.008, 0.008)
    canvas.drawRRect(lower_teeth, fill((0.93, 0.915, 0.89)))
