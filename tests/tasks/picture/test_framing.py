"""The head in its frame: where it is, and what is behind it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tasks.errors import BadInput
from tasks.media import ffmpeg
from tasks.media.decode import decode_frames
from tasks.picture.aspect import Aspect
from tasks.picture.framing import Framing, place
from tests.tasks.media_samples import write_clip

RED = np.full((64, 64, 3), (200, 30, 30), np.uint8)


def framed(
    tmp_path: Path, framing: Framing, picture: NDArray[np.uint8] = RED, count: int = 5
) -> list[NDArray[np.uint8]]:
    height, width = picture.shape[:2]
    clip, result = write_clip(tmp_path / "head.avi", [picture] * count), tmp_path / "framed.avi"
    frame = place(ffmpeg.source(clip, "avi").video, (width, height), framing, tmp_path)
    ffmpeg.execute(
        ffmpeg.sink([frame], result, "avi", **{"c:v": "utvideo", "colorspace": "bt709"}),
        what="framing",
        time_limit_s=60,
    )
    return list(decode_frames(result))


@pytest.mark.parametrize(
    ("aspect", "canvas"),
    [
        (Aspect.SOURCE, (512, 512)),
        (Aspect.WIDE, (1920, 1080)),
        (Aspect.SQUARE, (1080, 1080)),
        (Aspect.TALL, (1080, 1920)),
    ],
)
def test_the_canvas_has_the_aspect_and_the_short_side(aspect: Aspect, canvas: tuple[int, int]) -> None:
    assert Framing(aspect).canvas((512, 512)) == canvas


@given(
    st.sampled_from([Aspect.WIDE, Aspect.SQUARE, Aspect.TALL]),
    st.integers(240, 2160),
    st.floats(0.05, 1),
    st.floats(-1, 2),
    st.floats(-1, 2),
    st.tuples(st.integers(64, 1024), st.integers(64, 1024)),
)
def test_the_head_is_inside_even_and_in_proportion(
    aspect: Aspect, short: int, size: float, x: float, y: float, source: tuple[int, int]
) -> None:
    framing = Framing(aspect, short, size=size, center_x=x, center_y=y)
    width, height = framing.canvas(source)
    left, top, across, down = framing.box(source)
    assert 0 <= left <= left + across <= width + 1 and 0 <= top <= top + down <= height + 1
    assert not any(side % 2 for side in (left, top, across, down, width, height))
    assert abs(across * source[1] - down * source[0]) <= 2 * max(source)


def test_on_a_colour(tmp_path: Path) -> None:
    framing = Framing(Aspect.WIDE, 90, "#2040a0", center_x=0.75)
    frames = framed(tmp_path, framing)
    left, top, across, down = framing.box((64, 64))
    assert len(frames) == 5 and frames[0].shape == (90, 160, 3)
    for frame in frames:
        assert np.abs(frame[10:80, 4 : left - 4].astype(int) - (0x20, 0x40, 0xA0)).max() <= 4
        assert np.abs(frame[top + 4 : top + down - 4, left + 4 : left + across - 4].astype(int) - RED[0, 0]).max() <= 4


def test_on_an_image_that_covers_the_canvas(tmp_path: Path) -> None:
    image = tmp_path / "my 'büro' 😀.png"
    Image.fromarray(np.full((300, 40, 3), (10, 160, 60), np.uint8)).save(image)
    frame = framed(tmp_path, Framing(Aspect.TALL, 90, str(image), size=0.5))[-1]
    assert frame.shape == (160, 90, 3)
    assert np.abs(frame[2:20].astype(int) - (10, 160, 60)).max() <= 4


def test_on_a_blurred_copy_of_itself(tmp_path: Path) -> None:
    stripes = RED.copy()
    stripes[::4] = (255, 255, 255)
    frame = framed(tmp_path, Framing(Aspect.WIDE, 90, "blur"), stripes)[0].astype(int)
    beside = frame[10:80, 2:30]
    assert abs(beside[..., 0].mean() - stripes[..., 0].mean()) < 40, "it has not the head's colours"
    assert np.abs(np.diff(beside, axis=0)).max() < 8, "the stripes are still seen"


def test_a_square_head_fills_a_square(tmp_path: Path) -> None:
    frame = framed(tmp_path, Framing(Aspect.SQUARE, 128, "#000000"))[0]
    assert frame.shape == (128, 128, 3) and np.abs(frame.astype(int) - RED[0, 0]).max() <= 4


@pytest.mark.parametrize("backdrop", ["no such colour", "/no/such.png", __file__, "#12345", ""])
def test_a_backdrop_that_is_nothing_is_refused(tmp_path: Path, backdrop: str) -> None:
    with pytest.raises(BadInput, match=r"neither a colour nor an image|is no colour"):
        framed(tmp_path, Framing(Aspect.WIDE, 90, backdrop))


def test_a_head_of_no_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="give a share above 0, at most 1"):
        framed(tmp_path, Framing(Aspect.WIDE, 90, size=1.5))
