"""Encoders and autoencoders as a checkpoint's configuration names them.

The classes are imported on demand: each kind brings a large library, and nobody needs all.
"""

from dataclasses import dataclass, field
from importlib import import_module

from torch import nn

from actalker.encoders.widths import PatchWidths, PublishedWidths, SmallWidths, SvdWidths


@dataclass(frozen=True)
class EncodersConfig:
    """Exactly one kind of condition encoders, with its widths."""

    published: PublishedWidths | None = field(default_factory=PublishedWidths)
    small: SmallWidths | None = None

    def __post_init__(self) -> None:
        if (self.published is None) == (self.small is None):
            raise ValueError("encoders: exactly one of 'published' and 'small' must be given")


@dataclass(frozen=True)
class AutoencoderConfig:
    """Exactly one kind of autoencoder, with its widths."""

    svd: SvdWidths | None = field(default_factory=SvdWidths)
    patch: PatchWidths | None = None

    def __post_init__(self) -> None:
        if (self.svd is None) == (self.patch is None):
            raise ValueError("autoencoder: exactly one of 'svd' and 'patch' must be given")


def build_encoders(config: EncodersConfig) -> nn.Module:
    """A module with the methods of `Encoders`."""
    if config.published is not None:
        return _build("published", "PublishedEncoders", config.published)
    return _build("small", "SmallEncoders", config.small)


def build_autoencoder(config: AutoencoderConfig) -> nn.Module:
    """A module with the methods of `Autoencoder`."""
    if config.svd is not None:
        return _build("svd", "SvdAutoencoder", config.svd)
    return _build("autoencoder", "PatchAutoencoder", config.patch)


def _build(file: str, name: str, widths: object) -> nn.Module:
    module: nn.Module = getattr(import_module(f"actalker.encoders.{file}"), name)(widths)
    return module
