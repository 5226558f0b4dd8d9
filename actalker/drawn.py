"""A clip as the network drew it, before the CPU makes finished frames of it: interpolation and enlargement."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actalker import eyelids, full_size
from actalker.interpolation import double_frame_rate
from actalker.shapes import Box, Size

Picture = NDArray[np.uint8]
Levels = NDArray[np.float32]


@dataclass(frozen=True)
class Detail:
    """What finishing takes besides the frames: where they come from, and the portrait.

    Attributes:
        sources: Of the generated frames.
        portrait: (H, W, 3) from 0 to 255, in the finished size.
        small: (h, w, 3) from 0 to 255, in the network's.
        face: In the network's size.
    """

    sources: full_size.Sources
    portrait: Levels
    small: Levels
    face: Box


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
        detail, frames, sources = self.detail, self.generated, None
        if detail is not None:
            frames, sources = eyelids.evened(frames, detail.sources, detail.small, detail.face)
        larger = self.size.area > frames.shape[1] * frames.shape[2]
        if self.stride > 1:
            frames = double_frame_rate(frames)[: self.frames]
        if detail is None or sources is None or not larger:
            return (full_size.fitted(picture, self.size) for picture in frames)
        if self.stride > 1:
            sources = sources.doubled(self.frames)
        return full_size.enlarge(frames, sources, full_size.lost_detail(detail.portrait, detail.small))
