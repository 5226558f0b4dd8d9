"""Widths of the encoders, as a checkpoint's configuration states them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedWidths:
    """Whisper-tiny, ArcFace, the expression and pose networks; the defaults are theirs, smaller ones serve tests."""

    tokens: int = 1024
    """Width of every token, as the network takes them."""
    audio_tokens: int = 32
    whisper: int = 384
    whisper_layers: int = 4
    audio_hidden: int = 1024
    arcface: int = 64
    arcface_counts: tuple[int, ...] = (3, 4, 14, 3)
    identity_hidden: int = 1024


@dataclass(frozen=True)
class SmallWidths:
    """Small encoders that are trained here: log-mel, crops of the face."""

    tokens: int = 64
    """Width of every token, as the network takes them."""
    audio_tokens: int = 4
    identity_features: int = 64


@dataclass(frozen=True)
class SvdWidths:
    """SVD's variational autoencoder with its temporal decoder; the defaults are its own."""

    latent_channels: int = 4
    channels: tuple[int, ...] = (128, 256, 512, 512)
    layers: int = 2


@dataclass(frozen=True)
class PatchWidths:
    """The autoencoder of patches that is trained here."""

    latent_channels: int = 64
    finish_width: int = 48
    finish_blocks: int = 6
    finish_coarse_width: int = 96
    finish_coarse_blocks: int = 4
