"""Whether a portrait is a photograph, which the demo network has never seen: it knows flat drawings only."""

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.job import Job, Preset
from tasks.media.images import read_image

_EDGE = 256
_GRAIN = 0.35
"""Grey levels. 150 drawn heads reach 0.17, as small JPEGs 0.20; two photographs 2.0 and more, 0.44 when blurred."""


def warning(job: Job) -> str:
    """What a person should know before this job is rendered, one sentence; empty when there is nothing.

    Raises:
        BadInput: The portrait is no image.
    """
    if job.preset is not Preset.DEMO or not _shows_photograph(job.portrait, job.portrait_sha256):
        return ""
    return (
        "the portrait looks like a photograph, and the demo network was trained on drawn heads alone: expect a smeared "
        "face; the published weights are for real people (docs/network.md)"
    )


def is_photograph(pixels: NDArray[np.uint8]) -> bool:
    """Whether most places of a picture, (height, width, 3) RGB, have grain or texture: drawn surfaces are smooth."""
    scale = min(1.0, _EDGE / min(pixels.shape[:2]))
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return bool(np.median(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.0))) > _GRAIN)


@lru_cache(maxsize=1024)
def _shows_photograph(portrait: Path, sha256: str) -> bool:
    """Looked at once for each content, in however many rows it stands."""
    return is_photograph(read_image(portrait).pixels)
