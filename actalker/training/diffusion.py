"""Objective of the network: clean latents from noisy ones, with gates, mask-drop and condition dropout.

The published network predicts v. A narrow network that is trained from scratch predicts the difference to the reference
instead. To predict v, it has to pass the noise of 64 channels through 80. With few steps of the sampler, the errors
stay in the picture (24 dB after 300 steps). `Sampling.prediction` selects one of the two.

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
from actalker.training.boxes import simulate_detection
from actalker.training.data import Example, random_span
from actalker.training.loop import Metrics

_LARGEST_LEVEL_WEIGHT = 2.0
"""Upper limit of the weight of a noise level. The weight is that of v-prediction (EDM), 1 + r^2 / sigma^2 for residuals
of spread r. Without the limit, the lowest noise levels would dominate the loss."""
GATES = ((True, False), (False, True), (True, True))
"""Gates (audio, motion) of the training steps."""


class Examples(Protocol):
    """Examples by number."""

    def __getitem__(self, index: int) -> Example:
        """Example `index`."""


@dataclass(frozen=True)
class Recipe:
    """How batches are sampled."""

    phases: tuple[tuple[int, int, int], ...] = ((0, 4, 4), (31000, 2, 8))
    """(first step, clips, frames): more people with fewer frames at first, longer clips at the end."""
    gate_shares: tuple[float, float, float] = (0.25, 0.35, 0.4)
    """Shares of the steps with audio alone, motion alone, both."""
    mask_drop: tuple[float, float] = (0.6, 1.0)
    """Probability with which tokens outside a region are dropped: one of the two at random in each step. (1, 1): always
    all, so that mask-drop is not random."""
    detail: tuple[tuple[int, float], ...] = ((0, 2.0), (6200, 1.5), (32000, 1.0))
    """(first step, power) of the importance map. At first, the mouth counts 36 times and the eyes 16 times as much as
    the rest; at the end 6 and 4 times, so that the skin becomes clean."""
    condition_dropout: float = 0.05
    """Share of steps in which each of these is dropped, for guidance: both signals, motion alone, the identity."""
    signal_noise: float = 0.04
    """Standard deviation of the noise on the true signals, which simulates errors of the encoders."""
    sigma_range: tuple[float, float] = (0.2, 9.0)
    """Noise levels are log-uniform in this range, which few steps of the sampler visit. Lower ones only train a narrow
    network to copy its input."""
    start_share: float = 0.9
    """Share of clips, from step `start_step` on, whose input is the sampler's start: reference and noise of its
    temperature, at its first noise level. If the sampler has few steps, later ones do not correct the first."""
    start_step: int = 4650
    first_pool: int = 32
    """Examples at the first step; one more is added every `steps_per_example` steps, up to `largest_pool`."""
    steps_per_example: int = 4
    largest_pool: int = 2500

    def detail_power(self, step: int) -> float:
        """Power of the importance map at a step."""
        return [power for first, power in self.detail if first <= step][-1]

    def shape(self, step: int) -> tuple[int, int]:
        """Number of clips and of frames in the batch of a step."""
        return [(clips, frames) for first, clips, frames in self.phases if first <= step][-1]


class Trainee(nn.Module):
    """All modules that are trained together: network, guide and the encoders' projections. The encoders are frozen."""

    def __init__(self, config: NetworkConfig, encoders: SmallEncoders) -> None:
        super().__init__()
        self.unet = UNet(config)
        self.guide = SpatialGuide(config)
        self.encoders = encoders
        nn.init.zeros_(self.unet.conv_out.weight)  # so that the initial estimate is the reference
        for frozen in (encoders.audio_encoder, encoders.identity_encoder, encoders.motion_encoder):
            frozen.requires_grad_(False)
        for weight in self.parameters():
            if weight.dim() == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)


