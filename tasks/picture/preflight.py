"""What a portrait shows, as numbers; and what of it a renderer cannot draw, or draws badly.

`inspect` looks at the pixels, once for each content. `faults` and `warnings` judge what it found, by preset: they cost
nothing. docs/portraits.md has the limits as a table.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from actalker.faces import geometry
from actalker.faces.mesh import Points
from actalker.faces.topology import EYES
from actalker.shapes import Box, Size
from tasks.errors import BadInput
from tasks.job import Job, Preset
from tasks.picture.photograph import is_photograph
from tasks.picture.portrait import CLOSE, Face

MIN_BOX_PX, MIN_BOX_SHARE = 64, 0.12
"""The shorter side of a face's box, in pixels and of the picture's shorter side, that a network needs."""
MIN_EYES_PX, FEW_EYES_PX = 24.0, 40.0
"""Between the eyes, for a draft: less is refused, less is warned of."""
BYSTANDER = 1 / 3
"""A second face is a bystander's if it is at most this part of the first one's size; otherwise both are in question."""
MAX_TURN_DEG, WIDE_TURN_DEG = 45.0, 25.0
MAX_DRAFT_TURN_DEG = 30.0
MAX_ROLL_DEG, WIDE_ROLL_DEG = 60.0, 20.0
MAX_OUTSIDE = 0.05
"""The share of the face's outline that may be cut off."""
SHUT_LIDS = 0.13
"""Of the eye's width: open eyes have 0.17 to 0.35, drawn ones that are shut 0.09 to 0.16, painted lids up to 0.15."""
OPEN_MOUTH = 0.22
"""In eye distances: closed lips have up to 0.12, smiles with teeth 0.17 to 0.35; no threshold parts smiles from mouths
that are open."""
SOFT, BLURRED = 0.11, 0.05
DRAFT_SIDES = 512, 1080
DEMO_SIDES = 256, 768
"""Least and most of a side: the network draws 256."""
_SHARPNESS_EYES_PX = 60.0


@dataclass(frozen=True, slots=True)
class Look:
    """What a face's mesh and pixels tell. Angles as in `actalker.faces.geometry.Pose`, 0 when straight.

    Attributes:
        eyes_px: Between the middles of the eyes.
        mouth_gap: Between the lips, in eye distances.
        lid_gap: Between the lids of the eye that is shut further, over its width.
        outside: The share of the outline beyond the picture's edge.
        sharpness: Mean second difference over the contrast, at no more than 60 pixels between the eyes.
    """

    eyes_px: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    mouth_gap: float
    lid_gap: float
    outside: float
    sharpness: float


@dataclass(frozen=True, slots=True)
class FaceFound:
    """One face: its box, and its look where the mesh fits."""

    box: Box
    look: Look | None


@dataclass(frozen=True, slots=True)
class Findings:
    """What a portrait shows. Picklable.

    Attributes:
        size: Of the picture.
        photograph: It has a photograph's grain, in its face if it has one.
        faces: Largest first; the one at the manifest's box alone where it is `given`.
    """

    size: Size
    photograph: bool
    faces: tuple[FaceFound, ...]
    given: bool = False

    @property
    def look(self) -> Look | None:
        """Of the face that is drawn."""
        return self.faces[0].look if self.faces else None


def inspect(pixels: NDArray[np.uint8], faces: tuple[Face, ...], *, given: bool) -> Findings:
    """Look at a picture, (height, width, 3) RGB, and the faces in it.

    Args:
        given: The manifest says where the face is.
    """
    points = faces[0].points if faces else None
    found = tuple(FaceFound(face.box, None if face.points is None else _look(pixels, face.points)) for face in faces)
    return Findings(Size(*pixels.shape[:2]), is_photograph(pixels, points), found, given)


def faults(findings: Findings, preset: Preset) -> Iterator[BadInput]:
    """Why the renderer of a preset cannot draw this portrait, with numbers and a remedy."""
    if preset is Preset.STILL:
        return
    if not findings.faces:
        yield BadInput(
            f"no face found in a picture of {_px(findings.size)}",
            "Give another portrait, or the face's box in the column face_box; the preset still needs no face.",
        )
        return
    if rivals := _rivals(findings):
        places = "; ".join(_place(face.box) for face in (findings.faces[0], *rivals))
        yield BadInput(
            f"{1 + len(rivals)} faces found ({places})",
            "Cut the picture around one person, or give that face's box in the column face_box.",
        )
        return
    yield from _box_faults(findings.faces[0].box, findings, preset)
    if findings.look:
        yield from _look_faults(findings.look, preset, findings.given)
    elif preset is Preset.DRAFT:
        yield BadInput(
            "no face is found at the face box", "A draft needs a face that can be measured: correct the box."
        )


