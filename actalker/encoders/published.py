"""The published encoders: Whisper-tiny, ArcFace, the expression and pose networks, and their projections."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actalker.encoders.arcface import EDGE, ArcFace
from actalker.encoders.crops import HEAD_MARGIN, crop
from actalker.encoders.projections import AudioProjection, ExpressionProjection, IdentityProjection
from actalker.encoders.resnet import expression_network, pose_network
from actalker.encoders.whisper import STEPS_PER_FRAME, AudioEncoder
from actalker.encoders.widths import PublishedWidths
from actalker.shapes import Box, Size

POSE_VALUES = 6
MOTION_EDGE = 256
FRAMES_AT_ONCE = 16
"""Batch size of the expression and pose networks; limits memory."""


class PublishedEncoders(nn.Module):
    """See `Encoders` for the methods. In `eval` mode: ArcFace's batch normalisation must not depend on the batch."""

    def __init__(self, widths: PublishedWidths) -> None:
        super().__init__()
        states = widths.whisper_layers + 1
        self.whisper = AudioEncoder(widths.whisper, widths.whisper_layers)
        self.audio_projection = AudioProjection(
            STEPS_PER_FRAME * states * widths.whisper, widths.audio_hidden, widths.audio_tokens, widths.tokens
        )
        self.arcface = ArcFace(widths.arcface, widths.arcface_counts)
        self.identity_projection = IdentityProjection(512, widths.identity_hidden, widths.tokens)
        self.expression_network = expression_network()
        self.expression_projection = ExpressionProjection(512, widths.tokens - POSE_VALUES)
        self.pose_network = pose_network()
        self._audio_features = (STEPS_PER_FRAME, states, widths.whisper)
        self.eval()

    def audio(self, samples: Tensor) -> Tensor:
        """(S,) -> (S // 640, 32, D)."""
        features = self.whisper(samples)
        result: Tensor = self.audio_projection(features)
        return result

    def identity(self, portrait: Tensor, box: Box) -> Tensor:
        """(3, H, W) -> (1, D)."""
        face = crop(portrait[None], box, EDGE) * 2 - 1
        result: Tensor = self.identity_projection(self.arcface(face))
        return result

    def motion(self, frames: Tensor, box: Box) -> Tensor:
        """(n, 3, H, W) -> (n, 1, D): expression, rotation, translation; the translation is zero, as published."""
        head = box.enlarged(*HEAD_MARGIN, within=Size(*frames.shape[-2:]))
        tokens = []
        for part in torch.split(frames, FRAMES_AT_ONCE):
            expression = self.expression_projection(self.expression_network(crop(part, box, MOTION_EDGE)))
            rotation, translation = pose(self.pose_network(crop(part, head, MOTION_EDGE) * 2 - 1))
            tokens.append(torch.cat([expression, rotation, 0 * translation], dim=1))
        return torch.cat(tokens)[:, None]

    def unconditional(self) -> tuple[Tensor, Tensor]:
        """Audio: the projection of zeros, (32, D). Motion: the projection of zeros and six zeros, (1, D)."""
        weight = self.audio_projection.proj1.weight
        audio: Tensor = self.audio_projection(weight.new_zeros(self._audio_features))
        expression = self.expression_projection(weight.new_zeros(1, 512))
        return audio, F.pad(expression, (0, POSE_VALUES))


def pose(logits: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 6) -> rotation in degrees, -180 to 180, and translation, -2 to 2; (B, 3) each."""
    rotation, translation = torch.sigmoid(logits).chunk(2, dim=1)
    return rotation * 360 - 180, translation * 4 - 2
