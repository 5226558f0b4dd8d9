"""Region masks on the token grid, and the tokens that each branch scans.

B clips, K branches, L = h w tokens of a frame.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

INSIDE = 1 - 1e-3
"""From this value on, a resized mask counts as inside. The published network truncates to an integer: 1 is inside, 0.99
is not. Bicubic weights of an even reduction are multiples of 1/32, so that no true value lies between."""


@dataclass(frozen=True)
class Selection:
    """The tokens of one branch on one grid, as an index for gather and scatter.

    Clips may select different numbers of tokens. Rows are padded with unselected tokens, which are marked invalid.
    """

    index: Tensor
    """(B, n) positions, unique within a row: the selected ones in order, then padding."""
    valid: Tensor
    """(B, n) whether the position is selected."""
    even: bool
    """Whether all clips select equally many, so that there is no padding."""
    shared: bool = False
    """Whether all clips select the same."""

    @property
    def count(self) -> int:
        """Longest row; 0 when no clip selects anything."""
        return self.index.shape[1]

    def expand(self, clips: int) -> "Selection":
        """That of one clip for so many alike."""
        return replace(self, shared=True, index=self.index.expand(clips, -1), valid=self.valid.expand(clips, -1))


@dataclass(frozen=True)
class GridRegions:
    """Region masks on one token grid."""

    weights: Tensor
    """(B, K, L) resized masks, not truncated. The adapters' results are multiplied by them."""
    selections: tuple[Selection, ...]
    """Per branch, the tokens that it scans."""

    def expand(self, clips: int) -> "GridRegions":
        """Those of one clip for so many alike."""
        selections = tuple(selection.expand(clips) for selection in self.selections)
        return GridRegions(self.weights.expand(clips, -1, -1), selections)


Regions = Mapping[tuple[int, int], GridRegions]
"""By grid size (h, w)."""


def select_tokens(inside: Tensor) -> Selection:
    """Selection of the tokens where `inside` (B, L) is true."""
    count = int(inside.sum(1).max())
    order = torch.argsort(~inside, dim=1, stable=True)[:, :count]
    valid = inside.gather(1, order)
    return Selection(order, valid, bool(valid.all()), shared=len(inside) == 1)


def mask_drop(inside: Tensor, drop: float) -> Tensor:
    """The paper's mask-drop: tokens outside the region are dropped, each with probability `drop`.

    inside: (B, K, L) of bool; the result, of the same shape, marks the tokens that are kept. With drop = 1 (always at
    inference) these are the region. A smaller value, in training, also keeps random tokens outside, drawn from torch's
    global generator. Raises ValueError if `drop` is not in [0, 1].
    """
    if not 0 <= drop <= 1:
        raise ValueError(f"mask-drop is a probability, not {drop}")
    if drop == 1:
        return inside
    return inside | (torch.rand(inside.shape, device=inside.device) >= drop)


def grid_regions(masks: Tensor, gates: Tensor, grid: tuple[int, int], drop: float = 1.0) -> GridRegions:
    """Resize masks (B, K, H, W) of zeros and ones to a grid (h, w). If a gate (B, K) is closed, its region is empty."""
    weights = F.interpolate(masks.float(), size=grid, mode="bicubic").flatten(2)  # (B, K, L)
    open_gates = gates.to(weights.device)[:, :, None]
    weights = weights * open_gates
    inside = mask_drop(weights >= INSIDE, drop) & open_gates
    return GridRegions(weights, tuple(select_tokens(branch) for branch in inside.unbind(1)))