def warnings(findings: Findings, preset: Preset) -> Iterator[str]:
    """What a person should know of a portrait that the renderer of a preset can draw, a clause each."""
    if preset is Preset.STILL or not findings.faces:
        return
    if len(findings.faces) > 1:
        yield f"{len(findings.faces)} faces found: the largest is taken ({_place(findings.faces[0].box)})"
    if preset is Preset.DEMO and findings.photograph:
        yield (
            "the portrait looks like a photograph, and the demo network was trained on drawn heads alone: expect a "
            "smeared face; the preset draft is for photographs, and so are the published weights (docs/network.md)"
        )
    if preset is not Preset.DEMO and not findings.photograph:
        yield f"the portrait looks like a drawing: {preset} is for photographs, the preset demo for drawn heads"
    if findings.look:
        yield from _doubts(findings.look, preset, findings.photograph, findings.size)


def preset_for(findings: Findings | None) -> Preset:
    """What draws a portrait where nobody says: a photograph as a draft, a drawing by the demo network."""
    return Preset.DRAFT if findings and findings.photograph else Preset.DEMO


def usual_size(findings: Findings, preset: Preset) -> tuple[int, int]:
    """Width and height where the manifest gives none, in pixels."""
    if preset is Preset.DRAFT:
        return draft_size(findings)
    if preset is Preset.DEMO:
        return demo_size(findings)
    return preset.size


def demo_size(findings: Findings) -> tuple[int, int]:
    """The demo draws the portrait's own fine detail: its size, within `DEMO_SIDES`, a multiple of the preset's."""
    side = float(np.clip(min(findings.size.height, findings.size.width), *DEMO_SIDES))
    whole = int(side) // Preset.DEMO.multiple * Preset.DEMO.multiple
    return whole, whole


def draft_size(findings: Findings) -> tuple[int, int]:
    """Width and height of a draft where nobody asks for others: the portrait's own, within `DRAFT_SIDES`, even."""
    side = float(min(findings.size.height, findings.size.width))
    if findings.look:
        side = min(side, findings.look.eyes_px / CLOSE)
    even = round(float(np.clip(side, *DRAFT_SIDES)) / 2) * 2
    return even, even


def lacks_consent(job: Job, findings: Findings) -> BadInput | None:
    """What is to be said of a photograph that is made to speak, where nobody says that its person agrees."""
    if job.consent or not findings.photograph or job.preset is Preset.STILL:
        return None
    return BadInput(
        "the portrait is a photograph, and the row has no reference to the person's consent",
        "Give one in the column consent.",
    )


def notes(job: Job, findings: Findings) -> Iterator[str]:
    """What the record of a finished row says of its portrait."""
    if job.preset is Preset.STILL:
        return
    if job.preset is Preset.DRAFT:
        yield "a draft: the photograph's own pixels are moved, and teeth may be painted; not for delivery"
    yield from warnings(findings, job.preset)
    if lack := lacks_consent(job, findings):
        yield lack.problem


def usable_face(pixels: NDArray[np.uint8], faces: tuple[Face, ...], *, given: bool = False) -> Box:
    """The box of the one face that a network can move, or follow.

    Raises:
        BadInput: There is none, or several, or it is too small or turned away.
    """
    for fault in faults(inspect(pixels, faces, given=given), Preset.ACTALKER):
        raise fault
    return faces[0].box


def _rivals(findings: Findings) -> list[FaceFound]:
    first, *others = findings.faces
    least = BYSTANDER * first.box.size.width
    return [face for face in others if face.box.size.width > least]


def _box_faults(box: Box, findings: Findings, preset: Preset) -> Iterator[BadInput]:
    picture = findings.size
    if box.left < 0 or box.top < 0 or box.right > picture.width or box.bottom > picture.height:
        yield BadInput(
            f"the face box ({_place(box)}) reaches out of the picture of {_px(picture)}",
            "Give pixels inside the picture.",
        )
        return
    if preset is Preset.DRAFT:  # which is cut closer around a small face, and measures the eyes
        return
    edge, whole = min(box.size.height, box.size.width), min(picture.height, picture.width)
    if edge < MIN_BOX_PX or edge < MIN_BOX_SHARE * whole:
        yield BadInput(
            f"the face is too small: {_px(box.size)} pixels in a picture of {_px(picture)}; at least {MIN_BOX_PX} "
            f"pixels and {MIN_BOX_SHARE:.0%} of the short edge are needed",
            "Cut the picture closer around the face, or give a larger one.",
        )


