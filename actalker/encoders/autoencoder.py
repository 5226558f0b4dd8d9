"""The demo's autoencoder between pictures and latents: a linear transform of patches, and a learned finish.

N pictures of H x W; C latent channels on a grid of h x w = H / 16, W / 16; P = 3 x 16 x 16 numbers of a patch.

Trained from nothing on one core, SVD's autoencoder reached 20.7 dB in 4 minutes, where the principal components of
patches give 31.6 dB at once. So encoder and decoder are linear. What the components lose of the portrait is kept and
added to every frame, so that what holds still is exact; a small convolutional net over space and time carries the
portrait to where things have moved, and cleans the result of what the network leaves behind: patch edges, grain and
flicker.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actalker.encoders.widths import PatchWidths

PATCH = 16
"""Pixels along the edge of a patch: the stride between latents."""
FOLD = 4
"""Pixels along each edge that the finish takes as channels."""


class PatchAutoencoder(nn.Module):
    """Principal components of patches, with a learned finish on the way back."""

    mean: Tensor
    basis: Tensor
    scale: Tensor
    stride = PATCH

    def __init__(self, widths: PatchWidths) -> None:
        super().__init__()
        planes = 3 * PATCH * PATCH
        self.register_buffer("mean", torch.zeros(planes))
        self.register_buffer("basis", torch.eye(planes)[:, : widths.latent_channels].clone())
        self.register_buffer("scale", torch.ones(widths.latent_channels))
        self.finish = Finish(
            widths.finish_width, widths.finish_blocks, widths.finish_coarse_width, widths.finish_coarse_blocks
        )

    def encode(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] -> (N, C, h, w), about of unit size."""
        patches = F.pixel_unshuffle(pictures, PATCH)  # (N, P, h, w)
        components = torch.einsum("nphw,pc->nchw", patches - self.mean[:, None, None], self.basis)
        return components * self.scale[:, None, None]

    def linear(self, latents: Tensor) -> Tensor:
        """The best linear guess of the pictures: (N, C, h, w) -> (N, 3, H, W)."""
        components = latents / self.scale[:, None, None]
        patches = torch.einsum("nchw,pc->nphw", components, self.basis) + self.mean[:, None, None]
        return F.pixel_shuffle(patches, PATCH)

    def lost(self, portrait: Tensor) -> Tensor:
        """What encoding loses of a portrait: (3, H, W) -> (3, H, W)."""
        return portrait - self.linear(self.encode(portrait[None]))[0]

    def decode(self, latents: Tensor, frames: int, portrait: Tensor) -> Tensor:
        """Latents (N, C, h, w) of N / `frames` clips, one after the other -> (N, 3, H, W), about in [-1, 1].

        portrait: (3, H, W) of them all.
        """
        lost = self.lost(portrait)
        finished: Finished = self.finish(self.linear(latents) + lost, portrait, lost, frames)
        return finished.pictures

    @torch.no_grad()
    def fit(self, patches: Tensor, weights: Tensor) -> None:
        """Set the transform from patches (M, P), weighted (M,): components of the greatest weighted variance.

        The few strong ones, which are colours, are damped to the root of their spread, so that one noise level suits
        all; the others keep their size. Whitening them all would give faint details the same say as shapes.
        """
        share = (weights / weights.sum()).double()[:, None]
        rows = patches.double()
        mean = (rows * share).sum(0)
        variances, axes = torch.linalg.eigh((rows - mean).T @ ((rows - mean) * share))
        channels = len(self.scale)
        spread = variances.flip(0)[:channels].clamp_min(0).sqrt()
        self.mean.copy_(mean)
        self.basis.copy_(axes.flip(1)[:, :channels])
        self.scale.copy_(spread.clamp_min(1.0).rsqrt())


class Finished(NamedTuple):
    """What the finish makes, (N, 3, H, W) each."""

    pictures: Tensor
    carried: Tensor
    """The portrait carried to where it is seen in each of them."""
    painted: Tensor
    """The pictures without anything finer than the grid of 1/4."""


