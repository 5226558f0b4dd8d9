"""Skull, ears, neck, nose and beard. The origin is the middle of the face; y grows downwards."""

from typing import Any

from actalker.puppet.face import Face
from actalker.puppet.paint import Clip, curve, fill, glow, linear, oval, stroke
from actalker.puppet.person import Beard, Colour, Hair, Person, mix

JAW_DROP = 0.034
WHITE: Colour = (1.0, 1.0, 1.0)


def shade(colour: Colour, amount: float = 1.0) -> Colour:
    """Skin or cloth in shadow: darker and warmer."""
    red, green, blue = colour
    return mix(colour, (red * 0.80, green * 0.66, blue * 0.62), amount)


def face_path(person: Person, face: Face) -> Any:
    """Outline from temple over jaw and chin to temple; the chin drops with the mouth."""
    w, chin = person.face_half_width, person.face_height + JAW_DROP * face.open
    jaw, drop = w * person.jaw, JAW_DROP * face.open
    return curve(
        (-w, -0.04),
        [(-w * 1.02, -0.40), (w * 1.02, -0.40), (w, -0.04)],
        [(w, 0.06), (w * 0.985, 0.12), (w * 0.93, 0.16 + drop * 0.5)],
        [(w * 0.86, 0.215 + drop * 0.7), (jaw * 0.72, chin), (0, chin)],
        [(-jaw * 0.72, chin), (-w * 0.86, 0.215 + drop * 0.7), (-w * 0.93, 0.16 + drop * 0.5)],
        [(-w * 0.985, 0.12), (-w, 0.06), (-w, -0.04)],
    )


def draw_neck(canvas: Any, person: Person) -> None:
    """The neck with the chin's shadow on it."""
    w = person.face_half_width * 0.52
    neck = curve(
        (-w, 0.10),
        [(w, 0.10)],
        [(w * 1.0, 0.33), (w * 1.06, 0.36), (w * 1.14, 0.375)],
        [(w * 0.95, 0.455), (-w * 0.95, 0.455), (-w * 1.14, 0.375)],
        [(-w * 1.06, 0.36), (-w * 1.0, 0.33), (-w, 0.10)],
    )
    canvas.drawPath(neck, fill(shade(person.skin, 0.35)))
    with Clip(canvas, neck):
        canvas.drawPath(oval((0, person.face_height - 0.05), (w * 1.75, 0.135)), fill(shade(person.skin), 0.75))


def draw_ears(canvas: Any, person: Person) -> None:
    """Both ears, with an earring where the person wears them."""
    if person.hair is Hair.SCARF:
        return
    for side in (-1, 1):
        x = side * person.face_half_width
        canvas.drawPath(oval((x, 0.015), (0.031, 0.058)), fill(shade(person.skin, 0.25)))
        canvas.drawPath(oval((x + side * 0.003, 0.018), (0.015, 0.034)), fill(shade(person.skin), 0.55))
        if person.earrings:
            canvas.drawPath(oval((x + side * 0.008, 0.084), (0.0105, 0.0105)), fill((0.93, 0.78, 0.42)))
            canvas.drawPath(oval((x + side * 0.006, 0.081), (0.0035, 0.0035)), fill(WHITE, 0.8))


def draw_skin(canvas: Any, person: Person, face: Face, outline: Any) -> None:
    """The face itself: light from one side, warm cheeks, shaded jaw."""
    lit = -1.0 if person.light_from_left else 1.0
    w, skin = person.face_half_width, person.skin
    canvas.drawPath(
        outline,
        linear((lit * w, -0.1), (-lit * w, 0.12), [(mix(skin, WHITE, 0.10), 1), (skin, 1), (shade(skin, 0.34), 1)]),
    )
    with Clip(canvas, outline):
        canvas.drawPath(
            outline, linear((0, 0.12), (0, person.face_height + 0.03), [(shade(skin), 0.0), (shade(skin), 0.38)])
        )
        glow(canvas, (lit * 0.05, -0.15), (0.16, 0.10), WHITE, 0.16)
        blush = mix((0.93, 0.40, 0.38), skin, 0.25)
        for side in (-1, 1):
            lift = 0.018 * max(face.smile, 0.0)
            centre = (side * w * 0.60 + 0.02 * face.yaw, 0.098 - lift)
            glow(canvas, centre, (0.075, 0.055), blush, 0.20 + 0.30 * person.blush + 0.16 * max(face.smile, 0.0))


