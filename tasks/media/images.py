"""Customers' images, the only module that opens them: a few named formats, no larger than needed, as RGB.

Pillow knows some forty formats, among them PostScript, which it has Ghostscript run. Here it tries the named ones only.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from tasks.errors import BadInput

MEGAPIXELS = {"PNG": 89, "JPEG": 89, "TIFF": 64, "WEBP": 36, "AVIF": 48, "HEIF": 48}
"""The formats, and how large a picture of each may be: to decode takes 4, 6, 8, 15, 11 and 11 bytes a pixel, so that
none needs more than 600 MB. 48 megapixels are what telephones take."""

MAX_SIDE_PX = 16_384
KEPT_SIDE_PX = 2304
"""What is left of the short side of a portrait, if it has as much: the largest video has 2160 pixels, and is drawn from
a portrait of 1.06 times its size."""

GROUND = (236, 236, 236, 255)
"""What stands behind cut-outs."""

_STRIP_PX = 256
"""Rows that are converted at a time, so that a picture is never there twice in its full size."""

_OTHER_KINDS = (
    (0, b"%!PS", "PostScript, which is a program and is never run"),
    (0, b"\xc5\xd0\xd3\xc6", "PostScript, which is a program and is never run"),
    (0, b"%PDF", "a PDF"),
    (0, b"GIF8", "a GIF"),
    (0, b"BM", "a Windows bitmap"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"<svg", "an SVG drawing"),
    (0, b"<?xml", "an SVG drawing, or other XML"),
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"JXL ", "JPEG XL"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (4, b"jP  ", "JPEG 2000"),
    (4, b"ftypcrx", "a camera's raw file"),
    (4, b"ftyp", "a video"),
)
"""What else people call a picture: where its first bytes are, these bytes, and its name."""

_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})


@dataclass(frozen=True, slots=True)
class Picture:
    """An image, upright.

    Attributes:
        pixels: (height, width, 3) RGB.
        shrink: How many pixels of the file one of these stands for, along a side: 1, 2, 4 or 8.
    """

    pixels: NDArray[np.uint8]
    shrink: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]


def read_image(path: Path, kept_side_px: int = KEPT_SIDE_PX) -> Picture:
    """An image, turned as its EXIF tag says; what is transparent becomes `GROUND`; of an animation the first picture.

    Args:
        path: The file. The last one that was read is kept: a check looks at a portrait several times in a row.
        kept_side_px: How long its short side has to be. An image of twice the size is read at half of it, and so on.

    Raises:
        BadInput: It is no file, is in another format, has too many pixels, or cannot be decoded whole.
    """
    try:
        facts = path.stat()
        if not path.is_file():
            raise BadInput("it is not a file", "Give the path of a file.")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise BadInput(f"it cannot be read ({error})", "Check the path.") from error
    return _read(path, kept_side_px, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=1)
def _read(path: Path, kept_side_px: int, mtime_ns: int, size: int) -> Picture:
    with _opened(path) as image:
        shrink = next(factor for factor in (8, 4, 2, 1) if factor == 1 or min(image.size) >= factor * kept_side_px)
        width = image.width
        image.draft(None, (width // shrink, image.height // shrink))  # JPEG shrinks while it decodes; others ignore it
        small = _in_strips(image, shrink // round(width / image.width))
        orientation = _orientation(image)
    small.getexif()[ExifTags.Base.Orientation] = orientation
    return Picture(np.asarray(ImageOps.exif_transpose(small)), shrink)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The image, not yet decoded. Every error of Pillow in the block becomes a BadInput."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_formats()) as image:
                _check(image)
                yield image
    except BadInput:
        raise
    except UnidentifiedImageError as error:
        raise _not_read_here(path) from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise BadInput("it has too many pixels", "Scale it down.") from error
    except Exception as error:  # on broken files Pillow raises whatever its parsers stumble over
        raise BadInput(f"it is a broken image ({error})", "Export it again.") from error


@cache
def _formats() -> tuple[str, ...]:
    try:
        import pi_heif  # noqa: PLC0415  an optional extra
    except ImportError:
        return tuple(name for name in MEGAPIXELS if name != "HEIF")
    pi_heif.register_heif_opener()
    return tuple(MEGAPIXELS)


def _check(image: Image.Image) -> None:
    """Refuse, before anything is decoded, what would take too much memory, or has samples of no known range."""
    most = MEGAPIXELS.get(image.format or "", MEGAPIXELS["JPEG"])  # a JPEG with more than one picture is an "MPO"
    if image.width * image.height > most * 1_000_000 or max(image.size) > MAX_SIDE_PX:
        problem = f"it is {image.width}x{image.height} pixels"
        raise BadInput(problem, f"Give at most {most} megapixels, and {MAX_SIDE_PX} on a side.")
    if image.mode in {"I", "F", "LAB"}:
        raise BadInput(f"its colours are stored as {image.mode!r}", "Export it with 8 or 16 bits, in grey or RGB.")


def _in_strips(image: Image.Image, factor: int) -> Image.Image:
    """The image in RGB, `factor` times smaller."""
    small = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    image.load()
    for top in range(0, image.height, _STRIP_PX):
        strip = image.crop((0, top, image.width, min(top + _STRIP_PX, image.height)))
        small.paste(_in_rgb(strip).reduce(factor), (0, top // factor))
    return small


def _in_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):  # which Pillow would cut off at 255
        image = Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, GROUND)
    return Image.alpha_composite(ground, image.convert("RGBA")).convert("RGB")


def _orientation(image: Image.Image) -> int:
    """How the image is to be turned, as EXIF numbers it; 1 where that is damaged: it is a picture all the same.

    To be asked after decoding: some formats are turned by it.
    """
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - see `_opened`
        return 1


def _not_read_here(path: Path) -> BadInput:
    """Why a file that is none of the formats is refused."""
    with path.open("rb") as file:
        head = file.read(32)
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        remedy = "Export it as JPEG, or install the reader: pip install 'actalker-batch[heic]'."
        return BadInput("it is a HEIC picture", remedy)
    for place, magic, name in _OTHER_KINDS:
        if head[place : place + len(magic)] == magic:
            return BadInput(f"it is {name}", "Export it as JPEG or PNG.")
    return BadInput("it is not an image", "Give a PNG, JPEG, WebP, AVIF or TIFF file.")
