"""What every set of encoders offers: driving signals in, condition tokens out."""

from typing import Protocol

from torch import Tensor

from actalker.shapes import Box


class Encoders(Protocol):
    """A module (`torch.nn.Module`) with these four methods.

    Pictures are (3, H, W) or (n, 3, H, W) in [0, 1], sound is (S,) mono at 16 kHz in [-1, 1], D the token width.
    """

    def audio(self, samples: Tensor) -> Tensor:
        """S samples -> tokens (S // 640, T, D), one row per frame at 25 Hz."""

    def identity(self, portrait: Tensor, box: Box) -> Tensor:
        """Portrait and its face box -> tokens (T, D)."""

    def motion(self, frames: Tensor, box: Box) -> Tensor:
        """Driving frames and their common face box -> tokens (n, T, D)."""

    def silence(self) -> tuple[Tensor, Tensor]:
        """Unconditional tokens of audio and motion, (T, D) each."""
