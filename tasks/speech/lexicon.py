"""Pronunciation files: how words are said that voices get wrong.

A CSV file with the columns `word,said`, or a lexicon of the W3C's Pronunciation Lexicon Specification (PLS 1.0), an XML
file. What is said is an alias, other letters for the same sound, or phonemes in IPA, which neural voices take; in CSV
they stand between slashes: `Nguyen,/ˈwɪn/`. docs/text-normalisation.md has examples.

An entry is for the word as it is written; one that begins with a small letter is for the same word with a capital too.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.parsers import expat  # no entities: a document type is refused before any of it is read

from tasks.errors import BadInput
from tasks.speech import ipa
from tasks.speech.language import primary
from tasks.speech.rules import Match, Parts, Rule
from tasks.speech.sentences import is_spoken, split_words

MAX_BYTES: Final = 1 << 20
MAX_ENTRIES: Final = 10_000
MAX_WORD, MAX_SAID = 100, 500
"""Characters."""

_SHOWN_FAULTS: Final = 5
_SPACES: Final = "[ \u00a0]+"
_HEADER: Final = ["word", "said"]
_XML_LANG: Final = "http://www.w3.org/XML/1998/namespace lang"


@dataclass(frozen=True, slots=True)
class Entry:
    """How a word is said.

    Attributes:
        line: Where it stands in the file, from 1.
        alias: In other letters; empty where the file does not say.
        ipa: In IPA; empty where the file does not say.
        prefers_alias: Which of the two is taken by a voice that takes both.
    """

    word: str
    line: int
    alias: str = ""
    ipa: str = ""
    prefers_alias: bool = False

    def said(self, takes_ipa: bool) -> str:
        """What a voice is given; empty when the entry has nothing for it."""
        if self.ipa and takes_ipa and not (self.alias and self.prefers_alias):
            return ipa.marked(self.ipa)
        return self.alias


@dataclass(frozen=True, slots=True)
class Pronunciations:
    """A pronunciation file. `language` is the tag of the only language that it is for; empty: it is for any."""

    entries: tuple[Entry, ...]
    language: str = ""

    def is_for(self, tag: str) -> bool:
        """Whether it is for texts of a language."""
        return not self.language or primary(self.language) == primary(tag)

    def rules(self, text: str, takes_ipa: bool) -> tuple[Rule, ...]:
        """The rule of text normalisation that says its words in its way; it goes before all others.

        Args:
            text: What the rule will be used for, or more.
            takes_ipa: Whether the voice does.
        """
        usable = [entry for entry in self._in(text) if entry.said(takes_ipa)]
        if not usable:
            return ()
        usable.sort(key=lambda entry: (-len(entry.word), entry.word[0].islower()))  # "Polish" goes before "polish"
        named = {f"w{place}": entry for place, entry in enumerate(usable)}
        pattern = "|".join(f"(?P<{name}>{_pattern(entry.word)})" for name, entry in named.items())

        def say(match: Match) -> Parts:
            entry = named[str(match.lastgroup)]
            return _parts(entry, entry.said(takes_ipa))

        return (Rule(re.compile(rf"(?<!\w)(?:{pattern})(?!\w)"), say),)

    def check_usable(self, text: str, voice: str, takes_ipa: bool) -> None:
        """See that a voice is given something for each word of a text that the file has.

        Raises:
            BadInput: A word has IPA only, and the voice does not take it.
        """
        entry = None if takes_ipa else next((entry for entry in self._in(text) if not entry.alias), None)
        if entry:
            problem = f"line {entry.line} has {entry.word!r} in IPA only, which the voice {voice!r} does not take"
            raise BadInput(problem, "Give an alias there, or choose a neural voice: `actalker voices`.")

    def _in(self, text: str) -> Iterator[Entry]:
        """The entries for words of a text. Most are passed over without a search."""
        text = " ".join(split_words(text))
        lowered = text.lower()
        for entry in self.entries:
            is_there = split_words(entry.word)[0].lower() in lowered
            if is_there and re.search(rf"(?<!\w){_pattern(entry.word)}(?!\w)", text):
                yield entry


def rules_of(file: Path | None, language: str, text: str, takes_ipa: bool) -> tuple[Rule, ...]:
    """The rules of a pronunciation file; none where there is none, or none for the language.

    Args:
        text: See `Pronunciations.rules`, like `takes_ipa`.

    Raises:
        BadInput: See `read`.
    """
    pronunciations = read(file.read_bytes()) if file else None
    return pronunciations.rules(text, takes_ipa) if pronunciations and pronunciations.is_for(language) else ()


def read(data: bytes) -> Pronunciations:
    """Read a pronunciation file.

    Raises:
        BadInput: It is none, or has faults; the first of them are named with their lines.
    """
    if len(data) > MAX_BYTES:
        raise BadInput(f"it is larger than {MAX_BYTES >> 20} MiB", "Split it, or leave out what no script says.")
    reader = _Pls(data) if _is_xml(data) else _Csv(data)
    entries = reader.entries
    faults = [*reader.faults, *_faults(entries)]
    if faults:
        more = f"; and {len(faults) - _SHOWN_FAULTS} more" if len(faults) > _SHOWN_FAULTS else ""
        shown = "; ".join(f"line {line}: {problem}" for line, problem in sorted(faults)[:_SHOWN_FAULTS])
        raise BadInput(f"{shown}{more}", "See docs/text-normalisation.md for what it may hold.")
    if not entries:
        raise BadInput("it has no entries", "Write a line for each word: word,said.")
    return Pronunciations(tuple(entries), reader.language)


def _faults(entries: Sequence[Entry]) -> Iterator[tuple[int, str]]:
    first: dict[str, int] = {}
    if len(entries) > MAX_ENTRIES:
        yield entries[MAX_ENTRIES].line, f"it has more than {MAX_ENTRIES:,} entries"
    for entry in entries[:MAX_ENTRIES]:
        if problem := next(_problems(entry), ""):
            yield entry.line, problem
        if entry.word in first:
            yield entry.line, f"{entry.word!r} is in line {first[entry.word]} already"
        first.setdefault(entry.word, entry.line)


def _problems(entry: Entry) -> Iterator[str]:
    """What is wrong with an entry, the worst first."""
    shown = entry.word[:MAX_WORD]
    if not is_spoken(entry.word):
        yield f"{shown!r} is no word" if entry.word else "the word is empty"
    if not (entry.alias or entry.ipa):
        yield f"nothing is said for {shown!r}"
    if len(entry.word) > MAX_WORD or max(len(entry.alias), len(entry.ipa)) > MAX_SAID:
        yield f"{shown!r} is longer than {MAX_WORD} characters, or what is said for it than {MAX_SAID}"
    if not (entry.word + entry.alias + entry.ipa).isprintable():
        yield f"{shown!r}, or what is said for it, holds a character that is not printed"
    if entry.alias and not is_spoken(entry.alias):
        yield f"{entry.alias!r}, said for {shown!r}, has no sound"
    if unknown := ipa.unknown(entry.ipa):
        yield f"{unknown!r}, said for {shown!r}, is no symbol of the IPA that voices here take"
    words = len(split_words(entry.word))
    for said in filter(None, (entry.alias, entry.ipa)):
        if len(said.split()) < words and len(split_words(said)) < words:
            yield f"{shown!r} has {words} words, and is said in fewer: {said!r}"


def _parts(entry: Entry, said: str) -> Parts:
    """What is said for each of the entry's words; the last one has the rest."""
    words = len(split_words(entry.word))
    if words == 1:
        return [said]
    if said == entry.alias:
        return list(split_words(said)) if len(said.split()) < words else said.split()
    return [ipa.marked(part) for part in entry.ipa.split()]


