"""The network's objective: clean latents from noisy ones, with gates, mask-drop and condition dropout.

The published network predicts v. Trained from nothing for 700 steps, v gave no lip sync and 23 dB, clean latents 0.70
and 29 dB: v asks a narrow network to carry the noise of 64 channels through. Where v is wanted, the two are one line
apart (`actalker.sampling`).

B clips, F frames, C latent channels on h x w, K = 2 signals: audio, then motion.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from actalker.encoders.crops import guide_picture, region_masks
from actalker.encoders.small import SmallEncoders
from actalker.network import Conditions, NetworkConfig, SpatialGuide, UNet
from actalker.shapes import Box, Size
from actalker.training.data import Example, window
from actalker.training.loop import Metrics

TIME_IDS = (25.0, 12.0, 20.0)
_LARGEST_LEVEL_WEIGHT = 3.0
"""The weight of a noise level is that of v-prediction, 1 + 1 / sigma^2 (EDM with unit data), up to here: the faintest
noise would have all the say otherwise."""
GATES = ((True, False), (False, True), (True, True))


class Examples(Protocol):
    """A source of examples by number."""

    def __getitem__(self, index: int) -> Example:
        """Example `index`."""


@dataclass(frozen=True)
class Recipe:
    """How batches are drawn."""

    phases: tuple[tuple[int, int, int], ...] = ((0, 4, 4), (1500, 2, 8), (3500, 1, 16))
    """(first step, clips, frames): short clips first, longer ones when the mouth already moves."""
    gate_shares: tuple[float, float, float] = (0.5, 0.2, 0.3)
    """Of steps with audio alone, motion alone, both."""
    mask_drop: tuple[float, float] = (0.6, 1.0)
    """Probability with which tokens outside a region are dropped: one of the two, at random, per step. (1, 1): always
    all, which is training without mask-drop's variation."""
    detail_power: float = 1.5
    """Of the map that says how much each place matters: above 1 for more weight on mouth and eyes."""
    condition_dropout: float = 0.05
    """Share of steps without each of: the signals, the identity."""
    log_sigma: tuple[float, float] = (0.2, 1.4)
    """Mean and spread of the noise level's logarithm (Karras et al. 2022, table 1)."""
    first_pool: int = 32
    """Examples at the start; the pool grows by one every `steps_per_example` steps."""
    steps_per_example: int = 10
    largest_pool: int = 1500

    def shape(self, step: int) -> tuple[int, int]:
        """Clips and frames of a step's batch."""
        return [(clips, frames) for first, clips, frames in self.phases if first <= step][-1]


class Trainee(nn.Module):
    """All that is trained together: the network, the guide and the encoders' projections; the encoders stay."""

    def __init__(self, config: NetworkConfig, encoders: SmallEncoders) -> None:
        super().__init__()
        self.unet = UNet(config)
        self.guide = SpatialGuide(config)
        self.encoders = encoders
        for frozen in (encoders.audio_encoder, encoders.identity_encoder, encoders.motion_encoder):
            frozen.requires_grad_(False)
        for weight in self.parameters():
            if weight.dim() == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)


def detected(box: Box, size: Size, rng: np.random.Generator) -> Box:
    """A true face box as a detector might give it. Half of the time it stays true.

    OpenCV's frontal cascade is wider than the drawn face by 10 +- 5 of 256 pixels on both sides, and ends 14 +- 7 above
    the chin; masks and guide must serve for its boxes too.
    """
    if rng.uniform() < 0.5:
        return box
    left, top, right, bottom = rng.uniform([-0.06, -0.03, 0.0, -0.09], [0.0, 0.01, 0.06, 0.0]) * size.width
    return Box(
        round(box.left + left), round(box.top + top), round(box.right + right), round(box.bottom + bottom)
    ).within(size)


