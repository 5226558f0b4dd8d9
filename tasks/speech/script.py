"""What is said: a Markdown script as sentences of words, with its headings and pauses.

Spoken and shown are the words of paragraphs, lists and quotations, inline code included. Neither spoken nor shown are
headings (they become chapters), stage directions (`[smiles]`, or a paragraph in round brackets), code blocks, tables,
images, HTML, front matter and web addresses. `[pause 1.5s]` is silence, and ends the sentence it stands in.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token
from sentencex import segment

from tasks.errors import BadInput

MAX_PAUSE_MS: Final = 60_000
DEFAULT_PAUSE_MS: Final = 1_000

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_PAUSE = re.compile(r"pause(?:\s+(?P<length>\d+(?:[.,]\d+)?)\s*(?P<unit>ms|s|sec|seconds?)?)?", re.IGNORECASE)
_DIRECTION_ALONE = re.compile(r"\([^()]*\)")
_WEB_ADDRESS = re.compile(r"\s*(?:https?|ftp)://\S*[^\s.,;:!?…\"'”’»)\]]")
_BREAKABLE_SPACE = re.compile(r"[^\S\u00a0\u202f]+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_SYMBOLS_WITH_A_NAME = frozenset("%‰&€$£¥+=§°@#")


class Ends(StrEnum):
    """What ends together with a sentence: it decides how long the silence after it is."""

    SENTENCE = "sentence"
    PARAGRAPH = "paragraph"
    SECTION = "section"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One unit of speech.

    Attributes:
        words: As shown, punctuation included; no word is empty, and each holds something that can be said.
        pause_ms: Silence that the script asks for after it, on top of what `ends` asks for.
    """

    words: tuple[str, ...]
    ends: Ends = Ends.SENTENCE
    pause_ms: int = 0

    @property
    def text(self) -> str:
        """The sentence as it is shown."""
        return join(self.words)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading, and the sentence that it stands before (as many as there are sentences: it stands at the end)."""

    title: str
    level: int
    sentence: int


@dataclass(frozen=True, slots=True)
class Script:
    """A parsed script. `lead_ms` is silence that it asks for before its first sentence."""

    sentences: tuple[Sentence, ...]
    headings: tuple[Heading, ...] = ()
    lead_ms: int = 0

    @property
    def words(self) -> tuple[str, ...]:
        """Every word in order."""
        return tuple(word for sentence in self.sentences for word in sentence.words)


def parse(markdown: str, language: str = "en") -> Script:
    """Read a script. Variables must have been filled in (tasks/speech/variables.py).

    Raises:
        BadInput: It holds nothing to say, or a `[pause ...]` that cannot be understood.
    """
    sentences: list[Sentence] = []
    headings: list[Heading] = []
    lead_ms = 0
    for block in _blocks(markdown):
        if isinstance(block, Heading):
            headings.append(replace(block, sentence=len(sentences)))
            _end(sentences, Ends.SECTION)
            continue
        for piece in _pieces(block):
            if isinstance(piece, str):
                sentences += [Sentence(words) for words in _sentences(piece, language)]
            elif sentences:
                sentences[-1] = replace(sentences[-1], pause_ms=sentences[-1].pause_ms + piece)
            else:
                lead_ms += piece
        _end(sentences, Ends.PARAGRAPH)
    if not sentences:
        raise BadInput("the script has nothing to say: it holds no words outside headings, code and stage directions")
    return Script(tuple(sentences), tuple(headings), lead_ms)


def join(words: tuple[str, ...]) -> str:
    """Words as running text: with spaces, but none between two characters of a script that writes none."""
    text = ""
    for word in words:
        text += f" {word}" if text and not (_is_unspaced(text[-1]) and _is_unspaced(word[0])) else word
    return text


def split_words(text: str) -> tuple[str, ...]:
    """The words of a text as they are shown: what stands between spaces, and each character where none are written.

    Punctuation that stands alone goes to the word before it (`so –`), or to the first word after it.
    """
    words: list[str] = []
    orphan = ""
    for token in _BREAKABLE_SPACE.split(text.strip()):
        for part in _characters(token):
            if not is_spoken(part):
                if words:
                    words[-1] += part if _is_unspaced(words[-1][-1]) else f" {part}"
                else:
                    orphan += part
            else:
                words.append(orphan + part)
                orphan = ""
    return tuple(words)


def is_spoken(text: str) -> bool:
    """Whether anything of it can be said: a letter, a digit, or a symbol that has a name."""
    return any(character.isalnum() or character in _SYMBOLS_WITH_A_NAME for character in text)


@cache
def _parser() -> MarkdownIt:
    """One for all: to make it takes longer than to parse a page."""
    return MarkdownIt("commonmark").enable("table")


def _blocks(markdown: str) -> Iterator[Heading | str]:
    """Headings, and the running text of every other block that is spoken."""
    text = _FRONT_MATTER.sub("", _clean(markdown))
    tokens = _parser().parse(text)
    in_table, level = False, 0
    for token in tokens:
        if token.type in {"table_open", "table_close"}:
            in_table = token.type == "table_open"
        elif token.type in {"heading_open", "heading_close"}:
            level = int(token.tag[1]) if token.type == "heading_open" else 0
        elif token.type == "inline" and not in_table:
            running = _running_text(token.children or [])
            if not level:
                yield running
            elif title := " ".join(_BRACKETS.sub(" ", running).split()):
                yield Heading(title, level, 0)


def _running_text(children: list[Token]) -> str:
    parts: list[str] = []
    for token in children:
        if token.type in {"softbreak", "hardbreak"}:
            parts.append(" ")
        elif token.type in {"text", "text_special", "code_inline"}:
            parts.append(token.content)
    return _WEB_ADDRESS.sub("", "".join(parts))


def _pieces(block: str) -> Iterator[str | int]:
    """The text between stage directions, and the pauses in milliseconds."""
    if _DIRECTION_ALONE.fullmatch(block.strip()):
        return
    text = ""
    end = 0
    for match in _BRACKETS.finditer(block):
        text += block[end : match.start()] + " "
        end = match.end()
        if match[1].strip().lower().startswith("pause"):
            yield text
            yield _pause_ms(match[1].strip())
            text = ""
    yield text + block[end:]


def _pause_ms(direction: str) -> int:
    match = _PAUSE.fullmatch(direction)
    if match is None:
        raise BadInput(f"[{direction}] is no pause; write [pause 1.5s] or [pause 800ms]")
    if match["length"] is None:
        return DEFAULT_PAUSE_MS
    unit_ms = 1 if (match["unit"] or "s").lower() == "ms" else 1000
    length_ms = round(float(match["length"].replace(",", ".")) * unit_ms)
    if length_ms > MAX_PAUSE_MS:
        raise BadInput(f"[{direction}] is too long; a pause may last {MAX_PAUSE_MS // 1000} s")
    return length_ms


def _sentences(text: str, language: str) -> Iterator[tuple[str, ...]]:
    """The words of each sentence. What holds no words (a lone "...") goes to the sentence before it, or is lost."""
    pending: tuple[str, ...] = ()
    for sentence in segment(language.partition("-")[0], text):
        words = split_words(sentence)
        if words:
            if pending:
                yield pending
            pending = words
        elif pending and sentence.strip():
            pending = (*pending[:-1], f"{pending[-1]} {sentence.strip()}")
    if pending:
        yield pending


def _end(sentences: list[Sentence], ends: Ends) -> None:
    if sentences:
        sentences[-1] = replace(sentences[-1], ends=ends)


def _characters(token: str) -> Iterator[str]:
    """A token whole, or cut at every character of a script without spaces."""
    start = 0
    for match in _UNSPACED.finditer(token):
        if match.start() > start:
            yield token[start : match.start()]
        yield match[0]
        start = match.end()
    if start < len(token):
        yield token[start:]


def _is_unspaced(character: str) -> bool:
    return bool(_UNSPACED.match(character)) or unicodedata.east_asian_width(character) in "WF"


def _clean(text: str) -> str:
    """Composed letters, plain line ends, and none of the invisible characters that turn or hide text.

    The two joiners stay: Persian and Indic words need them.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(
        character
        for character in text
        if character in "\n\t\u200c\u200d" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
    )