def _look_faults(look: Look, preset: Preset, given: bool) -> Iterator[BadInput]:
    limit = MAX_DRAFT_TURN_DEG if preset is Preset.DRAFT else MAX_TURN_DEG
    turned = max(abs(look.yaw_deg), abs(look.pitch_deg))
    if given and preset is not Preset.DRAFT:
        return  # the customer has looked at it
    if turned > limit:
        yield BadInput(
            f"the face is turned away by {turned:.0f} degrees, at most {limit:.0f} are possible",
            "Give a portrait that looks at the camera.",
        )
    if abs(look.roll_deg) > MAX_ROLL_DEG:
        yield BadInput(
            f"the head is tilted by {abs(look.roll_deg):.0f} degrees, at most {MAX_ROLL_DEG:.0f} are possible",
            "Turn the picture upright.",
        )
    if preset is not Preset.DRAFT:
        return
    if look.eyes_px < MIN_EYES_PX:
        yield BadInput(
            f"the face is too small: its eyes are {look.eyes_px:.0f} pixels apart, {MIN_EYES_PX:.0f} are needed",
            "Give a larger picture.",
        )
    if look.outside > MAX_OUTSIDE:
        yield BadInput(
            f"the face is cut off: {look.outside:.0%} of its outline is beyond the picture's edge, at most "
            f"{MAX_OUTSIDE:.0%} may be",
            "Give a portrait with the whole face.",
        )
    if look.sharpness < BLURRED:
        yield BadInput(
            f"the face is blurred: its sharpness is {look.sharpness:.2f}, at least {BLURRED:.2f} is needed",
            "Give a sharper picture.",
        )


def _doubts(look: Look, preset: Preset, photograph: bool, size: Size) -> Iterator[str]:
    turned = max(abs(look.yaw_deg), abs(look.pitch_deg))
    if turned > WIDE_TURN_DEG:
        yield f"the face is turned away by {turned:.0f} degrees: expect distortion, above {WIDE_TURN_DEG:.0f} it shows"
    if abs(look.roll_deg) > WIDE_ROLL_DEG:
        yield f"the head is tilted by {abs(look.roll_deg):.0f} degrees: turn the picture upright if it is not meant"
    if preset is Preset.DRAFT and look.eyes_px < CLOSE * min(size.height, size.width):
        part = f"{look.eyes_px / CLOSE:.0f} pixels wide"
        yield f"the face is small in the picture: the video shows the part around it, {part}"
    if preset is Preset.DRAFT and look.eyes_px < FEW_EYES_PX:
        yield f"the face is small: its eyes are {look.eyes_px:.0f} pixels apart, {FEW_EYES_PX:.0f} look right"
    if preset is not Preset.DRAFT and look.outside > MAX_OUTSIDE:
        yield f"the face is cut off: {look.outside:.0%} of its outline is beyond the picture's edge"
    if look.lid_gap < SHUT_LIDS:
        yield f"the eyes look shut (open by {look.lid_gap:.2f} of their width): give a portrait with open eyes"
    if look.mouth_gap > OPEN_MOUTH:
        yield (f"the mouth is open (by {look.mouth_gap:.2f} of the distance of the eyes): closed lips look better")
    if photograph and look.sharpness < SOFT:
        yield f"the face is blurred (its sharpness is {look.sharpness:.2f}, {SOFT:.2f} is usual): so will the video be"


def _look(pixels: NDArray[np.uint8], points: Points) -> Look:
    pose = geometry.pose_of(points)
    return Look(
        eyes_px=geometry.eye_distance(points),
        yaw_deg=pose.yaw_deg,
        pitch_deg=pose.pitch_deg,
        roll_deg=pose.roll_deg,
        mouth_gap=geometry.mouth_gap(points),
        lid_gap=min(geometry.lid_gap(points, eye) for eye in EYES),
        outside=geometry.share_outside(points, Size(*pixels.shape[:2])),
        sharpness=_sharpness(pixels, points),
    )


def _sharpness(pixels: NDArray[np.uint8], points: Points) -> float:
    box = geometry.box_of(points).within(Size(*pixels.shape[:2]))
    scale = min(1.0, _SHARPNESS_EYES_PX / geometry.eye_distance(points))
    face = pixels[box.top : box.bottom, box.left : box.right]
    small = cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean() / max(float(grey.std()), 1.0))


def _place(box: Box) -> str:
    return f"columns {box.left} to {box.right}, rows {box.top} to {box.bottom}"


def _px(size: Size) -> str:
    return f"{size.height} x {size.width}"