class DiffusionObjective:
    """Weighted mean squared error of the clean latents. A batch depends on the step's number only."""

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
        """Stack tensors to a batch in float32, on the network's device."""
        return torch.stack(list(tensors)).to(self.device, torch.float32)

    def module(self) -> nn.Module:
        """Network, guide and projections."""
        return self.trainee

    def _draw_batch(self, step: int, rng: np.random.Generator) -> list[tuple[Example, slice]]:
        recipe = self.recipe
        pool = min(recipe.first_pool + step // recipe.steps_per_example, recipe.largest_pool)
        clips, frames = recipe.shape(step)
        drawn = [self.examples[int(i)] for i in rng.integers(pool, size=clips)]
        return [(example, random_span(example, frames, rng)) for example in drawn]

    def loss(self, step: int) -> tuple[Tensor, Metrics]:
        """See the class."""
        rng = np.random.default_rng([step, 0xD1FF])
        batch = self._draw_batch(step, rng)
        gates = GATES[int(rng.choice(len(GATES), p=self.recipe.gate_shares))]
        lowest, highest = np.log(self.recipe.sigma_range)
        levels = np.exp(rng.uniform(lowest, highest, len(batch)))
        sigma = torch.from_numpy(levels).float().to(self.device)
        at_start = torch.zeros(len(batch), dtype=torch.bool, device=self.device)
        if step >= self.recipe.start_step:
            at_start = torch.from_numpy(rng.uniform(size=len(batch)) < self.recipe.start_share).to(self.device)
        sigma = torch.where(at_start, self.first_level, sigma)
        clean, estimate = self.estimate(batch, gates, sigma, step, rng, at_start=at_start)
        error = (estimate - clean) ** 2 * self._weight(batch, self.recipe.detail_power(step))
        per_clip = error.mean(dim=(1, 2, 3, 4)) * (1 + (self.spread / sigma) ** 2).clamp_max(_LARGEST_LEVEL_WEIGHT)
        return per_clip.mean(), {"sigma": float(sigma.mean()), "gates": float(gates[0] + 2 * gates[1])}

    def estimate(
        self,
        batch: list[tuple[Example, slice]],
        gates: tuple[bool, bool],
        sigma: Tensor,
        seed: int,
        rng: np.random.Generator,
        dropped: tuple[bool, bool] | None = None,
        at_start: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Clean latents (B, F, C, h, w), and the network's estimate of them from noise of level `sigma` (B,).

        seed: Of the noise.
        dropped: Whether (both signals, the identity) are dropped. None: random, by the recipe.
        at_start: (B,) Which inputs are the sampler's start in place of the noisy clean latents. None: none.
        """
        targets = [example.latents if gates[1] else example.spoken for example, _ in batch]
        clean = self._stack([latents[frames] for latents, (_, frames) in zip(targets, batch, strict=True)])
        reference = self._stack([example.reference for example, _ in batch])[:, None]
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed)).to(self.device)
        s = sigma[:, None, None, None, None]
        noisy, scale = clean + s * noise, (s**2 + 1).rsqrt()
        if at_start is not None:
            noisy = torch.where(at_start[:, None, None, None, None], reference + s * self.temperature * noise, noisy)
        conditions, keep = self.conditions(batch, gates, rng, dropped)
        sample = torch.cat([noisy * scale, (reference * keep).expand_as(clean)], dim=2)
        with torch.autocast(self.device.type, torch.bfloat16):
            output = self.trainee.unet(sample, 0.25 * sigma.log(), conditions)
        return clean, clean_latents(output.float(), noisy, reference * keep, s, self.prediction, self.spread)

    def _weight(self, batch: list[tuple[Example, slice]], power: float) -> Tensor:
        """Weight of the errors by position and channel: (B, 1, C, h, w)."""
        maps = self._stack([example.weight for example, _ in batch])[:, None, None]
        return maps**power * self.channel_weight

    def _signal_noise(self, signal: Tensor, rng: np.random.Generator) -> Tensor:
        """Noise that simulates errors of the encoders, like `signal`."""
        noise = rng.standard_normal(signal.shape, np.float32) * self.recipe.signal_noise
        return torch.from_numpy(noise).to(self.device)

    def conditions(
        self,
        batch: list[tuple[Example, slice]],
        gates: tuple[bool, bool],
        rng: np.random.Generator,
        dropped: tuple[bool, bool] | None = None,
    ) -> tuple[Conditions, float]:
        """Conditions of a batch, and the factor of the reference latents: 0 if the identity is dropped, else 1."""
        encoders = self.trainee.encoders
        # With both signals, the driving face says something else in half of the steps.
        swap = all(gates) and rng.uniform() < 0.5
        drop_signals, drop_motion, drop_identity = rng.uniform(size=3) < self.recipe.condition_dropout
        if dropped is not None:
            (drop_signals, drop_identity), drop_motion = dropped, False
        audio = self._stack([example.audio[span] for example, span in batch])
        motion = self._stack([(example.other_motion if swap else example.motion)[span] for example, span in batch])
        audio, motion = (signal + self._signal_noise(signal, rng) for signal in (audio, motion))
        identity = self._stack([example.identity for example, _ in batch])[:, None].expand(-1, audio.shape[1], -1)
        size = Size(self.size, self.size)
        boxes = [simulate_detection(Box(*example.box.tolist()), size, rng) for example, _ in batch]
        blank = torch.zeros(3, self.size, self.size)
        with torch.autocast(self.device.type, torch.bfloat16):
            signals = (
                encoders.audio_tokens(audio) * (not drop_signals),
                encoders.motion_tokens(motion) * (not (drop_signals or drop_motion)),
            )
            tokens = encoders.identity_tokens(identity) * (not drop_identity)
            guide = self.trainee.guide(self._stack([guide_picture(box, blank, self.guide) for box in boxes])[:, None])
        return Conditions(
            identity=tokens,
            signals=signals,
            masks=self._stack([region_masks(box, size, gates) for box in boxes]),
            gates=torch.tensor([gates] * len(batch)),
            time_ids=torch.tensor([self.time_ids] * len(batch), device=self.device),
            guide=guide,
            drop=self.recipe.mask_drop[int(rng.integers(2))],
        ), float(not drop_identity)
