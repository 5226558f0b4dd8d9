"""The head in a larger frame: its place on the canvas, and what is behind it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageColor, ImageOps

from tasks.errors import BadInput
from tasks.job import FPS
from tasks.media import ffmpeg
from tasks.media.images import read_image
from tasks.picture.aspect import BLUR, Aspect

_SHORT_SIDES = (64, 4320)
_BLUR_SHRINK = 40
"""A blurred copy is made this much smaller, blurred there, and enlarged: the blur costs next to nothing."""


@dataclass(frozen=True, slots=True)
class Framing:
    """How the rendered head is shown.

    Attributes:
        aspect: Of the finished picture; SOURCE leaves the rendered picture as it is, and the rest is without effect.
        short_side_px: Of the finished picture: 1080 makes 1920 x 1080, 1080 x 1080, 1080 x 1920.
        backdrop: A colour (`#1d2733`, `navy`), `blur` for a blurred copy of the head, or the path of an image.
        size: Of the head, 1 being the largest that fits.
        center_x, center_y: Where its middle is, as shares of the width and the height; it is kept inside.
    """

    aspect: Aspect = Aspect.SOURCE
    short_side_px: int = 1080
    backdrop: str = BLUR
    size: float = 1.0
    center_x: float = 0.5
    center_y: float = 0.5

    def check(self) -> None:
        """Find out now what would fail when the first video is finished.

        Raises:
            BadInput: The backdrop is neither a colour nor a readable image, or a size is impossible.
        """
        if not 0 < self.size <= 1:
            raise BadInput(f"the head's size in the frame is {self.size:g}: give a share above 0, at most 1")
        if not _SHORT_SIDES[0] <= self.short_side_px <= _SHORT_SIDES[1]:
            raise BadInput(f"the picture's short side is {self.short_side_px} pixels: {_SHORT_SIDES} are possible")
        if self.aspect is not Aspect.SOURCE and self.backdrop != BLUR:
            _draw(self.backdrop, (16, 16))

    def canvas(self, source: tuple[int, int]) -> tuple[int, int]:
        """Width and height of the finished picture, for a rendered one of that size."""
        if self.aspect is Aspect.SOURCE:
            return source
        across, down = (int(side) for side in self.aspect.split(":"))
        unit = self.short_side_px / min(across, down)
        return _even(across * unit), _even(down * unit)

    def box(self, source: tuple[int, int]) -> tuple[int, int, int, int]:
        """Where the head goes: left, top, width, height in pixels, all even."""
        width, height = self.canvas(source)
        scale = min(width / source[0], height / source[1]) * self.size
        across, down = _even(source[0] * scale), _even(source[1] * scale)
        left = min(max(0, width * self.center_x - across / 2), width - across)
        top = min(max(0, height * self.center_y - down / 2), height - down)
        return _even(left), _even(top), across, down


def place(picture: Any, source: tuple[int, int], framing: Framing, work: Path) -> Any:
    """Add the filters that put a head of size `source` into its frame.

    Args:
        picture: The stream of an ffmpeg-python command.
        work: Scratch, for the backdrop.

    Raises:
        BadInput: The backdrop is neither a colour nor a readable image, or the head would be of no size.
    """
    if framing.aspect is Aspect.SOURCE:
        return picture
    framing.check()
    canvas, (left, top, across, down) = framing.canvas(source), framing.box(source)
    if (across, down) == canvas:
        return picture.filter("scale", across, down, flags="lanczos")
    if framing.backdrop == BLUR:
        copies = picture.filter_multi_output("split")
        picture, behind = copies[0], _blurred(copies[1], canvas)
    else:
        behind = _still(framing.backdrop, canvas, work)
    head = picture.filter("scale", across, down, flags="lanczos")
    return ffmpeg.combine([behind, head], "overlay", left, top, shortest=1)


def _blurred(picture: Any, canvas: tuple[int, int]) -> Any:
    small = tuple(max(8, side // _BLUR_SHRINK) for side in canvas)
    return (
        picture.filter("scale", *small, force_original_aspect_ratio="increase", flags="area")
        .filter("crop", *small)
        .filter("gblur", sigma=1.6)
        .filter("scale", *canvas, flags="bicubic")
        .filter("eq", brightness=-0.08, saturation=0.9)
        .filter("setsar", 1)
    )


def _still(backdrop: str, canvas: tuple[int, int], work: Path) -> Any:
    """A colour or an image as an endless stream. It is drawn here: ffmpeg opens no file of the customer's."""
    file = work / "backdrop.png"
    _draw(backdrop, canvas).save(file, compress_level=1)
    return (
        ffmpeg.source(file, "png_pipe")
        .video.filter("scale", out_color_matrix="bt709", out_range="tv")
        .filter("format", "yuv420p")
        .filter("loop", loop=-1, size=1)
        .filter("setpts", f"N/({FPS}*TB)")
        .filter("fps", FPS)
    )


def _draw(backdrop: str, canvas: tuple[int, int]) -> Image.Image:
    if backdrop.startswith("#") or backdrop.lower() in ImageColor.colormap:
        return Image.new("RGB", canvas, _colour(backdrop))
    try:
        picture = read_image(Path(backdrop), max(canvas))
    except BadInput as error:
        problem = f"the backdrop {backdrop!r} is neither a colour nor an image that can be read: {error.problem}"
        raise BadInput(problem, error.remedy) from error
    return ImageOps.fit(Image.fromarray(picture.pixels), canvas, Image.Resampling.LANCZOS)


def _colour(name: str) -> tuple[int, ...]:
    try:
        return ImageColor.getrgb(name)[:3]
    except ValueError as error:
        raise BadInput(f"the backdrop {name!r} is no colour: write it like #1d2733") from error


def _even(side: float) -> int:
    return round(side / 2) * 2
