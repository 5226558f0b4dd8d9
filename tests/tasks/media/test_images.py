"""Customers' images: what people have is read and looks right, and nothing else is opened, run or waited for.

pictures/gradient.heic is 160 x 128, and as bright as `GRADIENT`.
"""

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import EpsImagePlugin, ExifTags, Image

from tasks.errors import BadInput
from tasks.media import images
from tasks.media.images import read_image
from tasks.picture.aspect import Aspect
from tasks.picture.framing import Framing
from tasks.picture.portrait import portrait_of
from tests.course import ROOT

HEIC = Path(__file__).parent / "pictures/gradient.heic"
GRADIENT = np.add.outer(np.arange(128), np.arange(160)).astype(np.uint8)  # from 0 to 286, less 256 in one corner
GREY = Image.fromarray(np.minimum(np.add.outer(np.arange(128), np.arange(160)), 255).astype(np.uint8))
COLOURS = Image.merge("RGB", (GREY, GREY.transpose(Image.Transpose.FLIP_LEFT_RIGHT), Image.new("L", GREY.size, 90)))
CUT_OUT = COLOURS.copy()
CUT_OUT.putalpha(Image.fromarray(np.where(np.arange(160) < 80, 255, 0).astype(np.uint8)[None].repeat(128, axis=0)))
CUT_OUT_SHOWN = np.where(np.arange(160)[None, :, None] < 80, np.asarray(COLOURS), images.GROUND[:3])


def saved(folder: Path, image: Image.Image, name: str, **options: object) -> Path:
    image.save(folder / name, **options)  # type: ignore[arg-type]
    return folder / name


def difference(path: Path, expected: Image.Image | NDArray[np.generic]) -> float:
    """Grey levels between a file and what it should look like, in the mean."""
    wanted = np.asarray(expected.convert("RGB") if isinstance(expected, Image.Image) else expected).astype(int)
    return float(np.abs(read_image(path).pixels.astype(int) - wanted).mean())


@pytest.mark.parametrize(
    ("name", "options", "at_most"),
    [
        ("p.png", {}, 0),
        ("p.jpg", {"quality": 95}, 2),
        ("progressive.jpg", {"quality": 95, "progressive": True}, 2),
        ("p.webp", {"lossless": True}, 0),
        ("p.avif", {"quality": 95}, 2),
        ("raw.tif", {}, 0),
        ("lzw.tif", {"compression": "tiff_lzw"}, 0),
        ("jpeg.tif", {"compression": "jpeg", "quality": 95}, 3),
        ("p.mpo", {"quality": 95, "save_all": True, "append_images": [GREY]}, 2),
        ("jpeg-called.png", {"quality": 95, "format": "JPEG"}, 2),
        ("animated.webp", {"lossless": True, "save_all": True, "append_images": [GREY.convert("RGB")]}, 0),
        ("animated.png", {"save_all": True, "append_images": [GREY.convert("RGB")]}, 0),
        ("animated.avif", {"quality": 95, "save_all": True, "append_images": [GREY.convert("RGB")]}, 2),
        ("pages.tif", {"save_all": True, "append_images": [GREY.convert("RGB")]}, 0),
    ],
)
def test_formats_that_people_have_are_read(tmp_path: Path, name: str, options: dict[str, object], at_most: int) -> None:
    assert difference(saved(tmp_path, COLOURS, name, **options), COLOURS) <= at_most


def test_heic_is_read_where_its_reader_is_installed() -> None:
    assert difference(HEIC, Image.fromarray(GRADIENT)) < 8


def test_heic_is_named_where_its_reader_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    images._formats.cache_clear()
    images._read.cache_clear()
    try:
        with pytest.raises(BadInput, match=r"HEIC picture.*JPEG.*pip install 'actalker-batch\[heic\]'"):
            read_image(HEIC)
    finally:
        images._formats.cache_clear()