def draw_nose(canvas: Any, person: Person, face: Face) -> None:
    """A shaded flank, a tip and two nostrils."""
    lit = -1.0 if person.light_from_left else 1.0
    w, tip, skin = person.nose_width, person.nose_length, person.skin
    dark = mix(shade(skin), (0.35, 0.12, 0.10), 0.25)
    canvas.save()
    canvas.translate(0.030 * face.yaw, 0)
    flank = curve(
        (-lit * 0.010, -0.045),
        [(-lit * 0.012, 0.02), (-lit * w * 1.05, tip - 0.02), (-lit * w * 1.05, tip - 0.004)],
        [(-lit * w * 0.5, tip + 0.012), (0, tip + 0.008)],
        [(-lit * 0.002, 0.02), (-lit * 0.010, -0.045)],
    )
    canvas.drawPath(flank, linear((0, -0.04), (0, tip), [(dark, 0.0), (dark, 0.34)]))
    for side in (-1, 1):
        wing = curve(
            (side * w * 0.98, tip - 0.016),
            [(side * w * 1.22, tip + 0.006), (side * w * 0.62, tip + 0.005)],
            close=False,
        )
        canvas.drawPath(wing, stroke(dark, 0.0055, 0.75))
    canvas.drawPath(
        curve((-w * 0.5, tip + 0.005), [(0, tip + 0.016), (w * 0.5, tip + 0.005)], close=False),
        stroke(dark, 0.0055, 0.7),
    )
    glow(canvas, (lit * 0.004, tip - 0.020), (0.016, 0.014), WHITE, 0.42)
    canvas.restore()


def draw_folds(canvas: Any, person: Person, face: Face) -> None:
    """Folds from the nose around the corners of the mouth, when the face smiles."""
    depth = min(max(face.smile, 0.0), 1.0)
    if not depth:
        return
    x, top = person.nose_width * 1.5, person.nose_length - 0.008
    out = person.mouth_half_width * (1.32 + 0.20 * depth)
    low = person.mouth_y - 0.012 - 0.022 * depth
    dark = mix(shade(person.skin), (0.35, 0.12, 0.10), 0.2)
    for side in (-1, 1):
        fold = curve(
            (side * x + 0.030 * face.yaw, top),
            [
                (side * out * 0.92, top + (low - top) * 0.35),
                (side * out * 1.04, low - 0.012),
                (side * out, low + 0.014),
            ],
            close=False,
        )
        canvas.drawPath(fold, stroke(dark, 0.0050, 0.50 * depth))


def draw_beard(canvas: Any, person: Person, face: Face, outline: Any) -> None:
    """Stubble, moustache or a full beard, which follow the jaw."""
    if person.beard is Beard.NONE:
        return
    w, hair = person.face_half_width, mix(person.hair_colour, (0.1, 0.07, 0.06), 0.1)
    drop, my = JAW_DROP * face.open, person.mouth_y
    alpha = {Beard.STUBBLE: 0.22, Beard.MOUSTACHE: 0.0, Beard.FULL: 0.96}[person.beard]
    lip_y = my - 0.040
    fade = 0.11 if person.beard is Beard.STUBBLE else 0.02
    area = curve(
        (-w * 1.1, 0.02),
        [(-w * 0.80, 0.06), (-w * 0.80, 0.12)],
        [(-w * 0.62, lip_y + 0.012), (-0.055, lip_y), (0, lip_y + 0.006)],
        [(0.055, lip_y), (w * 0.62, lip_y + 0.012), (w * 0.80, 0.12)],
        [(w * 0.80, 0.06), (w * 1.1, 0.02)],
        [(w * 1.1, 0.5)],
        [(-w * 1.1, 0.5)],
    )
    with Clip(canvas, outline):
        if alpha:
            canvas.drawPath(area, linear((0, fade), (0, fade + 0.10), [(hair, alpha * 0.2), (hair, alpha)]))
    if person.beard is Beard.FULL:
        chin = person.face_height + drop
        bush = curve(
            (-w * 0.965, 0.12),
            [(-w * 1.01, 0.25 + drop), (-w * 0.55, chin + 0.028), (0, chin + 0.030)],
            [(w * 0.55, chin + 0.028), (w * 1.01, 0.25 + drop), (w * 0.965, 0.12)],
            [(w * 0.8, 0.23 + drop), (w * 0.5, chin - 0.015), (0, chin - 0.015)],
            [(-w * 0.5, chin - 0.015), (-w * 0.8, 0.23 + drop), (-w * 0.965, 0.12)],
        )
        canvas.drawPath(bush, fill(hair, 0.96))
    if person.beard is not Beard.STUBBLE:
        m = person.mouth_half_width * 1.02
        tache = curve(
            (0, lip_y - 0.012),
            [(m * 0.5, lip_y - 0.020), (m * 0.95, my - 0.022), (m * 1.06, my + 0.010)],
            [(m * 0.7, my - 0.014), (m * 0.3, my - 0.018), (0, my - 0.017)],
            [(-m * 0.3, my - 0.018), (-m * 0.7, my - 0.014), (-m * 1.06, my + 0.010)],
            [(-m * 0.95, my - 0.022), (-m * 0.5, lip_y - 0.020), (0, lip_y - 0.012)],
        )
        canvas.drawPath(tache, fill(hair))
