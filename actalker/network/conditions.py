"""All conditions of one denoising pass."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from actalker.network.regions import Regions


@dataclass(frozen=True)
class Conditions:
    """Conditions of B clips of F frames, with K driving signals of width D.

    Signals, masks and gates follow the order of the network's branches.
    """

    identity: Tensor
    """(B, F, T, D) identity tokens; usually T = 1, and the same for all frames (expand, do not copy)."""
    signals: tuple[Tensor, ...]
    """Per branch (B, F, T_k, D) tokens."""
    masks: Tensor
    """(B, K, H, W) region masks of zeros and ones, in pixels (any multiple of the latent grid)."""
    gates: Tensor
    """(B, K) of bool, on the CPU. If a gate is closed (False), its signal has no influence on the result."""
    time_ids: Tensor
    """(B, I) micro-conditioning values."""
    guide: Tensor | None = None
    """(B, F or 1, channels[0], h, w) features of the spatial guide."""
    drop: float = 1.0
    """Mask-drop: probability with which a token outside the region is dropped; below 1 only in training."""
    regions: Regions | None = None
    """Masks and gates on the token grids, if `UNet.prepared` has made them. None: every pass makes its own, and the
    host waits for a GPU, from which it reads the token counts."""

    def window(self, frames: Tensor) -> Self:
        """The conditions of some frames, by their indices."""
        signals = tuple(signal[:, frames] for signal in self.signals)
        return replace(self, identity=self.identity[:, frames], signals=signals)

    @classmethod
    def stacked(cls, clips: Sequence[Self]) -> Self:
        """One batch of clips that share all but identity and signals, such as the guidance passes of a window."""
        first = clips[0]
        if len(clips) == 1:
            return first
        count = len(clips)
        return replace(
            first,
            identity=torch.cat([clip.identity for clip in clips]),
            signals=tuple(torch.cat(signals) for signals in zip(*(clip.signals for clip in clips), strict=True)),
            masks=first.masks.expand(count, -1, -1, -1),
            gates=first.gates.expand(count, -1),
            time_ids=first.time_ids.expand(count, -1),
            guide=None if first.guide is None else first.guide.expand(count, -1, -1, -1, -1),
            regions=None if first.regions is None else {grid: one.expand(count) for grid, one in first.regions.items()},
        )

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Self:
        """Copy on a device, with tokens and guide in `dtype` and time ids in float32. Gates stay on the CPU."""
        return replace(
            self,
            identity=self.identity.to(device, dtype),
            signals=tuple(signal.to(device, dtype) for signal in self.signals),
            masks=self.masks.to(device),
            time_ids=self.time_ids.to(device, torch.float32),
            guide=None if self.guide is None else self.guide.to(device, dtype),
        )
