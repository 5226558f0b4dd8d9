"""The demo's autoencoder between pictures and latents: a linear transform of patches and a learned refinement.

N pictures of H x W; C latent channels on a grid of h x w = H / 16, W / 16; P = 3 x 16 x 16 numbers of a patch.

Trained from scratch on one core, SVD's autoencoder reached 20.7 dB in 4 minutes; the principal components of patches
give 31.6 dB at once. So encoder and decoder are linear. The detail that the components lose of the portrait is added to
every frame, so that regions without motion are exact. A small convolutional network over space and time, the finish,
warps the portrait to where things have moved and removes artifacts: patch edges, grain and flicker.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actalker.encoders.widths import PatchWidths

PATCH = 16
"""Pixels along the edge of a patch: the stride between latents."""
FOLD = 4
"""Pixel unshuffle of the finish: its grid has 1 / 4 of the pixels along each edge."""

AGREEMENT_SCALE, AGREEMENT_WINDOW = 0.06, 5
"""A picture agrees with the warped portrait where they differ by less than this, in [-1, 1], on the mean of so many
pixels along each edge."""


class PatchAutoencoder(nn.Module):
    """Principal components of patches, and a refinement network (`Finish`) after the linear decoder."""

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
        """(N, 3, H, W) in [-1, 1] -> (N, C, h, w) of about unit size."""
        patches = F.pixel_unshuffle(pictures, PATCH)  # (N, P, h, w)
        components = torch.einsum("nphw,pc->nchw", patches - self.mean[:, None, None], self.basis)
        return components * self.scale[:, None, None]

    def decode_linear(self, latents: Tensor) -> Tensor:
        """Inverse transform, without the finish: (N, C, h, w) -> (N, 3, H, W)."""
        components = latents / self.scale[:, None, None]
        patches = torch.einsum("nchw,pc->nphw", components, self.basis) + self.mean[:, None, None]
        return F.pixel_shuffle(patches, PATCH)

    def lost_detail(self, portrait: Tensor) -> Tensor:
        """Error of encoding and linear decoding: (3, H, W) -> (3, H, W), to be added."""
        return portrait - self.decode_linear(self.encode(portrait[None]))[0]

    def decode(self, latents: Tensor, frames: int, portrait: Tensor) -> Tensor:
        """Latents (N, C, h, w) of N / `frames` clips, one after the other -> (N, 3, H, W), about in [-1, 1].

        portrait: (3, H, W) of all clips.
        """
        return self._finished(latents, frames, portrait).pictures

    def decode_with_sources(self, latents: Tensor, frames: int, portrait: Tensor) -> Tensor:
        """`decode`, and from where in the portrait the places of a picture come: (N, 6, H, W).

        The channels are the picture, the flow right and down in pixels, and the agreement with the warped portrait.
        """
        finished = self._finished(latents, frames, portrait)
        unlike = (finished.pictures - finished.warped).abs().amax(1, keepdim=True)
        around = F.avg_pool2d(
            unlike, AGREEMENT_WINDOW, stride=1, padding=AGREEMENT_WINDOW // 2, count_include_pad=False
        )
        agreement = torch.exp(-((around / AGREEMENT_SCALE) ** 2))
        return torch.cat([finished.pictures, FOLD * _upsample(finished.flow), agreement], dim=1)

    def _finished(self, latents: Tensor, frames: int, portrait: Tensor) -> "Finished":
        lost_detail = self.lost_detail(portrait)
        result: Finished = self.finish(self.decode_linear(latents) + lost_detail, portrait, lost_detail, frames)
        return result

    @torch.no_grad()
    def fit(self, patches: Tensor, weights: Tensor) -> None:
        """Set the transform to the principal components of patches (M, P) with weights (M,).

        The few components with a standard deviation s above 1, which are colours, are scaled to sqrt(s), so that one
        noise level suits all. The others keep their scale: whitening would give faint details the weight of shapes.
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
    """Outputs of the finish, (N, 3, H, W) each but for the flow."""

    pictures: Tensor
    warped: Tensor
    """The portrait, warped to each picture."""
    painted: Tensor
    """Low-resolution pictures: predicted on the grid of 1/4, upsampled."""
    flow: Tensor
    """(N, 2, H / 4, W / 4) as `warp` takes it."""