@pytest.mark.parametrize(
    ("name", "image", "shown"),
    [
        ("grey.png", GREY, GREY),
        ("two.png", GREY.convert("1"), GREY.convert("1")),
        ("palette.png", COLOURS.quantize(256), COLOURS.quantize(256)),
        ("cmyk.tif", COLOURS.convert("CMYK"), COLOURS),
        ("cut-out.png", CUT_OUT, CUT_OUT_SHOWN),
        ("cut-out.webp", CUT_OUT, CUT_OUT_SHOWN),
        ("cut-out.tif", CUT_OUT, CUT_OUT_SHOWN),
        ("grey-cut-out.png", CUT_OUT.convert("LA"), None),
        ("palette-cut-out.png", CUT_OUT.quantize(256), None),
    ],
)
def test_colour_modes_look_alike(
    tmp_path: Path, name: str, image: Image.Image, shown: Image.Image | NDArray[np.uint8] | None
) -> None:
    path = saved(tmp_path, image, name)
    if shown is not None:
        assert difference(path, shown) <= 1
    assert shown is not None or tuple(read_image(path).pixels[64, 120]) == images.GROUND[:3]


def test_a_cmyk_jpeg_looks_as_it_should(tmp_path: Path) -> None:
    assert difference(saved(tmp_path, COLOURS.convert("CMYK"), "p.jpg", quality=95), COLOURS) <= 3


SIXTEEN: dict[str, Callable[[Path], object]] = {
    "grey.png": lambda path: Image.fromarray(np.asarray(GREY).astype(np.uint16) * 257).save(path),
    "grey.tif": lambda path: Image.fromarray(np.asarray(GREY).astype(np.uint16) * 257).save(path),
    "big-endian.tif": lambda path: Image.fromarray((np.asarray(GREY).astype(np.uint16) * 257).astype(">u2")).save(path),
    "written-with-noise.png": lambda path: cv2.imwrite(str(path), np.asarray(GREY) * np.uint16(256) + np.uint16(99)),
    "colours.png": lambda path: cv2.imwrite(str(path), np.asarray(GREY.convert("RGB")).astype(np.uint16) * 257),
    "cut-out.png": lambda path: cv2.imwrite(
        str(path), np.dstack([np.asarray(GREY).astype(np.uint16) * 257] * 3 + [np.full((128, 160), 65535, np.uint16)])
    ),
    "colours.tif": lambda path: cv2.imwrite(str(path), np.asarray(GREY.convert("RGB")).astype(np.uint16) * 257),
}


@pytest.mark.parametrize("name", SIXTEEN)
def test_sixteen_bits_look_like_eight(tmp_path: Path, name: str) -> None:
    SIXTEEN[name](tmp_path / name)
    assert np.abs(read_image(tmp_path / name).pixels.astype(int) - np.asarray(GREY.convert("RGB"))).max() <= 1


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (Image.fromarray(np.ones((128, 128), np.float32)), "stored as 'F'"),
        (Image.fromarray(np.ones((128, 128), np.int32)), "stored as 'I'"),
        (Image.new("LAB", (128, 128)), "stored as 'LAB'"),
    ],
)
def test_samples_of_no_known_range_are_refused(tmp_path: Path, image: Image.Image, says: str) -> None:
    with pytest.raises(BadInput, match=f"{says}.*8 or 16 bits"):
        read_image(saved(tmp_path, image, "p.tif"))


