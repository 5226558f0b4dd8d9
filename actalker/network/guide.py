"""The spatial guide: features of the face's position, which are added after the UNet's first convolution."""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from actalker.network.config import NetworkConfig


class SpatialGuide(nn.Module):
    """Convolutions from pixels to 1/8 size (the pose guider of "Animate Anyone"). The last layer starts at zero."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        widths = config.guide_channels
        self.conv_in = nn.Conv2d(3, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList()
        for before, after in pairwise(widths):
            self.blocks.append(nn.Conv2d(before, before, 3, padding=1))
            self.blocks.append(nn.Conv2d(before, after, 3, padding=1, stride=2))
        self.conv_out = nn.Conv2d(widths[-1], config.channels[0], 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)  # type: ignore[arg-type]  # Conv2d has a bias by default

    def forward(self, face: Tensor) -> Tensor:
        """face (B, F, 3, H, W), white inside the face box and black outside -> (B, F, channels[0], H/8, W/8)."""
        x = F.silu(self.conv_in(face.flatten(0, 1)))
        for block in self.blocks:
            x = F.silu(block(x))
        result: Tensor = self.conv_out(x)
        return result.view(*face.shape[:2], *result.shape[1:])
