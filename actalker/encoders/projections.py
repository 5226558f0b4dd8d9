"""Published projections of audio, identity and motion, from encoder features to condition tokens.

F frames or B samples; D = token width of the network.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class AudioProjection(nn.Module):
    """Ten encoder steps of all layers -> the audio tokens of one frame."""

    def __init__(self, features: int, hidden: int, tokens: int, width: int) -> None:
        super().__init__()
        self.tokens, self.width = tokens, width
        self.proj1 = nn.Linear(features, hidden)
        self.proj2 = nn.Linear(hidden, hidden)
        self.proj3 = nn.Linear(hidden, tokens * width)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor) -> Tensor:
        """(..., steps, layers, channels) -> (..., tokens, D)."""
        x = F.relu(self.proj1(features.flatten(-3)))
        x = self.proj3(F.relu(self.proj2(x)))
        result: Tensor = self.norm(x.view(*x.shape[:-1], self.tokens, self.width))
        return result


class IdentityProjection(nn.Module):
    """A face embedding -> one identity token."""

    def __init__(self, features: int, hidden: int, width: int) -> None:
        super().__init__()
        self.proj1 = nn.Linear(features, hidden)
        self.proj2 = nn.Linear(hidden, hidden)
        self.proj3 = nn.Linear(hidden, width)

    def forward(self, embedding: Tensor) -> Tensor:
        """(..., features) -> (..., D)."""
        result: Tensor = self.proj3(F.relu(self.proj2(F.relu(self.proj1(embedding)))))
        return result


class ExpressionProjection(nn.Module):
    """Expression features -> the motion token without its last six numbers, which are the pose."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.proj1 = nn.Linear(features, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor) -> Tensor:
        """(..., features) -> (..., D - 6)."""
        result: Tensor = self.norm(self.proj1(features))
        return result
