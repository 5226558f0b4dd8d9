"""Fitting the autoencoder: its transform in one go, its decoder by steps."""

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actalker.encoders.autoencoder import PATCH, PatchAutoencoder
from actalker.puppet.clip import training_clip
from actalker.puppet.person import Person
from actalker.training.loop import Metrics

_LENGTH = 100  # frames of the clips that pictures are taken from


def to_tensor(pictures: npt.NDArray[np.uint8]) -> Tensor:
    """RGB bytes (N, H, W, 3) -> (N, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def detail_weight(person: Person, size: int) -> Tensor:
    """(size, size): 1, and more on eyes, brows and mouth, where a viewer looks."""
    y, x = np.mgrid[0:size, 0:size] / size

    def bump(centre_y: float, half_x: float, half_y: float) -> npt.NDArray[np.float64]:
        u, v = (x - person.centre_x) / half_x, (y - person.centre_y - centre_y) / half_y
        return np.asarray(np.exp(-0.5 * (u * u + v * v) ** 2))

    mouth, eyes = bump(person.mouth_y + 0.02, 0.11, 0.075), bump(-0.045, 0.16, 0.07)
    return torch.from_numpy(1 + 5 * mouth + 3 * eyes).float()


def fit_transform(autoencoder: PatchAutoencoder, people: int, size: int = 256) -> None:
    """Fit the linear part on one picture each of `people` training persons."""
    patches, weights = [], []
    for seed in range(people):
        clip = training_clip(seed, _LENGTH)
        start = seed * 37 % _LENGTH
        pictures = to_tensor(clip.pictures(size, start, start + 1))
        patches.append(F.pixel_unshuffle(pictures, PATCH)[0].flatten(1).T)
        weights.append(F.avg_pool2d(detail_weight(clip.person, size)[None], PATCH).flatten())
    autoencoder.fit(torch.cat(patches), torch.cat(weights))


class DecoderObjective:
    """Absolute error of pixels and of their differences, weighted towards the features.

    The latents carry some noise, as sampled ones will: the decoder learns to look past it.
    """

    def __init__(self, autoencoder: PatchAutoencoder, size: int = 256, people: int = 4, frames: int = 3) -> None:
        self.autoencoder, self.size, self.people, self.frames = autoencoder, size, people, frames

    def module(self) -> nn.Module:
        """The autoencoder; its linear part has no parameters."""
        return self.autoencoder

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Pictures (N, 3, size, size) of short clips, and their weights (N, 1, size, size)."""
        pictures, weights = [], []
        for i in range(self.people):
            clip = training_clip(step * self.people + i, _LENGTH)
            start = (step * 17 + i * 29) % (_LENGTH - self.frames)
            pictures.append(to_tensor(clip.pictures(self.size, start, start + self.frames)))
            weights.append(detail_weight(clip.person, self.size).expand(self.frames, 1, -1, -1))
        return torch.cat(pictures), torch.cat(weights)

    def loss(self, step: int) -> tuple[Tensor, Metrics]:
        """See the class."""
        pictures, weight = self.batch(step)
        latents = self.autoencoder.encode(pictures)
        generator = torch.Generator().manual_seed(step)
        level = 0.10 * torch.rand(self.people, 1, 1, 1, generator=generator).repeat_interleave(self.frames, 0)
        latents = latents + level * torch.randn(latents.shape, generator=generator)
        with torch.autocast("cpu", torch.bfloat16):
            result = self.autoencoder.decode(latents, self.frames)
        miss = result.float() - pictures
        edges = sum((miss.diff(dim=d).abs() * weight.narrow(d, 1, self.size - 1)).mean() for d in (2, 3))
        loss = (miss.abs() * weight).mean() + edges
        psnr = -10 * torch.log10((miss.detach() / 2).square().mean())
        guess = -10 * torch.log10(((self.autoencoder.linear(latents) - pictures) / 2).square().mean())
        return loss, {"psnr_db": float(psnr), "linear_psnr_db": float(guess)}
