"""The renderer that needs no network: the portrait as if filmed by a slow, steady camera, and a meter of the voice.

It works on the planes of the lossless file, yuv420p: half the samples of RGB, and none to convert. At 512 x 512 that is
0.7 ms a frame (`pytest -m bench tests/tasks/renderers`); it was 0.8 ms in RGB and 0.8 ms for the conversion.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from tasks.job import OVERLAP_FRAMES, Job, Segment
from tasks.picture.portrait import FaceBox, portrait_of
from tasks.renderers.meter import Meter, Plane, voice_levels
from tasks.renderers.renderer import Renderer
from tasks.renderers.segment_audio import read_sound

ZOOM = 0.035
"""How much closer the camera comes at the middle of a long segment."""
DRIFT = 0.006
"""How far it wanders there, as a share of the width."""
FULL_MOTION_FRAMES = 150
"""Shorter segments move less, so that none moves faster than this one."""
SPARE = 1.06
"""The portrait is kept this much larger than the picture: moving closer enlarges nothing."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a segment's frames are made of.

    Attributes:
        portrait: See `spare_portrait`.
        levels: Of the voice, one a frame.
        size: Width and height of the picture.
    """

    segment: Segment
    portrait: tuple[Plane, Plane, Plane]
    levels: NDArray[np.float64]
    size: tuple[int, int]


class StillRenderer(Renderer[Scene, av.VideoFrame]):
    """See `tasks.renderers.renderer.Renderer`. A frame takes less than a millisecond."""

    def prepare(self, job: Job, segment: Segment) -> Scene:
        """Read the portrait and the sound."""
        size = job.width, job.height
        portrait = spare_portrait(job.portrait, *size, job.face_box, job.portrait_sha256)
        return Scene(segment, portrait, voice_levels(read_sound(segment)), size)

    def draw(self, prepared: Scene, cancelled: Callable[[], bool]) -> Iterator[av.VideoFrame]:
        """Yield frames in yuv420p. The caller's look at the flag, at every frame, is enough."""
        size, portrait = prepared.size, prepared.portrait
        meter = Meter(*size)
        for index, view in enumerate(camera(prepared.segment, *size)):
            frame = av.VideoFrame(*size, "yuv420p")
            luma, *chroma = planes(frame)
            _shoot(portrait[0], view, luma)
            for source, plane in zip(portrait[1:], chroma, strict=True):
                _shoot(source, _halved(view), plane)
            meter.draw(luma, (chroma[0], chroma[1]), prepared.levels[index])
            yield frame

    def finish(self, prepared: Scene, parts: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """The frames as they were drawn."""
        return parts


def planes(frame: av.VideoFrame) -> list[Plane]:
    """Luma (height, width) and both chroma planes (height / 2, width / 2) of a yuv420p frame, to read and write."""
    shapes = [(frame.height, frame.width), *[(frame.height // 2, frame.width // 2)] * 2]
    rows = [np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size) for plane in frame.planes]
    return [row[:height, :width] for row, (height, width) in zip(rows, shapes, strict=True)]


def _shoot(source: Plane, view: NDArray[np.float64], picture: Plane) -> None:
    size = picture.shape[1], picture.shape[0]
    cv2.warpAffine(source, view, size, picture, cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def _halved(view: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same view in planes of half the size, whose pixels are the middles of two by two."""
    scale, shift = view[0, 0], view[:, 2]
    x, y = (0.5 * scale + shift - 0.5) / 2
    return np.array([[scale, 0, x], [0, scale, y]])


def camera(segment: Segment, width: int, height: int) -> Iterator[NDArray[np.float64]]:
    """Where every frame looks: matrices (2, 3) from the picture's pixels to the portrait's.

    The camera rests while neighbours overlap, so that joints do not show whichever segment stands there; in between it
    comes closer and drifts, in a direction of the segment's own.
    """
    inner = max(1, segment.frames - 2 * OVERLAP_FRAMES)
    angle = np.random.default_rng(segment.seed).uniform(0, 2 * np.pi)
    reach = min(1.0, inner / FULL_MOTION_FRAMES)
    for index in range(segment.frames):
        phase = np.clip((index - OVERLAP_FRAMES + 0.5) / inner, 0.0, 1.0)
        away = reach * np.sin(np.pi * phase) ** 2
        scale = SPARE / (1 + ZOOM * away)
        drift = DRIFT * away * width * np.array([np.cos(angle), 0.5 * np.sin(angle)])
        x, y = np.array([width - 1, height - 1]) * (SPARE - scale) / 2 + drift
        yield np.array([[scale, 0, x], [0, scale, y]])


@lru_cache(maxsize=64)
def spare_portrait(
    path: Path, width: int, height: int, face_box: FaceBox, sha256: str = ""
) -> tuple[Plane, Plane, Plane]:
    """A portrait `SPARE` times the size of the picture: luma and both chroma planes, BT.709, limited range.

    Kept for as many portraits as a batch may have in turn: finding the face takes as long as a hundred frames.

    Raises:
        BadInput: The file is no image.
    """
    part = portrait_of(path, width, height, face_box, sha256).pixels
    size = 2 * round(width * SPARE / 2 + 0.5), 2 * round(height * SPARE / 2 + 0.5)
    kind = cv2.INTER_AREA if part.shape[1] > size[0] else cv2.INTER_CUBIC
    sized = np.asarray(cv2.resize(part, size, interpolation=kind), np.uint8)
    frame = av.VideoFrame.from_ndarray(sized, "rgb24").reformat(
        format="yuv420p",
        src_colorspace=Colorspace.ITU709,
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
    )
    luma, first, second = (plane.copy() for plane in planes(frame))
    return luma, first, second
