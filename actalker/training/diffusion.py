"""The network's objective: clean latents from noisy ones, with gates, mask-drop and condition dropout.

The published network predicts v. A narrow one that is trained from nothing predicts what differs from the reference
instead: v asks it to carry the noise of 64 channels through 80, and few steps of the sampler leave in the picture what
it could not carry (24 dB after 300 steps). The two are one configuration value apart (`actalker.sampling`).

B clips, F frames, C latent channels on h x w, K = 2 signals: audio, then motion.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from actalker.checkpoint import PictureConfig
from actalker.encoders.crops import guide_picture, region_masks
from actalker.encoders.small import SmallEncoders
from actalker.network import Conditions, NetworkConfig, SpatialGuide, UNet
from actalker.sampling import Sampling, clean_latents
from actalker.shapes import Box, Size
from actalker.training.boxes import detected
from actalker.training.data import Example, window
from actalker.training.loop import Metrics

_LARGEST_LEVEL_WEIGHT = 2.0
"""The weight of a noise level is that of v-prediction (EDM), 1 + r^2 / sigma^2 for what differs from the reference by
r, up to here: the faintest noise would have all the say otherwise."""
GATES = ((True, False), (False, True), (True, True))


class Examples(Protocol):
    """A source of examples by number."""

    def __getitem__(self, index: int) -> Example:
        """Example `index`."""


@dataclass(frozen=True)
class Recipe:
    """How batches are drawn."""

    phases: tuple[tuple[int, int, int], ...] = ((0, 4, 4), (31000, 2, 8))
    """(first step, clips, frames): many people for a moment each, and longer stretches at the end."""
    gate_shares: tuple[float, float, float] = (0.25, 0.35, 0.4)
    """Of steps with audio alone, motion alone, both."""
    mask_drop: tuple[float, float] = (0.6, 1.0)
    """Probability with which tokens outside a region are dropped: one of the two, at random, per step. (1, 1): always
    all, which is training without mask-drop's variation."""
    detail: tuple[tuple[int, float], ...] = ((0, 2.0), (6200, 1.5), (32000, 1.0))
    """(first step, power) of the map that says how much each place matters: at first the mouth 36 times and the eyes 16
    times as much as the rest; at the end, 6 and 4 times, clean skin too."""
    condition_dropout: float = 0.05
    """Share of steps without each of: the signals, motion alone, the identity. They are what guidance compares."""
    signal_noise: float = 0.04
    """Spread of what is added to the true signals: encoders are not exact."""
    sigma_range: tuple[float, float] = (0.2, 9.0)
    """Noise levels are drawn between these, evenly on a logarithmic scale: what few steps of the sampler visit. Fainter
    ones only teach a narrow network to hand its input through."""
    start_share: float = 0.9
    """Share of clips, from step `start_step` on, that begin where the sampler does: from the reference and noise of its
    temperature, at its first level. What the first of few steps gets wrong, no later one mends."""
    start_step: int = 4650
    first_pool: int = 32
    """Examples at the start; the pool grows by one every `steps_per_example` steps."""
    steps_per_example: int = 4
    largest_pool: int = 2500

    def detail_power(self, step: int) -> float:
        """Power of the map of importance at a step."""
        return [power for first, power in self.detail if first <= step][-1]

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
        nn.init.zeros_(self.unet.conv_out.weight)  # so that the first estimate is the reference
        for frozen in (encoders.audio_encoder, encoders.identity_encoder, encoders.motion_encoder):
            frozen.requires_grad_(False)
        for weight in self.parameters():
            if weight.dim() == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)


