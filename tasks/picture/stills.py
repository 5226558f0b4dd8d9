"""Pictures of a finished video: the poster, and the contact sheet that shows at a glance whether it needs a look."""

from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import groupby
from pathlib import Path

import av
from av.container import InputContainer
from PIL import Image, ImageDraw, ImageFont

from tasks.job import FPS
from tasks.media.images import read_image
from tasks.picture import provenance, typeface

_SILENCE_DB = -60
_COLUMNS, _ROWS = 5, 4
_TILE_WIDTH = 310
_GAP = 8
_CAPTION = 32
_BACKGROUND, _INK = (24, 26, 30), (215, 218, 224)


def write_poster(video: Path, levels: Sequence[int], poster: Path) -> None:
    """Write the frame in the middle of the longest pause, where the mouth is closed.

    Args:
        levels: The loudness of every frame in dBFS.
    """
    with _opened(video) as container:
        wanted = _quiet_moment(levels)
        picture = next(frame for number, frame in _frames_from(container, wanted) if number >= wanted)
        _save(_image(picture), poster)


def write_contact_sheet(video: Path, frames: int, sheet: Path) -> None:
    """Write up to 20 key frames, evenly spread over the video and each with its time, in 5 columns.

    Key frames, because they cost one frame's decoding each.
    """
    with _opened(video) as container:
        wanted = (frames * (2 * cell + 1) // (2 * _COLUMNS * _ROWS) for cell in range(_COLUMNS * _ROWS))
        number_at = {_key_frame(container, number): number for number in wanted}  # several may have the same
        tiles = dict(next(_frames_from(container, number)) for number in number_at.values())
    width, height = (first := next(iter(tiles.values()))).width, first.height
    across, down = _TILE_WIDTH, _TILE_WIDTH * height // width
    columns, rows = min(_COLUMNS, len(tiles)), -(-len(tiles) // _COLUMNS)
    image = Image.new("RGB", (_GAP + columns * (across + _GAP), _GAP + rows * (down + _CAPTION)), _BACKGROUND)
    draw, font = ImageDraw.Draw(image), ImageFont.truetype(typeface.REGULAR, 18)
    for cell, (number, picture) in enumerate(tiles.items()):
        left, top = _GAP + cell % _COLUMNS * (across + _GAP), _GAP + cell // _COLUMNS * (down + _CAPTION)
        image.paste(_image(picture).resize((across, down), Image.Resampling.LANCZOS), (left, top))
        time = f"{number // FPS // 60:02}:{number // FPS % 60:02}.{number % FPS:02}"
        draw.text((left + across // 2, top + down + _CAPTION // 2 - 2), time, _INK, font, "mm")
    _save(image, sheet)


def thumbnail(poster: Path, width: int) -> bytes:
    """A poster as a JPEG of this width in pixels at most, to be put into a page.

    Raises:
        BadInput: It is no picture.
    """
    image = Image.fromarray(read_image(poster).pixels)
    image.thumbnail((width, max(1, round(image.height * width / image.width))), Image.Resampling.LANCZOS)
    data = BytesIO()
    image.save(data, "JPEG", quality=72, optimize=True, xmp=provenance.xmp())
    return data.getvalue()


def _quiet_moment(levels: Sequence[int]) -> int:
    """The middle of the longest pause inside the programme; its quietest frame when nobody ever pauses."""
    pauses = [
        [number for number, _ in stretch]
        for quiet, stretch in groupby(enumerate(levels), lambda each: each[1] <= _SILENCE_DB)
        if quiet
    ]
    inner = [pause for pause in pauses if pause[0] > 0 and pause[-1] < len(levels) - 1] or pauses
    if not inner:
        return min(range(len(levels)), key=lambda number: levels[number])
    longest = max(inner, key=len)
    return longest[len(longest) // 2]


def _opened(video: Path) -> InputContainer:
    return av.open(str(video), "r", format="mov")


def _key_frame(container: InputContainer, number: int) -> int:
    """Where in the index of the file the key frame at or before a frame is."""
    stream = container.streams.video[0]
    assert stream.time_base is not None
    return stream.index_entries.search_timestamp(round(number / FPS / stream.time_base))


def _frames_from(container: InputContainer, number: int) -> Iterator[tuple[int, av.VideoFrame]]:
    """The frames of one of our own videos from the key frame at or before `number` on, each with its number."""
    stream = container.streams.video[0]
    assert stream.time_base is not None
    container.seek(round(number / FPS / stream.time_base), stream=stream)
    for frame in container.decode(stream):
        assert frame.pts is not None
        yield round(frame.pts * stream.time_base * FPS), frame


def _image(frame: av.VideoFrame) -> Image.Image:
    return Image.fromarray(frame.to_ndarray(format="rgb24"))


def _save(image: Image.Image, file: Path) -> None:
    image.save(file, "JPEG", quality=92, subsampling=0, optimize=True, xmp=provenance.xmp())
