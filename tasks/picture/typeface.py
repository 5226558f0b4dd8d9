"""The fonts that text is drawn with: the bundled ones, and a folder of the user's.

libass finds fonts through fontconfig. On a machine without fonts it draws nothing and reports success, so it gets a
fonts.conf of ours, and text that no font has letters for is named before it is drawn.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from xml.sax.saxutils import escape

import skia

from tasks.speech.emoji import EMOJI, without_emoji

BUNDLED = Path(__file__).with_name("fonts")
REGULAR = BUNDLED / "NotoSans-Regular.ttf"

_SCRIPTS = ("Noto Sans", "Noto Sans Arabic", "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Thai")
_HAN = {"ja": "Noto Sans CJK JP", "ko": "Noto Sans CJK KR", "zh-hant": "Noto Sans CJK TC", "zh": "Noto Sans CJK SC"}
_TRADITIONAL = {"hant", "tw", "hk", "mo"}


def families(language: str) -> tuple[str, ...]:
    """The bundled families in the order in which they are asked for a letter: Chinese characters have the form of the
    language's own country first."""
    parts = set(language.lower().replace("_", "-").split("-"))
    primary = language.lower().replace("_", "-").partition("-")[0]
    own = _HAN["zh-hant"] if primary in {"zh", "yue"} and parts & _TRADITIONAL else _HAN.get(primary, _HAN["zh"])
    return (*_SCRIPTS, own, *(family for family in _HAN.values() if family != own))


def write_fontconfig(work: Path, language: str, extra: Path | None = None) -> dict[str, str]:
    """Write `work/fonts.conf` for a language.

    Args:
        extra: A folder with more fonts.

    Returns:
        The environment variable that makes fontconfig read it.
    """
    folders = "\n".join(f"  <dir>{escape(str(folder.resolve()))}</dir>" for folder in (BUNDLED, extra) if folder)
    names = "".join(f"<string>{name}</string>" for name in families(language))
    config = work.resolve() / "fonts.conf"
    config.write_text(
        '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">\n<fontconfig>\n'
        f"{folders}\n  <cachedir>{escape(str(config.parent / 'fontcache'))}</cachedir>\n"
        f'  <match target="pattern"><edit name="family" mode="append_last">{names}</edit></match>\n</fontconfig>\n',
        encoding="utf-8",
    )
    return {"FONTCONFIG_FILE": str(config)}


def missing(text: str, extra: Path | None = None) -> str:
    """The characters of a text that no font here has, each once, in order of appearance."""
    wanted = [character for character in dict.fromkeys(text) if unicodedata.category(character)[0] not in "CZ"]
    for typeface in _typefaces(extra):
        if not wanted:
            break
        glyphs = typeface.unicharsToGlyphs([ord(character) for character in wanted])
        wanted = [character for character, glyph in zip(wanted, glyphs, strict=True) if glyph == 0]
    return "".join(wanted)


def undrawable(text: str, extra: Path | None = None) -> tuple[str, ...]:
    """What of a text cannot be drawn, each once: an emoji is drawn whole or not at all."""
    lacking = frozenset(missing(text, extra))
    emoji = (found[0] for found in EMOJI.finditer(text) if not lacking.isdisjoint(found[0]))
    return tuple(dict.fromkeys((*emoji, *(letter for letter in without_emoji(text) if letter in lacking))))


def without_undrawable(ass: str, extra: Path | None = None) -> str:
    """An ASS file without what cannot be drawn, and without the space that it would leave."""
    pieces = sorted(undrawable(ass, extra), key=len, reverse=True)
    if not pieces:
        return ass
    lacking = f"(?: ?(?:{'|'.join(map(re.escape, pieces))}))+ ?"
    runs = re.compile(rf"(?P<begins>(?<=,,)|(?<=\\N)|(?<=\}}))?{lacking}(?P<ends>(?=\\N|\n|\Z))?")
    return runs.sub(_closed_gap, ass)


def _closed_gap(run: re.Match[str]) -> str:
    """What stays where something was left out: a space if there was one, but none where a line begins or ends."""
    inside = run["begins"] is None and run["ends"] is None
    return " " if inside and (run[0][0] == " " or run[0][-1] == " ") else ""


@lru_cache(maxsize=4)
def _typefaces(extra: Path | None) -> tuple[skia.Typeface, ...]:
    reader = skia.FontMgr.New_Custom_Empty()  # which, unlike the default one, does not look at the machine's own fonts
    return tuple(filter(None, (reader.makeFromFile(str(file)) for file in _files(extra))))


def _files(extra: Path | None) -> Iterable[Path]:
    for folder in (BUNDLED, extra):
        if folder:
            yield from sorted(file for file in folder.iterdir() if file.suffix.lower() in {".ttf", ".otf", ".ttc"})
