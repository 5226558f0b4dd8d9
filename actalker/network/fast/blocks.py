"""Residual blocks and the transformer's outer normalisation for inference on CUDA, all in channels_last.

B clips of F frames; feature maps (B F, C, h, w), in memory rows of C channels. `network/blocks.py` has the plain forms.

On CUDA torch adds the bias of a convolution in a pass of its own. Here none is left: what follows the first convolution
of a block is the addition of the time embedding, what follows the second that of the residual. They take the biases.
The mix of x and x + f(x) is x + (1 - share) f(x): the factor goes into the last convolution.
"""

from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.resnet import ResnetBlock2D, SpatioTemporalResBlock
from torch import Tensor, nn

from actalker.network.blocks import ResBlock
from actalker.network.fast.norms import add_and_group_norm, group_norm, residual
from actalker.network.transformer import Context, Transformer


def rows(x: Tensor) -> Tensor:
    """(n, C, h, w) -> (n, h w, C): a view, if x is in channels_last."""
    return x.permute(0, 2, 3, 1).reshape(len(x), -1, x.shape[1]).contiguous()


def maps(x: Tensor, size: torch.Size) -> Tensor:
    """(n, h w, C) -> (n, C, h, w) in channels_last, with size h, w."""
    return x.view(len(x), *size, -1).permute(0, 3, 1, 2)


def _without_bias(conv: nn.Conv2d, x: Tensor) -> Tensor:
    return F.conv2d(x, conv.weight, None, conv.stride, conv.padding)


def _flat(conv: nn.Conv3d, factor: Tensor | None = None) -> Tensor:
    """Weights of a convolution over time as those of one over an image of F x (h w), times a factor."""
    weight = conv.weight.detach().squeeze(-1)
    if factor is not None:
        weight = (factor * weight.float()).to(weight.dtype)
    return weight.contiguous(memory_format=torch.channels_last)


def _bias(conv: nn.Conv2d | nn.Conv3d) -> Tensor:
    assert conv.bias is not None
    return conv.bias.detach()


class _FastBlock(nn.Module):
    """What the residual blocks of UNet and decoder share: folded weights, and all after the first convolution."""

    def __init__(self, spatial: ResnetBlock2D, temporal: Any, share: Tensor, first: Tensor, third: Tensor) -> None:
        super().__init__()
        self.spatial, self.temporal = spatial, temporal
        self.first, self.third = nn.Buffer(first), nn.Buffer(third)
        rest = 1 - share.detach().float()
        second, shortcut = _bias(spatial.conv2), spatial.conv_shortcut
        self.second = nn.Buffer(second.clone() if shortcut is None else second + _bias(shortcut))
        last = _bias(temporal.conv2)
        self.last = nn.Buffer((rest * last.float()).to(last.dtype))
        self.time1, self.time2 = nn.Buffer(_flat(temporal.conv1)), nn.Buffer(_flat(temporal.conv2, rest))
        del temporal.conv1, temporal.conv2  # their folded copies stay: 0.3 GiB of the published network

    def _run(self, x: Tensor, frames: int, first: Tensor, third: Tensor) -> Tensor:
        """x (B F, C, h, w) -> (B F, C', h, w). first and third (B F, C'): time embedding and bias of a convolution."""
        s, t, size = self.spatial, self.temporal, x.shape[2:]
        hidden = _without_bias(s.conv1, maps(group_norm(s.norm1, rows(x)), size))
        hidden = _without_bias(s.conv2, maps(group_norm(s.norm2, rows(hidden), 1, first), size))
        x = x if s.conv_shortcut is None else _without_bias(s.conv_shortcut, x)
        flat, hidden = add_and_group_norm(t.norm1, rows(x), rows(hidden), self.second, frames)
        del x  # and one name for all others, so that no map is held that is not needed: they are the decoder's memory
        hidden = self._over_time(hidden, self.time1, frames)
        hidden = group_norm(t.norm2, hidden, frames, third)
        hidden = self._over_time(hidden, self.time2, frames)
        return maps(residual(flat, hidden, self.last), size)

    @staticmethod
    def _over_time(x: Tensor, weight: Tensor, frames: int) -> Tensor:
        """(B F, h w, C) -> the same: a convolution over three frames, without bias."""
        n, R, C = x.shape
        clips = x.view(n // frames, frames, R, C).permute(0, 3, 1, 2)  # (B, C, F, h w)
        return F.conv2d(clips, weight, None, padding=(1, 0)).permute(0, 2, 3, 1).reshape(n, R, C)


class FastResBlock(_FastBlock):
    """In place of a loaded `ResBlock` whose time embedding is added (`time_norm` "default")."""

    def __init__(self, plain: ResBlock) -> None:
        spatial, temporal = plain.spatial, plain.temporal
        super().__init__(
            spatial,
            temporal,
            torch.sigmoid(plain.time_mixer.mix_factor.detach().float()),
            spatial.time_emb_proj.bias.detach() + _bias(spatial.conv1),
            temporal.time_emb_proj.bias.detach() + _bias(temporal.conv1),
        )

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """x (B F, C, h, w), time (B, F, time width) -> (B F, C', h, w)."""
        active = F.silu(time).flatten(0, 1)
        first = F.linear(active, self.spatial.time_emb_proj.weight, self.first)
        third = F.linear(active, self.temporal.time_emb_proj.weight, self.third)
        return self._run(x, time.shape[1], first, third)


class FastDecoderBlock(_FastBlock):
    """In place of a loaded `SpatioTemporalResBlock` without time embedding, as SVD's decoder has them."""

    def __init__(self, plain: SpatioTemporalResBlock) -> None:
        mixer = plain.time_mixer
        share = torch.sigmoid(mixer.mix_factor.detach().float())
        share = 1 - share if mixer.switch_spatial_to_temporal_mix else share
        spatial, temporal = plain.spatial_res_block, plain.temporal_res_block
        super().__init__(spatial, temporal, share, _bias(spatial.conv1).clone(), _bias(temporal.conv1).clone())

    def forward(self, x: Tensor, temb: None = None, image_only_indicator: Tensor | None = None) -> Tensor:
        """x (B F, C, h, w), indicator (B, F), of which the shape counts -> (B F, C', h, w)."""
        assert image_only_indicator is not None
        first, third = (bias.expand(len(x), -1).contiguous() for bias in (self.first, self.third))
        return self._run(x, image_only_indicator.shape[1], first, third)


class FastTransformer(nn.Module):
    """In place of a loaded `Transformer`: its group normalisation reads and writes rows of channels."""

    def __init__(self, plain: Transformer) -> None:
        super().__init__()
        self.plain = plain

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """x (B F, C, h, w) -> the same."""
        return self.plain.from_normalised(x, group_norm(self.plain.norm, rows(x), silu=False), context)
