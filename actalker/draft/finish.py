"""How the photograph is lit, how sharp and how grainy it is: what is painted into it must look the same."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from actalker.faces.geometry import axes_of, eye_distance
from actalker.faces.mesh import Picture, Points
from actalker.faces.topology import CHEEKS, EYES

_GRAIN_SEED = 0x6A1
_LIGHT = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Finish:
    """A photograph's look around the mouth.

    Attributes:
        blur_px: Sigma of the Gaussian that makes an ideal edge as soft as the photograph's.
        grain: Standard deviation of the noise in grey levels.
        white: The light of something white in the face, up to 255: what its eyes show.
        slope: Light across the face: its change over one eye distance to the picture's right, as a share.
    """

    blur_px: float
    grain: float
    white: float
    slope: float

    def apply(self, picture: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Light, soften and grain a painted picture, (H, W, 4) from 0 to 255, premultiplied.

        Args:
            x: (W,) of its columns, in eye distances from the middle of the mouth.
        """
        lit = picture.copy()
        lit[..., :3] *= np.clip(1 + self.slope * x, 0.5, 1.5)[None, :, None]
        soft = np.asarray(cv2.GaussianBlur(lit, (0, 0), self.blur_px), np.float32)
        noise = np.random.default_rng(_GRAIN_SEED).standard_normal(picture.shape[:2]).astype(np.float32)
        even = np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.6))
        grain = (even * (self.grain / max(float(even.std()), 1e-6))).astype(np.float32)
        soft[..., :3] += grain[..., None] * soft[..., 3:] / np.float32(255)
        return np.asarray(np.clip(soft, 0, soft[..., 3:].clip(0, 255)), np.float32)


def finish_of(picture: Picture, mesh: Points) -> Finish:
    """Measure a photograph, (H, W, 3) RGB."""
    grey = (picture.astype(np.float32) @ _LIGHT.astype(np.float32)).astype(np.float32)
    unit = eye_distance(mesh)
    return Finish(
        _blur_of(grey, mesh, unit), _grain_of(grey, mesh, unit), _white_of(grey, mesh), _slope_of(grey, mesh, unit)
    )


def _blur_of(grey: NDArray[np.float32], mesh: Points, unit: float) -> float:
    """From the steepest edge of the eyes: a Gaussian edge of height h is as steep as h / (2.5 sigma)."""
    sigmas = []
    for eye in EYES:
        points = mesh[list(eye.corners + eye.upper + eye.lower), :2]
        low = np.maximum(np.floor(points.min(0) - 0.05 * unit).astype(int), 0)
        high = np.ceil(points.max(0) + 0.05 * unit).astype(int)
        part = grey[low[1] : high[1], low[0] : high[0]]
        if min(part.shape) < 4:
            continue
        steep = np.hypot(cv2.Sobel(part, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(part, cv2.CV_32F, 0, 1) / 8)
        height = float(np.percentile(part, 97) - np.percentile(part, 3))
        sigmas.append(height / max(2.5 * float(np.percentile(steep, 98)), 1e-3))
    # The derivative filter itself is as soft as a Gaussian of 0.9 pixels.
    return float(np.clip(np.sqrt(max(np.median(sigmas or [1.0]) ** 2 - 0.8, 0.16)), 0.4, 0.06 * unit + 0.4))


def _grain_of(grey: NDArray[np.float32], mesh: Points, unit: float) -> float:
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 1.2)
    edge = max(5, int(0.16 * unit))
    parts = [cv2.getRectSubPix(fine, (edge, edge), mesh[k, :2].astype(np.float32).tolist()) for k in CHEEKS]
    return float(np.clip(1.2 * np.median([part.std() for part in parts]), 0, 12))


def _white_of(grey: NDArray[np.float32], mesh: Points) -> float:
    """From the whites of the eyes, which are lit as the face is, whatever its skin; and from its cheeks."""
    whites = []
    for eye in EYES:
        inside = np.zeros(grey.shape, np.uint8)
        loop = [eye.corners[0], *eye.upper, eye.corners[1], *eye.lower[::-1]]
        cv2.fillPoly(inside, [np.round(mesh[loop, :2]).astype(np.int32)], 1)
        whites.append(float(np.percentile(grey[inside > 0], 85)) if inside.any() else 0.0)
    cheeks = [float(cv2.getRectSubPix(grey, (7, 7), mesh[k, :2].astype(np.float32).tolist()).mean()) for k in CHEEKS]
    return float(np.clip(max(min(whites), 1.2 * float(np.median(cheeks))), 1, 235))


def _slope_of(grey: NDArray[np.float32], mesh: Points, unit: float) -> float:
    """From the cheeks and the places beside the mouth."""
    right = axes_of(mesh)[0]
    soft = cv2.GaussianBlur(grey, (0, 0), max(1.0, 0.05 * unit))
    pairs = [(50, 280), (205, 425), (57, 287), (202, 422)]
    slopes = []
    for one, other in pairs:
        a, b = (
            float(cv2.getRectSubPix(soft, (1, 1), mesh[k, :2].astype(np.float32).tolist())[0, 0]) for k in (one, other)
        )
        apart = float((mesh[other, :2] - mesh[one, :2]) @ right) / unit
        slopes.append((b - a) / max((a + b) / 2, 1) / max(apart, 0.1))
    return float(np.clip(np.median(slopes), -0.8, 0.8))
