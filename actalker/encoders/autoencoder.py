"""The demo's autoencoder between pictures and latents: a linear transform of patches, and a learned decoder.

N pictures of H x W; C latent channels on a grid of h x w = H / 16, W / 16; P = 3 x 16 x 16 numbers of a patch.

Trained from nothing on one core, SVD's autoencoder reached 20.7 dB in 4 minutes, where the principal components of
patches give 31.6 dB at once. So the encoder and the first guess of the decoder are linear, and SVD's temporal decoder
learns what is missing from the guess.
"""

import torch
import torch.nn.functional as F
from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import TemporalDecoder
from torch import Tensor, nn

from actalker.encoders.widths import PatchWidths

PATCH = 16
"""Pixels along the edge of a patch: the stride between latents."""
FOLD = 8
"""The learned decoder ends on a grid of 1/8 and unfolds its channels to pixels from there."""


class PatchAutoencoder(nn.Module):
    """Principal components of patches, with a learned correction on the way back."""

    mean: Tensor
    basis: Tensor
    scale: Tensor

    stride = PATCH

    def __init__(self, widths: PatchWidths) -> None:
        super().__init__()
        latent_channels = widths.latent_channels
        planes = 3 * PATCH * PATCH
        self.register_buffer("mean", torch.zeros(planes))
        self.register_buffer("basis", torch.eye(planes)[:, :latent_channels].clone())
        self.register_buffer("scale", torch.ones(latent_channels))
        self.decoder = TemporalDecoder(latent_channels, 3 * FOLD * FOLD, widths.widths, layers_per_block=1)
        _replace_time_convs(self.decoder)
        self.gain = nn.Parameter(torch.full((3 * FOLD * FOLD, 1, 1), 0.1))
        """How much of the correction is added: little before training."""

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

    def decode(self, latents: Tensor, frames: int) -> Tensor:
        """Latents (N, C, h, w) of N / `frames` clips, one after the other -> (N, 3, H, W), about in [-1, 1]."""
        alone = torch.zeros(len(latents) // frames, frames, device=latents.device)  # SVD's "picture only": none are
        folded = latents.contiguous(memory_format=torch.channels_last)
        correction = self.decoder(folded, image_only_indicator=alone, num_frames=frames)
        return self.linear(latents) + F.pixel_shuffle(correction * self.gain, FOLD)

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


class TimeConv(nn.Conv3d):
    """A (3, 1, 1) convolution done as one over an image of F x (h w).

    Faster on a CPU; and torch 2.13's bf16 gradient of the three-dimensional one is not finite for clips of two frames.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, h, w) -> the same."""
        flat = x.flatten(3).contiguous(memory_format=torch.channels_last)
        return F.conv2d(flat, self.weight.squeeze(-1), self.bias, padding=(1, 0)).reshape(x.shape)


def _replace_time_convs(module: nn.Module) -> None:
    for parent in list(module.modules()):
        for name, conv in list(parent.named_children()):
            if type(conv) is nn.Conv3d and conv.kernel_size == (3, 1, 1):
                setattr(parent, name, TimeConv(conv.in_channels, conv.out_channels, (3, 1, 1), padding=(1, 0, 0)))
