"""Small networks and conditions for tests: two clips of three frames, each with its own masks."""

from dataclasses import replace

import torch
from torch import Tensor

from actalker.network import TINY, Branch, Conditions, NetworkConfig, UNet
from actalker.sampling import Scene

CLIP = replace(
    TINY,
    channels=(32, 32),
    attention=(True, True),
    heads=(2, 2),
    context_width=16,
    branches=(Branch("audio", 3), Branch("motion", 1)),
    scan_extent="clip",
    scan_state=4,
    film=True,
)
"""Every switch away from the published network."""

FRAME = replace(CLIP, scan_extent="frame", film=False)


def network(config: NetworkConfig) -> UNet:
    """A network with random weights, none of them zero."""
    torch.manual_seed(1)
    return UNet(config)


def conditions(config: NetworkConfig, gates: tuple[bool, ...] = (True, True), frames: int = 3) -> Conditions:
    """Audio acts below, motion above; the second clip's regions are smaller."""
    torch.manual_seed(2)
    masks = torch.zeros(2, 2, 64, 64)
    masks[0, 0, 32:, :] = masks[0, 1, :32, :] = 1
    masks[1, 0, 48:, 16:48] = masks[1, 1, 8:32, 16:48] = 1
    return Conditions(
        identity=torch.randn(2, 1, 1, config.context_width).expand(-1, frames, -1, -1),
        signals=tuple(torch.randn(2, frames, branch.tokens, config.context_width) for branch in config.branches),
        masks=masks,
        gates=torch.tensor([gates] * 2),
        time_ids=torch.tensor([[12.5, 12.0, 20.0]] * 2),
        guide=torch.randn(2, 1, config.channels[0], 8, 8),
    )


def heard_scene(known: Conditions, portrait: Tensor) -> Scene:
    """The first clip of some conditions, by sound alone.

    portrait: (Z, h, w) latents.
    """
    return Scene(
        reference=portrait,
        identity=known.identity[0, 0],
        signals=tuple(signal[0] for signal in known.signals),
        unconditional=tuple(torch.randn_like(signal[0, 0]) for signal in known.signals),
        masks=known.masks[0],
        gates=(True, False),
        time_ids=known.time_ids[0],
        guide=None if known.guide is None else known.guide[0, 0],
    )


def sample(frames: int = 3) -> tuple[Tensor, Tensor]:
    """Noisy and reference latents, and timesteps."""
    torch.manual_seed(3)
    return torch.randn(2, frames, 8, 8, 8), torch.tensor([0.3, 1.2])