class Finish(nn.Module):
    """Residual convolutions over space and over neighbouring frames, on a grid of 1/4; it starts as the identity.

    It is told the portrait, so that it can tell grain from movement, and which detail was taken over from it. First it
    looks at the whole eye or mouth, on a grid of 1/8, and says from where in the portrait every place has come: a chin,
    a beard or a brow that has moved is the portrait's own, as sharp as it was, at another place (as in Siarohin et al.
    2019, "First order motion model", section 3.2; here the movement is read from the pictures alone). Then, with that
    in sight, it paints what the portrait does not have, as a closed lid, without detail. And it says for every pixel
    what to add, and how much is to go of five things: the portrait's detail; what has changed, as on a cheek where
    nothing moves; what is finer than the grid; what differs from the portrait carried there; and what differs from the
    painting. To add the exact opposite of any of them is more than its few channels can.
    """

    def __init__(self, width: int, blocks: int, coarse_width: int, coarse_blocks: int) -> None:
        super().__init__()
        planes, before = 3 * FOLD * FOLD, blocks // 2
        self.conv_in = nn.Conv2d(3 * planes, width, 3, padding=1)
        self.before = nn.ModuleList(FinishBlock(width) for _ in range(before))
        self.down = nn.Conv2d(width, coarse_width, 3, stride=2, padding=1)
        self.coarse = nn.ModuleList(FinishBlock(coarse_width) for _ in range(coarse_blocks))
        self.up = nn.Conv2d(coarse_width, width, 1)
        self.flow = nn.Conv2d(width, 2, 3, padding=1)
        self.see_carried = nn.Conv2d(planes, width, 3, padding=1)
        self.after = nn.ModuleList(FinishBlock(width) for _ in range(blocks - before))
        self.paint = nn.Conv2d(width, 3, 3, padding=1)
        self.conv_out = nn.Conv2d(width, planes + 5 * FOLD * FOLD, 3, padding=1)
        for silent in (self.up, self.flow, self.see_carried, self.paint, self.conv_out):
            for weight in silent.parameters():
                nn.init.zeros_(weight)

    def forward(self, pictures: Tensor, portrait: Tensor, lost: Tensor, frames: int) -> Finished:
        """Clean pictures (N, 3, H, W) of N / `frames` clips of one portrait, (3, H, W) as what it lost."""
        told = torch.cat([pictures, portrait.expand_as(pictures), lost.expand_as(pictures)], dim=1)
        x = self.conv_in(F.pixel_unshuffle(told, FOLD).contiguous(memory_format=torch.channels_last))
        for block in self.before:
            x = block(x, frames)
        seen = self.down(F.silu(x))
        for block in self.coarse:
            seen = block(seen, frames)
        x = x + F.interpolate(self.up(F.silu(seen)), scale_factor=2.0, mode="bilinear")
        moved = carry(portrait, self.flow(F.silu(x))).to(pictures.dtype)
        unlike = F.pixel_unshuffle(moved - pictures, FOLD).contiguous(memory_format=torch.channels_last)
        x = x + self.see_carried(unlike)
        for block in self.after:
            x = block(x, frames)
        x = F.silu(x)
        painted = _finer(F.avg_pool2d(portrait, FOLD) + self.paint(x))
        found = F.pixel_shuffle(self.conv_out(x), FOLD)
        added, faded, calmed, smoothed, carried, covered = torch.split(found, [3, 1, 1, 1, 1, 1], dim=1)
        changes = (
            faded * lost,
            calmed * (pictures - portrait),
            smoothed * (pictures - _finer(F.avg_pool2d(pictures, FOLD))),
            carried * (pictures - moved),
            covered * (pictures - painted),
        )
        return Finished(pictures + added - sum(changes), moved, painted)


def _finer(x: Tensor) -> Tensor:
    """(N, C, H / 4, W / 4) -> (N, C, H, W), between its values."""
    return F.interpolate(x, scale_factor=float(FOLD), mode="bilinear")


def carry(portrait: Tensor, flow: Tensor) -> Tensor:
    """The portrait, every place taken from where it was (backward warping, bilinear), in float32.

    Args:
        portrait: (3, H, W)
        flow: (N, 2, H / 4, W / 4): how far right and down of every place its origin lies, in units of 4 pixels.

    Returns:
        (N, 3, H, W)
    """
    height, width = portrait.shape[1:]
    with torch.autocast(flow.device.type, enabled=False):
        pixels = FOLD * _finer(flow.float())
        place = F.affine_grid(torch.eye(2, 3, device=flow.device)[None], [1, 1, height, width], align_corners=False)
        away = pixels.movedim(1, 3) * pixels.new_tensor([2 / width, 2 / height])  # edges run from -1 to 1
        sources = portrait.float().expand(len(flow), -1, -1, -1)
        return F.grid_sample(sources, place + away, padding_mode="border", align_corners=False)


class FinishBlock(nn.Module):
    """Two residual convolutions: over three neighbouring frames, then over 3 x 3 places."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.over_time = TimeConv(width, width, (3, 1, 1), padding=(1, 0, 0))
        self.over_space = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """(N, width, h, w) of N / `frames` clips -> the same."""
        clips = torch.unflatten(F.silu(x), 0, (-1, frames)).transpose(1, 2)  # (B, width, F, h, w)
        x = x + self.over_time(clips).transpose(1, 2).flatten(0, 1)
        result: Tensor = x + self.over_space(F.silu(x))
        return result


class TimeConv(nn.Conv3d):
    """A (3, 1, 1) convolution done as one over an image of F x (h w).

    Faster on a CPU; and torch 2.13's bf16 gradient of the three-dimensional one is not finite for clips of two frames.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, h, w) -> the same."""
        flat = x.flatten(3).contiguous(memory_format=torch.channels_last)
        return F.conv2d(flat, self.weight.squeeze(-1), self.bias, padding=(1, 0)).reshape(x.shape)
