"""Takes as the network sees them: encoded on first use and kept on disk.

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
    """(F, C, h, w) as far as the sound tells."""
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
    """(h, w): how much each place matters."""
    box: Tensor
    """(4,) left, top, right, bottom of the face in pixels."""


@torch.no_grad()
def encode_take(take: Take, autoencoder: PatchAutoencoder, identity_encoder: IdentityEncoder) -> Example:
    """Run the frozen parts over a take."""
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


class KeptExamples:
    """Example i of some takes, kept in a folder; encoded on first use.

    Raises:
        ValueError: The folder's first example is not what these takes and encoders make: something was changed since.
    """

    def __init__(
        self, folder: Path, takes: Takes, autoencoder: PatchAutoencoder, identity_encoder: IdentityEncoder
    ) -> None:
        self.folder, self.takes = folder, takes
        self.autoencoder, self.identity_encoder = autoencoder, identity_encoder
        folder.mkdir(parents=True, exist_ok=True)
        if self._path(0).exists() and not _alike(self[0], self._encode(0)):
            raise ValueError(f"{folder} holds clips of other takes or encoders: remove it, and they are made again")

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:06}.pt"

    def _encode(self, index: int) -> Example:
        return encode_take(self.takes.take(index), self.autoencoder, self.identity_encoder)

    def __getitem__(self, index: int) -> Example:
        """Example `index`; any number of them exist."""
        path = self._path(index)
        if not path.exists():
            made = self._encode(index)
            part = path.with_suffix(f".{os.getpid()}.part")
            torch.save(asdict(made), part)
            part.replace(path)
        return Example(**torch.load(path, weights_only=True))


def _alike(kept: Example, made: Example) -> bool:
    """Whether two examples differ by no more than another machine's rounding."""
    pairs = [(getattr(kept, name), getattr(made, name)) for name in Example.__dataclass_fields__]
    return all(a.shape == b.shape and torch.allclose(a.float(), b.float(), atol=0.02) for a, b in pairs)


def window(example: Example, frames: int, rng: np.random.Generator) -> slice:
    """A random stretch of an example."""
    start = int(rng.integers(len(example.latents) - frames + 1))
    return slice(start, start + frames)


def fit_transform(autoencoder: PatchAutoencoder, takes: Takes, people: int) -> None:
    """Fit the linear part on one picture of each of the first `people` takes."""
    patches, weights = [], []
    for index in range(people):
        start = index * 37 % FRAMES
        take = takes.take(index, start, start + 1)
        patches.append(F.pixel_unshuffle(to_tensor(take.pictures), PATCH)[0].flatten(1).T)
        weights.append(F.avg_pool2d(take.weight[None], PATCH).flatten())
    autoencoder.fit(torch.cat(patches), torch.cat(weights))
