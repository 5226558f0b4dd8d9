"""Pictures of a finished video: the poster, and the contact sheet that shows at a glance whether it needs a look."""

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tasks import provenance, typeface
from tasks.job import FPS

Picture = NDArray[np.uint8]
"""(height, width, 3), RGB."""

_CANDIDATES = 8
_SILENCE_DB = -60
_EDGE_FRAMES = 12
_COLUMNS, _ROWS = 5, 4
_SHEET_WIDTH = 1600
_GAP = 8
_CAPTION = 32
_BACKGROUND, _INK = (24, 26, 30), (215, 218, 224)


def write_poster(video: Path, levels: Sequence[int], poster: Path) -> None:
    """Write the sharpest of a few frames from pauses, where the mouth is closed.

    Args:
        levels: The loudness of every frame in dBFS.
    """
    pictures = _frames_at(video, _moments(levels))
    _save(Image.fromarray(max(pictures, key=_sharpness)), poster)


def write_contact_sheet(video: Path, frames: int, sheet: Path) -> None:
    """Write 20 frames, evenly spread over the video and each with its time, in 5 columns."""
    numbers = sorted({frames * (2 * cell + 1) // (2 * _COLUMNS * _ROWS) for cell in range(_COLUMNS * _ROWS)})
    pictures = _frames_at(video, numbers)
    height, width = pictures[0].shape[:2]
    across = (_SHEET_WIDTH - _GAP * (_COLUMNS + 1)) // _COLUMNS
    down = across * height // width
    rows = -(-len(pictures) // _COLUMNS)
    image = Image.new("RGB", (_SHEET_WIDTH, _GAP + rows * (down + _CAPTION)), _BACKGROUND)
    draw, font = ImageDraw.Draw(image), ImageFont.truetype(typeface.REGULAR, 18)
    for cell, (number, picture) in enumerate(zip(numbers, pictures, strict=True)):
        left, top = _GAP + cell % _COLUMNS * (across + _GAP), _GAP + cell // _COLUMNS * (down + _CAPTION)
        image.paste(Image.fromarray(picture).resize((across, down), Image.Resampling.LANCZOS), (left, top))
        time = f"{number // FPS // 60:02}:{number // FPS % 60:02}.{number % FPS:02}"
        draw.text((left + across // 2, top + down + _CAPTION // 2 - 2), time, _INK, font, "mm")
    _save(image, sheet)


def _moments(levels: Sequence[int]) -> list[int]:
    """Frames in pauses, evenly spread; the quietest ones when nobody ever pauses."""
    inner = range(min(_EDGE_FRAMES, len(levels) // 3), len(levels) - min(_EDGE_FRAMES, len(levels) // 3))
    pauses = [number for number in inner if levels[number] <= _SILENCE_DB]
    chosen = pauses or sorted(inner, key=lambda number: levels[number])[:_CANDIDATES]
    picks = np.linspace(0, len(chosen) - 1, min(_CANDIDATES, len(chosen))).round().astype(int)
    return sorted({chosen[pick] for pick in picks})


def _frames_at(video: Path, numbers: Sequence[int]) -> list[Picture]:
    """Frames of one of our own videos, by number; each is found from the key frame before it."""
    with av.open(str(video), "r", format="mov") as container:
        stream = container.streams.video[0]
        return [_frame_at(container, stream, number) for number in numbers]


def _frame_at(container: av.container.InputContainer, stream: av.VideoStream, number: int) -> Picture:
    assert stream.time_base is not None
    container.seek(round(number / FPS / stream.time_base), stream=stream)
    for frame in container.decode(stream):
        if frame.pts is not None and round(frame.pts * stream.time_base * FPS) >= number:
            return frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    raise AssertionError(f"the video has no frame {number}")


def _sharpness(picture: Picture) -> float:
    return float(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var())


def _save(image: Image.Image, file: Path) -> None:
    image.save(file, "JPEG", quality=92, subsampling=0, optimize=True, xmp=provenance.xmp())
