"""Captions: words shown a line or two at a time, and the norm that they are held to."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate, pairwise
from pathlib import Path

from tasks.captions.phrases import Break, breaks
from tasks.captions.profile import Profile
from tasks.job import Word
from tasks.speech.emoji import EMOJI


class Rule(StrEnum):
    """What a caption can break."""

    LINES = "too many lines"
    WIDTH = "line too wide"
    SPEED = "too fast to read"
    SHORT = "shown too briefly"
    LONG = "shown too long"
    GAP = "too close to the next"
    TAIL = "stays too long after its words"
    BREAK = "broken inside a phrase"
    BALANCE = "lower line shorter than a third of the upper"


@dataclass(frozen=True, slots=True)
class Caption:
    """What is on screen in `[start_ms, end_ms)`: the words of each line."""

    start_ms: int
    end_ms: int
    rows: tuple[tuple[Word, ...], ...]

    @property
    def words(self) -> tuple[Word, ...]:
        """Its words in order."""
        return tuple(word for row in self.rows for word in row)

    @property
    def lines(self) -> tuple[str, ...]:
        """Its lines as text, from the upper one down."""
        return tuple(running_text(row) for row in self.rows)

    @property
    def text(self) -> str:
        """Its lines, one under the other."""
        return "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that a caption does not keep.

    Attributes:
        caption: Its number, from 1.
        value, limit: In the rule's own unit: lines, characters, characters per second, milliseconds.
    """

    caption: int
    rule: Rule
    value: float
    limit: float

    def __str__(self) -> str:
        return f"caption {self.caption}: {self.rule} ({self.value:g}, limit {self.limit:g})"


@dataclass(frozen=True, slots=True)
class Subtitles:
    """The captions of one video, as files.

    Attributes:
        files: Role (`srt`, `vtt`, `ass`, `ttml`, `words`, `compliance`) -> path. Without known words only `words`.
        violations: What could not be made to fit the norm.
        notes: What a person should know, one sentence each.
    """

    captions: tuple[Caption, ...]
    language: str
    files: dict[str, Path] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Extent:
    """How much room a text takes: its narrow letters, and its wide ones (Chinese and the like)."""

    narrow: int
    wide: int

    def of_line(self, profile: Profile) -> float:
        """In lines: 1 is a full one."""
        return self.narrow / profile.line_width + self.wide / profile.wide_line_width

    def reading_ms(self, profile: Profile) -> float:
        """The time that it takes to read."""
        narrow, wide = profile.characters_per_second, profile.wide_characters_per_second
        return 1000 * (self.narrow / narrow + self.wide / wide)


def running_text(words: Sequence[Word]) -> str:
    """Words on one line, with the spaces that the script has between them."""
    *before, last = words
    return "".join(word.text + word.space for word in before) + last.text


def extent(text: str) -> Extent:
    """Marks that are written above or below a letter, and joiners, take no room; an emoji is one wide character."""
    letters, emoji = EMOJI.subn("", text)
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in letters)
    marks = sum(unicodedata.category(character) in {"Mn", "Me", "Cf"} for character in letters)
    return Extent(len(letters) - wide - marks, wide + emoji)


def check(captions: Sequence[Caption], profile: Profile, language: str) -> tuple[Violation, ...]:
    """Every rule that is broken, caption by caption. It looks at the captions alone, however they were made."""
    broken_rows = _broken_rows(captions, language)
    found: list[Violation] = []
    for index, caption in enumerate(captions):
        following = captions[index + 1] if index + 1 < len(captions) else None
        faults = [*_shape_faults(caption, profile), *_time_faults(caption, following, profile)]
        faults += [(Rule.BREAK, broken_rows[index], 0)] if broken_rows[index] else []
        found += [Violation(index + 1, rule, value, limit) for rule, value, limit in faults]
    return tuple(found)


def _shape_faults(caption: Caption, profile: Profile) -> Iterator[tuple[Rule, float, float]]:
    if len(caption.rows) > profile.lines:
        yield Rule.LINES, len(caption.rows), profile.lines
    extents = [extent(line) for line in caption.lines]
    for size in extents:
        if (full := size.of_line(profile)) > 1:
            yield Rule.WIDTH, round(full * profile.line_width), profile.line_width
    for upper, lower in pairwise(extents):
        if 3 * lower.of_line(profile) < upper.of_line(profile):
            yield Rule.BALANCE, round(lower.of_line(profile) / upper.of_line(profile), 2), 0.33


def _time_faults(caption: Caption, following: Caption | None, profile: Profile) -> Iterator[tuple[Rule, float, float]]:
    length_ms = caption.end_ms - caption.start_ms
    reading_ms = extent(running_text(caption.words)).reading_ms(profile)
    if reading_ms > length_ms:
        limit = profile.characters_per_second
        yield Rule.SPEED, round(limit * reading_ms / length_ms, 1), limit
    if length_ms < profile.min_ms:
        yield Rule.SHORT, length_ms, profile.min_ms
    if length_ms > profile.max_ms:
        yield Rule.LONG, length_ms, profile.max_ms
    if caption.end_ms - caption.words[-1].end_ms > profile.tail_ms:
        yield Rule.TAIL, caption.end_ms - caption.words[-1].end_ms, profile.tail_ms
    if following and following.start_ms - caption.end_ms < profile.gap_ms:
        yield Rule.GAP, following.start_ms - caption.end_ms, profile.gap_ms


def _broken_rows(captions: Sequence[Caption], language: str) -> list[int]:
    """How many rows of each caption end where no line may end."""
    words = [word for caption in captions for word in caption.words]
    costs = breaks([word.text for word in words], [word.sentence for word in words], language)
    ends = list(accumulate(len(row) for caption in captions for row in caption.rows))
    broken = iter([costs[end - 1] == Break.NEVER for end in ends])
    return [sum(next(broken) for _ in caption.rows) for caption in captions]