def _pattern(word: str) -> str:
    first, *others = (re.escape(part) for part in split_words(word))
    if word[0].islower() and word[0].upper() != word[0] and len(word[0].upper()) == 1:
        first = f"[{word[0]}{word[0].upper()}]{first[1:]}"
    return _SPACES.join((first, *others))


def _is_xml(data: bytes) -> bool:
    return data.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").startswith(b"<")


@dataclass
class _Csv:
    """Entries of a CSV file."""

    data: bytes
    language: str = ""
    entries: list[Entry] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        try:
            encoding = "utf-16" if self.data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
            text = self.data.decode(encoding)
        except UnicodeDecodeError as error:
            raise BadInput(f"it is not UTF-8 text (byte {error.start})", "Save it as 'CSV UTF-8'.") from error
        header = text.partition("\n")[0]
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), strict=True)
        try:
            for cells in lines:
                self._read(lines.line_num, [cell.strip() for cell in cells])
        except csv.Error as error:
            self.faults.append((lines.line_num, f"it is not CSV ({error})"))

    def _read(self, line: int, cells: list[str]) -> None:
        if not any(cells):
            return
        if line == 1 and [cell.lower() for cell in cells[:2]] != _HEADER:
            raise BadInput("line 1: the header is not word,said", "Write it so, and below it a line for each word.")
        if line > 1 and (len(cells) < 2 or any(cells[2:])):
            self.faults.append((line, f"it has {len(cells)} cells, not a word and what is said for it"))
        elif line > 1:
            word, said = cells[:2]
            is_ipa = len(said) > 2 and said[0] == said[-1] == "/"
            self.entries.append(Entry(word, line, "" if is_ipa else said, said[1:-1].strip() if is_ipa else ""))


