"""Residual networks with group normalisation: the expression (ResNet-50) and the pose network (ResNet-18).

He et al., "Deep Residual Learning for Image Recognition", table 1; a bottleneck has its stride in the 3x3 convolution.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Convolutions with normalisation and a shortcut; `kernels` (3, 3) is the basic block, (1, 3, 1) the bottleneck."""

    def __init__(self, in_width: int, widths: Sequence[int], kernels: Sequence[int], stride: int, groups: int) -> None:
        super().__init__()
        strided = kernels.index(3)
        inputs = [in_width, *widths[:-1]]
        self.convs = nn.ModuleDict()
        self.norms = nn.ModuleDict()
        for i, kernel in enumerate(kernels):
            step = stride if i == strided else 1
            self.convs[str(i + 1)] = nn.Conv2d(inputs[i], widths[i], kernel, step, kernel // 2, bias=False)
            self.norms[str(i + 1)] = nn.GroupNorm(groups, widths[i])
        self.shortcut = nn.Sequential()
        if stride != 1 or in_width != widths[-1]:
            self.shortcut.append(nn.Conv2d(in_width, widths[-1], 1, stride, bias=False))
            self.shortcut.append(nn.GroupNorm(groups, widths[-1]))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H/stride, W/stride)."""
        shortcut = self.shortcut(x)
        for i, (conv, norm) in enumerate(zip(self.convs.values(), self.norms.values(), strict=True)):
            x = norm(conv(F.relu(x) if i else x))
        return F.relu(x + shortcut)


class ResNet(nn.Module):
    """Pictures -> features, by four layers of blocks."""

    def __init__(self, counts: Sequence[int], bottleneck: bool, groups: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.norm = nn.GroupNorm(groups, 64)
        width, expansion = 64, 4 if bottleneck else 1
        self.layers = nn.ModuleDict()
        for i, count in enumerate(counts):
            inner = 64 * 2**i
            widths = (inner, inner, 4 * inner) if bottleneck else (inner, inner)
            kernels = (1, 3, 1) if bottleneck else (3, 3)
            blocks = []
            for j in range(count):
                blocks.append(Block(width, widths, kernels, 2 if i and not j else 1, groups))
                width = widths[-1]
            self.layers[str(i + 1)] = nn.Sequential(*blocks)
        self.fc = nn.Linear(512 * expansion, outputs)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, outputs)."""
        x = F.max_pool2d(F.relu(self.norm(self.conv(pictures))), 3, 2, 1)
        for layer in self.layers.values():
            x = layer(x)
        result: Tensor = self.fc(x.mean((2, 3)))
        return result


def expression_network() -> ResNet:
    """ResNet-50, normalised over all channels of a sample at once, to 512 expression features."""
    return ResNet((3, 4, 6, 3), bottleneck=True, groups=1, outputs=512)


def pose_network() -> ResNet:
    """ResNet-18, 32 groups, to six numbers in logits: rotation and translation."""
    return ResNet((2, 2, 2, 2), bottleneck=False, groups=32, outputs=6)
