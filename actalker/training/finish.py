"""Fitting the autoencoder's finish on what the network really leaves behind.

From the portrait the network makes, guided as in use, a clip of which it is told all that happens. The finish learns to
turn the decoded result into the drawn frames: what grain and flicker look like is the network's own business.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actalker.encoders.autoencoder import FOLD, Finished, PatchAutoencoder
from actalker.encoders.small import MOTION_SIGNALS, VISEMES
from actalker.shapes import Box
from actalker.training.data import Example
from actalker.training.diffusion import GATES, DiffusionObjective
from actalker.training.image_quality import FLAT, fine_detail, flat_regions
from actalker.training.loop import Metrics
from actalker.training.pictures import detail_weight, to_tensor
from actalker.training.takes import FRAMES, Takes

_EYES = 6
_DETAIL_POWER = 1.5
"""Of the map of importance: the mouth counts 15 times, the eyes 19 times as much as what the portrait gives anyway."""
_GRAIN_WEIGHT = 60
"""Of errors finer than 5 pixels where the truth is flat, as a lid is, beside all errors: without it they are three
thousandths of the loss, and what a viewer sees first."""
_CARRIED_WEIGHT, _PAINTED_WEIGHT = 0.3, 0.3
"""Of the errors of the carried portrait and of the painting alone: they teach from where to take it, and what to
paint."""
_SCALES = (1, 4, 8)
"""Averages over so many pixels: only a coarse one feels an edge that is still far off."""
_CUT = (5 / 8, 1 / 2)
"""Height and width of a cut around brows, mouth and chin, in pictures: 31 % of the cost, and nearly all that moves."""
_ALIGNED = 8
_WIDEST_SHARE = 2 / 3
_WHOLE_EVERY = 8  # steps, about


@dataclass(frozen=True)
class Batch:
    """A stretch of a clip, and what the network makes of it. F frames of H x W."""

    guess: Tensor
    """(F, 3, H, W): decoded latents, with what encoding loses of the portrait."""
    pictures: Tensor
    """(F, 3, H, W): the truth."""
    portrait: Tensor
    """(3, H, W)"""
    lost: Tensor
    """(3, H, W)"""
    weight: Tensor
    """(H, W)"""

    def cut(self, box: Box) -> "Batch":
        """The same within a box, in pixels."""
        rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
        return Batch(**{name: getattr(self, name)[..., rows, columns] for name in self.__dataclass_fields__})


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
        guidance: Sequence[float],
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
        batch = self.batch(step)
        with torch.autocast(self.device.type, torch.bfloat16):
            made: Finished = self.autoencoder.finish(batch.guess, batch.portrait, batch.lost, self.frames)
        miss, strayed, daubed = (picture.float() - batch.pictures for picture in made)
        edges = sum(
            (miss.diff(dim=d).square() * batch.weight.narrow(d - 2, 1, miss.shape[d] - 1)).mean() for d in (2, 3)
        )
        flicker = miss.diff(dim=0).square().mean()
        flat = flat_regions(batch.pictures, FLAT / 127.5)[:, None]
        grain = _GRAIN_WEIGHT * (fine_detail(miss).square() * flat * batch.weight).mean()

        def coarse(error: Tensor, pixels: int) -> Tensor:
            return (F.avg_pool2d(error, pixels).square() * F.avg_pool2d(batch.weight[None], pixels)).mean()

        far = sum(coarse(strayed, pixels) for pixels in _SCALES)
        taught = _CARRIED_WEIGHT * far + _PAINTED_WEIGHT * coarse(daubed, FOLD)
        return 10 * ((miss.square() * batch.weight).mean() + edges + flicker + grain + taught), {
            "psnr_db": psnr(miss),
            "grain": float(grain.detach()),
            "given_db": psnr(batch.guess - batch.pictures),
            "carried_db": psnr(strayed),
            "painted_db": psnr(F.avg_pool2d(daubed, FOLD)),
        }

    @torch.no_grad()
    def batch(self, step: int) -> Batch:
        """What step number `step` learns from."""
        rng = np.random.default_rng([step, 0xF1A1])
        index, gates = int(rng.integers(self.people)), GATES[step % len(GATES)]
        example = self.network.examples[index]
        span = self._span(example, gates, rng)
        latents = self._latents(example, span, gates, step)
        take = self.takes.take(index, span.start, span.stop)
        portrait = to_tensor(take.portrait[None])[0].to(self.device)
        lost = self.autoencoder.lost_detail(portrait)
        batch = Batch(
            guess=self.autoencoder.decode_linear(latents) + lost,
            pictures=to_tensor(take.pictures if gates[1] else take.spoken).to(self.device),
            portrait=portrait,
            lost=lost,
            weight=detail_weight(take.box, self.takes.size, eyes=_EYES).to(self.device) ** _DETAIL_POWER,
        )
        return batch if rng.integers(_WHOLE_EVERY) == 0 else batch.cut(_around_features(take.box, self.takes.size, rng))

    def _span(self, example: Example, gates: tuple[bool, bool], rng: np.random.Generator) -> slice:
        """A random stretch; two of three around the moment at which one of what may move is at its widest: blinks and
        raised brows are rare."""
        latest = FRAMES - self.frames
        start = int(rng.integers(latest + 1))
        if rng.uniform() < _WIDEST_SHARE:
            curves = [example.audio[:, VISEMES.index("open")]] if gates[0] else []
            curves += [example.motion[:, MOTION_SIGNALS.index(name)].abs() for name in ("blink", "brow") if gates[1]]
            widest = int(curves[int(rng.integers(len(curves)))].argmax())
            start = min(max(widest - int(rng.integers(self.frames)), 0), latest)
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
        guidance = np.mean([scale for scale, is_open in zip(self.guidance, gates, strict=True) if is_open])
        return (silent + float(guidance) * (heard - silent))[0]


def _around_features(face: Box, size: int, rng: np.random.Generator) -> Box:
    """A cut that holds brows, mouth and chin of a face, its edges where the finish's coarse grid has them."""
    height, width = (int(share * size) // _ALIGNED * _ALIGNED for share in _CUT)
    # Some way below the chin, where an open mouth and a beard reach to, and a little to either side.
    low, aside = rng.uniform(1 / 16, 1 / 8) * size, rng.uniform(-1 / 16, 1 / 16) * size
    top, left = face.bottom + low - height, (face.left + face.right - width) / 2 + aside
    top = min(max(int(top), 0), size - height) // _ALIGNED * _ALIGNED
    left = min(max(int(left), 0), size - width) // _ALIGNED * _ALIGNED
    return Box(left, top, left + width, top + height)


def psnr(miss: Tensor) -> float:
    """Decibels of an error in pictures that run from -1 to 1."""
    return float(-10 * torch.log10((miss.detach() / 2).square().mean()))
