"""Whether a picture is a photograph or a drawing: the demo network knows drawn heads, the draft photographed ones."""

import cv2
import numpy as np
from numpy.typing import NDArray

from actalker.faces.mesh import Points
from actalker.faces.topology import OVAL

_EDGE = 256
GRAIN = 0.35
"""Grey levels of a whole picture. 150 drawn heads reach 0.17, as small JPEGs 0.20; two photographs 2.0 and more, 0.44
when blurred."""
FACE_GRAIN = 0.65
"""Grey levels inside a face, which has features. 100 drawn heads reach 0.53; two photographs have 4.7 and more, 0.74
when blurred beyond recognition, 0.9 at 18 % of their light."""


def grain(pixels: NDArray[np.uint8], face: Points | None = None) -> float:
    """How much a pixel differs from those around it, in most places: grey levels, of a picture shrunk to 256 pixels.

    Drawn surfaces are smooth; photographs have texture and noise.

    Args:
        pixels: (height, width, 3) RGB.
        face: (468, 3) its mesh: only the face is looked at, for many photographs have an even background.
    """
    scale = min(1.0, _EDGE / min(pixels.shape[:2]))
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    texture = np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.0))
    if face is None:
        return float(np.median(texture))
    inside = np.zeros(grey.shape, np.uint8)
    cv2.fillPoly(inside, [np.round(face[list(OVAL), :2] * scale).astype(np.int32)], 1)
    return float(np.median(texture[inside > 0])) if inside.any() else 0.0


def is_photograph(pixels: NDArray[np.uint8], face: Points | None = None) -> bool:
    """Whether the picture, or the face in it, has a photograph's grain."""
    return grain(pixels, face) > (GRAIN if face is None else FACE_GRAIN)