class Finish(nn.Module):
    """Refinement network: residual convolutions over space and neighbouring frames, on a grid of 1/4.

    Its inputs are the decoded pictures, the portrait, and the lost detail that was added to the pictures. From the
    portrait it can distinguish grain from motion. It starts as the identity. It predicts, in this order:

    1. an optical flow, by which the portrait is warped to each picture. A chin, beard or brow that has moved stays as
       sharp as in the portrait (as in Siarohin et al. 2019, "First order motion model", section 3.2; here the flow is
       estimated from the pictures alone). Features on a grid of 1/8 cover a whole eye or mouth;
    2. from the warped portrait too, a low-resolution picture, for what the portrait does not show: a closed eyelid;
    3. for every pixel, what to add, and five weights. They say how much to remove of: the lost detail; the difference
       to the portrait (errors on a cheek that does not move); detail finer than the grid; the difference to the warped
       portrait; the difference to the low-resolution picture. Without these weights the network would have to predict
       the exact negative of each, for which it has too few channels.
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
        for layer in (self.up, self.flow, self.see_carried, self.paint, self.conv_out):
            for weight in layer.parameters():
                nn.init.zeros_(weight)

    def forward(self, pictures: Tensor, portrait: Tensor, lost_detail: Tensor, frames: int) -> Finished:
        """Refine pictures (N, 3, H, W) of N / `frames` clips of one portrait; it and its lost detail are (3, H, W)."""
        inputs = torch.cat([pictures, portrait.expand_as(pictures), lost_detail.expand_as(pictures)], dim=1)
        x = self.conv_in(F.pixel_unshuffle(inputs, FOLD).contiguous(memory_format=torch.channels_last))
        for block in self.before:
            x = block(x, frames)
        coarse = self.down(F.silu(x))
        for block in self.coarse:
            coarse = block(coarse, frames)
        x = x + F.interpolate(self.up(F.silu(coarse)), scale_factor=2.0, mode="bilinear")
        flow = self.flow(F.silu(x))
        warped = warp(portrait, flow).to(pictures.dtype)
        difference = F.pixel_unshuffle(warped - pictures, FOLD).contiguous(memory_format=torch.channels_last)
        x = x + self.see_carried(difference)
        for block in self.after:
            x = block(x, frames)
        x = F.silu(x)
        painted = _upsample(F.avg_pool2d(portrait, FOLD) + self.paint(x))
        output = F.pixel_shuffle(self.conv_out(x), FOLD)
        added, of_detail, of_change, of_fine, of_warped, of_painted = torch.split(output, [3, 1, 1, 1, 1, 1], dim=1)
        removed = (
            of_detail * lost_detail,
            of_change * (pictures - portrait),
            of_fine * (pictures - _upsample(F.avg_pool2d(pictures, FOLD))),
            of_warped * (pictures - warped),
            of_painted * (pictures - painted),
        )
        return Finished(pictures + added - sum(removed), warped, painted, flow)


def _upsample(x: Tensor) -> Tensor:
    """(N, C, H / 4, W / 4) -> (N, C, H, W), bilinear."""
    return F.interpolate(x, scale_factor=float(FOLD), mode="bilinear")


def warp(portrait: Tensor, flow: Tensor) -> Tensor:
    """Backward warping of the portrait, bilinear, in float32.

    Args:
        portrait: (3, H, W)
        flow: (N, 2, H / 4, W / 4) displacement from each position to its source, right and down, in units of 4 pixels.

    Returns:
        (N, 3, H, W)
    """
    height, width = portrait.shape[1:]
    with torch.autocast(flow.device.type, enabled=False):
        pixels = FOLD * _upsample(flow.float())
        grid = F.affine_grid(torch.eye(2, 3, device=flow.device)[None], [1, 1, height, width], align_corners=False)
        offsets = pixels.movedim(1, 3) * pixels.new_tensor([2 / width, 2 / height])  # edges are at -1 and 1
        sources = portrait.float().expand(len(flow), -1, -1, -1)
        return F.grid_sample(sources, grid + offsets, padding_mode="border", align_corners=False)


class FinishBlock(nn.Module):
    """Two residual convolutions: over three neighbouring frames, then over 3 x 3 positions."""

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
    """A (3, 1, 1) convolution, computed as a two-dimensional one over an image of F x (h w).

    It is faster on a CPU. Also, torch 2.13's bf16 gradient of Conv3d is not finite for clips of two frames.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, h, w) -> the same."""
        flat = x.flatten(3).contiguous(memory_format=torch.channels_last)
        return F.conv2d(flat, self.weight.squeeze(-1), self.bias, padding=(1, 0)).reshape(x.shape)