@dataclass
class _Pls:
    """Entries of a PLS lexicon. The parser knows no entities but XML's own five, and opens nothing."""

    data: bytes
    language: str = ""
    entries: list[Entry] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    _alphabet: str = ""
    _text: str = ""
    _lexeme_line: int = 0
    _graphemes: list[str] = field(default_factory=list)
    _said: list[tuple[bool, str, str]] = field(default_factory=list)
    """Preferred, kind, text."""
    _attributes: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        self._parser = parser
        try:
            parser.Parse(self.data, True)
        except expat.ExpatError as error:
            raise BadInput(
                f"line {error.lineno}: it is not XML ({expat.ErrorString(error.code)})", "Mend it."
            ) from error
        except (LookupError, ValueError) as error:
            raise BadInput(f"line 1: its encoding cannot be read ({error})", "Save it as UTF-8.") from error

    def _refuse_doctype(self, *_: object) -> None:
        raise BadInput(f"line {self._parser.CurrentLineNumber}: it has a document type", "Remove <!DOCTYPE ...>.")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        tag, line = _local(name), self._parser.CurrentLineNumber
        self._text, self._attributes = "", attributes
        if tag == "lexicon":
            self.language, self._alphabet = attributes.get(_XML_LANG, ""), attributes.get("alphabet", "")
        elif tag == "lexeme":
            self._lexeme_line, self._graphemes, self._said = line, [], []
        elif tag == "phoneme" and (alphabet := attributes.get("alphabet", self._alphabet)) != "ipa":
            self.faults.append((line, f"its alphabet is {alphabet!r}, and not 'ipa'"))
        elif not self._lexeme_line and tag not in {"meta", "metadata", "phoneme"}:
            self.faults.append((line, f"<{tag}> has no place in a pronunciation lexicon"))

    def _characters(self, text: str) -> None:
        self._text += text

    def _end(self, name: str) -> None:
        tag, text = _local(name), " ".join(self._text.split())
        if tag == "grapheme":
            self._graphemes.append(text)
        elif tag in {"alias", "phoneme"}:
            self._said.append((self._attributes.get("prefer") == "true", tag, text))
        elif tag == "lexeme":
            ranked = sorted(self._said, key=lambda said: not said[0])
            kinds = {kind: text for _, kind, text in reversed(ranked)}
            alias, phoneme = kinds.get("alias", ""), kinds.get("phoneme", "")
            prefers = bool(ranked) and ranked[0][1] == "alias"
            if not self._graphemes:
                self.faults.append((self._lexeme_line, "it has no <grapheme>"))
            self.entries += [Entry(word, self._lexeme_line, alias, phoneme, prefers) for word in self._graphemes]
        self._text = ""


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
