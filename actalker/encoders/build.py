"""Builds the encoders and the autoencoder that a checkpoint's configuration selects.

The classes are imported on demand: each kind needs a large library, and a checkpoint uses one kind.
"""

# ruff: noqa: PLC0415

from dataclasses import dataclass, field

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
        from actalker.encoders.published import PublishedEncoders

        return PublishedEncoders(config.published)
    from actalker.encoders.small import SmallEncoders

    assert config.small is not None  # exactly one is given
    return SmallEncoders(config.small)


def build_autoencoder(config: AutoencoderConfig) -> nn.Module:
    """A module with the methods of `Autoencoder`."""
    if config.svd is not None:
        from actalker.encoders.svd import SvdAutoencoder

        return SvdAutoencoder(config.svd)
    from actalker.encoders.autoencoder import PatchAutoencoder

    assert config.patch is not None  # exactly one is given
    return PatchAutoencoder(config.patch)
