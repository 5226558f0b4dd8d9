"""Texts to speak: a small grammar for training; for evaluation, fixed sentences that it cannot produce."""

import gzip
import json
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

_SUBJECTS = [
    "the teacher",
    "my neighbour",
    "our team",
    "every driver",
    "the old captain",
    "a young doctor",
    "the village",
    "your brother",
    "the museum guide",
    "each student",
    "the company",
    "nobody in town",
    "Mary",
    "this machine",
    "you",
]
_VERBS = [
    "should open",
    "must have found",
    "wants to buy",
    "was moving",
    "will measure",
    "could not follow",
    "has painted",
    "may throw away",
    "keeps",
    "showed us",
    "prefers",
    "always washes",
    "would choose",
    "borrowed",
    "repeats",
]
_OBJECTS = [
    "a small blue boat",
    "the first chapter",
    "seven fresh peaches",
    "the report about water",
    "this huge map",
    "new shoes",
    "the yellow umbrella",
    "five large boxes",
    "a piece of cheese",
    "the longest bridge",
    "her favourite poem",
    "two bottles of oil",
    "the voice of reason",
    "a bag of brown sugar",
    "our power supply",
]
_PLACES = [
    "in the garden",
    "before the meeting",
    "near the river",
    "on Thursday morning",
    "with great care",
    "at home",
    "after the show",
    "for a few minutes",
    "under the roof",
    "without any help",
    "as usual",
    "over there",
    "through the open window",
    "from Paris to Vienna",
    "in the middle of the page",
]
_SMALL_WORDS = ["the", "a", "of", "and", "to", "in", "my", "we", "you", "is", "was", "with", "but", "for"]
_SMALL_WORDS += ["they", "at"]
_OPENERS = ["well", "look", "of course", "maybe", "so", "first of all", "in the end", "oh", "by the way", "today"]

HELD_OUT = (
    "Welcome back, everybody, and thank you for joining the course.",
    "A warm wind blew softly over the empty beach at dawn.",
    "Please put both copies of the form into the lower drawer.",
    "We measured four samples twice, and the figures agree.",
    "Why would a fox jump over such a lazy old dog?",
    "The boy bought apples, pears, plums and a pound of butter.",
    "Smooth music and good food made the evening perfect.",
    "My father often fishes in the cool, quiet pools upstream.",
    "Click the big green button, then wait until it turns blue.",
    "Nine hungry mice slipped past the sleeping cat.",
    "Bring your badge whenever you visit the upper laboratory.",
    "Fresh bread and hot soup are waiting on the stove.",
    "Remember that safety always comes before speed.",
    "You may move the map, but please do not bend it.",
    "The choir sang both songs louder than ever before.",
    "Above all, be polite, be brief, and be prepared.",
    "Few people know how those huge ships are moored.",
    "Push the pump handle down and hold it for a moment.",
    "In this lesson we explore how voices travel through walls.",
    "Tomorrow we shall review the budget for the whole year.",
    "A purple moth fluttered above the flame and vanished.",
    "Both volumes belong on the topmost shelf.",
    "The bus to Boston will be about half an hour late.",
    "Move forward slowly, and watch out for falling rocks.",
)


def sentence(rng: np.random.Generator) -> str:
    """One sentence of the training grammar; 50,000 are possible, with an opener in a third of them."""

    def pick(words: list[str]) -> str:
        return words[int(rng.integers(len(words)))]

    body = f"{pick(_SUBJECTS)} {pick(_VERBS)} {pick(_OBJECTS)} {pick(_PLACES)}"
    text = f"{pick(_OPENERS)}, {body}" if rng.uniform() < 0.33 else body
    return text[0].upper() + text[1:] + "."


def paragraph(seed: int, sentences: int) -> str:
    """Several sentences of the training grammar; a pure function of the seed."""
    rng = np.random.default_rng([seed, 0x7A1C])
    return " ".join(sentence(rng) for _ in range(sentences))


_ONSETS = [
    "",
    "b",
    "bl",
    "br",
    "ch",
    "d",
    "dr",
    "f",
    "fl",
    "fr",
    "g",
    "gr",
    "h",
    "j",
    "k",
    "kl",
    "kw",
    "l",
    "m",
    "n",
    "p",
    "pl",
]
_ONSETS += ["pr", "r", "s", "sh", "sk", "sl", "sm", "sp", "st", "str", "sw", "t", "th", "tr", "v", "w", "y", "z"]
_NUCLEI = [
    "a",
    "ai",
    "air",
    "ar",
    "aw",
    "e",
    "ea",
    "ee",
    "er",
    "i",
    "igh",
    "o",
    "oa",
    "oi",
    "oo",
    "or",
    "ou",
    "ow",
    "u",
    "ure",
]
_CODAS = [
    "",
    "b",
    "ck",
    "d",
    "f",
    "ft",
    "g",
    "l",
    "ll",
    "lp",
    "m",
    "mp",
    "n",
    "nd",
    "ng",
    "nt",
    "p",
    "pt",
    "r",
    "rm",
    "s",
]
_CODAS += ["sh", "st", "t", "th", "ts", "v", "x", "ze"]


def babble(seed: int, words: int) -> str:
    """Pseudo-words of one to three syllables, in which every sound can follow every other.

    An audio encoder that is trained on the grammar's few hundred words alone overfits: 0.98 on them, 0.86 on others.
    """
    rng = np.random.default_rng([seed, 0xBABB])

    def syllable() -> str:
        return "".join(part[int(rng.integers(len(part)))] for part in (_ONSETS, _NUCLEI, _CODAS))

    spoken = ["".join(syllable() for _ in range(int(rng.integers(1, 4)))) for _ in range(words)]
    return " ".join(word + ("," if rng.uniform() < 0.12 else "") for word in spoken) + "."


def scattered_words(seed: int, words: int) -> str:
    """Words of hibari's dictionary in any order, with a small word before most of them."""
    rng = np.random.default_rng([seed, 0x50AD])
    said = []
    for _ in range(words):
        known = _SMALL_WORDS if rng.uniform() < 0.35 else _dictionary()
        said.append(known[int(rng.integers(len(known)))] + ("," if rng.uniform() < 0.1 else ""))
    return " ".join(said) + "."


@cache
def _dictionary() -> tuple[str, ...]:
    with gzip.open(Path(str(files("hibari"))) / "assets" / "lexicon_us_gold.json.gz", "rt", encoding="utf-8") as file:
        return tuple(word for word in json.load(file) if word.isalpha() and word.islower() and len(word) > 1)
