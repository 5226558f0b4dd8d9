"""Interfaces of the condition encoders and the autoencoders. Each is a `torch.nn.Module` with these methods.

Sound is (S,) mono at 16 kHz in [-1, 1]; D is the token width of the network.
"""

from typing import Protocol, runtime_checkable

from torch import Tensor

from actalker.shapes import Box


class Encoders(Protocol):
    """Driving signals in, condition tokens out. Pictures are (3, H, W) or (n, 3, H, W) in [0, 1]."""

    def audio(self, samples: Tensor) -> Tensor:
        """S samples -> tokens (S // 640, T, D), one row per frame at 25 Hz."""

    def identity(self, portrait: Tensor, box: Box) -> Tensor:
        """Portrait and its face box -> tokens (T, D)."""

    def motion(self, frames: Tensor, box: Box) -> Tensor:
        """Driving frames and their common face box -> tokens (n, T, D)."""

    def unconditional(self) -> tuple[Tensor, Tensor]:
        """Unconditional tokens of audio and motion, (T, D) each: for closed gates and for guidance."""


@runtime_checkable
class LidEncoders(Protocol):
    """Encoders that can make a face blink without driving frames."""

    def lids(self, shut: Tensor) -> Tensor:
        """How far the eyelids are shut in each of n frames, (n,) from 0 to 1 -> motion tokens (n, T, D)."""


class Autoencoder(Protocol):
    """Pictures (N, 3, H, W) in [-1, 1] to latents (N, Z, H / stride, W / stride) and back."""

    stride: int

    def encode(self, pictures: Tensor) -> Tensor:
        """Pictures -> latents, unscaled."""

    def decode(self, latents: Tensor, frames: int, portrait: Tensor) -> Tensor:
        """Latents of N / frames clips, one after the other -> pictures.

        portrait: (3, H, W) in [-1, 1], of all clips. The decoder may take detail from it that encoding lost.
        """


@runtime_checkable
class SourcedAutoencoder(Protocol):
    """An autoencoder that knows from where in the portrait its pictures come: they can be enlarged (`full_size`)."""

    def decode_with_sources(self, latents: Tensor, frames: int, portrait: Tensor) -> Tensor:
        """As `Autoencoder.decode` -> (N, 6, H, W): picture, flow right and down in pixels, agreement from 0 to 1."""
