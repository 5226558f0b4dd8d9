"""Photographs in the public domain, as packages carry them, and what people do to photographs before they send them.

No test publishes what is made of them.
"""

from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]

GRACE = Path(matplotlib.get_data_path()) / "sample_data/grace_hopper.jpg"
"""Grace Hopper, by James S. Davis, US Navy, 1984: lips closed, 600 x 512 pixels."""


@lru_cache(maxsize=1)
def astronaut() -> Path:
    """Eileen Collins, by NASA, 1993: a smile with teeth, 512 x 512 pixels. "No known copyright restrictions"."""
    import skimage

    return Path(skimage.__file__).parent / "data/astronaut.png"


def opened(path: Path) -> Picture:
    """(height, width, 3) RGB."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def portraits() -> dict[str, Picture]:
    """Both, as they are."""
    return {"grace": opened(GRACE), "astronaut": opened(astronaut())}


def tilted(picture: Picture, degrees: float) -> Picture:
    """Turned about its middle; beyond the edge its border is repeated."""
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height * 0.42), degrees, 1)
    return np.asarray(cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def grey(picture: Picture) -> Picture:
    """Without colour."""
    return np.dstack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)] * 3)


def dark(picture: Picture, light: float = 0.2) -> Picture:
    """With a part of its light."""
    return (picture * light).astype(np.uint8)


def in_a_large_picture(picture: Picture, face_px: int = 220, size: tuple[int, int] = (1500, 2000)) -> Picture:
    """Shrunk, a little away from the middle of a wall."""
    scale = face_px / picture.shape[1]
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    wall = np.full((*size, 3), (176, 170, 158), np.uint8)
    top, left = size[0] // 3, size[1] * 2 // 3
    wall[top : top + small.shape[0], left : left + small.shape[1]] = small
    return wall


def two_people() -> Picture:
    """Side by side, of about one size."""
    left = opened(GRACE)
    right = cv2.resize(opened(astronaut())[:300, 90:390], (600, 600), interpolation=cv2.INTER_CUBIC)
    return np.concatenate([left, np.asarray(right, np.uint8)], axis=1)


def with_glasses(picture: Picture, points: NDArray[np.float64]) -> Picture:
    """Dark frames drawn around the eyes of a face whose mesh is given."""
    drawn = picture.copy()
    unit = np.linalg.norm(points[33, :2] - points[263, :2])
    middles = [points[[33, 133], :2].mean(0), points[[362, 263], :2].mean(0)]
    for x, y in middles:
        cv2.ellipse(
            drawn, (round(x), round(y)), (round(0.24 * unit), round(0.18 * unit)), 0, 0, 360, (35, 28, 26), 3, 16
        )
    (a, b), (c, d) = middles
    cv2.line(drawn, (round(a + 0.24 * unit), round(b)), (round(c - 0.24 * unit), round(d)), (35, 28, 26), 3, 16)
    return drawn


def with_beard(picture: Picture, points: NDArray[np.float64]) -> Picture:
    """Dark stubble drawn on chin and upper lip, lips left free."""
    height, width = picture.shape[:2]
    lips = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146]
    low = [132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 426, 2, 206]
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.round(points[low, :2]).astype(np.int32)], 255)
    cv2.fillPoly(mask, [np.round(points[lips, :2]).astype(np.int32)], 0)
    soft = cv2.GaussianBlur(mask, (0, 0), 0.03 * float(np.linalg.norm(points[33, :2] - points[263, :2]))) / 255.0
    hairs = np.random.default_rng(3).uniform(0.2, 0.75, (height, width))
    return (picture * (1 - (soft * hairs)[..., None]) + np.array([48, 36, 30]) * (soft * hairs)[..., None]).astype(
        np.uint8
    )
