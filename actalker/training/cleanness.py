"""How clean made frames look, against the frames that they should be: speckle, flicker, and how near they come.

N frames of H x W. Figures are grey levels of 255, or decibels; a face is looked at from hair to below the chin.
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

_FINE = 5  # pixels: what is finer is grain, what is coarser a shade
FLAT = 12.0
"""Grey levels that a neighbourhood of the truth may span and still count as flat: skin, cloth, wall."""
_MOVES = 3  # grey levels that a pixel of the truth varies by, at least, where something moves


@dataclass(frozen=True)
class Cleanness:
    """Of one clip."""

    grain: float
    """Errors finer than 5 pixels where the truth is flat, as speckle and shadows of what has moved are: root of their
    mean square, in the frame where it is largest."""
    flicker: float
    """Change from frame to frame where the truth holds still for these two frames: root of its mean square."""
    psnr_db: float
    """Of the parts that move in the truth."""


def cleanness(made: Pictures, truth: Pictures, face: Box) -> Cleanness:
    """Compare made frames (N, H, W, 3) with true ones."""
    height, width = truth.shape[1:3]
    rows = slice(face.top, min(height, face.bottom + face.size.height // 8))
    aside = face.size.width // 10
    columns = slice(max(0, face.left - aside), min(width, face.right + aside))
    shown, wanted = (torch.from_numpy(p[:, rows, columns]).movedim(-1, 1).float() for p in (made, truth))
    miss = shown - wanted
    return Cleanness(grain=_grain(miss, wanted), flicker=_flicker(shown, wanted), psnr_db=_moving_psnr(miss, wanted))


def flat_places(pictures: Tensor, span: float) -> Tensor:
    """Where pictures (N, 3, H, W) span no more than `span` within 5 pixels: (N, H, W) of booleans."""
    highest, lowest = (sign * F.max_pool2d(sign * pictures, _FINE, 1, _FINE // 2) for sign in (1, -1))
    return (highest - lowest).amax(1) <= span


def finest(pictures: Tensor) -> Tensor:
    """What of pictures (N, 3, H, W) is finer than 5 pixels."""
    return pictures - F.avg_pool2d(pictures, _FINE, 1, _FINE // 2, count_include_pad=False)


def _grain(miss: Tensor, wanted: Tensor) -> float:
    flat = flat_places(wanted, FLAT)
    grain = finest(miss).square().mean(1) * flat
    return float((grain.sum((1, 2)) / flat.sum((1, 2)).clamp_min(1)).max().sqrt())


def _flicker(shown: Tensor, wanted: Tensor) -> float:
    still = (wanted.diff(dim=0) == 0).all(1)  # (N - 1, h, w)
    return float((shown.diff(dim=0).square().mean(1) * still).sum().div(still.sum().clamp_min(1)).sqrt())


def _moving_psnr(miss: Tensor, wanted: Tensor) -> float:
    """nan where nothing moves."""
    moving = (wanted.amax(0) - wanted.amin(0)).amax(0) > _MOVES  # (h, w)
    return float(-10 * (miss.square().mean((0, 1))[moving].mean() / 255**2).clamp_min(1e-9).log10())


def clean_scores(
    clip: Clip, driver: Clip, lids: npt.NDArray[np.float64], made: Mapping[str, Pictures]
) -> dict[str, Any]:
    """The columns *_grain, *_flicker and *_psnr_db of `ClipScores`: frames made by sound, by sound and lids that shut
    by themselves, by motion and by both, against those that the signals ask of a head that holds still."""
    targets = {
        "audio": target_clip(clip),
        "idle": target_clip(clip, lids=lids),
        "motion": target_clip(clip, driver, sound=False),
        "both": target_clip(clip, driver),
    }
    scores = dict[str, Any]()
    for name, pictures in made.items():
        size = pictures.shape[1]
        found = cleanness(pictures, targets[name].pictures(size), clip.person.face_box(size))
        scores |= {f"{name}_{measure}": figure for measure, figure in asdict(found).items()}
    return scores
