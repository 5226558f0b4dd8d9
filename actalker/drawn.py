"""A clip as the network drew it, before the CPU makes finished frames of it: interpolation and enlargement."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actalker import full_size
from actalker.interpolation import double_frame_rate
from actalker.shapes import Size

Picture = NDArray[np.uint8]
Levels = NDArray[np.float32]


@dataclass(frozen=True)
class Detail:
    """What enlarging takes besides the frames: where they come from, and the portrait.

    Attributes:
        sources: Of the generated frames.
        portrait: (H, W, 3) from 0 to 255, in the finished size.
        small: (h, w, 3) from 0 to 255, in the network's.
    """

    sources: full_size.Sources
    portrait: Levels
    small: Levels


@dataclass(frozen=True)
class Drawn:
    """Arrays on the CPU.

    Attributes:
        generated: (n, h, w, 3), the frames that the network generated.
        frames: How many finished ones they become.
        stride: Finished frames for each generated one, 1 or 2.
        size: Of the finished ones.
        detail: None where frames are only brought to their size.
    """

    generated: Picture
    frames: int
    stride: int
    size: Size
    detail: Detail | None = None

    def pictures(self) -> Iterator[Picture]:
        """The finished frames, one by one: (H, W, 3)."""
        frames = self.generated if self.stride == 1 else double_frame_rate(self.generated)[: self.frames]
        if self.detail is None:
            return (full_size.fitted(picture, self.size) for picture in frames)
        sources = self.detail.sources if self.stride == 1 else self.detail.sources.doubled(self.frames)
        return full_size.enlarge(frames, sources, full_size.lost_detail(self.detail.portrait, self.detail.small))
