"""Training examples of the network: encoded takes, computed on first use and cached on disk.

F frames; C latent channels on a grid of h x w; 4 `VISEMES`, 11 `MOTION_SIGNALS`, 64 identity features.
"""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from actalker.encoders.autoencoder import PATCH, PatchAutoencoder
from actalker.encoders.small import IdentityEncoder, face_crops
from actalker.training.pictures import to_tensor
from actalker.training.takes import FRAMES, Take, Takes


@dataclass(frozen=True)
class Example:
    """One take, encoded."""

    latents: Tensor
    """(F, C, h, w)"""
    spoken: Tensor
    """(F, C, h, w): the target by sound alone, see `Take.spoken`."""
    reference: Tensor
    """(C, h, w) of the portrait."""
    audio: Tensor
    """(F, 4)"""
    motion: Tensor
    """(F, 11)"""
    other_motion: Tensor
    """(F, 11)"""
    identity: Tensor
    """(64,)"""
    weight: Tensor
    """(h, w) importance of each position."""
    box: Tensor
    """(4,) left, top, right, bottom of the face in pixels."""


@torch.no_grad()
def encode_take(take: Take, autoencoder: PatchAutoencoder, identity_encoder: IdentityEncoder) -> Example:
    """Encode a take with the autoencoder and the identity encoder, without gradients."""
    still = to_tensor(take.portrait[None])
    latents = autoencoder.encode(to_tensor(take.pictures)).half()
    return Example(
        latents=latents,
        spoken=latents if take.spoken is take.pictures else autoencoder.encode(to_tensor(take.spoken)).half(),
        reference=autoencoder.encode(still)[0].half(),
        audio=take.audio,
        motion=take.motion,
        other_motion=take.other_motion,
        identity=identity_encoder(face_crops(still / 2 + 0.5, take.box))[0],
        weight=F.avg_pool2d(take.weight[None], PATCH)[0],
        box=torch.tensor([take.box.left, take.box.top, take.box.right, take.box.bottom]),
    )


class CachedExamples:
    """Examples of some takes by number, encoded on first use and cached in a folder.

    Raises:
        ValueError: The folder's first example was made of other takes or by other encoders.
    """

    def __init__(
        self, folder: Path, takes: Takes, autoencoder: PatchAutoencoder, identity_encoder: IdentityEncoder
    ) -> None:
        self.folder, self.takes = folder, takes
        self.autoencoder, self.identity_encoder = autoencoder, identity_encoder
        folder.mkdir(parents=True, exist_ok=True)
        if self._path(0).exists() and not _almost_equal(self[0], self._encode(0)):
            raise ValueError(f"{folder} holds clips of other takes or encoders: remove it, and they are made again")

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:06}.pt"

    def _encode(self, index: int) -> Example:
        return encode_take(self.takes.take(index), self.autoencoder, self.identity_encoder)

    def __getitem__(self, index: int) -> Example:
        """Example `index`, any number from 0."""
        path = self._path(index)
        if not path.exists():
            example = self._encode(index)
            part = path.with_suffix(f".{os.getpid()}.part")
            torch.save(asdict(example), part)
            part.replace(path)
        return Example(**torch.load(path, weights_only=True))


def _almost_equal(a: Example, b: Example) -> bool:
    """Whether two examples are equal up to the rounding errors of different machines."""
    pairs = [(getattr(a, name), getattr(b, name)) for name in Example.__dataclass_fields__]
    return all(x.shape == y.shape and torch.allclose(x.float(), y.float(), atol=0.02) for x, y in pairs)


def random_span(example: Example, frames: int, rng: np.random.Generator) -> slice:
    """A random range of `frames` frames of an example."""
    start = int(rng.integers(len(example.latents) - frames + 1))
    return slice(start, start + frames)


def fit_transform(autoencoder: PatchAutoencoder, takes: Takes, people: int) -> None:
    """Fit the autoencoder's linear transform on one picture from each of the first `people` takes."""
    patches, weights = [], []
    for index in range(people):
        start = index * 37 % FRAMES
        take = takes.take(index, start, start + 1)
        patches.append(F.pixel_unshuffle(to_tensor(take.pictures), PATCH)[0].flatten(1).T)
        weights.append(F.avg_pool2d(take.weight[None], PATCH).flatten())
    autoencoder.fit(torch.cat(patches), torch.cat(weights))
