"""From 12.5 to 25 frames per second: a frame between each two, along the optical flow.

The published script uses a learned interpolator (RIFE), whose weights are a download of their own. Here OpenCV's DIS
flow (Kroeger et al., 2016) moves both neighbours half-way and averages them: good for the small motions of a talking
head, softer than a learned one where something appears, such as teeth behind opening lips.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]


def doubled(frames: Frames) -> Frames:
    """(F, H, W, 3) -> (2 F, H, W, 3): every frame, then the one half-way to the next; the last is repeated."""
    result = np.repeat(frames, 2, axis=0)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    for i in range(len(frames) - 1):
        result[2 * i + 1] = _between(frames[i], frames[i + 1], flow)
    return result


def _between(before: Frames, behind: Frames, flow: cv2.DISOpticalFlow) -> Frames:
    """The frame half-way, both (H, W, 3)."""
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (before, behind)]
    # DIS needs windows of 8 pixels at its coarsest level; on smaller pictures a plain average is all there is.
    if min(grey[0].shape) < 32:
        return _average(before, behind)
    unknown = np.zeros((*grey[0].shape, 2), np.float32)
    forward = np.asarray(flow.calc(grey[0], grey[1], unknown.copy()), np.float32)  # (H, W, 2): where each pixel goes
    backward = np.asarray(flow.calc(grey[1], grey[0], unknown), np.float32)
    return _average(_moved(before, forward), _moved(behind, backward))


def _moved(frame: Frames, flow: NDArray[np.float32]) -> Frames:
    """The frame after half of its flow; the flow at a pixel stands for the flow of what arrives there."""
    rows, columns = np.mgrid[: frame.shape[0], : frame.shape[1]].astype(np.float32)
    moved = cv2.remap(
        frame, columns - flow[..., 0] / 2, rows - flow[..., 1] / 2, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8)


def _average(one: Frames, other: Frames) -> Frames:
    return np.asarray((one.astype(np.uint16) + other + 1) // 2, np.uint8)
