"""Manifests of different people, sentences and voices, to render videos with nothing wrong in them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from actalker.puppet.drawing import draw
from actalker.puppet.face import REST
from actalker.puppet.person import person
from actalker.puppet.sentences import HELD_OUT, paragraph
from tests.photographs import GRACE, astronaut, dark, opened, tilted

HEADER = "id,portrait,script,voice,preset,size,consent"
VOICES = (
    *("hibari", "en-us+f3", "en-us+m7", "hibari@130", "en-gb", "en-us+f5@170"),
    *("hibari@180", "en-us+m8@120", "en-us", "en-us+m3@165", "en-gb+f2"),
)
SIZES = (256, 256, 320, 256, 384, 256, 512)


def write_manifest(folder: Path, rows: range) -> Path:
    """A row of the preset demo for each number; two drafts and a still of each of four photographs."""
    manifest = folder / "clean.csv"
    manifest.write_text("\n".join([HEADER, *_drawn(folder, rows), *_photographs(folder)]) + "\n")
    return manifest


def _drawn(folder: Path, rows: range) -> Iterator[str]:
    """Below 1000: people whom the demo network has not been trained on."""
    for number in rows:
        size = SIZES[number % len(SIZES)]
        Image.fromarray(draw(person(number), REST, size)).save(folder / f"{number}.png")
        script = _script(folder, number)
        yield f"person-{number},{number}.png,{script},{VOICES[number % len(VOICES)]},demo,{size},"


def _photographs(folder: Path) -> Iterator[str]:
    """Both of `tests.photographs`, and what people make of them."""
    shutil.copy(GRACE, folder / "grace.jpg")
    shutil.copy(astronaut(), folder / "astronaut.png")
    Image.fromarray(tilted(opened(GRACE), 12)).save(folder / "tilted.png")
    Image.fromarray(dark(opened(astronaut()), 0.35)).save(folder / "dark.png")
    for number, name in enumerate(("grace.jpg", "astronaut.png", "tilted.png", "dark.png")):
        for voice, preset in (("hibari", "draft"), ("en-us+m7", "draft"), ("en-gb", "still")):
            script = _script(folder, 10 * number + len(voice))
            yield f"{preset}-{number}-{len(voice)},{name},{script},{voice},{preset},512,public domain"


def _script(folder: Path, number: int) -> str:
    """A sentence that the grammar of the training cannot make, a pause, and one that it can."""
    path = folder / f"{number}.md"
    path.write_text(f"{HELD_OUT[number % len(HELD_OUT)]} [pause 1.2s] {paragraph(5000 + number, 1)}\n")
    return path.name
