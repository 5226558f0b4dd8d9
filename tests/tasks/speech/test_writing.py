"""Writing systems: letters are counted by their name in Unicode, and the table of voices is what espeak-ng does."""

import pytest

from tasks.speech import espeak, writing

WORDS = {
    "ARABIC": "كتاب",
    "ARMENIAN": "գիրք",
    "BENGALI": "বই",
    "CJK": "图书馆",
    "CYRILLIC": "карта",
    "DEVANAGARI": "किताब",
    "ETHIOPIC": "መጽሐፍ",
    "GEORGIAN": "წიგნი",
    "GREEK": "βιβλίο",
    "GUJARATI": "પુસ્તક",
    "GURMUKHI": "ਕਿਤਾਬ",
    "HANGUL": "도서관",
    "HEBREW": "ספר",
    "HIRAGANA": "さくら",
    "KANNADA": "ಪುಸ್ತಕ",
    "KATAKANA": "テレビ",
    "KHMER": "សៀវភៅ",
    "LAO": "ປຶ້ມ",
    "LATIN": "banana",
    "MALAYALAM": "പുസ്തകം",
    "MYANMAR": "ကျောင်း",
    "ORIYA": "ପୁସ୍ତକ",
    "SINHALA": "පොත",
    "TAMIL": "புத்தகம்",
    "TELUGU": "పుస్తకం",
    "THAI": "หนังสือ",
    "TIBETAN": "དེབ",
}
SHAN = "လိၵ်ႈ"
"""In letters that Burmese does not have."""

SPELLED = 4
"""Phonemes a letter: a voice that names a letter, or gives its code, needs more; a Chinese character has up to four."""


def pronounces(language: str, word: str) -> bool:
    """Whether a voice reads a word by its own rules: not by its letters, nor by another language's (`(hi)...`)."""
    (phonemes,) = espeak.phonemes((word,), espeak.languages()[language])
    return 0 < len(phonemes) < SPELLED * len(word) and not any("(" in phoneme for phoneme in phonemes)


@pytest.mark.parametrize(
    ("system", "language"),
    [(system, language) for system in WORDS for language in writing.readers(system)],
)
def test_the_voices_of_the_table_read_their_letters(system: str, language: str) -> None:
    word = SHAN if language == "shn" else WORDS[system]
    assert pronounces(language, word)
    assert writing.is_read(word, language)


@pytest.mark.parametrize("language", ["en-us", "de", "fr-fr", "tr", "fi"])
def test_voices_of_languages_in_latin_letters_read_no_others(language: str) -> None:
    # English spells Cyrillic by the names of its letters, which are short; what follows is spelled at length.
    read = {system for system, word in WORDS.items() if pronounces(language, word)} - {"CYRILLIC"}
    assert read == {"LATIN"}
    assert {system for system, word in WORDS.items() if writing.is_read(word, language)} == {"LATIN"}


def test_every_word_is_of_its_own_system_only() -> None:
    assert all(set(writing.letters(word)) == {system} for system, word in WORDS.items())


def test_letters_of_compatibility_forms_are_those_that_they_stand_for() -> None:
    assert writing.letters("Ａｂｃ ﾃﾚﾋﾞ ﬁ 𝐱 µ") == {"LATIN": 6, "KATAKANA": 3, "GREEK": 1}
    assert writing.letters("1, 2, 3! – 50 % € 😀 ...") == {}
    assert writing.main("") == ""


def test_a_foreign_name_is_not_a_foreign_text() -> None:
    assert writing.is_read("My friend 王小明 lives in Paris, near the river.", "en-us")
    assert not writing.is_read("My friend 王小明 says: 大家好，欢迎来到第一课。", "en-us")
    assert writing.is_read("我们使用 Kubernetes 和 Prefect。", "zh")
    assert writing.is_read("¡Hola!", "ja")
    assert writing.is_read("", "en")


def test_kanji_are_not_read_by_the_japanese_voice() -> None:
    assert not pronounces("ja", "図書館")
    assert not writing.is_read("今日は図書館へ行きます。", "ja")
    assert writing.is_read("きょうは としょかんへ いきます。", "ja")
