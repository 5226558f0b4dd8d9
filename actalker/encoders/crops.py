"""Region masks, guide picture and crops from a face box.

Pictures are (..., 3, H, W) in [0, 1].
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from actalker.shapes import Box, Size

RegionRule = Literal["paper", "released"]
"""Masks with both gates open. `paper`: audio has the lower half of the face, motion the upper. `released`: both are
ones, as in the published script, so that both signals act on the whole picture."""

GuideKind = Literal["box", "portrait", "place"]
"""Content of the face box in the guide's picture, which is black elsewhere. `box`: white, as published. `portrait`: the
portrait. `place`: white in the first channel; the others are the x and y coordinates in the box, 0 to 1. A network that
is trained from scratch then need not learn where in the box the mouth is."""

MASK_MARGIN = (6, 5)
"""The face box is enlarged by 1.2 before it is split into regions."""

HEAD_MARGIN = (3, 2)
"""The head crop of the pose network is the face box enlarged by 1.5, so that hair and chin are inside."""


def region_masks(box: Box, size: Size, gates: Sequence[bool], rule: RegionRule = "paper") -> Tensor:
    """Masks (2, H, W) of zeros and ones for audio and motion, from a face box in a picture of `size`."""
    if rule not in ("paper", "released"):
        raise ValueError(f"region rule must be 'paper' or 'released', not {rule!r}")
    masks = torch.zeros(2, size.height, size.width)
    if all(gates) and rule == "released":
        return torch.ones_like(masks)
    face = box.enlarged(*MASK_MARGIN, within=size)
    columns = slice(face.left, face.right)
    if all(gates):
        masks[0, face.middle_row : face.bottom, columns] = 1
        masks[1, face.top : face.middle_row, columns] = 1
    else:
        for k, gate in enumerate(gates):
            masks[k, face.top : face.bottom, columns] = float(gate)
    return masks


def guide_picture(box: Box, portrait: Tensor, kind: GuideKind) -> Tensor:
    """Input of the spatial guide (3, H, W), for a portrait (3, H, W) and its face box."""
    picture = torch.zeros_like(portrait)
    rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
    picture[:, rows, columns] = portrait[:, rows, columns] if kind == "portrait" else 1
    if kind == "place":
        inside = picture[0, rows, columns]
        picture[1, rows, columns] = torch.linspace(0, 1, inside.shape[1]).to(picture)
        picture[2, rows, columns] = torch.linspace(0, 1, inside.shape[0]).to(picture)[:, None]
    return picture


def crop(pictures: Tensor, box: Box, edge: int) -> Tensor:
    """(N, 3, H, W) -> (N, 3, edge, edge): the part inside both `box` and picture, resized."""
    box = box.within(Size(*pictures.shape[-2:]))
    part = pictures[..., box.top : box.bottom, box.left : box.right]
    return F.interpolate(part, (edge, edge), mode="bilinear", align_corners=False, antialias=True)
