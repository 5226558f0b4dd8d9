"""The demo's frames at the portrait's own size.

The network draws few pixels. For every place of a frame its finish knows where in the portrait it comes from
(`encoders.autoencoder.Finish`). The detail that is too fine for the network's pixels is carried along that flow, and
added wherever the frame agrees with the portrait that is warped by it. What was painted anew, such as the mouth's
inside, is enlarged and no sharper.

F frames of h x w pixels become frames of H x W.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from actalker.shapes import Size

Frames = NDArray[np.uint8]
Plane = NDArray[np.float32]
Halves = NDArray[np.float16]
"""Half the memory: a segment of 20 s has 200 MB of them."""


@dataclass(frozen=True)
class Sources:
    """Where in the portrait the places of F frames come from.

    Attributes:
        flow: (F, h, w, 2) displacement from a place to its source, right and down, in pixels of h x w.
        agreement: (F, h, w) from 0, painted anew, to 1, as in the warped portrait.
    """

    flow: Halves
    agreement: Halves

    @classmethod
    def of(cls, planes: Halves) -> Self:
        """From (F, 3, h, w): flow right and down, agreement."""
        return cls(np.ascontiguousarray(planes[:, :2].transpose(0, 2, 3, 1)), planes[:, 2])

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Those of one stretch of frames after another."""
        return cls(np.concatenate([part.flow for part in parts]), np.concatenate([part.agreement for part in parts]))

    def doubled(self, frames: int) -> "Sources":
        """Of `frames` frames at twice the rate, as `interpolation.double_frame_rate`: means of two in between."""
        return Sources(_doubled(self.flow)[:frames], _doubled(self.agreement)[:frames])


def lost_detail(portrait: Plane, small: Plane) -> Plane:
    """What the network's pixels cannot hold of the portrait: (H, W, 3), and it in h x w pixels -> (H, W, 3)."""
    height, width = portrait.shape[:2]
    return portrait - np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def fitted(picture: Frames, size: Size) -> Frames:
    """A picture (h, w, 3) in another size, as sharp as it is."""
    if picture.shape[:2] == (size.height, size.width):
        return picture
    kind = cv2.INTER_AREA if picture.shape[0] > size.height else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (size.width, size.height), interpolation=kind), np.uint8)


def enlarge(frames: Frames, sources: Sources, lost: Plane) -> Iterator[Frames]:
    """Frames (F, h, w, 3) one by one in the size of the `lost` detail, (H, W, 3) in grey levels."""
    size = Size(*lost.shape[:2])
    across, down = np.meshgrid(np.arange(size.width, dtype=np.float32), np.arange(size.height, dtype=np.float32))
    scale = np.array([size.width / frames.shape[2], size.height / frames.shape[1]], np.float32)
    for frame, flow, agreement in zip(frames, sources.flow, sources.agreement, strict=True):
        away = _resized(flow.astype(np.float32) * scale, size, cv2.INTER_LINEAR)
        detail = _sampled(lost, across + away[..., 0], down + away[..., 1])
        detail *= _resized(agreement.astype(np.float32), size, cv2.INTER_LINEAR)[..., None]
        detail += _resized(frame.astype(np.float32), size, cv2.INTER_CUBIC)
        yield np.clip(np.rint(detail), 0, 255).astype(np.uint8)


def _sampled(picture: Plane, columns: Plane, rows: Plane) -> Plane:
    sampled = cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, np.float32)


def _resized(picture: Plane, size: Size, kind: int) -> Plane:
    return np.asarray(cv2.resize(picture, (size.width, size.height), interpolation=kind), np.float32)


def _doubled(planes: Halves) -> Halves:
    """(F, ...) -> (2 F, ...)"""
    result = np.repeat(planes, 2, axis=0)
    result[1:-1:2] = (planes[:-1] + planes[1:]) / 2
    return result
