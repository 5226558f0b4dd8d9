"""What a network is made of: every width, count and switch, with the presets that the project knows."""

from dataclasses import dataclass
from typing import Literal, Self, get_args

from actalker.serialization import from_dict, to_dict

ScanExtent = Literal["frame", "clip"]
TimeNorm = Literal["default", "scale_shift"]


@dataclass(frozen=True)
class Branch:
    """One driving signal: its name and how many tokens of it each frame carries."""

    name: str
    tokens: int


@dataclass(frozen=True)
class NetworkConfig:
    """Values that define a network; two networks of equal configuration have equal tensors.

    The defaults are the published network (SVD-XT 1.1 with the additions of ACTalker).
    """

    latent_channels: int = 4
    channels: tuple[int, ...] = (320, 640, 1280, 1280)
    attention: tuple[bool, ...] = (True, True, True, False)
    """Which resolutions carry transformers (the mid block always does)."""
    heads: tuple[int, ...] = (5, 10, 20, 20)
    layers: int = 2
    """Residual blocks per resolution on the way down; one more on the way up."""
    groups: int = 32
    """Groups of every group normalisation."""
    feed_forward_factor: int = 4
    context_width: int = 1024
    """Width of identity, audio and motion tokens."""
    branches: tuple[Branch, ...] = (Branch("audio", 32), Branch("motion", 1))
    adapter_scale: float = 1.25
    pcm: bool = True
    """False leaves the parallel-control layers out (for ablation)."""
    scan_extent: ScanExtent = "frame"
    """`frame`: each frame is scanned by itself, as published; `clip`: all frames in one scan, as in the paper."""
    scan_state: int = 16
    region_masks: bool = True
    """False lets every open branch act on the whole picture (for ablation)."""
    identity: bool = True
    """False hides the identity token (for ablation)."""
    film: bool = False
    """True adds each frame's signals to the time embedding as well; the published network does not."""
    time_norm: TimeNorm = "default"
    """How the time embedding enters the residual blocks: added, as published, or as a scale and a shift of the
    normalised features, which lets a frame's signals (`film`) act where features are rather than everywhere."""
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
