"""Objectives of the encoders of pictures: gestures and identity. That of the audio encoder is in `hearing`.

Batches are pure functions of the step's number. Clips and pictures are made on first use and cached in memory.
"""

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actalker.encoders.small import (
    CROP,
    MOTION_SIGNALS,
    MOTION_SPREAD,
    IdentityEncoder,
    MotionEncoder,
    face_crops,
)
from actalker.puppet.clip import training_clip
from actalker.shapes import Size
from actalker.training.boxes import simulate_detection
from actalker.training.loop import Metrics
from actalker.training.pictures import to_tensor

_CLIP_FRAMES = 150


class MotionObjective:
    """Mean squared error of the motion encoder's gestures, in units of `MOTION_SPREAD`."""

    def __init__(self, people: int = 24, pool: int = 2500) -> None:
        torch.manual_seed(0)
        self.people, self.pool, self.encoder = people, pool, MotionEncoder()

    def module(self) -> nn.Module:
        """The motion encoder."""
        return self.encoder

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Crops (B, 3, 64, 64) and their gestures (B, 11)."""
        rng = np.random.default_rng([step, 0x307])
        drawn = [_face_examples(int(i)) for i in rng.integers(self.pool, size=self.people)]
        return as_crops([crops for crops, _ in drawn]), torch.cat([truth for _, truth in drawn])

    def loss(self, step: int) -> tuple[Tensor, Metrics]:
        """See the class."""
        crops, truth = self.batch(step)
        output: Tensor = self.encoder(crops)
        scores = {name: correlation(output[:, i].detach(), truth[:, i]) for i, name in enumerate(MOTION_SIGNALS)}
        return (((output - truth) / output.new_tensor(MOTION_SPREAD)) ** 2).mean(), scores


class IdentityObjective:
    """InfoNCE loss (van den Oord et al. 2018): two frames of a person against those of the others."""

    def __init__(self, people: int = 48, pool: int = 1500) -> None:
        torch.manual_seed(0)
        self.people, self.pool, self.encoder = people, pool, IdentityEncoder()

    def module(self) -> nn.Module:
        """The identity encoder."""
        return self.encoder

    def loss(self, step: int) -> tuple[Tensor, Metrics]:
        """See the class."""
        rng = np.random.default_rng([step, 0x1D])
        drawn = [_face_examples(int(i))[0] for i in rng.choice(self.pool, self.people, replace=False)]
        pairs = as_crops([crops[rng.choice(len(crops), 2, replace=False)] for crops in drawn])
        embeddings: Tensor = self.encoder(pairs).unflatten(0, (self.people, 2))
        logits = embeddings[:, 0] @ embeddings[:, 1].T * 10
        labels = torch.arange(self.people)
        accuracy = float((logits.argmax(1) == labels).float().mean())
        return F.cross_entropy(logits, labels), {"accuracy": accuracy}


_CROPS_PER_PERSON = 10
_SIZE = 256


@cache
def _face_examples(number: int) -> tuple[Tensor, Tensor]:
    """Crops of one person by simulated detections, bytes (10, 3, 64, 64), and their gestures (10, 11)."""
    clip = training_clip(number, _CLIP_FRAMES)
    rng = np.random.default_rng([number, 0xFACE])
    picked = rng.choice(_CLIP_FRAMES, _CROPS_PER_PERSON, replace=False)
    size, crops = Size(_SIZE, _SIZE), torch.empty(_CROPS_PER_PERSON, 3, CROP, CROP, dtype=torch.uint8)
    for i, k in enumerate(picked):
        box = simulate_detection(clip.person.face_box(_SIZE), size, rng)
        picture = (to_tensor(clip.pictures(_SIZE, k, k + 1)) + 1) / 2
        crops[i] = ((face_crops(picture, box)[0] + 1) * 127.5).round().byte()
    truth = [[getattr(clip.faces[k], name) for name in MOTION_SIGNALS] for k in picked]
    return crops, torch.tensor(truth).float()


def as_crops(stacks: list[Tensor]) -> Tensor:
    """Concatenate crops of bytes to inputs of the encoders: (N, 3, 64, 64) in [-1, 1]."""
    return torch.cat(stacks).float() / 127.5 - 1


def correlation(a: Tensor, b: Tensor) -> float:
    """Pearson correlation over all elements; 0 if one of the tensors is constant."""
    a, b = (a - a.mean()).flatten(), (b - b.mean()).flatten()
    return float((a @ b) / (a.norm() * b.norm()).clamp_min(1e-8))
