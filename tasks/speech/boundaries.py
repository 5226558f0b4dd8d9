"""Sentence boundary disambiguation: where a full stop ends a sentence, and where it belongs to an abbreviation or a
German ordinal. It goes over what sentencex has cut.
"""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from sentencex import segment

from tasks.speech.german import BEGINS_SENTENCE, MONARCHS, MONTHS, QUEENS
from tasks.speech.rules import words

log = logging.getLogger(__name__)

_SPACES: Final = re.compile(r"[^\S\n\r]")
_STOP: Final = re.compile(r"\. (?=\S)")
_FIRST_WORD: Final = re.compile(r"[\"'“‘„»«(]*([\w-]+)")


@dataclass(frozen=True, slots=True)
class _Boundaries:
    """What a language knows about its full stops.

    Attributes:
        open_ended: Abbreviations that no sentence ends with; `before_number`: only where a number follows.
        may_end: Abbreviations that a sentence may end with; it does where one of `beginners` follows.
        goes_on: Whether a sentence goes on between two texts, for another reason.
    """

    open_ended: re.Pattern[str]
    before_number: re.Pattern[str]
    may_end: re.Pattern[str]
    beginners: frozenset[str]
    goes_on: Callable[[str, str], bool] = lambda before, after: False

    def continues(self, before: str, after: str) -> bool:
        """Whether the sentence goes on after `before`, which ends with a full stop."""
        numbered = after[:1].isdigit() and self.before_number.search(before)
        return bool(self.open_ended.search(before) or numbered) or self.goes_on(before, after)

    def ends(self, before: str, after: str) -> bool:
        """Whether the sentence ends with `before`, where sentencex sees none."""
        following = _FIRST_WORD.match(after)
        begins = following and following[1][0].isupper() and following[1].lower() in self.beginners
        return bool(begins and self.may_end.search(before))


def segments(text: str, code: str) -> Iterator[str]:
    """The sentences of a text, spaces included: together they are the text.

    Args:
        code: The language, two letters.
    """
    language = _LANGUAGES.get(code)
    pieces = _pieces(text, code)
    if language is None:
        yield from pieces
        return
    pending = ""
    for piece in (part for whole in pieces for part in _cut(whole, language)):
        if pending and not language.continues(pending, piece):
            yield pending
            pending = ""
        pending += piece
    if pending:
        yield pending


def _pieces(text: str, code: str) -> Sequence[str]:
    """What sentencex makes of a text. It panics over no-break spaces in some languages, so it sees plain ones."""
    plain = _SPACES.sub(" ", text)
    try:
        cut = list(segment(code, plain))
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # which is no Exception
            raise
        log.warning("sentences in %s are found as in English: %s", code, error)
        cut = list(segment("en", plain))
    ends = list(accumulate(map(len, cut), initial=0))
    return [text[start:end] for start, end in pairwise(ends)]


def _cut(text: str, language: _Boundaries) -> Iterator[str]:
    start = 0
    for stop in _STOP.finditer(text):
        if language.ends(text[start : stop.end()], text[stop.end() :]):
            yield text[start : stop.end()]
            start = stop.end()
    yield text[start:]


def _last(*abbreviations: str) -> re.Pattern[str]:
    """A pattern for a text that ends with one of some abbreviations; a space in one may be missing."""
    return re.compile(rf"(?:^|[\s(„“\"])(?:{'|'.join(abbreviations).replace(' ', ' ?')})\.\s*$")


_COUNTS: Final = words(
    """
    ist sind war waren gibt gab hat haben hatte hatten kostet kosten kostete beträgt betrug zählt zählte kamen kommen
    blieben macht ergibt gleich plus minus mal auf um etwa circa ca. rund nur fast knapp insgesamt genau mindestens
    höchstens über mit für sagt sagte wurden
    """
)
"""Words before "12." that make it a number of something: "Es waren 12."."""
_ENDS_WITH_NUMBER: Final = re.compile(r"(?:(?P<previous>\S+)\s)?(?P<number>[0-9]{1,3}|[IVX]+)\.\s*$")
_ENDS_WITH_CENTURY: Final = re.compile(r"\b(?:Jh|Jhd|Jhdt)\.\s*$")


def _german_number_goes_on(before: str, after: str) -> bool:
    """After a number of one to three digits a sentence mostly goes on ("im 3. Stock"): not where a word follows that
    begins sentences, nor where the number counts what is before it ("Kapitel 3.", "es waren 12.")."""
    if _ENDS_WITH_CENTURY.search(before):
        return after.startswith(("n.", "v."))
    found, following = _ENDS_WITH_NUMBER.search(before), _FIRST_WORD.match(after)
    if not found or not following or following[1].lower() in BEGINS_SENTENCE:
        return False
    previous = (found["previous"] or "").strip("\"'„“»«(")
    if previous.lower() in MONARCHS | QUEENS:
        return not found["number"].isdigit()
    first, counts_noun = not previous[-1:].isalnum(), previous[:1].isupper() and previous.lower() not in BEGINS_SENTENCE
    return first or following[1] in MONTHS or not (counts_noun or previous.lower() in _COUNTS)


_LANGUAGES: Final = {
    "en": _Boundaries(
        open_ended=_last(
            r"[eE]\. g", r"[iI]\. e", "Dr", "Mr", "Mrs", "Ms", "Prof", "Mt", "vs", "cf", "approx", "Gen", "Sen", "Rep",
            "Capt", "Lt", "Col", "Rev",
        ),
        before_number=_last(
            "[nN]os?", "[fF]igs?", "[eE]q", "[sS]ec", "[cC]h", "[vV]ol", "pp?", "[aA]rt", "ca?", "[eE]xt",
        ),
        may_end=re.compile(r"(?:\b(?:etc|Inc|Ltd|Corp|Co|Jr|Sr|Ave|Rd|Blvd)|[a-z] St)\.\s*$"),
        beginners=words(
            """
            a after all also an and any as at because before but by do does each every finally first for from he her his
            how i if in is it its later let many more most my next no not now on one or our she since so some that the
            their then there these they this those to today tomorrow under we what when where which while who why with
            yes yesterday you your
            """
        ),
    ),
    "de": _Boundaries(
        open_ended=_last(
            r"[zZ]\. B", r"[dD]\. h", r"[iI]\. d", r"[uU]\. a", r"[vV]\. a", r"[zZ]\. T", r"[mM]\. E", "[nvzd]",
            "Dr", "Prof", "Hrn?", "Fr", "St", "Fa", "Fam", "bzw", "ca", "inkl", "exkl", "zzgl", "evtl", "ggf", "vgl",
            "sog", "bspw", "gem", "lt", "max", "mind", "geb", "Mio", "Mrd", "Tsd", "Tel", "Nrn?",
        ),
        before_number=_last(
            "S", "Kap", "Abb", "Tab", "Bd", "Art", "Abs", r"\w*[sS]tr",
            "Jan", "Febr?", "Aug", "Sept?", "Okt", "Nov", "Dez",
        ),
        may_end=re.compile(r"\b(?:Chr|usw|usf|etc|Ä|[IVX]+)\.\s*$"),
        beginners=BEGINS_SENTENCE,
        goes_on=_german_number_goes_on,
    ),
}  # fmt: skip
