"""Image quality of generated frames, compared with target frames: grain, flicker and PSNR.

N frames of H x W. Values are grey levels of 255, or decibels, measured on the face from the hair to below the chin.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from actalker.puppet.clip import Clip, target_clip
from actalker.shapes import Box

Pictures = npt.NDArray[np.uint8]

_FINE = 5  # pixels: finer errors are grain, coarser ones are shading
FLAT = 12.0
"""Largest range of grey levels in a flat neighbourhood of the target: skin, cloth, wall."""
_MOVES = 3  # smallest range of grey levels of a moving pixel of the target


@dataclass(frozen=True)
class ImageQuality:
    """Image quality of one clip."""

    grain: float
    """Root mean square of errors finer than 5 pixels where the target is flat, such as speckle and ghosts of moved
    features; of the frame where it is largest."""
    flicker: float
    """Root mean square of the change between two frames, where the target does not change between them."""
    psnr_db: float
    """PSNR of the pixels that move in the target."""


def image_quality(made: Pictures, target: Pictures, face: Box) -> ImageQuality:
    """Compare generated frames (N, H, W, 3) with target frames of the same shape."""
    height, width = target.shape[1:3]
    rows = slice(face.top, min(height, face.bottom + face.size.height // 8))
    aside = face.size.width // 10
    columns = slice(max(0, face.left - aside), min(width, face.right + aside))
    shown, wanted = (torch.from_numpy(p[:, rows, columns]).movedim(-1, 1).float() for p in (made, target))
    error = shown - wanted
    return ImageQuality(
        grain=_grain(error, wanted), flicker=_flicker(shown, wanted), psnr_db=_moving_psnr(error, wanted)
    )


def flat_regions(pictures: Tensor, span: float) -> Tensor:
    """Where the range of pictures (N, 3, H, W) within 5 x 5 pixels is at most `span`: (N, H, W) of bool."""
    highest, lowest = (sign * F.max_pool2d(sign * pictures, _FINE, 1, _FINE // 2) for sign in (1, -1))
    return (highest - lowest).amax(1) <= span


def fine_detail(pictures: Tensor) -> Tensor:
    """Pictures (N, 3, H, W) minus their mean over 5 x 5 pixels."""
    return pictures - F.avg_pool2d(pictures, _FINE, 1, _FINE // 2, count_include_pad=False)


def _grain(error: Tensor, target: Tensor) -> float:
    flat = flat_regions(target, FLAT)
    grain = fine_detail(error).square().mean(1) * flat
    return float((grain.sum((1, 2)) / flat.sum((1, 2)).clamp_min(1)).max().sqrt())


def _flicker(made: Tensor, target: Tensor) -> float:
    still = (target.diff(dim=0) == 0).all(1)  # (N - 1, h, w)
    return float((made.diff(dim=0).square().mean(1) * still).sum().div(still.sum().clamp_min(1)).sqrt())


def _moving_psnr(error: Tensor, target: Tensor) -> float:
    """PSNR in decibels of the moving pixels; nan if nothing moves."""
    moving = (target.amax(0) - target.amin(0)).amax(0) > _MOVES  # (h, w)
    return float(-10 * (error.square().mean((0, 1))[moving].mean() / 255**2).clamp_min(1e-9).log10())


def quality_scores(
    clip: Clip, driver: Clip, lids: npt.NDArray[np.float64], made: Mapping[str, Pictures]
) -> dict[str, Any]:
    """The columns *_grain, *_flicker and *_psnr_db of `ClipScores`.

    Args:
        lids: (N,) How far the eyelids are shut in the frames `idle`.
        made: Generated frames (N, S, S, 3): `audio` by sound, `idle` by sound and lids, `motion` by the driver, `both`
            by sound and driver. The targets are `target_clip` of the same signals.
    """
    targets = {
        "audio": target_clip(clip),
        "idle": target_clip(clip, lids=lids),
        "motion": target_clip(clip, driver, sound=False),
        "both": target_clip(clip, driver),
    }
    scores = dict[str, Any]()
    for name, pictures in made.items():
        size = pictures.shape[1]
        quality = image_quality(pictures, targets[name].pictures(size), clip.person.face_box(size))
        scores |= {f"{name}_{measure}": value for measure, value in asdict(quality).items()}
    return scores
