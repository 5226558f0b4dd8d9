"""What is said: a Markdown script as sentences of words, with its headings and pauses.

Spoken and shown are the words of paragraphs, lists and quotations, inline code included. Neither spoken nor shown are
headings (they become chapters), stage directions (`[smiles]`, or a paragraph in round brackets), code blocks, tables,
images, footnotes, what is struck out, HTML and front matter. `[pause 1.5s]` is silence, and ends the sentence it stands
in. Of a long web address the host is shown.
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
from mdit_py_plugins.footnote import footnote_plugin

from tasks.errors import BadInput
from tasks.speech.addresses import shortened
from tasks.speech.emoji import EMOJI
from tasks.speech.language import is_right_to_left, primary
from tasks.speech.sentences import ShownWord, is_unspaced, sentences

MAX_PAUSE_MS: Final = 60_000
DEFAULT_PAUSE_MS: Final = 1_000

_FRONT_MATTER = re.compile(
    r"""\A(?P<fence>---|\+\+\+)[ \t]*\n
    (?=[ \t]*(?:[\w"'.-]+[ \t]*[:=]|\#|(?P=fence)))   # a key, a comment or nothing: else it is a rule, and words follow
    (?:.*\n)*?(?:(?P=fence)|\.\.\.)[ \t]*(?:\n|\Z)""",
    re.VERBOSE,
)
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_PAUSE = re.compile(r"pause(?:\s+(?P<length>\d+(?:[.,]\d+)?)\s*(?P<unit>ms|s|sec|seconds?)?)?", re.IGNORECASE)
_DIRECTION_ALONE = re.compile(r"\([^()]*\)")
_CLOSING = re.compile(r"[.,;:!?…»”’)]")
_PASSED_OVER: Final = {"table_open", "table_close", "footnote_block_open", "footnote_block_close"}
_BREAK = re.compile(r"<br\b", re.IGNORECASE)
_LINE_END = re.compile(r"[^\S\n]*\n\s*")
_GERMAN_DATE_AT_LINE_START = re.compile(
    r"^([ \t>*+-]*\d{1,3})\.(?=[ \t]+(?:Januar|Februar|März|April|Mai|Ju[nl]i|August|September"
    r"|Oktober|November|Dezember|Jahrhundert)\b)",
    re.MULTILINE,
)
"""Markdown would take "3. Mai" for the third entry of a list, and the number would be lost."""
_LEFT_TO_RIGHT: Final = "\u200e"
_NUMBER_FROM_LEFT = re.compile(
    r"""(?<![\w\u200e+(.,-])
    (?:\+\d+ (?:[ \u00a0()/-]{1,3}\d+)+                         # +49 89 123456
    |(?=(?:\D{0,2}\d){6}) \(?0\d*(?:[ \u00a0()/-]{1,3}\d+)+   # 03-1234567, (03) 123 4567
    |(?=(?:\D?\d){7}) \d+(?:[/-]\d+)+)                        # 2024-05-03
    """,
    re.VERBOSE,
)
"""A telephone number or a date in groups: among Arabic or Hebrew words its groups would be shown in reverse order."""
_SHIELDED: Final = str.maketrans("[]()", "\ue000\ue001\ue002\ue003")
_SHIELDED_BACK: Final = {shield: character for character, shield in _SHIELDED.items()}
_KEPT: Final = "\n\t\u200c\u200d\u200e\u200f\u061c"
_INVISIBLE: Final = {"Cc", "Cf", "Cs", "Co", "Cn"}


class Ends(StrEnum):
    """What ends together with a sentence: it decides how long the silence after it is."""

    SENTENCE = "sentence"
    PARAGRAPH = "paragraph"
    SECTION = "section"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One unit of speech.

    Attributes:
        shown: Its words; none is empty, and each holds something that can be said.
        pause_ms: Silence that the script asks for after it, on top of what `ends` asks for.
    """

    shown: tuple[ShownWord, ...]
    ends: Ends = Ends.SENTENCE
    pause_ms: int = 0

    @property
    def words(self) -> tuple[str, ...]:
        """Its words as text."""
        return tuple(word.text for word in self.shown)

    @property
    def text(self) -> str:
        """The sentence as it is shown."""
        return "".join(word.text + word.space for word in self.shown).rstrip()


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
    spoken: list[Sentence] = []
    headings: list[Heading] = []
    lead_ms = 0
    for block in _blocks(markdown, language):
        if isinstance(block, Heading):
            headings.append(replace(block, sentence=len(spoken)))
            _end(spoken, Ends.SECTION)
            continue
        for piece in _pieces(block):
            if isinstance(piece, str):
                shown = _NUMBER_FROM_LEFT.sub(f"{_LEFT_TO_RIGHT}\\g<0>", piece) if is_right_to_left(language) else piece
                spoken += [Sentence(words) for words in sentences(shortened(shown), language)]
            elif spoken:
                spoken[-1] = replace(spoken[-1], pause_ms=spoken[-1].pause_ms + piece)
            else:
                lead_ms += piece
        _end(spoken, Ends.PARAGRAPH)
    if not spoken:
        raise BadInput("the script has nothing to say: it holds no words outside headings, code and stage directions")
    return Script(tuple(spoken), tuple(headings), lead_ms)


@cache
def _parser() -> MarkdownIt:
    """One for all: to make it takes longer than to parse a page. Escaped characters stay apart from other text."""
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).use(footnote_plugin).disable("text_join")


def _blocks(markdown: str, language: str) -> Iterator[Heading | str]:
    """Headings, and the running text of every other block that is spoken."""
    text = _FRONT_MATTER.sub("", _clean(markdown))
    if primary(language) == "de":
        text = _GERMAN_DATE_AT_LINE_START.sub(r"\1\\.", text)
    passed_over, level = 0, 0
    for token in _parser().parse(text):
        if token.type in _PASSED_OVER:
            passed_over += token.nesting
        elif token.type in {"heading_open", "heading_close"}:
            level = int(token.tag[1]) if token.type == "heading_open" else 0
        elif token.type == "inline" and not passed_over:
            running = _running_text(token.children or [])
            if not level:
                yield running
            elif title := " ".join(_BRACKETS.sub(" ", running).translate(_SHIELDED_BACK).split()):
                yield Heading(title, level, 0)


def _running_text(children: list[Token]) -> str:
    """The text of a block. Brackets in code, and escaped ones, are shielded: they hold no stage directions."""
    parts: list[str] = []
    struck = 0
    for token in children:
        if token.type in {"s_open", "s_close"}:
            struck += token.nesting
            parts.append("[]" if token.nesting == struck == 1 else "")  # what is left out like a stage direction
        elif struck:
            continue
        elif token.type in {"softbreak", "hardbreak"} or (token.type == "html_inline" and _BREAK.match(token.content)):
            parts.append("\n")
        elif token.type == "text":
            parts.append(_clean(token.content))
        elif token.type in {"text_special", "code_inline"}:
            parts.append(_clean(token.content).translate(_SHIELDED))
    return _LINE_END.sub(lambda match: _space_at(match.string, *match.span()), "".join(parts))


def _space_at(text: str, start: int, end: int) -> str:
    """What stands in the place of `[start, end)`: a space, but nothing inside a line of Chinese or Japanese."""
    return "" if is_unspaced(text[start - 1 : start]) and is_unspaced(text[end : end + 1]) else " "


def _pieces(block: str) -> Iterator[str | int]:
    """The text between stage directions, and the pauses in milliseconds."""
    if _DIRECTION_ALONE.fullmatch(block.strip()):
        return
    text, end = "", 0
    for match in _BRACKETS.finditer(block):
        text += block[end : match.start()]
        end = match.end()
        if match[1].strip().lower().startswith("pause"):
            yield text.translate(_SHIELDED_BACK)
            yield _pause_ms(match[1].strip())
            text = ""
        else:
            text = text.rstrip() if _CLOSING.match(block, end) else text + _space_at(block, *match.span())
    yield (text + block[end:]).translate(_SHIELDED_BACK)


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


def _end(spoken: list[Sentence], ends: Ends) -> None:
    if spoken:
        spoken[-1] = replace(spoken[-1], ends=ends)


def _clean(text: str) -> str:
    """Composed letters, plain line ends, and none of the invisible characters that turn or hide text.

    The two joiners stay, for Persian and Indic words need them; so do the marks that keep a telephone number in order
    among Arabic or Hebrew words, and whatever is part of an emoji.
    """
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    parts, end = [], 0
    for emoji in EMOJI.finditer(text):
        parts += [_visible(text[end : emoji.start()]), emoji[0]]
        end = emoji.end()
    return "".join([*parts, _visible(text[end:])])


def _visible(text: str) -> str:
    return "".join(
        character for character in text if character in _KEPT or unicodedata.category(character) not in _INVISIBLE
    )