class DiffusionObjective:
    """Mean weighted squared error of the clean latents over a batch that depends on the step's number alone."""

    def __init__(
        self,
        trainee: Trainee,
        examples: Examples,
        channel_weight: Tensor,
        recipe: Recipe,
        sampling: Sampling,
        picture: PictureConfig,
    ) -> None:
        self.trainee, self.examples, self.recipe = trainee, examples, recipe
        self.size, self.guide, self.time_ids = picture.short_edge, picture.guide, picture.time_ids
        self.prediction, self.spread = sampling.prediction, sampling.residual_spread
        self.first_level, self.temperature = sampling.schedule.sigma_max, sampling.temperature
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
        lowest, highest = np.log(self.recipe.sigma_range)
        levels = np.exp(rng.uniform(lowest, highest, len(batch)))
        sigma = torch.from_numpy(levels).float().to(self.device)
        starts = torch.zeros(len(batch), dtype=torch.bool, device=self.device)
        if step >= self.recipe.start_step:
            starts = torch.from_numpy(rng.uniform(size=len(batch)) < self.recipe.start_share).to(self.device)
        sigma = torch.where(starts, self.first_level, sigma)
        clean, found = self.estimate(batch, gates, sigma, step, rng, starts=starts)
        miss = (found - clean) ** 2 * self._weight(batch, self.recipe.detail_power(step))
        per_clip = miss.mean(dim=(1, 2, 3, 4)) * (1 + (self.spread / sigma) ** 2).clamp_max(_LARGEST_LEVEL_WEIGHT)
        return per_clip.mean(), {"sigma": float(sigma.mean()), "gates": float(gates[0] + 2 * gates[1])}

    def estimate(
        self,
        batch: list[tuple[Example, slice]],
        gates: tuple[bool, bool],
        sigma: Tensor,
        seed: int,
        rng: np.random.Generator,
        dropped: tuple[bool, bool] | None = None,
        starts: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Clean latents (B, F, C, h, w), and what the network makes of them under noise of level `sigma` (B,).

        dropped: Whether signals and identity are; None: drawn, as the recipe says.
        starts: (B,) which clips are not the clean ones under noise, but what the sampler starts from; None: no clip.
        """
        told = [example.latents if gates[1] else example.spoken for example, _ in batch]
        clean = self._stack([latents[frames] for latents, (_, frames) in zip(told, batch, strict=True)])
        reference = self._stack([example.reference for example, _ in batch])[:, None]
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed)).to(self.device)
        s = sigma[:, None, None, None, None]
        noisy, scale = clean + s * noise, (s**2 + 1).rsqrt()
        if starts is not None:
            noisy = torch.where(starts[:, None, None, None, None], reference + s * self.temperature * noise, noisy)
        conditions, known = self.conditions(batch, gates, rng, dropped)
        sample = torch.cat([noisy * scale, (reference * known).expand_as(clean)], dim=2)
        with torch.autocast(self.device.type, torch.bfloat16):
            found = self.trainee.unet(sample, 0.25 * sigma.log(), conditions)
        return clean, clean_latents(found.float(), noisy, reference * known, s, self.prediction, self.spread)

    def _weight(self, batch: list[tuple[Example, slice]], power: float) -> Tensor:
        """Where and in which channels an error counts: (B, 1, C, h, w), about 1 on average."""
        maps = self._stack([example.weight for example, _ in batch])[:, None, None]
        return maps**power * self.channel_weight

    def _roughness(self, signal: Tensor, rng: np.random.Generator) -> Tensor:
        """What encoders would add to true signals."""
        noise = rng.standard_normal(signal.shape, np.float32) * self.recipe.signal_noise
        return torch.from_numpy(noise).to(self.device)

    def conditions(
        self,
        batch: list[tuple[Example, slice]],
        gates: tuple[bool, bool],
        rng: np.random.Generator,
        dropped: tuple[bool, bool] | None = None,
    ) -> tuple[Conditions, float]:
        """Conditions of a batch, and 1 or 0 for whether the reference is known."""
        encoders = self.trainee.encoders
        # With both signals, half of the drivers say something else.
        swap = all(gates) and rng.uniform() < 0.5
        speechless, still, unknown = rng.uniform(size=3) < self.recipe.condition_dropout
        if dropped is not None:
            (speechless, unknown), still = dropped, False
        audio = self._stack([example.audio[span] for example, span in batch])
        motion = self._stack([(example.other_motion if swap else example.motion)[span] for example, span in batch])
        audio, motion = (signal + self._roughness(signal, rng) for signal in (audio, motion))
        identity = self._stack([example.identity for example, _ in batch])[:, None].expand(-1, audio.shape[1], -1)
        size = Size(self.size, self.size)
        boxes = [detected(Box(*example.box.tolist()), size, rng) for example, _ in batch]
        blank = torch.zeros(3, self.size, self.size)
        with torch.autocast(self.device.type, torch.bfloat16):
            signals = (
                encoders.audio_tokens(audio) * (not speechless),
                encoders.motion_tokens(motion) * (not (speechless or still)),
            )
            tokens = encoders.identity_tokens(identity) * (not unknown)
            guide = self.trainee.guide(self._stack([guide_picture(box, blank, self.guide) for box in boxes])[:, None])
        return Conditions(
            identity=tokens,
            signals=signals,
            masks=self._stack([region_masks(box, size, gates) for box in boxes]),
            gates=torch.tensor([gates] * len(batch)),
            time_ids=torch.tensor([self.time_ids] * len(batch), device=self.device),
            guide=guide,
            drop=self.recipe.mask_drop[int(rng.integers(2))],
        ), float(not unknown)
