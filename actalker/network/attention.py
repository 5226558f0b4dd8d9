"""Attention with adapters (IP-Adapter): every driving signal has its own keys and values, beside the identity's.

Ye et al., "IP-Adapter: Text Compatible Image Prompt Adapter", section 3.2; region masks as in diffusers. Q queries.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


def attend(query: Tensor, key: Tensor, value: Tensor, heads: int) -> Tensor:
    """Multi-head attention: query (S, Q, C), key and value (S, T, C) -> (S, Q, C)."""
    if key.shape[1] == 1:
        return value.expand_as(query)  # the softmax over one key is 1 for every query

    def split(x: Tensor) -> Tensor:
        return x.view(len(x), -1, heads, x.shape[-1] // heads).transpose(1, 2)

    mixed = F.scaled_dot_product_attention(split(query), split(key), split(value))
    return mixed.transpose(1, 2).flatten(2)


class Adapter(nn.Module):
    """Keys and values of one driving signal."""

    def __init__(self, width: int, context_width: int) -> None:
        super().__init__()
        self.to_k = nn.Linear(context_width, width, bias=False)
        self.to_v = nn.Linear(context_width, width, bias=False)

    def forward(self, signal: Tensor) -> tuple[Tensor, Tensor]:
        """Signal (S, T, D) -> keys and values (S, T, C)."""
        return self.to_k(signal), self.to_v(signal)


class Attention(nn.Module):
    """Self-attention, or, with a context width, cross-attention to it and to `adapters` driving signals."""

    def __init__(
        self, width: int, heads: int, context_width: int | None = None, adapters: int = 0, scale: float = 1.0
    ) -> None:
        super().__init__()
        self.heads, self.scale = heads, scale
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context_width or width, width, bias=False)
        self.to_v = nn.Linear(context_width or width, width, bias=False)
        self.to_out = nn.Sequential(nn.Linear(width, width))
        self.adapters = nn.ModuleList(Adapter(width, context_width or width) for _ in range(adapters))

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        signals: Sequence[Tensor | None] = (),
        weights: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """x (S, Q, C) -> (S, Q, C).

        context: (S, T, D). signals: per adapter (S, T_k, D), or None if its gate is closed. weights: per adapter
        (S, Q, 1), the region mask by which its result is multiplied.
        """
        context = x if context is None else context
        query = self.to_q(x)
        mixed = attend(query, self.to_k(context), self.to_v(context), self.heads)
        for k, (adapter, signal) in enumerate(zip(self.adapters, signals, strict=True)):
            if signal is None:
                continue
            key, value = adapter(signal)
            added = attend(query, key, value, self.heads)
            mixed = mixed + self.scale * (added if weights is None else added * weights[k])
        result: Tensor = self.to_out(mixed)
        return result
