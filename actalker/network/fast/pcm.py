"""The PCM layer for inference on CUDA: `network/pcm.py` has the plain form, its paper and its shapes.

What differs: the scan units are those of `scan.py`; tokens are gathered by one index for all frames, or not at all
where a region is the whole grid; the sum of both branches is formed inside the normalisation.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actalker.network.fast.norms import layer_norm
from actalker.network.fast.scan import FastScanUnit
from actalker.network.pcm import PCM
from actalker.network.regions import Selection


class FastPCM(nn.Module):
    """In place of a loaded `PCM`. Where regions differ between clips, its branches take the plain form."""

    def __init__(self, plain: PCM) -> None:
        super().__init__()
        self.plain = plain
        self.scans = nn.ModuleList(FastScanUnit(unit) for unit in plain.scans)  # type: ignore[arg-type]

    def forward(
        self, x: Tensor, identity: Tensor, signals: Sequence[Tensor | None], selections: Sequence[Selection]
    ) -> Tensor:
        """As `PCM.forward`."""
        plain = self.plain
        identity = F.silu(plain.identity_proj(identity))
        branches = [self._branch(k, x, identity, signals[k], selections[k]) for k in range(len(self.scans))]
        first, *others = branches
        for other in others[1:]:
            first = first + other
        result: Tensor = plain.out_proj(layer_norm(plain.out_norm, first, others[0] if others else None))
        return result

    def _branch(self, k: int, x: Tensor, identity: Tensor, signal: Tensor | None, selection: Selection) -> Tensor:
        plain, n = self.plain, selection.count
        if signal is None or n == 0 or not selection.shared:
            slow: Tensor = plain._branch(k, x, identity, signal, selection)
            return slow
        projected: Tensor = plain.in_projs[k](x)  # (B, F, L, E)
        frames = projected.flatten(0, 1)
        context = torch.cat([identity, F.silu(plain.signal_projs[k](signal))], dim=2).flatten(0, 1)
        everything = n == frames.shape[1]
        region = frames if everything else frames.index_select(1, selection.index[0])
        forwards, backwards = self.scans[k](torch.cat([region, context], dim=1))[:, :, :n]
        scanned = forwards + backwards
        if not everything:
            scanned = frames.index_copy_(1, selection.index[0], scanned)  # nobody else has the projection
        result: Tensor = scanned.view_as(projected)
        return result