class DiffusionObjective:
    """Mean weighted squared error of the clean latents over a batch that depends on the step's number alone."""

    def __init__(
        self, trainee: Trainee, examples: Examples, channel_weight: Tensor, recipe: Recipe, size: int = 256
    ) -> None:
        self.trainee, self.examples, self.recipe, self.size = trainee, examples, recipe, size
        self.device = next(trainee.unet.parameters()).device
        self.channel_weight = (channel_weight / channel_weight.mean())[:, None, None].to(self.device)

    def _stack(self, tensors: Sequence[Tensor]) -> Tensor:
        """One batch of them, where the network is."""
        return torch.stack(list(tensors)).to(self.device, torch.float32)

    def module(self) -> nn.Module:
        """Network, guide and projections."""
        return self.trainee

    def _draw(self, step: int, rng: np.random.Generator) -> list[tuple[Example, slice]]:
        recipe = self.recipe
        pool = min(recipe.first_pool + step // recipe.steps_per_example, recipe.largest_pool)
        clips, frames = recipe.shape(step)
        drawn = [self.examples[int(i)] for i in rng.integers(pool, size=clips)]
        return [(example, window(example, frames, rng)) for example in drawn]

    def loss(self, step: int) -> tuple[Tensor, Metrics]:
        """See the class."""
        rng = np.random.default_rng([step, 0xD1FF])
        batch = self._draw(step, rng)
        gates = GATES[int(rng.choice(len(GATES), p=self.recipe.gate_shares))]
        sigma = torch.from_numpy(np.exp(rng.normal(*self.recipe.log_sigma, len(batch)))).float().to(self.device)
        clean, found = self.estimate(batch, gates, sigma, step, rng)
        miss = (found - clean) ** 2 * self._weight(batch)
        per_clip = miss.mean(dim=(1, 2, 3, 4)) * (1 + sigma**-2).clamp_max(_LARGEST_LEVEL_WEIGHT)
        return per_clip.mean(), {"sigma": float(sigma.mean()), "gates": float(gates[0] + 2 * gates[1])}

    def estimate(
        self,
        batch: list[tuple[Example, slice]],
        gates: tuple[bool, bool],
        sigma: Tensor,
        seed: int,
        rng: np.random.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Clean latents (B, F, C, h, w), and what the network makes of them under noise of level `sigma` (B,)."""
        clean = self._stack([example.latents[frames] for example, frames in batch])
        reference = self._stack([example.reference for example, _ in batch])[:, None]
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed)).to(self.device)
        s = sigma[:, None, None, None, None]
        noisy, scale = clean + s * noise, (s**2 + 1).rsqrt()
        conditions, known = self.conditions(batch, gates, rng)
        sample = torch.cat([noisy * scale, (reference * known).expand_as(clean)], dim=2)
        with torch.autocast(self.device.type, torch.bfloat16):
            found = self.trainee.unet(sample, 0.25 * sigma.log(), conditions)
        return clean, found.float()

    def _weight(self, batch: list[tuple[Example, slice]]) -> Tensor:
        """Where and in which channels an error counts: (B, 1, C, h, w), about 1 on average."""
        maps = self._stack([example.weight for example, _ in batch])[:, None, None]
        return maps**self.recipe.detail_power * self.channel_weight

    def conditions(
        self, batch: list[tuple[Example, slice]], gates: tuple[bool, bool], rng: np.random.Generator
    ) -> tuple[Conditions, float]:
        """Conditions of a batch, and 1 or 0 for whether the reference is known."""
        encoders = self.trainee.encoders
        swap = all(gates) and rng.uniform() < 0.5  # with both signals, half of the drivers say something else
        speechless, unknown = rng.uniform(size=2) < self.recipe.condition_dropout
        audio = self._stack([example.audio[span] for example, span in batch]) * (not speechless)
        motion = self._stack([(example.other_motion if swap else example.motion)[span] for example, span in batch])
        identity = self._stack([example.identity for example, _ in batch])[:, None].expand(-1, audio.shape[1], -1)
        size = Size(self.size, self.size)
        boxes = [detected(Box(*example.box.tolist()), size, rng) for example, _ in batch]
        blank = torch.zeros(3, self.size, self.size)
        with torch.autocast(self.device.type, torch.bfloat16):
            signals = (encoders.audio_tokens(audio), encoders.motion_tokens(motion * (not speechless)))
            tokens = encoders.identity_tokens(identity) * (not unknown)
            guide = self.trainee.guide(self._stack([guide_picture(box, blank, "box") for box in boxes])[:, None])
        return Conditions(
            identity=tokens,
            signals=signals,
            masks=self._stack([region_masks(box, size, gates) for box in boxes]),
            gates=torch.tensor([gates] * len(batch)),
            time_ids=torch.tensor([TIME_IDS] * len(batch), device=self.device),
            guide=guide,
            drop=self.recipe.mask_drop[int(rng.integers(2))],
        ), float(not unknown)
