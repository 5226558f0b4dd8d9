"""What the small encoders learn before the network: mouth shapes from sound, gestures and identity from pictures.

Clips and pictures are made on first use and kept in memory: batches are pure functions of the step's number.
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
    VISEMES,
    AudioEncoder,
    IdentityEncoder,
    MotionEncoder,
    face_crops,
    frame_mel,
)
from actalker.puppet.clip import babbling_clip, training_clip
from actalker.puppet.performance import signal
from actalker.shapes import Size
from actalker.training.boxes import detected
from actalker.training.loop import Metrics
from actalker.training.pictures import to_tensor

_VISEME_WEIGHT = (2.0, 2.0, 2.0, 0.3)
_CLIP_FRAMES = 150


class VisemeObjective:
    """Squared error of the mouth shape that the audio encoder hears, over clips of many voices."""

    def __init__(self, clips: int = 16, pool: int = 4000) -> None:
        torch.manual_seed(0)
        self.clips, self.pool, self.encoder = clips, pool, AudioEncoder()

    def module(self) -> nn.Module:
        """The audio encoder."""
        return self.encoder

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Log-mel (B, 4 N, 80), its spectral place varied, and the truth (B, N, 4)."""
        rng = np.random.default_rng([step, 0x50FD])
        drawn = [_heard(int(i)) for i in rng.integers(self.pool, size=self.clips)]
        mels = [torch.roll(mel.float(), int(rng.integers(-2, 3)), dims=1) for mel, _ in drawn]  # another vocal tract
        return torch.stack(mels), torch.stack([truth for _, truth in drawn])

    def loss(self, step: int) -> tuple[Tensor, Metrics]:
        """See the class."""
        mel, truth = self.batch(step)
        heard: Tensor = self.encoder(mel)
        loss = ((heard - truth) ** 2 * heard.new_tensor(_VISEME_WEIGHT)).mean()
        scores = {name: correlation(heard[..., i].detach(), truth[..., i]) for i, name in enumerate(VISEMES)}
        return loss, scores


@cache
def _heard(number: int) -> tuple[Tensor, Tensor]:
    """Log-mel of a clip, of random loudness and with some noise, in half precision; and its true mouth shapes."""
    clip = (training_clip if number % 3 == 0 else babbling_clip)(number, _CLIP_FRAMES)
    rng = np.random.default_rng([number, 0x4015E])
    sound = torch.from_numpy(clip.audio()) * float(10 ** rng.uniform(-0.5, 0.2))
    noise = torch.from_numpy(rng.standard_normal(len(sound)).astype(np.float32))
    mel = frame_mel(sound + noise * float(10 ** rng.uniform(-5, -2.5)))
    truth = np.stack([signal(clip.faces, name) for name in VISEMES], axis=1)
    return mel.half(), torch.from_numpy(truth).float()


class MotionObjective:
    """Squared error of the gestures that the motion encoder sees, in their usual spreads."""

    def __init__(self, people: int = 24, pool: int = 2500) -> None:
        torch.manual_seed(0)
        self.people, self.pool, self.encoder = people, pool, MotionEncoder()

    def module(self) -> nn.Module:
        """The motion encoder."""
        return self.encoder

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Crops (B, 3, 64, 64) and their gestures (B, 11)."""
        rng = np.random.default_rng([step, 0x307])
        drawn = [_seen(int(i)) for i in rng.integers(self.pool, size=self.people)]
        return as_crops([crops for crops, _ in drawn]), torch.cat([truth for _, truth in drawn])

    def loss(self, step: int) -> tuple[Tensor, Metrics]:
        """See the class."""
        crops, truth = self.batch(step)
        seen: Tensor = self.encoder(crops)
        scores = {name: correlation(seen[:, i].detach(), truth[:, i]) for i, name in enumerate(MOTION_SIGNALS)}
        return (((seen - truth) / seen.new_tensor(MOTION_SPREAD)) ** 2).mean(), scores


class IdentityObjective:
    """A person's frames near each other, those of others far (InfoNCE, van den Oord et al. 2018)."""

    def __init__(self, people: int = 48, pool: int = 1500) -> None:
        torch.manual_seed(0)
        self.people, self.pool, self.encoder = people, pool, IdentityEncoder()

    def module(self) -> nn.Module:
        """The identity encoder."""
        return self.encoder

    def loss(self, step: int) -> tuple[Tensor, Metrics]:
        """See the class."""
        rng = np.random.default_rng([step, 0x1D])
        drawn = [_seen(int(i))[0] for i in rng.choice(self.pool, self.people, replace=False)]
        pairs = as_crops([crops[rng.choice(len(crops), 2, replace=False)] for crops in drawn])
        embeddings: Tensor = self.encoder(pairs).unflatten(0, (self.people, 2))
        logits = embeddings[:, 0] @ embeddings[:, 1].T * 10
        right = torch.arange(self.people)
        accuracy = float((logits.argmax(1) == right).float().mean())
        return F.cross_entropy(logits, right), {"accuracy": accuracy}


_SEEN_FRAMES = 10
_SIZE = 256


@cache
def _seen(number: int) -> tuple[Tensor, Tensor]:
    """Crops of one person by boxes as detectors give them, bytes (10, 3, 64, 64), and their gestures (10, 11)."""
    clip = training_clip(number, _CLIP_FRAMES)
    rng = np.random.default_rng([number, 0xFACE])
    picked = rng.choice(_CLIP_FRAMES, _SEEN_FRAMES, replace=False)
    size, crops = Size(_SIZE, _SIZE), torch.empty(_SEEN_FRAMES, 3, CROP, CROP, dtype=torch.uint8)
    for i, k in enumerate(picked):
        box = detected(clip.person.face_box(_SIZE), size, rng)
        picture = (to_tensor(clip.pictures(_SIZE, k, k + 1)) + 1) / 2
        crops[i] = ((face_crops(picture, box)[0] + 1) * 127.5).round().byte()
    truth = [[getattr(clip.faces[k], name) for name in MOTION_SIGNALS] for k in picked]
    return crops, torch.tensor(truth).float()


def as_crops(stacks: list[Tensor]) -> Tensor:
    """Bytes back to what the encoders take: (N, 3, 64, 64) in [-1, 1]."""
    return torch.cat(stacks).float() / 127.5 - 1


def correlation(a: Tensor, b: Tensor) -> float:
    """Pearson's over all elements; 0 where one of them does not move."""
    a, b = (a - a.mean()).flatten(), (b - b.mean()).flatten()
    return float((a @ b) / (a.norm() * b.norm()).clamp_min(1e-8))
