"""Pictures for training: as tensors, weighted by what matters, and the autoencoder's transform fitted on them."""

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from actalker.encoders.autoencoder import PATCH, PatchAutoencoder
from actalker.puppet.clip import training_clip
from actalker.puppet.person import Person

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
