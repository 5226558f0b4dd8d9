"""Residual blocks in space and time, and the stages of the UNet, which consist of them and of transformers.

Feature maps are (B F, C, h, w). They compute the same function as diffusers' SpatioTemporalResBlock and the blocks
around it. The convolution over time is computed as one over an image of F x (h w), which is faster on a CPU and copies
nothing in channels_last.
"""

import torch
import torch.nn.functional as F
from diffusers.models.downsampling import Downsample2D
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn

from actalker.network.config import NetworkConfig
from actalker.network.transformer import Context, Mixer, Transformer


class TemporalResBlock(nn.Module):
    """Residual block whose convolutions run over three neighbouring frames."""

    def __init__(self, width: int, time_width: int, groups: int, eps: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.GroupNorm(groups, width, eps=eps) for _ in range(2))
        self.conv1, self.conv2 = (nn.Conv3d(width, width, (3, 1, 1), padding=(1, 0, 0)) for _ in range(2))
        self.time_emb_proj = nn.Linear(time_width, width)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """x (B, C, F, h w), time (B, F, time width) -> like x."""
        hidden = _over_time(self.conv1, F.silu(self.norm1(x)))
        hidden = hidden + self.time_emb_proj(F.silu(time)).transpose(1, 2)[..., None]
        return x + _over_time(self.conv2, F.silu(self.norm2(hidden)))


def _over_time(conv: nn.Conv3d, x: Tensor) -> Tensor:
    return F.conv2d(x, conv.weight.squeeze(-1), conv.bias, padding=(1, 0))


class ResBlock(nn.Module):
    """A residual block within frames, one over time, and a learned mix of both."""

    def __init__(self, in_width: int, out_width: int, config: NetworkConfig, eps: float) -> None:
        super().__init__()
        self.spatial = ResnetBlock2D(
            in_channels=in_width,
            out_channels=out_width,
            temb_channels=config.time_width,
            groups=config.groups,
            eps=eps,
            time_embedding_norm=config.time_norm,
        )
        self.temporal = TemporalResBlock(out_width, config.time_width, config.groups, eps)
        self.time_mixer = Mixer()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """x (B F, C, h, w), time (B, F, time width) -> (B F, C', h, w)."""
        B, frames = time.shape[:2]
        x = self.spatial(x, time.flatten(0, 1))  # (B F, C', h, w)
        h, w = x.shape[2:]
        clip = x.permute(0, 2, 3, 1).reshape(B, frames, h * w, -1).permute(0, 3, 1, 2)  # (B, C, F, h w)
        clip = self.time_mixer(clip, self.temporal(clip, time))
        result: Tensor = clip.permute(0, 2, 3, 1).reshape(B * frames, h, w, -1).permute(0, 3, 1, 2)
        return result


class DownStage(nn.Module):
    """Residual blocks, transformers if the resolution has them, then downsampling by 2 except in the last stage."""

    def __init__(self, stage: int, config: NetworkConfig) -> None:
        super().__init__()
        width, attention = config.channels[stage], config.attention[stage]
        before = config.channels[max(stage - 1, 0)]
        widths = [before] + [width] * config.layers
        eps = 1e-6 if attention else 1e-5  # as in SVD
        self.resnets = nn.ModuleList(ResBlock(widths[i], width, config, eps) for i in range(config.layers))
        self.attentions = nn.ModuleList(
            Transformer(width, config.heads[stage], config, config.pcm) for _ in range(config.layers * attention)
        )
        last = stage == len(config.channels) - 1
        self.downsamplers = nn.ModuleList([] if last else [Downsample2D(width, use_conv=True, name="op")])

    def forward(self, x: Tensor, time: Tensor, context: Context) -> tuple[Tensor, list[Tensor]]:
        """The stage's result, and the skip connections for the up stages."""
        skips = []
        for i, resnet in enumerate(self.resnets):
            x = resnet(x, time)
            if len(self.attentions):
                x = self.attentions[i](x, context)
            skips.append(x)
        for downsampler in self.downsamplers:
            x = downsampler(x)
            skips.append(x)
        return x, skips


class MidStage(nn.Module):
    """The lowest resolution. Its transformer has no PCM layer, as published."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.channels[-1]
        self.resnets = nn.ModuleList(ResBlock(width, width, config, eps=1e-5) for _ in range(2))
        self.attentions = nn.ModuleList([Transformer(width, config.heads[-1], config, pcm=False)])

    def forward(self, x: Tensor, time: Tensor, context: Context) -> Tensor:
        """x (B F, C, h, w) -> the same."""
        x = self.attentions[0](self.resnets[0](x, time), context)
        result: Tensor = self.resnets[1](x, time)
        return result


class UpStage(nn.Module):
    """Residual blocks over input and skips, transformers, then upsampling by 2 except in the last stage."""

    def __init__(self, stage: int, config: NetworkConfig) -> None:
        super().__init__()
        width, count = config.channels[stage], config.layers + 1
        below = config.channels[min(stage + 1, len(config.channels) - 1)]
        inputs = [below] + [width] * config.layers
        skips = [width] * config.layers + [config.channels[max(stage - 1, 0)]]
        self.resnets = nn.ModuleList(ResBlock(inputs[i] + skips[i], width, config, eps=1e-6) for i in range(count))
        self.attentions = nn.ModuleList(
            Transformer(width, config.heads[stage], config, config.pcm) for _ in range(count * config.attention[stage])
        )
        self.upsamplers = nn.ModuleList([Upsample2D(width, use_conv=True)] if stage else [])

    def forward(self, x: Tensor, skips: list[Tensor], time: Tensor, context: Context) -> Tensor:
        """The stage's result. It removes its skips from the end of the list."""
        for i, resnet in enumerate(self.resnets):
            x = resnet(torch.cat([x, skips.pop()], dim=1), time)
            if len(self.attentions):
                x = self.attentions[i](x, context)
        for upsampler in self.upsamplers:
            size = skips[-1].shape[2:]  # odd sizes were rounded up, so that 2 x may be one too large
            x = upsampler(x, None if size == (2 * x.shape[2], 2 * x.shape[3]) else size)
        return x
