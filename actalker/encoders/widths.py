"""Widths of the encoders and autoencoders in a checkpoint's configuration."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedWidths:
    """Whisper-tiny, ArcFace, the expression and pose networks. The defaults are the published widths."""

    tokens: int = 1024
    """Width D of every token."""
    audio_tokens: int = 32
    whisper: int = 384
    whisper_layers: int = 4
    audio_hidden: int = 1024
    arcface: int = 64
    arcface_counts: tuple[int, ...] = (3, 4, 14, 3)
    identity_hidden: int = 1024


@dataclass(frozen=True)
class SmallWidths:
    """The small encoders that are trained here, on log-mel and face crops."""

    tokens: int = 64
    """Width D of every token."""
    audio_tokens: int = 4
    identity_features: int = 64
    audio_width: int = 192
    audio_dilations: tuple[int, ...] = (1, 1, 1)
    """Of the blocks of the audio encoder, see `AudioEncoder`."""


@dataclass(frozen=True)
class SvdWidths:
    """SVD's variational autoencoder with its temporal decoder. The defaults are the published widths."""

    latent_channels: int = 4
    channels: tuple[int, ...] = (128, 256, 512, 512)
    layers: int = 2


@dataclass(frozen=True)
class PatchWidths:
    """The patch autoencoder that is trained here."""

    latent_channels: int = 64
    finish_width: int = 48
    finish_blocks: int = 6
    finish_coarse_width: int = 96
    finish_coarse_blocks: int = 4
