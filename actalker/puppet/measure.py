"""Measuring mouth, brows, blinks and smile in pixels, to compare generated frames with the ground truth.

A `Reader` is fitted to one person by kernel ridge regression: from about a thousand pixels around mouth and eyes to the
parameters of `Face`, on drawings of that person. It shares nothing with the network's encoders.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from actalker.puppet.drawing import draw
from actalker.puppet.espeak import synthesise
from actalker.puppet.face import Face
from actalker.puppet.performance import performance, signal
from actalker.puppet.person import Person
from actalker.puppet.sentences import paragraph

Matrix = npt.NDArray[np.float64]

MOUTH_SIGNALS = ("open", "wide", "round", "smile")
EYE_SIGNALS = ("brow", "blink")
SIGNALS = MOUTH_SIGNALS + EYE_SIGNALS
_PERFORMANCES = 4
_FRAMES = 1600  # of each performance
_FRAME_STEP = 4  # neighbouring frames have nearly the same face
_COMPONENTS = 80
_RIDGE = 1e-3
_WIDTH = 4.0  # of the kernel, in median squared distances
_PATCHES = {"mouth": (28, 28), "eyes": (28, 20)}  # width and height that a region is shrunk to


@dataclass(frozen=True)
class _Regression:
    """Gaussian kernel ridge regression on the principal components of a region's pixels.

    pixels: (n, pixels of the region); truth and result: (n, signals).
    """

    mean: Matrix
    axes: Matrix
    training_points: Matrix
    weights: Matrix
    offset: Matrix
    width: float

    @classmethod
    def fit(cls, pixels: Matrix, truth: Matrix) -> "_Regression":
        mean = pixels.mean(0)
        centred = pixels - mean
        eigenvalues, eigenvectors = np.linalg.eigh(centred @ centred.T)  # ascending
        axes = centred.T @ (eigenvectors[:, -_COMPONENTS:] / np.sqrt(eigenvalues[-_COMPONENTS:]))
        axes /= np.sqrt(eigenvalues[-1] / len(pixels))
        points = centred @ axes
        distances = _squared_distances(points, points)
        width = _WIDTH * float(np.median(distances))
        kernel = np.exp(-distances / width)
        weights = np.linalg.solve(kernel + _RIDGE * np.eye(len(points)), truth - truth.mean(0))
        return cls(mean, axes, points, weights, truth.mean(0), width)

    def __call__(self, pixels: Matrix) -> Matrix:
        kernel = np.exp(-_squared_distances((pixels - self.mean) @ self.axes, self.training_points) / self.width)
        return np.asarray(kernel @ self.weights + self.offset)


def _squared_distances(a: Matrix, b: Matrix) -> Matrix:
    return np.asarray(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T, 0))


class Reader:
    """Reads `SIGNALS` from pictures of one person. Fitting draws 1,600 pictures: about 8 s."""

    def __init__(self, person: Person, size: int = 256) -> None:
        self.person, self.size = person, size
        faces = _calibration_faces()
        pictures = np.stack([draw(person, face, size) for face in faces])
        self._mouth = _Regression.fit(self._pixels(pictures, "mouth"), _truth(faces, MOUTH_SIGNALS))
        self._eyes = _Regression.fit(self._pixels(pictures, "eyes"), _truth(faces, EYE_SIGNALS))

    def read(self, pictures: npt.NDArray[np.uint8]) -> dict[str, Matrix]:
        """RGB (n, size, size, 3) -> per signal a curve (n,) in the units of `Face`."""
        mouth, eyes = self._mouth(self._pixels(pictures, "mouth")), self._eyes(self._pixels(pictures, "eyes"))
        return dict(zip(SIGNALS, np.concatenate([mouth, eyes], axis=1).T, strict=True))

    def _pixels(self, pictures: npt.NDArray[np.uint8], region: str) -> Matrix:
        left, top, right, bottom = region_box(self.person, region, self.size)
        parts = [
            cv2.resize(p[top:bottom, left:right], _PATCHES[region], interpolation=cv2.INTER_AREA) for p in pictures
        ]
        return np.stack(parts).reshape(len(parts), -1) / 255.0


def region_box(person: Person, region: str, size: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom in pixels of the `mouth` with the nose, or of the `eyes` with the brows.

    The box holds the region at all head positions. The nose gives the position of the head: without it, a smile, which
    raises the corners of the mouth, is mistaken for a nod.
    """
    half_x, above, below = (0.13, 0.15, 0.145) if region == "mouth" else (0.17, 0.155, 0.045)
    y = person.centre_y + (person.mouth_y if region == "mouth" else 0.0)
    x = person.centre_x
    return round((x - half_x) * size), round((y - above) * size), round((x + half_x) * size), round((y + below) * size)


def _calibration_faces() -> Sequence[Face]:
    faces = []
    for seed in range(424242, 424242 + _PERFORMANCES):
        faces += performance(synthesise(paragraph(seed, 16), "en-us+m3", 150, 45), seed, _FRAMES)[::_FRAME_STEP]
    return faces


def _truth(faces: Sequence[Face], names: Sequence[str]) -> Matrix:
    return np.stack([signal(faces, name) for name in names], axis=1)


def correlation(a: Matrix, b: Matrix) -> float:
    """Pearson correlation of two curves (n,); nan if one of them is constant."""
    if a.std() < 1e-6 or b.std() < 1e-6:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