LOOP = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 200 200\n%%EndComments\n{} loop\n"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (LOOP, "PostScript, which is a program and is never run"),
        (b"\xc5\xd0\xd3\xc6" + bytes(26) + LOOP, "PostScript"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"8BPS\0\1", "a Photoshop file"),
        (b"\xff\x0a\xfa", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n", "JPEG 2000"),
        (b"\0\0\0\x18ftypcrx ", "a camera's raw file"),
        (b"\0\0\0\x18ftypisom", "a video"),
        (b"GIF89a", "a GIF"),
        (b"BM", "a Windows bitmap"),
        (b"P6 200 200 255\n", "not an image"),
        (b"#define x_width 200\n", "not an image"),
        (b"", "not an image"),
    ],
)
def test_other_formats_are_named_and_not_opened(tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(BadInput, match=says):
        read_image(tmp_path / "x.png")


def test_postscript_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ghostscript that says whether it was called: Pillow calls it if it may, and here it may not."""
    ran, eps = tmp_path / "ran", tmp_path / "x.png"
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {ran}\n")
    (tmp_path / "gs").chmod(0o755)
    eps.write_bytes(LOOP)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    with pytest.raises(BadInput, match="never run"):
        read_image(eps)
    with pytest.raises(BadInput, match="never run"):
        Framing(Aspect.WIDE, backdrop=str(eps)).check()
    assert not ran.exists()
    with pytest.raises(OSError), Image.open(eps) as opened:
        opened.load()
    assert ran.exists()


def test_one_module_opens_images() -> None:
    """So that no format is opened by chance."""
    files = [path for package in ("flows", "tasks", "actalker") for path in (ROOT / package).rglob("*.py")]
    opening = [path.name for path in files if re.search(r"\bImage\.open\(|\bimread\(", path.read_text())]
    assert opening == ["images.py"]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["p.jpg", "p.png", "p.tif", "p.webp", "p.avif"])
def test_images_are_turned_as_their_exif_says(tmp_path: Path, name: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    pixels = read_image(saved(tmp_path, COLOURS, name, exif=exif)).pixels.astype(int)
    upright = np.asarray(COLOURS).astype(int)
    turned = upright.transpose(1, 0, 2) if orientation > 4 else upright
    turned = turned[::-1] if orientation in {3, 4, 7, 8} else turned
    turned = turned[:, ::-1] if orientation in {2, 3, 6, 7} else turned
    assert pixels.shape == turned.shape
    assert np.abs(pixels - turned).mean() < 6


@pytest.mark.parametrize(
    "block", [b"Exif\0\0MM", b"Exif\0\0XX\0*\0\0\0\x08", b"Exif\0\0II*\0\xff\xff\xff\xff", b"junk"]
)
def test_a_photograph_with_a_damaged_exif_block_is_a_photograph(tmp_path: Path, block: bytes) -> None:
    assert difference(saved(tmp_path, COLOURS, "p.jpg", quality=95, exif=block), COLOURS) <= 2


@pytest.mark.parametrize("name", ["p.jpg", "p.png"])
def test_large_portraits_are_read_smaller_and_their_face_boxes_are_as_exact(tmp_path: Path, name: str) -> None:
    picture = np.full((4801, 6003, 3), 200, np.uint8)
    picture[1001:2203, 3003:4107] = (20, 60, 20)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3
    path = saved(tmp_path, Image.fromarray(picture), name, exif=exif)
    seen = read_image(path)
    assert (seen.size, seen.shrink) == ((3002, 2401), 2)
    box = (6003 - 4107, 4801 - 2203, 6003 - 3003, 4801 - 1001)  # upright, in pixels of the file
    portrait = portrait_of(path, 512, 512, box)
    (face,) = portrait.faces
    assert abs(face.box.size.width - 552) <= 1 and abs(face.box.size.height - 601) <= 1
    dark = portrait.pixels[..., 0] < 110
    inside = np.zeros_like(dark)
    inside[face.box.top : face.box.bottom, face.box.left : face.box.right] = True
    rows, columns = np.nonzero(dark)
    assert np.abs(np.subtract((rows.min(), rows.max() + 1), (face.box.top, face.box.bottom))).max() <= 1
    assert np.abs(np.subtract((columns.min(), columns.max() + 1), (face.box.left, face.box.right))).max() <= 1


def test_smaller_portraits_are_read_as_they_are(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (400, 4700, 3), dtype=np.uint8)
    path = saved(tmp_path, Image.fromarray(noise), "wide.png")
    assert read_image(path).shrink == 1
    assert np.array_equal(read_image(path).pixels, noise)


def test_a_face_box_of_one_pixel_is_a_fault_and_no_traceback(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.new("RGB", (4800, 4800)), "p.png", compress_level=1)
    assert portrait_of(path, 512, 512, (12, 12, 13, 13)).faces[0].box.size.width == 1


PEAK = """
import sys
from pathlib import Path
from tasks.media.images import read_image
# getrusage would count what the process had before it was this program: a copy of the tests.
size = read_image(Path(sys.argv[1])).size
print(size, int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) >> 10)
"""
DRAW = """
import sys
from PIL import Image
Image.MAX_IMAGE_PIXELS = None
Image.new(sys.argv[2], (9400, 9400)).save(sys.argv[1], compress_level=1, quality=80, progressive=sys.argv[3] == "1")
"""


@pytest.mark.parametrize(
    ("name", "mode", "progressive"),
    [("p.png", "RGBA", "0"), ("p.png", "I;16", "0"), ("p.jpg", "RGB", "1"), ("p.jpg", "CMYK", "0")],
)
def test_88_megapixels_take_less_than_a_gigabyte(tmp_path: Path, name: str, mode: str, progressive: str) -> None:
    path = str(tmp_path / name)
    subprocess.run([sys.executable, "-c", DRAW, path, mode, progressive], check=True)
    result = subprocess.run([sys.executable, "-c", PEAK, path], cwd=ROOT, check=True, capture_output=True, text=True)
    size, _, peak_mb = result.stdout.strip().rpartition(" ")
    assert size == "(2350, 2350)"
    assert int(peak_mb) < 800


@pytest.mark.parametrize(
    ("name", "size", "most"),
    [
        ("p.png", (9440, 9440), 89),
        ("p.tif", (8100, 8100), 64),
        ("p.webp", (6100, 6100), 36),
        ("p.png", (16_400, 130), 89),
    ],
)
def test_what_has_too_many_pixels_is_refused_before_it_is_decoded(
    tmp_path: Path, name: str, size: tuple[int, int], most: int
) -> None:
    options = {"quality": 0, "method": 0} if name == "p.webp" else {"compression": "group4"} if name == "p.tif" else {}
    path = saved(tmp_path, Image.new("RGB" if options.get("method") == 0 else "1", size), name, **options)
    with pytest.raises(BadInput, match=f"{size[0]}x{size[1]} pixels. Give at most {most} megapixels, and 16384"):
        read_image(path)


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.new("1", (30_000, 30_000)), "p.png")
    with pytest.raises(BadInput, match="too many pixels"):
        read_image(path)


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", tmp_path, Path("/dev/zero"), Path("/dev/stdin").resolve()):
        if not path.is_file():
            with pytest.raises(BadInput, match="not a file"):
                read_image(path)
    for path in (tmp_path / "none.png", tmp_path / "a\0b.png", tmp_path / ("x" * 300)):
        with pytest.raises(BadInput, match=r"cannot be read|not a file"):
            read_image(path)
    with pytest.raises(BadInput, match=r"backdrop .*pipe\.png.* not a file"):
        Framing(Aspect.WIDE, backdrop=str(tmp_path / "pipe.png")).check()


def test_an_image_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.new("RGB", (128, 128), "red"), "p.png")
    assert read_image(path).pixels[0, 0, 0] == 255
    saved(tmp_path, Image.new("RGB", (130, 128), "blue"), "p.png")
    assert read_image(path).pixels[0, 0, 0] == 0


def encoded(name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    COLOURS.resize((24, 16)).save(buffer, name, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


WHOLE = [
    encoded("PNG"),
    encoded("JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"),
    encoded("TIFF"),
    encoded("TIFF", compression="tiff_lzw"),
    encoded("WEBP"),
    encoded("AVIF"),
    HEIC.read_bytes(),
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(
    data=st.sampled_from(WHOLE),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    kept=st.floats(0, 1),
)
def test_damaged_images_are_refused_in_words(
    tmp_path: Path, data: bytes, changes: list[tuple[float, int]], kept: float
) -> None:
    damaged = bytearray(data[: round(len(data) * max(kept, 0.2)) if kept < 0.9 else len(data)])
    for place, value in changes:
        damaged[int(place * len(damaged))] = value
    (tmp_path / "x.png").write_bytes(damaged)
    try:
        assert read_image(tmp_path / "x.png").pixels.dtype == np.uint8
    except BadInput as refused:
        assert refused.problem and refused.remedy
