"""Random persons from seeds: face, colours, hair, clothes and background, from curated palettes."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from actalker.shapes import Box

Colour = tuple[float, float, float]


class Hair(StrEnum):
    """Hair styles that `hair.py` can draw."""

    SIDE_PART = "side part"
    CROP = "crop"
    LONG = "long"
    BOB = "bob"
    CURLS = "curls"
    BUN = "bun"
    WAVES = "waves"
    QUIFF = "quiff"
    BALD = "bald"
    SCARF = "scarf"


class Beard(StrEnum):
    """Facial hair."""

    NONE = "none"
    STUBBLE = "stubble"
    MOUSTACHE = "moustache"
    FULL = "full"


class Clothes(StrEnum):
    """Clothes on the shoulders."""

    TEE = "tee"
    SHIRT = "shirt"
    BLAZER = "blazer"
    TURTLENECK = "turtleneck"
    HOODIE = "hoodie"


def rgb(code: str) -> Colour:
    """Colour of a hexadecimal code such as `f7cbae`."""
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return red, green, blue


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`a` moved towards `b` by `share` in [0, 1]."""
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share


SKINS = [rgb(c) for c in ["ffe0cc", "fad1b4", "f1bc97", "e3a67d", "cf8f63", "b0744c", "8f5a3a", "6b4129"]]
HAIRS = [rgb(c) for c in ["231d1f", "3a2620", "55372a", "7a4c30", "a8743f", "d3a763", "8c3f26", "b9b4b1", "34384a"]]
IRISES = [rgb(c) for c in ["5b3a22", "6e4a2a", "4a6b4c", "3f6a86", "55727f", "7a6a3a"]]
FABRICS = [rgb(c) for c in ["2f4858", "33658a", "86bbd8", "758e4f", "f26419", "d1495b", "66507a"]]
FABRICS += [rgb(c) for c in ["3d405b", "81b29a", "e07a5f", "f2cc8f", "264653", "e9e4dc"]]
BACKDROPS = [rgb(c) for c in ["cfe3e2", "f4d9c6", "d9d7ee", "c8d9ea", "f3e3c3"]]
BACKDROPS += [rgb(c) for c in ["dfe8cf", "eccfd3", "b9ccd6", "e8e2da", "a9c2bd"]]
LIPS = [rgb(c) for c in ["c4616a", "b5545c", "d1777a", "a84a52", "c96f62"]]


@dataclass(frozen=True)
class Person:
    """Everything about a person that does not move. Lengths are fractions of the picture's width."""

    skin: Colour
    hair_colour: Colour
    iris: Colour
    lip: Colour
    fabric: Colour
    second_fabric: Colour
    backdrop: Colour
    hair: Hair
    beard: Beard
    clothes: Clothes
    glasses: bool
    earrings: bool
    light_from_left: bool
    face_half_width: float
    face_height: float
    jaw: float
    eye_distance: float
    eye_size: float
    eye_tilt: float
    brow_thickness: float
    nose_width: float
    nose_length: float
    mouth_half_width: float
    lip_thickness: float
    blush: float
    rest_smile: float
    centre_x: float
    centre_y: float

    @property
    def mouth_y(self) -> float:
        """Distance of the closed lips below the face's origin."""
        return 0.178

    def face_box(self, size: int) -> Box:
        """Forehead to chin in a picture of `size` x `size`, the head held upright."""
        left = self.centre_x - self.face_half_width
        right = self.centre_x + self.face_half_width
        top, bottom = self.centre_y - 0.22, self.centre_y + self.face_height + 0.02
        return Box(round(left * size), round(top * size), round(right * size), round(bottom * size))


_BEARDLESS = {Hair.LONG, Hair.BOB, Hair.BUN, Hair.WAVES, Hair.SCARF}


def person(seed: int) -> Person:
    """The person of a seed: a pure function, as long as numpy's PCG64 does not change."""
    rng = np.random.default_rng([seed, 0x9E37])

    def pick(palette: list[Colour]) -> Colour:
        return palette[int(rng.integers(len(palette)))]

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    tone = between(0, len(SKINS) - 1)
    skin = mix(SKINS[int(tone)], SKINS[min(int(tone) + 1, len(SKINS) - 1)], tone % 1)
    dark = tone > 4.5
    hair_colour = mix(pick(HAIRS[:3] if dark else HAIRS), pick(HAIRS[:3]), between(0, 0.3))
    styles, weights = list(Hair), np.array([3, 2.2, 3, 2, 2, 2, 2.5, 2, 0.8, 0.8])
    hair = styles[int(rng.choice(len(styles), p=weights / weights.sum()))]
    beards = [Beard.NONE, Beard.NONE, Beard.STUBBLE, Beard.FULL, Beard.MOUSTACHE]
    beard = Beard.NONE if hair in _BEARDLESS else beards[int(rng.integers(len(beards)))]
    fabric = pick(FABRICS)
    return Person(
        skin=skin,
        hair_colour=hair_colour,
        iris=pick(IRISES[:2] if dark else IRISES),
        lip=mix(pick(LIPS), skin, between(0.1, 0.45) if hair in _BEARDLESS else between(0.4, 0.6)),
        fabric=fabric,
        second_fabric=mix(pick([c for c in FABRICS if c != fabric]), (1, 1, 1), between(0.0, 0.6)),
        backdrop=pick(BACKDROPS),
        hair=hair,
        beard=beard,
        clothes=list(Clothes)[int(rng.integers(len(Clothes)))],
        glasses=bool(rng.uniform() < 0.22),
        earrings=hair in {Hair.BUN, Hair.BOB, Hair.CURLS} and bool(rng.uniform() < 0.5) and beard is Beard.NONE,
        light_from_left=bool(rng.uniform() < 0.5),
        face_half_width=between(0.198, 0.226),
        face_height=between(0.285, 0.315),
        jaw=between(0.62, 0.82),
        eye_distance=between(0.086, 0.097),
        eye_size=between(0.041, 0.047),
        eye_tilt=between(-0.002, 0.008),
        brow_thickness=between(0.010, 0.017),
        nose_width=between(0.024, 0.034),
        nose_length=between(0.085, 0.105),
        mouth_half_width=between(0.078, 0.092),
        lip_thickness=between(0.013, 0.020),
        blush=between(0.1, 0.6),
        rest_smile=between(0.25, 0.55),
        centre_x=between(0.49, 0.51),
        centre_y=between(0.455, 0.475),
    )
