"""Words to phonemes (grapheme-to-phoneme conversion), in the letters that hibari and Kokoro take.

English by the dictionary, the rules and the network for unknown words of hibari-tts; its own text normalisation is
passed by: words come normalised (normalise.py), and each keeps its own phonemes. What it has no phonemes for, and other
languages, are pronounced as espeak-ng does. The letters are misaki's: https://github.com/hexgrad/misaki.
"""

import json
import re
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any, Final

from tasks.errors import BadInput
from tasks.speech import espeak, ipa, onnx
from tasks.speech.neural import SILENT
from tasks.speech.sentences import is_spoken

PACKAGE: Final = "hibari-tts==0.2.1"
ASSETS: Final = onnx.folder_of("hibari") / "assets"
_FILES: Final = (
    "lexicon_us_gold.json.gz",
    "lexicon_us_silver.json.gz",
    "oov.json",
    "oov.onnx",
    "tagger.json.gz",
    "tokenizer_exceptions.json",
    "vocab.json",
)
_SHA256: Final = "0c8665c7e5ce4b809e4bdb8f6136452bc9df1ade9a337ac1eaab4a098ae2e60e"
"""Of these files, one after the other."""

_ENGLISH: Final = "gmw/en-US"
_LONG = (
    re.compile(r"[\d.,]{16}[\d.,]*"),  # numbers that have no name
    re.compile(r"[^\W\d_]{17}(?=[^\W\d_]{8})"),  # its network reads 24 letters of a word
    re.compile(r"\S{60}(?=\S)"),
)
"""What no person writes as a word is read in parts, and in time that does not grow with the square of its length."""
_MARKS: Final = " ;:,.!?—…\"'()“”‘’«»¿¡[]"
_lock = threading.Lock()


def check() -> None:
    """See that the dictionary and what belongs to it are what they should be.

    Raises:
        BadInput: They are not; the message has the remedy.
    """
    onnx.checked([ASSETS / name for name in _FILES], _SHA256, PACKAGE)


def phonemes(words: Sequence[str]) -> tuple[str, ...]:
    """The phonemes of each word of a sentence, with its punctuation and the space after it.

    A word may hold pronunciations (`ipa.marked`).

    Raises:
        BadInput: The package's files are not what they should be, or it stumbles over a word.
    """
    texts = [_in_parts(word) for word in words]
    owners = [place for place, text in enumerate(texts) for _ in text.split(" ")]
    with _lock:
        converter, known = _converter(), letters()
    found = [""] * len(words)
    chunk = 0
    try:
        tokens = converter.phonemize_tokens(list(_tokens(converter, " ".join(texts))))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:  # its rules are for words
        raise BadInput(f"hibari-tts cannot pronounce {' '.join(words)[:200]!r}", "Write it in other words.") from error
    for token in tokens:
        found[owners[chunk]] += "".join(c for c in token.phonemes or "" if c in known) + token.whitespace
        chunk += bool(token.whitespace)
    return tuple(
        own if _sounds(own) or not is_spoken(word) else _by_espeak(word) for own, word in zip(found, words, strict=True)
    )


def phonemes_of_espeak(words: Sequence[str], language: str) -> tuple[str, ...]:
    """The same for a language that espeak-ng speaks, as it pronounces it."""
    voice = espeak.languages()[language]
    plain = ["" if any(is_ipa for _, is_ipa in ipa.parts(word)) else word.strip(_MARKS) for word in words]
    sentence, *alone = espeak.ipa([" ".join(plain), *plain], voice)
    counts = [len(own.split()) for own in alone]
    together = iter(sentence.split())
    if sum(counts) == len(sentence.split()):  # words sound as their neighbours let them, where it keeps them apart
        alone = [" ".join(islice(together, count)) for count in counts]
    return tuple(_with_marks(word, own) for word, own in zip(words, alone, strict=True))


def _with_marks(word: str, own: str) -> str:
    """A word's phonemes between its punctuation marks, with a space after it."""
    given = next((part for part, is_ipa in ipa.parts(word) if is_ipa), own)
    inner = word.strip(_MARKS)
    before, _, after = word.partition(inner) if inner else (word, "", "")
    return "".join(c for c in f"{before}{ipa.to_letters(given)}{after} " if c in letters())


def _tokens(converter: Any, text: str) -> Iterator[Any]:
    """The tokens of a sentence, with a space after the last one of whatever stands between spaces."""
    from hibari.g2p.token import Tok  # noqa: PLC0415  it comes with the dictionary

    pieces = list(ipa.parts(text))
    for (piece, is_ipa), (after, _) in zip(pieces, [*pieces[1:], ("", False)], strict=True):
        if is_ipa:
            space = " " if after.startswith(" ") else ""
            yield Tok(piece, "NN", space, phonemes=ipa.to_misaki(piece), rating=5)
            continue
        pairs = converter.tokenizer(piece)
        tags = converter.tagger([token for token, _ in pairs])
        for (token, space), tag in zip(pairs, tags, strict=True):
            yield Tok(token, tag, space)


def _in_parts(word: str) -> str:
    """A word with spaces where it is read in parts."""
    numbers, letters, rest = _LONG
    text = ""
    for part, is_ipa in ipa.parts(" ".join(word.split())):
        if is_ipa:
            text += ipa.marked(part)
        else:
            apart = "".join(str(unicodedata.digit(c)) if c.isdigit() else c for c in part)
            apart = numbers.sub(lambda match: " ".join(match[0]), apart)
            apart = letters.sub(lambda match: f"{match[0]} ", apart)
            text += rest.sub(lambda match: f"{match[0]} ", apart)
    return text


def _by_espeak(word: str) -> str:
    return f"{ipa.to_misaki(*espeak.ipa([word], _ENGLISH))} "


def _sounds(phonemes: str) -> bool:
    return not SILENT.issuperset(phonemes)


@cache
def letters() -> dict[str, int]:
    """The phonemes that hibari's and Kokoro's networks take, and the number of each."""
    numbers: dict[str, int] = json.loads((ASSETS / "vocab.json").read_text(encoding="utf-8"))
    return numbers


@cache
def _converter() -> Any:
    import hibari.g2p  # noqa: PLC0415  a third of a second, and not always needed

    check()
    return hibari.g2p.G2P()
