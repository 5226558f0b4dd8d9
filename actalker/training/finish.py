"""Fitting the autoencoder's finish on what the network really leaves behind.

From the portrait the network makes, guided as in use, a clip of which it is told all that happens. The finish learns to
turn the decoded result into the drawn frames: what grain and flicker look like is the network's own business.
"""

import numpy as np
import torch
from torch import Tensor, nn

from actalker.encoders.autoencoder import PatchAutoencoder
from actalker.encoders.small import MOTION_SIGNALS
from actalker.training.data import Example
from actalker.training.diffusion import GATES, DiffusionObjective
from actalker.training.loop import Metrics
from actalker.training.pictures import to_tensor
from actalker.training.takes import FRAMES, Takes

_BLINK = MOTION_SIGNALS.index("blink")
_DETAIL_POWER = 1.5
"""Of the map of importance: the mouth counts 15 times, the eyes 8 times as much as what the portrait gives anyway."""


class FinishObjective:
    """Squared error of pixels and of their differences in space and time, weighted towards the features.

    Absolute error is sharper, but its best answer to a faint smile is the portrait: it took a quarter of every gesture.
    """

    def __init__(
        self,
        autoencoder: PatchAutoencoder,
        network: DiffusionObjective,
        takes: Takes,
        people: int,
        guidance: float,
        frames: int = 8,
    ) -> None:
        self.autoencoder, self.network, self.takes = autoencoder, network, takes
        self.people, self.guidance, self.frames = people, guidance, frames
        self.device = next(autoencoder.parameters()).device

    def module(self) -> nn.Module:
        """The autoencoder, of which only the finish has parameters."""
        return self.autoencoder

    def loss(self, step: int) -> tuple[Tensor, Metrics]:
        """See the class."""
        rng = np.random.default_rng([step, 0xF1A1])
        index, gates = int(rng.integers(self.people)), GATES[step % len(GATES)]
        example = self.network.examples[index]
        span = self._span(example, gates, rng)
        latents = self._latents(example, span, gates, step)
        take = self.takes.take(index, span.start, span.stop)
        pictures = to_tensor(take.pictures if gates[1] else take.spoken).to(self.device)
        weight = take.weight.to(self.device) ** _DETAIL_POWER
        portrait = to_tensor(take.portrait[None])[0].to(self.device)
        lost = self.autoencoder.lost(portrait)
        guess = self.autoencoder.linear(latents) + lost
        with torch.autocast(self.device.type, torch.bfloat16):
            result = self.autoencoder.finish(guess, portrait, lost, self.frames)
        miss = result.float() - pictures
        edges = sum((miss.diff(dim=d).square() * weight.narrow(d - 2, 1, len(weight) - 1)).mean() for d in (2, 3))
        flicker = miss.diff(dim=0).square().mean()
        return 10 * ((miss.square() * weight).mean() + edges + flicker), {
            "psnr_db": psnr(miss),
            "given_db": psnr(guess - pictures),
        }

    def _span(self, example: Example, gates: tuple[bool, bool], rng: np.random.Generator) -> slice:
        """A random stretch; where the eyes may move, every other one is where they are shut most: blinks are rare."""
        latest = FRAMES - self.frames
        start = int(rng.integers(latest + 1))
        if gates[1] and rng.uniform() < 0.5:
            shut = int(example.motion[:, _BLINK].argmax())
            start = min(max(shut - int(rng.integers(self.frames)), 0), latest)
        return slice(start, start + self.frames)

    @torch.no_grad()
    def _latents(self, example: Example, span: slice, gates: tuple[bool, bool], step: int) -> Tensor:
        """What the sampler's first, guided estimate makes of a stretch: (F, C, h, w)."""
        sigma = torch.tensor([self.network.first_level], device=self.device)
        starts = torch.tensor([True], device=self.device)
        silent, heard = (
            self.network.estimate(
                [(example, span)], gates, sigma, step, np.random.default_rng(step), (silence, False), starts
            )[1]
            for silence in (True, False)
        )
        return (silent + self.guidance * (heard - silent))[0]


def psnr(miss: Tensor) -> float:
    """Decibels of an error in pictures that run from -1 to 1."""
    return float(-10 * torch.log10((miss.detach() / 2).square().mean()))
