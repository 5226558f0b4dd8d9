"""Writing systems: which letters a text is written in, and which languages' voices can read them.

A voice of espeak-ng reads the letters of its own language, and Latin ones with English sounds. Any other letters it
spells, names by their code, calls "Chinese letter", each of them, or reads in the voice of another language.
"""

import unicodedata
from collections import Counter
from functools import cache
from typing import Final

from tasks.speech.language import primary

LATIN: Final = "LATIN"
HAN: Final = "CJK"
KANA: Final = frozenset({"HIRAGANA", "KATAKANA"})
JAPANESE: Final = "ja"

_READ_BY: Final = {
    "ARABIC": "ar fa sd ug ur",
    "ARMENIAN": "hy hyw",
    "BENGALI": "as bn bpy",
    HAN: "cmn yue zh",
    "CYRILLIC": "ba be bg bs cv hbs hr kk ky mk nog ru sr tt uk uz",
    "DEVANAGARI": "hi kok mr ne",
    "ETHIOPIC": "am ti",
    "GEORGIAN": "ka",
    "GREEK": "el grc",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "HANGUL": "ko",
    "HEBREW": "he",
    "HIRAGANA": JAPANESE,
    "KANNADA": "kn",
    "KATAKANA": JAPANESE,
    "MALAYALAM": "ml",
    "MYANMAR": "my shn",
    "ORIYA": "or",
    "SINHALA": "si",
    "TAMIL": "ta",
    "TELUGU": "te",
    "THAI": "th",
}
"""The languages whose voices read a writing system, Latin apart. tests/tasks/speech/test_writing.py asks each voice."""

_MOST_UNREAD: Final = 0.2
"""The share of a text's letters that its voice may not be able to read: foreign names, but not whole sentences."""
_MOST_KANJI: Final = 0.05
"""The same in Japanese, whose voice reads kana only: kanji are no foreign names, and each stands for several kana."""

_EXAMPLES: Final = 5
_NAMES: Final = {HAN: "Chinese characters", "MYANMAR": "Burmese letters", "ORIYA": "Odia letters"}


def letters(text: str) -> Counter[str]:
    """How many letters of each writing system a text has: `{"LATIN": 9, "CJK": 3}`."""
    found: Counter[str] = Counter()
    for character, count in Counter(unicodedata.normalize("NFKC", text)).items():
        if writing := _writing(character):
            found[writing] += count
    return found


def readers(writing: str) -> tuple[str, ...]:
    """The languages whose voices read a writing system; empty for Latin, which all read, and where none does."""
    return tuple(_READ_BY.get(writing, "").split())


def unread(text: str, language: str) -> Counter[str]:
    """The letters of a text that a language's voice cannot read, by writing system."""
    return Counter({name: count for name, count in letters(text).items() if not _reads(language, name)})


def is_read(text: str, language: str) -> bool:
    """Whether a language's voice can read a text, but for foreign names in it."""
    most = _MOST_KANJI if primary(language) == JAPANESE else _MOST_UNREAD
    return unread(text, language).total() <= most * letters(text).total()


def examples(text: str, writing: str) -> str:
    """The first letters of a writing system in a text."""
    return "".join([character for character in text if _writing(character) == writing][:_EXAMPLES])


def main(text: str) -> str:
    """The writing system that most letters of a text are of; empty when it has none."""
    found = letters(text)
    return max(found, key=lambda writing: found[writing], default="")


def name(writing: str) -> str:
    """How people call the letters of a writing system."""
    return _NAMES.get(writing, f"{writing.capitalize()} letters")


def _reads(language: str, writing: str) -> bool:
    return writing == LATIN or primary(language) in readers(writing)


@cache
def _writing(character: str) -> str:
    """The writing system of a letter, by its name in Unicode; empty for what is no letter."""
    if unicodedata.category(character) not in {"Lu", "Ll", "Lt", "Lo"}:
        return ""
    return unicodedata.name(character, "").partition(" ")[0]
