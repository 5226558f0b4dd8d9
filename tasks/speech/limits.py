"""How much a script may hold, so that none is read for long: what Markdown readers do in no time with people's texts,
they do in minutes with 100,000 opening brackets, blanks or accents in a row.
"""

import re
import unicodedata
from itertools import groupby
from typing import Final

from tasks.errors import BadInput

MAX_CHARACTERS: Final = 150_000
"""About three hours of speech."""
MAX_LINES: Final = 20_000
MAX_BRACKETS: Final = 20_000
MAX_BLANKS: Final = 1_000
MAX_ACCENTS: Final = 30
"""On one letter: as many as Unicode's "stream-safe" text has (UAX #15)."""

_BLANKS = re.compile(rf"\s{{{MAX_BLANKS + 1}}}")


def check(markdown: str) -> None:
    """Refuse what no person writes.

    Raises:
        BadInput: It is too long, or has too many lines, brackets, blanks in a row, or accents on a letter.
    """
    if len(markdown) > MAX_CHARACTERS:
        raise BadInput(f"it is longer than {MAX_CHARACTERS:,} characters", "Split it into several rows.")
    if max(map(markdown.count, "\r\n")) > MAX_LINES:
        raise BadInput(f"it has more than {MAX_LINES:,} lines", "Split it into several rows.")
    if markdown.count("[") > MAX_BRACKETS:
        raise BadInput(f"it has more than {MAX_BRACKETS:,} opening brackets", "Remove those that mean nothing.")
    if _BLANKS.search(markdown):
        raise BadInput(f"it has more than {MAX_BLANKS:,} blanks in a row", "Remove them.")
    if not markdown.isascii() and _accents(markdown) > MAX_ACCENTS:
        raise BadInput(f"it has a letter with more than {MAX_ACCENTS} accents", "Remove them.")


def _accents(text: str) -> int:
    """How many combining marks there are in a row, at most."""
    runs = groupby(text, lambda character: unicodedata.combining(character) > 0)
    return max((sum(1 for _ in run) for combining, run in runs if combining), default=0)
