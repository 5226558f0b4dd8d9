"""Running text as sentences of words, as they are shown.

A word is what stands between spaces; in a script that writes none (Chinese, Japanese) it is one character. No-break
spaces, and the spaces between the groups of one number, are inside a word.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tasks.speech.boundaries import segments
from tasks.speech.emoji import without_emoji
from tasks.speech.language import primary

NO_BREAK_SPACES: Final = "\u00a0\u2007\u2009\u202f"
"""Those that no line is broken at. The thin space, U+2009, is one here: it is written between a number and its unit."""

_UNSPACED_SCRIPTS: Final = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WIDE_PUNCTUATION: Final = "\u3001-\u3003\u3008-\u301f\uff01-\uff0d\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
_UNSPACED: Final = re.compile(f"[{_UNSPACED_SCRIPTS}{_WIDE_PUNCTUATION}]")
_GROUPED_NUMBER: Final = r"(?<![0-9A-Za-z.,:/+-])[1-9][0-9]{0,2}(?: [0-9]{3})+(?:[.,][0-9]{1,2})?(?![ .,:/-]?[0-9])"
"""Thousands divided by common spaces: "1 299". Where a group has another length, it is something else."""
_SPACES = re.compile(rf"[{NO_BREAK_SPACES}]*[^\S{NO_BREAK_SPACES}]\s*")
_PIECE = re.compile(
    rf"(?P<piece>[{_UNSPACED_SCRIPTS}{_WIDE_PUNCTUATION}]"
    rf"|(?:{_GROUPED_NUMBER}|[^ \u3000{_UNSPACED_SCRIPTS}{_WIDE_PUNCTUATION}])+)(?P<space>[ \u3000]?)"
)
_OPENING: Final = ("Ps", "Pi")
_SYMBOLS_WITH_A_NAME: Final = frozenset("%‰&€$£¥₹+=§°℃℉№@#")


@dataclass(frozen=True, slots=True)
class ShownWord:
    """A word, punctuation included, and the space that the script has after it: often " ", in Chinese mostly ""."""

    text: str
    space: str = " "


def sentences(text: str, language: str) -> Iterator[tuple[ShownWord, ...]]:
    """The words of each sentence. What holds no words (a lone "...") goes to the sentence before it, or is lost."""
    plain = _SPACES.sub(lambda match: "\u3000" if match[0] == "\u3000" else " ", text).strip()
    pending: tuple[ShownWord, ...] = ()
    for sentence in segments(plain, primary(language)):
        if words := _split(sentence):
            if pending:
                yield _ended(pending)
            pending = words
        elif pending:
            pending = _split("".join(word.text + word.space for word in pending) + sentence)
    if pending:
        yield _ended(pending)


def split_words(text: str) -> tuple[str, ...]:
    """The words of a text.

    Punctuation that stands alone goes to the word before it (`so –`), an opening bracket to the word after it.
    """
    return tuple(word.text for word in _split(_SPACES.sub(" ", text).strip()))


def join(words: Sequence[str]) -> str:
    """Words as running text for a voice: with spaces, but none between two characters of a script that writes none."""
    text = ""
    for word in words:
        text += f" {word}" if text and not (is_unspaced(text[-1]) and is_unspaced(word[0])) else word
    return text


def is_spoken(text: str) -> bool:
    """Whether anything of it can be said: a letter, a digit, or a symbol that has a name."""
    plain = without_emoji(text)
    return any(character.isalnum() or character in _SYMBOLS_WITH_A_NAME for character in plain)


def is_unspaced(character: str) -> bool:
    """Whether no space is written beside it: a character of Chinese or Japanese, or their punctuation."""
    return bool(_UNSPACED.match(character))


def _split(text: str) -> tuple[ShownWord, ...]:
    words: list[ShownWord] = []
    ahead = ""
    for match in _PIECE.finditer(text):
        piece = match["piece"].strip(NO_BREAK_SPACES)  # beside a character that no space is written at
        space = match["space"] or match["piece"][len(match["piece"].rstrip(NO_BREAK_SPACES)) :]
        if not piece:
            continue
        if is_spoken(piece):
            words.append(ShownWord(ahead + piece, space))
            ahead = ""
            continue
        opening = len(piece) if ahead or not words else _opening(piece)
        if closing := piece[: len(piece) - opening]:
            last = words[-1]
            words[-1] = ShownWord(last.text + last.space + closing, "" if opening else space)
        ahead += piece[len(piece) - opening :] + space if opening else ""
    if ahead and words:
        words[-1] = ShownWord(words[-1].text + words[-1].space + ahead.rstrip(), "")
    return tuple(words)


def _ended(words: tuple[ShownWord, ...]) -> tuple[ShownWord, ...]:
    """A sentence whose last word is ready to stand before the next one."""
    *before, last = words
    return (*before, ShownWord(last.text, last.space or ("" if is_unspaced(last.text[-1]) else " ")))


def _opening(piece: str) -> int:
    """How many characters at the end of a piece open what follows."""
    return len(piece) - len(piece.rstrip("".join(c for c in set(piece) if unicodedata.category(c) in _OPENING)))
