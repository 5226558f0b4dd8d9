"""What the network is trained on: clips as latents and encoder features, made once and kept on disk.

F frames; C latent channels on a grid of h x w; 64 audio and identity features, 11 motion signals.
"""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from actalker.encoders.autoencoder import PATCH, PatchAutoencoder
from actalker.encoders.small import SmallEncoders, face_crops, mel_windows
from actalker.puppet.clip import Clip, training_clip
from actalker.puppet.espeak import Speech
from actalker.puppet.performance import performance
from actalker.puppet.person import person
from actalker.training.pictures import detail_weight, to_tensor

FRAMES = 48
"""Length of an example."""


@dataclass(frozen=True)
class Example:
    """One clip as the network sees it."""

    latents: Tensor
    """(F, C, h, w)"""
    reference: Tensor
    """(C, h, w) of the portrait."""
    audio: Tensor
    """(F, 64)"""
    motion: Tensor
    """(F, 11), read from the clip's own frames."""
    other_motion: Tensor
    """(F, 11), read from another person who makes the same gestures while saying something else."""
    identity: Tensor
    """(64,)"""
    weight: Tensor
    """(h, w): how much each place matters."""
    box: Tensor
    """(4,) face box: left, top, right, bottom in pixels."""


@torch.no_grad()
def encode_clip(clip: Clip, driver: Clip, autoencoder: PatchAutoencoder, encoders: SmallEncoders, size: int) -> Example:
    """Run the frozen parts over a clip and over the clip that drives it with another mouth."""
    pictures, driving = to_tensor(clip.pictures(size)), to_tensor(driver.pictures(size))
    still, box = to_tensor(clip.portrait(size)[None]), clip.person.face_box(size)
    driver_box = driver.person.face_box(size)
    return Example(
        latents=autoencoder.encode(pictures).half(),
        reference=autoencoder.encode(still)[0].half(),
        audio=encoders.audio_encoder(mel_windows(torch.from_numpy(clip.audio()))),
        motion=encoders.motion_encoder(face_crops(pictures / 2 + 0.5, box)),
        other_motion=encoders.motion_encoder(face_crops(driving / 2 + 0.5, driver_box)),
        identity=encoders.identity_encoder(face_crops(still / 2 + 0.5, box))[0],
        weight=F.avg_pool2d(detail_weight(clip.person, size)[None], PATCH)[0],
        box=torch.tensor([box.left, box.top, box.right, box.bottom]),
    )


def with_other_speech(clip: Clip, speech: Speech, seed: int, person_seed: int, liveliness: float) -> Clip:
    """The same gestures by another person who says something else: what must not move the clip's mouth."""
    faces = performance(speech, seed, clip.frames, liveliness)
    return Clip(person(person_seed), speech, tuple(faces))


class PuppetExamples:
    """Training clip i, encoded on first use and kept in a folder. Latents depend on the encoders: one folder each."""

    def __init__(
        self, folder: Path, autoencoder: PatchAutoencoder, encoders: SmallEncoders, size: int, liveliness: float
    ) -> None:
        self.folder, self.autoencoder, self.encoders = folder, autoencoder, encoders
        self.size, self.liveliness = size, liveliness
        folder.mkdir(parents=True, exist_ok=True)

    def __getitem__(self, index: int) -> Example:
        """Example `index`; any number of them exist."""
        path = self.folder / f"{index:06}.pt"
        if not path.exists():
            self._make(index, path)
        return Example(**torch.load(path, weights_only=True))

    def _make(self, index: int, path: Path) -> None:
        clip = training_clip(index, FRAMES, self.liveliness)
        other = training_clip(index + 7919, FRAMES)
        driver = with_other_speech(clip, other.speech, index, 1000 + index + 104729, self.liveliness)
        part = path.with_suffix(f".{os.getpid()}.part")
        torch.save(asdict(encode_clip(clip, driver, self.autoencoder, self.encoders, self.size)), part)
        part.replace(path)


def window(example: Example, frames: int, rng: np.random.Generator) -> slice:
    """A random stretch of an example."""
    start = int(rng.integers(len(example.latents) - frames + 1))
    return slice(start, start + frames)
