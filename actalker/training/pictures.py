"""The autoencoder between pictures and latents, and its training.

Pictures are (N, 3, H, W) in [-1, 1], latents (N, C, H / 16, W / 16). A fold of 8 x 8 pixels into channels before the first
convolution and after the last does most of the shrinking, so that a picture of 256 x 256 costs a CPU 10 ms.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLTemporalDecoder
from torch import Tensor, nn

from actalker.puppet.clip import training_clip
from actalker.puppet.person import Person
from actalker.training.loop import Metrics


@dataclass(frozen=True)
class VaeConfig:
    """Widths of the autoencoder, and how many pixels along each edge are folded into channels."""

    channels: tuple[int, ...] = (96, 128)
    layers: int = 1
    latent_channels: int = 32
    fold: int = 8

    @property
    def stride(self) -> int:
        """Pixels per latent position along each edge."""
        return self.fold * 2 ** (len(self.channels) - 1)


class TimeConv(nn.Conv3d):
    """A (3, 1, 1) convolution done as one over an image of F x (h w).

    Faster on a CPU; and torch 2.13's bf16 gradient of the three-dimensional one is not finite for clips of two frames.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, F, h, w) -> the same."""
        flat = x.flatten(3).contiguous(memory_format=torch.channels_last)
        return F.conv2d(flat, self.weight.squeeze(-1), self.bias, padding=(1, 0)).unflatten(3, x.shape[3:])


def build_vae(config: VaeConfig) -> AutoencoderKLTemporalDecoder:
    """SVD's autoencoder class at other widths, in channels_last."""
    planes = 3 * config.fold**2
    vae = AutoencoderKLTemporalDecoder(
        in_channels=planes,
        out_channels=planes,
        down_block_types=("DownEncoderBlock2D",) * len(config.channels),
        block_out_channels=config.channels,
        layers_per_block=config.layers,
        latent_channels=config.latent_channels,
        sample_size=256 // config.fold,
        force_upcast=False,
    )
    for parent in list(vae.modules()):
        for name, conv in list(parent.named_children()):
            if type(conv) is nn.Conv3d and conv.kernel_size == (3, 1, 1):
                setattr(parent, name, TimeConv(conv.in_channels, conv.out_channels, (3, 1, 1), padding=(1, 0, 0)))
    for weight in vae.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return vae


def encode(vae: AutoencoderKLTemporalDecoder, pictures: Tensor, fold: int) -> tuple[Tensor, Tensor]:
    """Mean and log-variance of the latents of (N, 3, H, W)."""
    folded = F.pixel_unshuffle(pictures, fold).contiguous(memory_format=torch.channels_last)
    moments = vae.quant_conv(vae.encoder(folded))
    mean, log_variance = moments.chunk(2, dim=1)
    return mean, log_variance.clamp(-12, 2)


def decode(vae: AutoencoderKLTemporalDecoder, latents: Tensor, fold: int, frames: int) -> Tensor:
    """Pictures of latents (N, C, h, w), N / `frames` clips one after the other."""
    return F.pixel_shuffle(vae.decode(latents, num_frames=frames).sample, fold)


def to_tensor(pictures: np.ndarray) -> Tensor:  # type: ignore[type-arg]
    """RGB bytes (N, H, W, 3) -> (N, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def detail_weight(person: Person, size: int) -> np.ndarray:  # type: ignore[type-arg]
    """(size, size): 1, and more on eyes, brows and mouth, where a viewer looks."""
    y, x = np.mgrid[0:size, 0:size] / size

    def bump(centre_y: float, half_x: float, half_y: float) -> np.ndarray:  # type: ignore[type-arg]
        u, v = (x - person.centre_x) / half_x, (y - person.centre_y - centre_y) / half_y
        return np.exp(-0.5 * (u * u + v * v) ** 2)

    mouth = bump(person.mouth_y + 0.02, 0.11, 0.075)
    eyes = bump(-0.045, 0.16, 0.07)
    return (1 + 5 * mouth + 3 * eyes).astype(np.float32)


class VaeObjective:
    """Absolute error of pixels and of their differences, weighted towards the features, and a faint KL term."""

    def __init__(self, config: VaeConfig, size: int = 256, people: int = 6, frames: int = 2) -> None:
        torch.manual_seed(0)
        self.config, self.size, self.people, self.frames = config, size, people, frames
        self.vae = build_vae(config)

    def module(self) -> nn.Module:
        """The autoencoder."""
        module: nn.Module = self.vae
        return module

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Pictures (N, 3, size, size) of short clips, and their weights (N, 1, size, size)."""
        pictures, weights = [], []
        for i in range(self.people):
            clip = training_clip(step * self.people + i, 100)
            start = (step * 17 + i * 29) % (100 - self.frames)
            pictures.append(clip.pictures(self.size, start, start + self.frames))
            weights += [detail_weight(clip.person, self.size)] * self.frames
        return to_tensor(np.concatenate(pictures)), torch.from_numpy(np.stack(weights))[:, None]

    def loss(self, step: int) -> tuple[Tensor, Metrics]:
        """See the class."""
        pictures, weight = self.batch(step)
        with torch.autocast("cpu", torch.bfloat16):
            mean, log_variance = encode(self.vae, pictures, self.config.fold)
            noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(step))
            latents = mean + (0.5 * log_variance).exp() * noise
            result = decode(self.vae, latents, self.config.fold, self.frames)
        result, mean, log_variance = result.float(), mean.float(), log_variance.float()
        error = (result - pictures).abs()
        edges = sum(((result - pictures).diff(dim=d).abs() * weight.narrow(d, 1, self.size - 1)).mean() for d in (2, 3))
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()
        loss = (error * weight).mean() + edges + 1e-3 * kl
        psnr = -10 * torch.log10(((result - pictures).detach() / 2).square().mean())
        return loss, {"error": float(error.detach().mean()), "psnr_db": float(psnr), "kl": float(kl.detach())}
