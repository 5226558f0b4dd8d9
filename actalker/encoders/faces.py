"""Face detection: detectors with one interface, and the checks for a usable portrait.

Pictures are uint8 RGB (H, W, 3), boxes in their pixels.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from actalker.shapes import Box, Size

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Face:
    """One detected face."""

    box: Box
    turn: float
    """Rotation away from the camera: 0 frontal, 1 profile."""


class FaceDetector(Protocol):
    """Interface of the face detectors."""

    def detect(self, picture: Picture) -> list[Face]:
        """All faces, largest first."""


@dataclass(frozen=True)
class FaceLimits:
    """Limits of size and rotation for a usable face."""

    min_edge: int = 64
    """Shorter edge of the box in pixels."""
    min_share: float = 0.12
    """Shorter edge of the box, as a share of the shorter edge of the picture."""
    max_turn: float = 0.5


class FaceError(ValueError):
    """The portrait cannot be used. The message gives the reason, the numbers and the remedy."""


def select_face(faces: list[Face], picture: Size, limits: FaceLimits) -> Box:
    """The box of the one usable face. Raises FaceError for none, several, a small one or one turned away."""
    remedy = "give a face box in the manifest or another portrait"
    if not faces:
        raise FaceError(f"no face found in a picture of {picture.height} x {picture.width}: {remedy}")
    if len(faces) > 1:
        places = "; ".join(f"columns {f.box.left} to {f.box.right}, rows {f.box.top} to {f.box.bottom}" for f in faces)
        raise FaceError(f"{len(faces)} faces found ({places}): {remedy}")
    box, turn = faces[0].box, faces[0].turn
    _check_size(box, picture, limits)
    if turn > limits.max_turn:
        raise FaceError(
            f"the face is turned away: {turn:.2f} of a profile, at most {limits.max_turn:.2f} is allowed; "
            "use a portrait that looks at the camera"
        )
    return box


def check_box(box: Box, picture: Size, limits: FaceLimits) -> Box:
    """The box, if it lies inside the picture and is large enough. Raises FaceError otherwise."""
    if box.left < 0 or box.top < 0 or box.right > picture.width or box.bottom > picture.height:
        raise FaceError(
            f"the face box (columns {box.left} to {box.right}, rows {box.top} to {box.bottom}) reaches out of the "
            f"picture of {picture.height} x {picture.width}"
        )
    _check_size(box, picture, limits)
    return box


def _check_size(box: Box, picture: Size, limits: FaceLimits) -> None:
    edge, whole = min(box.size.height, box.size.width), min(picture.height, picture.width)
    if edge < limits.min_edge or edge < limits.min_share * whole:
        raise FaceError(
            f"the face is too small: {box.size.height} x {box.size.width} pixels in a picture of {picture.height} x "
            f"{picture.width}; at least {limits.min_edge} pixels and {limits.min_share:.0%} of the short edge needed"
        )


class HaarDetector:
    """OpenCV's Haar cascades, which come with OpenCV. They distinguish frontal and profile faces, nothing between.

    Profiles are searched only if there is no frontal face, because the profile cascade also detects frontal faces.
    """

    def __init__(self) -> None:
        folder = Path(cv2.__file__).parent / "data"
        self._frontal = _cascade(folder / "haarcascade_frontalface_alt2.xml")
        self._profile = _cascade(folder / "haarcascade_profileface.xml")

    def detect(self, picture: Picture) -> list[Face]:
        """Frontal faces (turn 0); if there is none, profiles to either side (turn 1)."""
        grey = np.asarray(cv2.equalizeHist(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)), np.uint8)
        width = grey.shape[1]
        found = [Face(box, 0.0) for box in _find(self._frontal, grey)]
        if not found:
            mirrored = [
                Box(width - b.right, b.top, width - b.left, b.bottom) for b in _find(self._profile, grey[:, ::-1])
            ]
            boxes = _find(self._profile, grey) or mirrored
            found = [Face(box, 1.0) for box in boxes]
        return _largest_first(found)


class YuNetDetector:
    """OpenCV's YuNet network, from an ONNX file of the user. It also detects turned faces and measures the turn."""

    def __init__(self, model: Path, min_score: float = 0.7) -> None:
        if not model.is_file():
            raise FileNotFoundError(f"no YuNet model at {model}")
        self._model, self._min_score = str(model), min_score

    def detect(self, picture: Picture) -> list[Face]:
        """Faces with a score of at least `min_score`."""
        height, width = picture.shape[:2]
        network = cv2.FaceDetectorYN.create(self._model, "", (width, height), self._min_score)
        _, rows = network.detect(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        return _largest_first([_from_row(row, Size(height, width)) for row in (rows if rows is not None else ())])


def _from_row(row: NDArray[np.float32], picture: Size) -> Face:
    """One of YuNet's rows: box, then right eye, left eye, nose tip, mouth corners, each x and y, then the score."""
    x, y, width, height, right_x, _, left_x, _, nose_x = (float(value) for value in row[:9])
    middle, half = (right_x + left_x) / 2, abs(left_x - right_x) / 2
    turn = min(1.0, abs(nose_x - middle) / max(half, 1e-6))  # the nose tip reaches an eye's column in a profile
    box = Box(round(x), round(y), round(x + width), round(y + height)).within(picture)
    return Face(box, turn)


def _cascade(path: Path) -> cv2.CascadeClassifier:
    cascade = cv2.CascadeClassifier(str(path))
    if cascade.empty():
        raise FileNotFoundError(
            f"OpenCV has no face cascade at {path}; opencv-python-headless 4 carries it, 5 does not"
        )
    return cascade


def _find(cascade: cv2.CascadeClassifier, grey: NDArray[np.uint8]) -> list[Box]:
    smallest = max(24, min(grey.shape) // 16)
    rows = cascade.detectMultiScale(
        np.ascontiguousarray(grey), scaleFactor=1.1, minNeighbors=5, minSize=(smallest, smallest)
    )
    return [Box(int(x), int(y), int(x + w), int(y + h)) for x, y, w, h in rows]


def _largest_first(faces: list[Face]) -> list[Face]:
    return sorted(faces, key=lambda face: face.box.size.area, reverse=True)
