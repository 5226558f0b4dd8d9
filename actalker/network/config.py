"""Configuration of a network: all widths, counts and switches, and the presets."""

from dataclasses import dataclass
from typing import Literal, Self, get_args

from actalker.serialization import from_dict, to_dict

ScanExtent = Literal["frame", "clip"]
TimeNorm = Literal["default", "scale_shift"]


@dataclass(frozen=True)
class Branch:
    """One driving signal: its name and its number of tokens per frame."""

    name: str
    tokens: int


@dataclass(frozen=True)
class NetworkConfig:
    """Values that define a network. Networks of equal configuration have tensors of equal names and shapes.

    The defaults are the published network (SVD-XT 1.1 with the additions of ACTalker).
    """

    latent_channels: int = 4
    channels: tuple[int, ...] = (320, 640, 1280, 1280)
    attention: tuple[bool, ...] = (True, True, True, False)
    """Which resolutions have transformers; the mid block always has one."""
    heads: tuple[int, ...] = (5, 10, 20, 20)
    layers: int = 2
    """Residual blocks per resolution in the down stages; the up stages have one more."""
    groups: int = 32
    """Groups of every group normalisation."""
    feed_forward_factor: int = 4
    context_width: int = 1024
    """Width of identity, audio and motion tokens."""
    branches: tuple[Branch, ...] = (Branch("audio", 32), Branch("motion", 1))
    adapter_scale: float = 1.25
    pcm: bool = True
    """False: without the parallel-control layers (for ablation)."""
    scan_extent: ScanExtent = "frame"
    """`frame`: each frame is scanned by itself, as published; `clip`: all frames in one scan, as in the paper."""
    scan_state: int = 16
    region_masks: bool = True
    """False: every open branch acts on the whole picture (for ablation)."""
    identity: bool = True
    """False: the identity token is zero (for ablation)."""
    film: bool = False
    """True: each frame's signals are also added to the time embedding; not in the published network."""
    time_norm: TimeNorm = "default"
    """How the time embedding enters the residual blocks. `default`: added, as published. `scale_shift`: as scale and
    shift of the normalised features, so that a frame's signals (`film`) act on features instead of uniformly."""
    time_ids: int = 3
    """Micro-conditioning values per clip: (fps, motion bucket, expression bucket) in the published network."""
    time_id_width: int = 256
    guide_channels: tuple[int, ...] = (16, 32, 96, 256)

    def __post_init__(self) -> None:
        if not len(self.channels) == len(self.attention) == len(self.heads):
            raise ValueError(
                f"channels ({len(self.channels)}), attention ({len(self.attention)}) and heads ({len(self.heads)}) "
                "must name the same number of resolutions"
            )
        for width, heads in zip(self.channels, self.heads, strict=True):
            if width % heads or width % self.groups:
                raise ValueError(f"width {width} is not divisible by {heads} heads and {self.groups} groups")
        if self.scan_extent not in get_args(ScanExtent):
            raise ValueError(f"scan_extent must be 'frame' or 'clip', not {self.scan_extent!r}")
        if self.time_norm not in get_args(TimeNorm):
            raise ValueError(f"time_norm must be 'default' or 'scale_shift', not {self.time_norm!r}")

    @property
    def time_width(self) -> int:
        """Width of the time embedding."""
        return 4 * self.channels[0]

    def to_json(self) -> dict[str, object]:
        """JSON values, as in a checkpoint's config.json."""
        return to_dict(self)

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Inverse of `to_json`. Raises ValueError on an unknown, missing or mistyped value."""
        return from_dict(cls, values, "network")


PUBLISHED = NetworkConfig()
"""The network of the released weights: 1,775,460,842 parameters."""

TINY = NetworkConfig(
    channels=(32, 64, 64, 64),
    heads=(2, 4, 4, 4),
    layers=1,
    context_width=64,
    time_id_width=32,
)
"""The same network at the smallest widths that its normalisations allow: for tests."""
