"""Where each driving signal acts: region masks brought to a token grid, and the tokens that a branch may see.

B clips, K branches, L = h w tokens of a frame.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

INSIDE = 1 - 1e-3
"""A resized mask counts as inside from here on. The published network truncates to an integer, so that 1 is inside and
0.99 is not; the bicubic weights of an even reduction are multiples of 1/32, so no true value lies between."""


@dataclass(frozen=True)
class Selection:
    """The tokens of one branch on one grid, ready for gather and scatter.

    Clips may select different numbers of tokens: rows are filled up with unselected ones, marked invalid.
    """

    index: Tensor
    """(B, n) positions, each row without repetition: the selected ones in order, then fillers."""
    valid: Tensor
    """(B, n) whether the position is selected."""
    even: bool
    """Whether all clips select equally many, so that there are no fillers."""

    @property
    def count(self) -> int:
        """Longest row; 0 when no clip selects anything."""
        return self.index.shape[1]


@dataclass(frozen=True)
class GridRegions:
    """Region masks on one token grid."""

    weights: Tensor
    """(B, K, L) resized masks, not truncated: what the adapters' results are multiplied by."""
    selections: tuple[Selection, ...]
    """Per branch, the tokens that it scans."""


def select_tokens(inside: Tensor) -> Selection:
    """Selection of the tokens where `inside` (B, L) is true."""
    count = int(inside.sum(1).max())
    order = torch.argsort(~inside, dim=1, stable=True)[:, :count]
    valid = inside.gather(1, order)
    return Selection(order, valid, bool(valid.all()))


def mask_drop(inside: Tensor, drop: float) -> Tensor:
    """The paper's mask-drop: tokens outside the region are dropped, each with probability `drop`.

    inside: (B, K, L) of bool. With drop = 1 (always at inference) a branch sees its region alone. In training a smaller
    value lets a random part of the outside through, drawn anew on every call from torch's generator.
    """
    if not 0 <= drop <= 1:
        raise ValueError(f"mask-drop is a probability, not {drop}")
    if drop == 1:
        return inside
    return inside | (torch.rand(inside.shape, device=inside.device) >= drop)


def grid_regions(masks: Tensor, gates: Tensor, grid: tuple[int, int], drop: float = 1.0) -> GridRegions:
    """Bring masks (B, K, H, W) of zeros and ones to a grid; a closed gate (B, K) empties its region."""
    weights = F.interpolate(masks.float(), size=grid, mode="bicubic").flatten(2)  # (B, K, L)
    open_gates = gates.to(weights.device)[:, :, None]
    weights = weights * open_gates
    inside = mask_drop(weights >= INSIDE, drop) & open_gates
    return GridRegions(weights, tuple(select_tokens(branch) for branch in inside.unbind(1)))
