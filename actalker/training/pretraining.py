"""What the small encoders learn before the network: mouth shapes from sound, gestures and identity from pictures."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actalker.encoders.small import (
    MOTION_SIGNALS,
    AudioEncoder,
    IdentityEncoder,
    MotionEncoder,
    face_crops,
    mel_windows,
)
from actalker.puppet.clip import babbling_clip, training_clip
from actalker.puppet.performance import signal
from actalker.training.loop import Metrics
from actalker.training.pictures import to_tensor

VISEMES = ("open", "wide", "round", "tongue")
_MOTION_SCALE = torch.tensor([0.35, 0.4, 0.4, 0.4, 0.5, 0.4, 0.4, 0.4, 0.3, 1.0, 0.4])  # spreads of MOTION_SIGNALS


class VisemeObjective:
    """Squared error of the mouth shape that the audio encoder hears, over clips of many voices."""

    def __init__(self, clips: int = 8, frames: int = 150) -> None:
        torch.manual_seed(0)
        self.clips, self.frames, self.encoder = clips, frames, AudioEncoder()

    def module(self) -> nn.Module:
        """The audio encoder."""
        return self.encoder

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Mel windows (N, 44, 80), loudness, spectral place and noise varied, and the truth (N, 4)."""
        windows, truth = [], []
        for i in range(self.clips):
            number = step * self.clips + i
            clip = (training_clip if i % 4 == 0 else babbling_clip)(number, self.frames)
            rng = np.random.default_rng([step, i])
            sound = torch.from_numpy(clip.audio()) * float(10 ** rng.uniform(-0.5, 0.2))
            noise = torch.from_numpy(rng.standard_normal(len(sound)).astype(np.float32))
            seen = mel_windows(sound + noise * float(10 ** rng.uniform(-5, -2.3)))
            windows.append(torch.roll(seen, int(rng.integers(-2, 3)), dims=2))  # another vocal tract
            truth.append(np.stack([signal(clip.faces, name) for name in VISEMES], axis=1))
        return torch.cat(windows), torch.from_numpy(np.concatenate(truth)).float()

    def loss(self, step: int) -> tuple[Tensor, Metrics]:
        """See the class."""
        windows, truth = self.batch(step)
        heard = self.encoder.visemes(windows)
        loss = ((heard - truth) ** 2 * torch.tensor([2.0, 1.0, 1.0, 0.3])).mean()
        scores = {name: correlation(heard[:, i].detach(), truth[:, i]) for i, name in enumerate(VISEMES)}
        return loss, scores


class FaceObjective(nn.Module):
    """Motion: squared error of the gestures. Identity: a person's frames near each other, others' far (InfoNCE)."""

    def __init__(self, people: int = 14, frames: int = 4, size: int = 256) -> None:
        torch.manual_seed(0)
        super().__init__()
        self.people, self.frames, self.size = people, frames, size
        self.motion, self.identity = MotionEncoder(), IdentityEncoder()

    def module(self) -> nn.Module:
        """Both encoders."""
        return self

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Crops (people x frames, 3, 64, 64), a person's frames together, and their gestures (people x frames, 11)."""
        crops, truth = [], []
        for i in range(self.people):
            clip = training_clip(step * self.people + i, 200)
            rng = np.random.default_rng([step, i, 1])
            picked = rng.choice(200, self.frames, replace=False)
            pictures = np.concatenate([clip.pictures(self.size, k, k + 1) for k in picked])
            crops.append(face_crops((to_tensor(pictures) + 1) / 2, clip.person.face_box(self.size)))
            truth.append([[getattr(clip.faces[k], name) for name in MOTION_SIGNALS] for k in picked])
        return torch.cat(crops), torch.tensor(np.concatenate(truth)).float()

    def loss(self, step: int) -> tuple[Tensor, Metrics]:
        """See the class."""
        crops, truth = self.batch(step)
        seen = self.motion(crops)
        motion = (((seen - truth) / _MOTION_SCALE) ** 2).mean()
        embeddings = self.identity(crops).unflatten(0, (self.people, self.frames))
        logits = embeddings[:, 0] @ embeddings[:, 1].T * 10
        identity = F.cross_entropy(logits, torch.arange(self.people))
        scores = {name: correlation(seen[:, i].detach(), truth[:, i]) for i, name in enumerate(MOTION_SIGNALS)}
        return motion + 0.5 * identity, {"identity": float(identity.detach()), **scores}


def correlation(a: Tensor, b: Tensor) -> float:
    """Pearson's; 0 where one of them does not move."""
    a, b = a - a.mean(), b - b.mean()
    return float((a @ b) / (a.norm() * b.norm()).clamp_min(1e-8))
