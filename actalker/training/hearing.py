"""Objective of the audio encoder: mouth shapes from sound, whoever speaks, wherever.

B stretches of N frames. Batches are pure functions of the step's number.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from actalker.encoders.small import VISEMES, AudioEncoder
from actalker.puppet.clip import SAMPLE_RATE
from actalker.puppet.visemes import FPS
from actalker.training.acoustics import disturbed, log_mels, masked
from actalker.training.codecs import CODECS, coded
from actalker.training.loop import Metrics
from actalker.training.pretraining import correlation
from actalker.training.utterances import SOURCES, Speaker, Utterance, Utterances
from actalker.training.vocoder import HOP, resynthesised

_VISEME_WEIGHT = (2.0, 2.0, 2.0, 0.3)
_CLOSED, _CLOSED_WEIGHT = 0.02, 2.0
"""Below this opening the lips touch; a gap between them is seen more than another opening of an open mouth."""
_CHANGE = 0.5
"""Weight of the squared error of the change between frames, which is seen as flicker."""
_DISAGREEMENT, _EPSILON = 0.1, 1e-3
"""Weight of what the squared error neglects: it is smallest for a mouth that moves too little when it is in doubt."""
_RESYNTHESISED, _CODED = 0.2, 0.05
_FRAMES = 100
_FRAME = SAMPLE_RATE // FPS
_REUSED = 3
"""Steps that hear the same sounds, by other vocal tracts and with other gaps: to make them takes as long as a step."""
_SILENCE = 20
"""Frames of silence that a stretch may have before and after an utterance."""


class VisemeObjective:
    """Error of the audio encoder's mouth shapes and of their range, on stretches of 4 s of utterances.

    Args:
        folder: Where the utterances are kept.
        said_by: The synthesisers, see `utterances.speakers`.
    """

    def __init__(
        self, encoder: AudioEncoder, folder: Path, said_by: Mapping[str, Speaker], stretches: int = 16
    ) -> None:
        self.encoder, self.stretches, self.utterances = encoder, stretches, Utterances(folder, said_by)
        self._last: tuple[int, Tensor, Tensor] | None = None
        self.sources = [name for name in SOURCES if name in said_by]

    def module(self) -> nn.Module:
        """The audio encoder."""
        return self.encoder

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Log-mel (B, 4 N, 80) of what is heard, and the true mouth shapes (B, N, 4)."""
        sounds, truth = self._sounds(step // _REUSED)
        rng = np.random.default_rng([step, 0x50FD])
        with torch.no_grad():
            return masked(log_mels(sounds, rng), rng), truth

    def _sounds(self, number: int) -> tuple[Tensor, Tensor]:
        """Sounds (B, 640 N) and true mouth shapes (B, N, 4); those of the last number are kept."""
        if self._last is None or self._last[0] != number:
            self._last = number, *self._new_sounds(np.random.default_rng([number, 0x500D]))
        return self._last[1:]

    def _new_sounds(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        shares = np.array([SOURCES[name][0] for name in self.sources])
        names = rng.choice(self.sources, self.stretches, p=shares / shares.sum())
        spoken = [self.utterances.get(name, int(rng.integers(SOURCES[name][1]))) for name in names]
        sounds, truth = zip(*(_stretch(one, rng) for one in spoken), strict=True)
        with torch.no_grad():
            return disturbed(torch.stack(sounds), rng), torch.stack(truth)

    def loss(self, step: int) -> tuple[Tensor, Metrics]:
        """See the class."""
        mel, truth = self.batch(step)
        output: Tensor = self.encoder(mel)
        loss = squared_error(output, truth) + _DISAGREEMENT * (1 - agreement(output[..., :3], truth[..., :3])).mean()
        scores = {name: correlation(output[..., i].detach(), truth[..., i]) for i, name in enumerate(VISEMES)}
        return loss, scores


def squared_error(output: Tensor, truth: Tensor) -> Tensor:
    """Weighted mean over mouth shapes and over their changes between frames: (B, N, 4) -> ()."""
    weight = output.new_tensor(_VISEME_WEIGHT).expand_as(truth).clone()
    weight[..., 0] *= torch.where(truth[..., 0] < _CLOSED, _CLOSED_WEIGHT, 1.0)
    error = output - truth
    changes = error.diff(dim=1).square() * output.new_tensor(_VISEME_WEIGHT)
    return (error.square() * weight).mean() + _CHANGE * changes.mean()


def agreement(output: Tensor, truth: Tensor) -> Tensor:
    """Concordance correlation (Lin 1989) over time, 1 for equal curves: (B, N, 3) -> (B, 3)."""
    means = output.mean(1), truth.mean(1)
    centred = output - means[0][:, None], truth - means[1][:, None]
    spread = centred[0].square().mean(1) + centred[1].square().mean(1) + (means[0] - means[1]).square()
    result: Tensor = (2 * (centred[0] * centred[1]).mean(1) + _EPSILON) / (spread + _EPSILON)
    return result


def _stretch(spoken: Utterance, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A random stretch, with silence where nothing is spoken: (640 N,) and (N, 4)."""
    frames = len(spoken.mouth)
    start = int(rng.integers(min(-_SILENCE, frames + _SILENCE - _FRAMES), max(1, frames + _SILENCE - _FRAMES + 1)))
    sound, mouth = np.zeros(_FRAMES * _FRAME, np.float32), np.zeros((_FRAMES, len(VISEMES)), np.float32)
    first, last = max(start, 0), min(start + _FRAMES, frames)
    said = spoken.samples[first * _FRAME : last * _FRAME].astype(np.float32) / np.float32(32768)
    if rng.uniform() < _RESYNTHESISED:
        said = resynthesised(said, spoken.voiced[first * _FRAME // HOP : last * _FRAME // HOP], rng)
    if rng.uniform() < _CODED:
        said = coded(said, *CODECS[int(rng.integers(len(CODECS)))])
    sound[(first - start) * _FRAME : (last - start) * _FRAME] = said
    mouth[first - start : last - start] = spoken.mouth[first:last]
    return torch.from_numpy(sound), torch.from_numpy(mouth)
