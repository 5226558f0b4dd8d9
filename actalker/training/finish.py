"""Training of the autoencoder's finish on the errors of the trained network.

The network generates a clip from the portrait and the true signals, with guidance as at inference. The finish learns to
turn the decoded result into the target frames. So it is trained on the real grain and flicker of the network.
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
"""Power of the importance map: the mouth counts 15 times, the eyes 19 times as much as the rest."""
_GRAIN_WEIGHT = 60
"""Additional weight of errors finer than 5 pixels where the target is flat, such as an eyelid. Unweighted they are
0.3 % of the loss, but they are the most visible errors."""
_WARPED_WEIGHT, _PAINTED_WEIGHT = 0.3, 0.3
"""Weights of the auxiliary losses of the warped portrait and of the low-resolution picture alone."""
_SCALES = (1, 4, 8)
"""Errors of the warped portrait are averaged over so many pixels. Only coarse averages have a gradient while an edge is
far from its target."""
_CROP = (5 / 8, 1 / 2)
"""Height and width of a crop around brows, mouth and chin, as shares of the picture: 31 % of the cost, and nearly all
that moves."""
_ALIGNMENT = 8  # pixels: the stride of the finish's coarse grid
_WIDEST_SHARE = 2 / 3
_UNCROPPED_EVERY = 8  # steps, on average


@dataclass(frozen=True)
class Batch:
    """Part of a clip: the network's decoded result and the target. F frames of H x W."""

    decoded: Tensor
    """(F, 3, H, W): linearly decoded latents, plus the portrait's lost detail."""
    pictures: Tensor
    """(F, 3, H, W): the target."""
    portrait: Tensor
    """(3, H, W)"""
    lost_detail: Tensor
    """(3, H, W) of the portrait."""
    weight: Tensor
    """(H, W) importance of each position."""

    def crop(self, box: Box) -> "Batch":
        """The part inside a box, in pixels."""
        rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
        return Batch(**{name: getattr(self, name)[..., rows, columns] for name in self.__dataclass_fields__})


class FinishObjective:
    """Weighted squared error of pixels and of their differences in space and time.

    Absolute errors give sharper pictures, but made every gesture smaller by a quarter: their optimum for a faint smile
    is the portrait.
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
            made: Finished = self.autoencoder.finish(batch.decoded, batch.portrait, batch.lost_detail, self.frames)
        error, warped_error, painted_error = (picture.float() - batch.pictures for picture in made[:3])
        edges = sum(
            (error.diff(dim=d).square() * batch.weight.narrow(d - 2, 1, error.shape[d] - 1)).mean() for d in (2, 3)
        )
        flicker = error.diff(dim=0).square().mean()
        flat = flat_regions(batch.pictures, FLAT / 127.5)[:, None]
        grain = _GRAIN_WEIGHT * (fine_detail(error).square() * flat * batch.weight).mean()

        def coarse_loss(difference: Tensor, pixels: int) -> Tensor:
            return (F.avg_pool2d(difference, pixels).square() * F.avg_pool2d(batch.weight[None], pixels)).mean()

        warped_loss = sum(coarse_loss(warped_error, pixels) for pixels in _SCALES)
        auxiliary = _WARPED_WEIGHT * warped_loss + _PAINTED_WEIGHT * coarse_loss(painted_error, FOLD)
        return 10 * ((error.square() * batch.weight).mean() + edges + flicker + grain + auxiliary), {
            "psnr_db": psnr(error),
            "grain": float(grain.detach()),
            "given_db": psnr(batch.decoded - batch.pictures),
            "carried_db": psnr(warped_error),
            "painted_db": psnr(F.avg_pool2d(painted_error, FOLD)),
        }

    @torch.no_grad()
    def batch(self, step: int) -> Batch:
        """The batch of a step; it depends on the step's number only."""
        rng = np.random.default_rng([step, 0xF1A1])
        index, gates = int(rng.integers(self.people)), GATES[step % len(GATES)]
        example = self.network.examples[index]
        span = self._span(example, gates, rng)
        latents = self._latents(example, span, gates, step)
        take = self.takes.take(index, span.start, span.stop)
        portrait = to_tensor(take.portrait[None])[0].to(self.device)
        lost_detail = self.autoencoder.lost_detail(portrait)
        batch = Batch(
            decoded=self.autoencoder.decode_linear(latents) + lost_detail,
            pictures=to_tensor(take.pictures if gates[1] else take.spoken).to(self.device),
            portrait=portrait,
            lost_detail=lost_detail,
            weight=detail_weight(take.box, self.takes.size, eyes=_EYES).to(self.device) ** _DETAIL_POWER,
        )
        return batch if rng.integers(_UNCROPPED_EVERY) == 0 else batch.crop(_crop_box(take.box, self.takes.size, rng))

    def _span(self, example: Example, gates: tuple[bool, bool], rng: np.random.Generator) -> slice:
        """A random range of frames. Because blinks and raised brows are rare, two of three contain the maximum of a
        signal that an open gate drives."""
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
        """The sampler's first estimate, with guidance, of a range of frames: (F, C, h, w)."""
        sigma = torch.tensor([self.network.first_level], device=self.device)
        at_start = torch.tensor([True], device=self.device)
        unconditional, conditional = (
            self.network.estimate(
                [(example, span)], gates, sigma, step, np.random.default_rng(step), (dropped, False), at_start
            )[1]
            for dropped in (True, False)
        )
        guidance = np.mean([scale for scale, is_open in zip(self.guidance, gates, strict=True) if is_open])
        return (unconditional + float(guidance) * (conditional - unconditional))[0]


def _crop_box(face: Box, size: int, rng: np.random.Generator) -> Box:
    """A random crop with brows, mouth and chin of a face, aligned to the finish's coarse grid."""
    height, width = (int(share * size) // _ALIGNMENT * _ALIGNMENT for share in _CROP)
    # It ends below the chin, for an open mouth and a beard, and is shifted a little to either side.
    low, aside = rng.uniform(1 / 16, 1 / 8) * size, rng.uniform(-1 / 16, 1 / 16) * size
    top, left = face.bottom + low - height, (face.left + face.right - width) / 2 + aside
    top = min(max(int(top), 0), size - height) // _ALIGNMENT * _ALIGNMENT
    left = min(max(int(left), 0), size - width) // _ALIGNMENT * _ALIGNMENT
    return Box(left, top, left + width, top + height)


def psnr(error: Tensor) -> float:
    """PSNR in decibels of an error of pictures in [-1, 1]."""
    return float(-10 * torch.log10((error.detach() / 2).square().mean()))
