"""The spatio-temporal transformer of SVD with adapters in its cross-attentions and a PCM layer between space and time.

B clips, F frames, L = h w tokens of width C. Tokens are (B, F, L, C). A feature map in channels_last has the same
layout in memory, so that the conversion copies nothing.
"""

from dataclasses import dataclass

import torch
from diffusers.models.attention import FeedForward
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from torch import Tensor, nn

from actalker.network.attention import Attention
from actalker.network.config import NetworkConfig
from actalker.network.pcm import PCM
from actalker.network.regions import GridRegions, Regions


@dataclass(frozen=True)
class Context:
    """Inputs of every transformer in one pass: gated tokens, and the regions on each token grid."""

    identity: Tensor
    """(B, F, T, D)"""
    signals: tuple[Tensor | None, ...]
    """Per branch (B, F, T_k, D); None if the gate is closed in every clip."""
    regions: Regions

    def mean_over_frames(self) -> tuple[Tensor, list[Tensor | None]]:
        """Identity (B, T, D) and signals (B, T_k, D), for the temporal blocks."""
        return self.identity.mean(1), [None if signal is None else signal.mean(1) for signal in self.signals]


class Mixer(nn.Module):
    """Learned blend of a spatial and a temporal result."""

    def __init__(self) -> None:
        super().__init__()
        self.mix_factor = nn.Parameter(torch.tensor([0.5]))

    def forward(self, spatial: Tensor, temporal: Tensor) -> Tensor:
        """Spatial and temporal of one shape -> the same."""
        share = torch.sigmoid(self.mix_factor).to(spatial.dtype)
        result: Tensor = torch.lerp(temporal, spatial, share)
        return result


class SpatialBlock(nn.Module):
    """Self-attention within a frame, cross-attention to its identity and signals, feed-forward."""

    def __init__(self, width: int, heads: int, config: NetworkConfig) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.attn1 = Attention(width, heads)
        self.attn2 = Attention(width, heads, config.context_width, len(config.branches), config.adapter_scale)
        self.ff = FeedForward(width, mult=config.feed_forward_factor, activation_fn="geglu")

    def forward(self, x: Tensor, context: Context, regions: GridRegions) -> Tensor:
        """x (B, F, L, C) -> the same."""
        frames = x.shape[1]
        flat = x.flatten(0, 1)
        flat = flat + self.attn1(self.norm1(flat))
        signals = [None if signal is None else signal.flatten(0, 1) for signal in context.signals]
        weights = regions.weights.to(x.dtype).repeat_interleave(frames, 0)[..., None].unbind(1)  # K x (B F, L, 1)
        flat = flat + self.attn2(self.norm2(flat), context.identity.flatten(0, 1), signals, weights)
        result: Tensor = flat + self.ff(self.norm3(flat))
        return result.view(x.shape)


class TemporalBlock(nn.Module):
    """Self-attention over the frames of each position, cross-attention to the clip's mean signals, feed-forward."""

    def __init__(self, width: int, heads: int, config: NetworkConfig) -> None:
        super().__init__()
        self.norm_in = nn.LayerNorm(width)
        self.ff_in = FeedForward(width, mult=config.feed_forward_factor, activation_fn="geglu")
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.attn1 = Attention(width, heads)
        self.attn2 = Attention(width, heads, config.context_width, len(config.branches), config.adapter_scale)
        self.ff = FeedForward(width, mult=config.feed_forward_factor, activation_fn="geglu")

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """x (B, F, L, C) -> the same."""
        B, frames, L, _ = x.shape
        x = x + self.ff_in(self.norm_in(x))
        over_time = self.norm1(x).transpose(1, 2).flatten(0, 1)  # (B L, F, C)
        x = x + self.attn1(over_time).unflatten(0, (B, L)).transpose(1, 2)
        identity, signals = context.mean_over_frames()
        # The context is the same at every position and frame, so all queries of a clip share one set of keys.
        x = x + self.attn2(self.norm2(x).flatten(1, 2), identity, signals).unflatten(1, (frames, L))
        result: Tensor = x + self.ff(self.norm3(x))
        return result


class Transformer(nn.Module):
    """Spatial block, PCM layer, temporal block; the results of the last two are mixed. With a residual around all."""

    def __init__(self, width: int, heads: int, config: NetworkConfig, pcm: bool) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(config.groups, width, eps=1e-6)
        self.proj_in = nn.Linear(width, width)
        self.spatial = SpatialBlock(width, heads, config)
        self.pcm = PCM(width, config) if pcm else None
        self.temporal = TemporalBlock(width, heads, config)
        self.time_proj = Timesteps(width, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.time_pos_embed = TimestepEmbedding(width, 4 * width, out_dim=width)
        self.time_mixer = Mixer()
        self.proj_out = nn.Linear(width, width)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """x (B F, C, h, w) -> the same."""
        return self.from_normalised(x, self.norm(x).permute(0, 2, 3, 1).flatten(1, 2), context)

    def from_normalised(self, x: Tensor, tokens: Tensor, context: Context) -> Tensor:
        """x (B F, C, h, w), and its normalised tokens (B F, L, C) -> like x."""
        B, frames = context.identity.shape[:2]
        grid = (x.shape[2], x.shape[3])
        regions = context.regions[grid]
        tokens = tokens.view(B, frames, *tokens.shape[1:])  # (B, F, L, C)
        tokens = self.spatial(self.proj_in(tokens), context, regions)
        if self.pcm is not None:
            tokens = self.pcm(tokens, context.identity, context.signals, regions.selections)
        position = self.time_proj(torch.arange(frames, device=x.device)).to(x.dtype)
        temporal = self.temporal(tokens + self.time_pos_embed(position)[:, None], context)
        tokens = self.proj_out(self.time_mixer(tokens, temporal)).flatten(0, 1)
        result: Tensor = x + tokens.view(-1, *grid, tokens.shape[-1]).permute(0, 3, 1, 2)
        return result
