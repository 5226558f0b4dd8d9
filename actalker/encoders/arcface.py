"""Identity embeddings: the IResNet-50 of ArcFace (Deng et al., 2019), with InsightFace's tensor names.

Pictures are 112 x 112, RGB in [-1, 1].
"""

from collections.abc import Sequence

from torch import Tensor, nn

R50 = (3, 4, 14, 3)
EDGE = 112


class Block(nn.Module):
    """Normalise, convolve, PReLU, convolve (with the stride), add the shortcut; no activation at the end."""

    def __init__(self, in_width: int, width: int, stride: int) -> None:
        super().__init__()
        self.bn1, self.bn2, self.bn3 = nn.BatchNorm2d(in_width), nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(in_width, width, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.prelu = nn.PReLU(width)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(in_width, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H/stride, W/stride)."""
        inner = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        result: Tensor = self.bn3(self.conv2(inner)) + self.downsample(x)
        return result


class ArcFace(nn.Module):
    """Pictures of faces -> identity embeddings."""

    def __init__(self, width: int = 64, counts: Sequence[int] = R50, outputs: int = 512) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1, self.prelu = nn.BatchNorm2d(width), nn.PReLU(width)
        before = width
        for i, count in enumerate(counts):
            inner = width * 2**i
            blocks = [Block(before if j == 0 else inner, inner, 2 if j == 0 else 1) for j in range(count)]
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
            before = inner
        self.depth = len(counts)
        self.bn2 = nn.BatchNorm2d(before)
        self.fc = nn.Linear(before * (EDGE // 2 ** len(counts)) ** 2, outputs)
        self.features = nn.BatchNorm1d(outputs)

    def forward(self, faces: Tensor) -> Tensor:
        """(B, 3, 112, 112) -> (B, outputs), not normalised to length 1."""
        x = self.prelu(self.bn1(self.conv1(faces)))
        for i in range(self.depth):
            x = getattr(self, f"layer{i + 1}")(x)
        result: Tensor = self.features(self.fc(self.bn2(x).flatten(1)))
        return result
