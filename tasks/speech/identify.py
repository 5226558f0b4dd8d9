"""Language identification: which language a text is written in.

The writing system tells it where only one voice reads it. Among several languages, and in Latin letters, py3langid
decides: a naive Bayes classifier over byte n-grams, whose model comes with the package. docs/languages.md has figures.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from tasks.speech import writing
from tasks.speech.language import names_script, primary

SURE: Final = 0.5
SURE_WHEN_SHORT: Final = 0.95
SHORT_WORDS: Final = 8
"""How probable a language has to be, in texts with at least so many words, and in shorter ones."""

_ODDS: Final = 8
_LEAST_PROBABILITY: Final = 0.15
"""A language that is so many times more probable than a named one, and at least so probable, is worth a warning."""

_MAX_CHARACTERS: Final = 2000
_LEAST_KANA: Final = 0.05

_NO_LANGUAGE: Final = "zxx"
_VOICES: Final = {"no": "nb", "nn": "nb", "ary": "ar", "arz": "ar", "gug": "gn", "hbo": "he", "uzs": "uz", "wuu": "zh"}
"""py3langid's name of a language, and ours where it is another one, or where its texts are read by another voice."""

_ALIKE: Final = ({"bs", "hbs", "hr", "sr"}, {"id", "ms"}, {"cmn", "hak", "yue", "zh"}, {"hy", "hyw"}, {"nb", "no"})
"""Languages whose written texts are nearly the same: none of them is called wrong for another."""


@dataclass(frozen=True, slots=True)
class Guess:
    """The most probable language of a text, as a primary subtag; `sure` when others are improbable."""

    language: str
    sure: bool


def identify(text: str) -> Guess | None:
    """The language of a text; None when it has no letters. The same text gives the same answer."""
    found, main = writing.letters(text), writing.main(text)
    if not found:
        return None
    if sum(found[kana] for kana in writing.KANA) >= _LEAST_KANA * found.total():
        return Guess(writing.JAPANESE, sure=True)
    if main == writing.HAN:
        return Guess("zh", sure=True)
    readers = writing.readers(main)
    if len(readers) == 1:
        return Guess(readers[0], sure=True)
    probabilities = _probabilities(text)
    if readers:  # nothing else is written so, here
        probabilities = {name: share for name, share in probabilities.items() if name in readers} or {readers[0]: 1.0}
    best = max(probabilities, key=lambda language: probabilities[language])
    share = sum(probabilities.get(name, 0) for name in _like(best)) / sum(probabilities.values())
    needed = SURE if len(text.split()) >= SHORT_WORDS else SURE_WHEN_SHORT
    return Guess(best, share >= needed)


def likelier(text: str, language: str) -> str:
    """The language that a text is far more probably in than in this one; empty where there is none.

    Also empty of languages that py3langid does not know, and of tags that name a writing system (`cmn-latn-pinyin`).
    """
    like = _like(primary(language))
    if not writing.letters(text) or not like & _known() or names_script(language):
        return ""
    probabilities = _probabilities(text)
    best = max(probabilities, key=lambda name: probabilities[name])
    own = sum(probabilities.get(name, 0) for name in like)
    return best if best not in like and probabilities[best] >= max(_LEAST_PROBABILITY, _ODDS * own) else ""


def alike(one: str, other: str) -> bool:
    """Whether two languages are the same, or their written texts nearly are."""
    return other in _like(one)


def _probabilities(text: str) -> dict[str, float]:
    """How probable each language is, judged by the beginning of the text."""
    found: dict[str, float] = {}
    for label, probability in _identifier().rank(text[:_MAX_CHARACTERS]):
        if label != _NO_LANGUAGE:
            language = _VOICES.get(label, label)
            found[language] = found.get(language, 0) + probability
    return found


def _like(language: str) -> set[str]:
    return next((alike for alike in _ALIKE if language in alike), {language})


@cache
def _known() -> set[str]:
    return {_VOICES.get(label, label) for label in _identifier().labels}


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415  half a second, and not always needed

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
