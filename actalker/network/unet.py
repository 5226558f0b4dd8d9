"""The denoising UNet: Stable Video Diffusion with a spatial guide, adapters and PCM layers.

B clips, F frames, latents of h x w. It consists of the stages in `blocks.py`; `NetworkConfig` has number and widths.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from torch import Tensor, nn

from actalker.network.blocks import DownStage, MidStage, UpStage
from actalker.network.conditions import Conditions
from actalker.network.config import NetworkConfig
from actalker.network.regions import GridRegions, Regions, grid_regions
from actalker.network.transformer import Context


class UNet(nn.Module):
    """Predicts v (velocity) from noisy latents, reference latents and `Conditions`."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        first, time_width = config.channels[0], config.time_width
        stages = range(len(config.channels))
        self.conv_in = nn.Conv2d(2 * config.latent_channels, first, 3, padding=1)
        self.time_proj = Timesteps(first, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.time_embedding = TimestepEmbedding(first, time_width)
        self.add_time_proj = Timesteps(config.time_id_width, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.add_embedding = TimestepEmbedding(config.time_ids * config.time_id_width, time_width)
        self.film = nn.ModuleList(
            nn.Linear(branch.tokens * config.context_width, time_width, bias=False)
            for branch in config.branches
            if config.film
        )
        self.down_blocks = nn.ModuleList(DownStage(stage, config) for stage in stages)
        self.mid_block = MidStage(config)
        self.up_blocks = nn.ModuleList(UpStage(stage, config) for stage in reversed(stages))
        self.conv_norm_out = nn.GroupNorm(config.groups, first, eps=1e-5)
        self.conv_out = nn.Conv2d(first, config.latent_channels, 3, padding=1)

    def forward(self, sample: Tensor, timesteps: Tensor, conditions: Conditions) -> Tensor:
        """sample (B, F, 2 Z, h, w), Z noisy latents, then Z of the reference; timesteps (B) -> v (B, F, Z, h, w).

        The grid may have any size. Raises ValueError if the conditions do not fit the network or the sample.
        """
        return self.with_deep_features(sample, timesteps, conditions)[0]

    def with_deep_features(
        self, sample: Tensor, timesteps: Tensor, conditions: Conditions, deep: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `forward`: v, and the features (B F, C', h, w) of all lower resolutions, which the last up stage gets.

        deep: those of an earlier, similar call. Then only the stages of the highest resolution are computed (Ma et al.
        2024, "DeepCache").
        """
        B, frames = sample.shape[:2]
        check(conditions, self.config, B, frames)
        context: Context = self._context(conditions, (sample.shape[3], sample.shape[4]))
        time = self._time(timesteps, conditions.time_ids, context).to(sample.dtype)  # (B, F, time width)
        x = sample.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        x = self.conv_in(x)
        if conditions.guide is not None:
            x = x + conditions.guide.expand(B, frames, -1, -1, -1).flatten(0, 1)
        skip = x
        x, stage_skips = self.down_blocks[0](x, time, context)
        skips = [skip, *stage_skips]
        if deep is None:
            deep = self._lower_stages(x, skips, time, context)
        else:
            skips = skips[: self.config.layers + 1]  # without the downsampled one, which the lower stages take
        x = self.up_blocks[-1](deep, skips, time, context)
        v: Tensor = self.conv_out(F.silu(self.conv_norm_out(x)))
        return v.reshape(B, frames, *v.shape[1:]), deep

    def _lower_stages(self, x: Tensor, skips: list[Tensor], time: Tensor, context: Context) -> Tensor:
        """All stages between the first and the last. It removes its skips from the end of the list."""
        for down in self.down_blocks[1:]:
            x, stage_skips = down(x, time, context)
            skips += stage_skips
        x = self.mid_block(x, time, context)
        for up in self.up_blocks[:-1]:
            x = up(x, skips, time, context)
        return x

    def prepared(self, conditions: Conditions, size: tuple[int, int]) -> Conditions:
        """The conditions with their regions on the token grids of latents of a size (h, w), once for many passes."""
        return replace(conditions, regions=self._regions(conditions, size))

    def _time(self, timesteps: Tensor, time_ids: Tensor, context: Context) -> Tensor:
        """Embedding of noise level and micro-conditioning, with `film` also of the signals: (B, F, time width)."""
        dtype = self.conv_in.weight.dtype
        level = self.time_embedding(self.time_proj(timesteps).to(dtype))
        ids = self.add_time_proj(time_ids.flatten()).view(len(time_ids), -1).to(dtype)
        time: Tensor = (level + self.add_embedding(ids))[:, None].expand(-1, context.identity.shape[1], -1)
        if self.config.film:
            for film, signal in zip(self.film, context.signals, strict=True):
                if signal is not None:
                    time = time + film(signal.flatten(2))
        return time

    # The control flow depends on gates and token counts, which cannot be traced.
    @torch.compiler.disable  # type: ignore[untyped-decorator]  # torch leaves it untyped
    def _context(self, conditions: Conditions, size: tuple[int, int]) -> Context:
        """Gated tokens, and the regions on the grid of every resolution."""
        signals = tuple(
            _gated(signal, gate) for signal, gate in zip(conditions.signals, conditions.gates.T, strict=True)
        )
        regions = conditions.regions or self._regions(conditions, size)
        identity = conditions.identity if self.config.identity else torch.zeros_like(conditions.identity)
        return Context(identity, signals, regions)

    def _regions(self, conditions: Conditions, size: tuple[int, int]) -> Regions:
        masks = conditions.masks if self.config.region_masks else torch.ones_like(conditions.masks)
        regions: dict[tuple[int, int], GridRegions] = {}
        for _ in self.config.channels:
            regions[size] = grid_regions(masks, conditions.gates, size, conditions.drop)
            size = (-(-size[0] // 2), -(-size[1] // 2))
        return regions


def _gated(signal: Tensor, gate: Tensor) -> Tensor | None:
    """The signal (B, F, T, D), zero in clips whose gate (B) is closed; None if all gates are closed."""
    if not bool(gate.any()):
        return None
    if bool(gate.all()):
        return signal
    # Selected, not multiplied: NaN times a closed gate would still be NaN.
    return torch.where(gate.to(signal.device)[:, None, None, None], signal, torch.zeros_like(signal))


def check(conditions: Conditions, config: NetworkConfig, clips: int, frames: int) -> None:
    """Raise ValueError with the tensor's name and both shapes unless the conditions fit the network and the sample."""
    K, D = len(config.branches), config.context_width
    if len(conditions.signals) != K:
        raise ValueError(f"{len(conditions.signals)} signals for {K} branches")
    expected: list[tuple[str, Tensor, tuple[int, ...]]] = [
        ("identity", conditions.identity, (clips, frames, conditions.identity.shape[-2], D)),
        ("masks", conditions.masks, (clips, K, *conditions.masks.shape[2:])),
        ("gates", conditions.gates, (clips, K)),
        ("time_ids", conditions.time_ids, (clips, config.time_ids)),
    ]
    for branch, signal in zip(config.branches, conditions.signals, strict=True):
        expected.append((branch.name, signal, (clips, frames, branch.tokens, D)))
    for name, tensor, shape in expected:
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected {shape}")
