"""Phonemes in the International Phonetic Alphabet (IPA): as a pronunciation file gives them, and as networks take them.

Among the words of a sentence a pronunciation stands between two private characters, which no script holds (script.py
removes them). hibari and Kokoro take misaki's letters, which have one for each diphthong and affricate.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_OPEN, _CLOSE, _SPACE = "\ue010", "\ue011", "\u203f"
_MARKED = re.compile(f"{_OPEN}([^{_OPEN}{_CLOSE}]*){_CLOSE}")

_TIES: Final = str.maketrans("", "", "\u0361\u035c^")
_NASAL: Final = "\u0303"
_LETTERS: Final = {"a͡ɪ": "I", "a͡ʊ": "W", "d͡z": "ʣ", "d͡ʒ": "ʤ", "e͡ɪ": "A", "o͡ʊ": "O", "t͡s": "ʦ", "t͡ʃ": "ʧ", "ɔ͡ɪ": "Y"}
_TO_MISAKI: Final = {
    "eɪ": "A", "aɪ": "I", "oʊ": "O", "əʊ": "O", "aʊ": "W", "ɔɪ": "Y", "dʒ": "ʤ", "tʃ": "ʧ", "ɜːɹ": "ɜɹ", "ɜː": "ɜɹ",
    "ɝ": "ɜɹ", "ɚ": "əɹ", "l̩": "ᵊl", "n̩": "ᵊn", "m̩": "ᵊm", "ɪə": "iə", "e": "ɛ", "o": "O", "a": "ɑ", "ɒ": "ɑ",
    "ɐ": "ə", "ɨ": "ᵻ", "g": "ɡ", "r": "ɹ", "ʁ": "ɹ", "ɾ": "T", "ɫ": "l", "ɬ": "l", "ʎ": "lj", "ɲ": "nj", "x": "k",
    "χ": "k", "q": "k", "c": "k", "ç": "h", "ʔ": "t", "y": "u", "ʏ": "ʊ", "ø": "ɜ", "œ": "ɜ", "ɯ": "u", "ɣ": "ɡ",
    "β": "v", "ɸ": "f", "ʝ": "j", "ɕ": "ʃ", "ʑ": "ʒ", "ɦ": "h", "ʍ": "w", "ɻ": "ɹ", "ɵ": "ə", "ɤ": "ʌ", "ɘ": "ə",
    "ʂ": "ʃ", "ʐ": "ʒ", "ɖ": "d", "ʈ": "t", "ɳ": "n", "ɭ": "l", "ʋ": "v", "ɱ": "m", "ɥ": "w", "ɶ": "æ", "ɹ̩": "əɹ",
    "ː": "", "ˑ": "", ".": "", "ʲ": "", "ʰ": "", "ʷ": "", "'": "ˈ", ",": "ˌ", _SPACE: " ", "|": "", "-": "",
}  # fmt: skip
"""IPA to the letters for English; sounds that English lacks, to the nearest one."""
_ENGLISH: Final = frozenset("bdfhijklmnpstuvwzæðŋɑɔəɛɜɡɪɹʃʊʌʒˈˌθᵊᵻAIOWYʤʧT ")
_PIECE = re.compile("|".join(re.escape(key) for key in sorted(_TO_MISAKI, key=len, reverse=True)) + "|.", re.DOTALL)


_STRESS = re.compile(r"([ˈˌ])([bdfhjklmnpstvwzðŋɡɹʃʒθʤʧT]+)(?=[iuæɑɔəɛɜɪʊʌᵊᵻAIOWY])")
"""IPA has the mark before the syllable, misaki before its vowel."""


def marked(ipa: str) -> str:
    """A pronunciation as it stands among the words of a sentence."""
    return f"{_OPEN}{_SPACE.join(ipa.split())}{_CLOSE}"


def parts(text: str) -> Iterator[tuple[str, bool]]:
    """A text in parts: each is either words, or a pronunciation in IPA (True)."""
    end = 0
    for match in _MARKED.finditer(text):
        if match.start() > end:
            yield text[end : match.start()], False
        yield match[1], True
        end = match.end()
    if end < len(text):
        yield text[end:], False


def shown(text: str, form: str = "/{}/") -> str:
    """A text with its pronunciations as dictionaries write them, `/ˈwɪn/`, or in another form."""
    return "".join(form.format(part.replace(_SPACE, " ")) if is_ipa else part for part, is_ipa in parts(text))


def to_misaki(ipa: str) -> str:
    """IPA in misaki's letters for English; what is not IPA, or stands for no sound of a voice, is left out."""
    return _STRESS.sub(r"\2\1", "".join(letter for letter in _letters(ipa) if letter in _ENGLISH))


def to_letters(ipa: str) -> str:
    """IPA in the letters of a network for other languages: one for each affricate and diphthong."""
    plain = _plain(ipa).replace("^", "").replace("-", "").replace(_SPACE, " ")
    for sound, letter in _LETTERS.items():
        plain = plain.replace(sound, letter)
    return plain.translate(_TIES)


def unknown(ipa: str) -> str:
    """The first symbol that is no IPA, or stands for no sound of an English voice; empty where there is none."""
    return next((letter for letter in _letters(ipa) if letter not in _ENGLISH), "")


def _letters(ipa: str) -> str:
    plain = _plain(ipa).translate(_TIES).replace(_NASAL, "")
    return "".join(_TO_MISAKI.get(piece, piece) for piece in _PIECE.findall(plain))


def _plain(ipa: str) -> str:
    """With nasal vowels and syllabic consonants as two characters each."""
    return unicodedata.normalize("NFD", ipa).replace("c\u0327", "ç")
