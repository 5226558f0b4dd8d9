"""All conditions of one denoising pass."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor


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
