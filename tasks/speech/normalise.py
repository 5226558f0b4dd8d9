"""Text normalisation: "$4.5 million" is shown, "four point five million dollars" is heard.

Each shown word has its own spoken words, so that it keeps its own time. English and German are read here, by the rules
of english.py and german.py; in other languages words are left to the voice, which reads numbers and abbreviations in
its own way. docs/text-normalisation.md shows what is read how.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from tasks.speech import addresses, english, german
from tasks.speech.emoji import without_emoji
from tasks.speech.language import primary
from tasks.speech.rules import Parts, Rule

_ENGLISH: Final = english.rules(day_first=False)
_BRITISH: Final = english.rules(day_first=True)
_GERMAN: Final = german.rules()
_OTHER: Final = (Rule(addresses.WEB, lambda match: [addresses.without_www(addresses.host(match))]),)
_DAY_FIRST: Final = ("en-au", "en-gb", "en-ie", "en-in", "en-nz", "en-za")

_CLOSERS: Final = " \"'“”‘’«»‹›)]"
_UNSPOKEN: Final = {"So", "Cf"}
_KEPT: Final = "°№℃℉\u200c\u200d"


@dataclass(frozen=True, slots=True)
class _Claim:
    """A stretch of the sentence, `[start, end)`, and what is said for each word that it reaches into."""

    start: int
    end: int
    said: tuple[str, ...]


def normalise(words: Sequence[str], language: str, first: Sequence[Rule] = ()) -> tuple[str, ...]:
    """What is said for each word of a sentence, punctuation kept. No result is empty.

    Args:
        first: Rules that go before the language's own: those of a pronunciation file.
    """
    plain = [_pronounceable(word) for word in words]
    sentence = _Sentence(plain)
    spoken = [""] * len(plain)
    end = 0
    for claim in sentence.claims((*first, *_rules(language))):
        sentence.keep(end, claim.start, spoken)
        for place, said in enumerate(claim.said, sentence.word_at(claim.start)):
            spoken[place] += said
        end = claim.end
    sentence.keep(end, len(sentence.text), spoken)
    return tuple(" ".join(said.split()) or word for said, word in zip(spoken, words, strict=True))


class _Sentence:
    """A sentence as one text, and where its words are in it."""

    def __init__(self, words: Sequence[str]) -> None:
        self.text = " ".join(words)
        self.starts = [0, *accumulate(len(word) + 1 for word in words)]

    def word_at(self, position: int) -> int:
        """The word that a position belongs to; a space belongs to the word before it."""
        return bisect_right(self.starts, position) - 1

    def claims(self, rules: Sequence[Rule]) -> list[_Claim]:
        """What the rules read, in the order of the text. What one has claimed is closed to those after it."""
        claimed = bytearray(len(self.text))
        found: list[_Claim] = []
        for rule in rules:
            position = 0
            while match := rule.pattern.search(self.text, position):
                start, end = match.span()
                position = max(end, start + 1)
                if (clash := claimed.find(1, start, end)) >= 0:
                    position = claimed.find(0, clash)
                    if position < 0:
                        break
                elif said := self._said(start, end, rule.say(match)):
                    claimed[start:end] = bytes([1]) * (end - start)
                    found.append(_Claim(start, end, said))
        return sorted(found, key=lambda claim: claim.start)

    def keep(self, start: int, end: int, spoken: list[str]) -> None:
        """Say what no rule has claimed as it is written."""
        while start < end:
            word = self.word_at(start)
            stop = min(end, self.starts[word + 1] - 1)
            spoken[word] += self.text[start:stop]
            start = stop + 1

    def _said(self, start: int, end: int, parts: Parts) -> tuple[str, ...]:
        """The parts, shared out to the words of a stretch; none where there are fewer words to say than to show."""
        count = self.word_at(end - 1) - self.word_at(start) + 1
        if len(parts) < count:
            parts = " ".join(parts).split()
        if not parts or len(parts) < count:
            return ()
        *others, last = *parts[: count - 1], " ".join(parts[count - 1 :])
        # A sentence that ends with an abbreviation ends with its full stop.
        stop = "." if self.text[end - 1] == "." and not self.text[end:].strip(_CLOSERS) else ""
        return (*others, last + stop)


def _rules(language: str) -> Sequence[Rule]:
    day_first = language.lower().replace("_", "-").startswith(_DAY_FIRST)
    return {"en": _BRITISH if day_first else _ENGLISH, "de": _GERMAN}.get(primary(language), _OTHER)


def _pronounceable(word: str) -> str:
    """Without emoji, which voices would name, and invisible marks; a space inside a word is a no-break space."""
    kept = (c for c in without_emoji(word) if c in _KEPT or unicodedata.category(c) not in _UNSPOKEN)
    return "\u00a0".join("".join(kept).split()) or word
