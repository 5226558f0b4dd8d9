"""What is heard of digits, signs and abbreviations is what is heard of the words: the same samples."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.speech import voice
from tasks.speech.normalise import normalise
from tasks.speech.script import parse

PAIRS = [
    ("en", "The office opened in the 1990s.", "The office opened in the nineteen nineties."),
    ("en", "The '90s, the 2000s, mid-1980s.", "The nineties, the two thousands, mid-nineteen eighties."),
    ("en", "We met on 11/26/2026, or 2026-11-26.", "We met on November 26, 2026, or November 26, 2026."),
    (
        "en",
        "It starts at 10:30 a.m. sharp, not at 14:05.",
        "It starts at ten thirty ay em sharp, not at fourteen oh five.",
    ),
    (
        "en",
        "It cost $4.5 million, not £3.50.",
        "It cost four point five million dollars, not three pounds and fifty pence.",
    ),
    (
        "en",
        "It is 50\u00a0km to the school, and 16\u202fGB are enough.",
        "It is 50 km to the school, and 16 GB are enough.",
    ),
    ("en", "It is 50 km at 5 km/h.", "It is fifty kilometers at five kilometers per hour."),
    ("en", "I ❤️ this 👩🏽‍🏫 course.\n\n👍 Great job! 🎉", "I this course.\n\nGreat job!"),
    ("en", "1️⃣ Go to 🇩🇪 now.", "Go to now."),
    ("en", "See https://example.com/course or www.example.com.", "See example dot com or example dot com."),
    ("en", "World War II and Louis XIV were long ago.", "World War Two and Louis the fourteenth were long ago."),
    ("en", "Budgets fail.[^1] ~~Never~~ Always plan.\n\n[^1]: So they say.", "Budgets fail. Always plan."),
    (
        "de",
        "Am 26.11.2026 beginnt der Kurs.",
        "Am sechsundzwanzigsten November zweitausendsechsundzwanzig beginnt der Kurs.",
    ),
    ("de", "Am 3.12.2026 um 9.30 Uhr.", "Am dritten Dezember zweitausendsechsundzwanzig um neun Uhr dreißig."),
    ("de", "Sie wohnt im 3. Stock am Markt.", "Sie wohnt im dritten Stock am Markt."),
    (
        "de",
        "Wir leben im 21. Jahrhundert, nicht im 16. Jh. n. Chr.",
        "Wir leben im einundzwanzigsten Jahrhundert, nicht im sechzehnten Jahrhundert nach Christus.",
    ),
    ("de", "Das ist der 2. Versuch, den 1. Platz zu holen.", "Das ist der zweite Versuch, den ersten Platz zu holen."),
    (
        "de",
        "Um 10:30\u00a0Uhr am Montag, dem 3.\u00a0Mai, d.\u00a0h.\u00a0bald.",
        "Um 10:30 Uhr am Montag, dem 3. Mai, d.h. bald.",
    ),
    (
        "de",
        "Das kostet 1\u202f299\u00a0€ oder 4,5 Mio. €.",
        "Das kostet eintausendzweihundertneunundneunzig Euro oder vier Komma fünf Millionen Euro.",
    ),
    ("de", "Die 90er und die 1990er-Jahre.", "Die neunziger und die neunzehnhundertneunziger Jahre."),
    (
        "de",
        "Unter Ludwig XIV. stiegen sie um 5–10 %.",
        "Unter Ludwig dem Vierzehnten stiegen sie um fünf bis zehn Prozent.",
    ),
]


@pytest.mark.parametrize(("language", "signs", "words"), PAIRS)
def test_signs_sound_like_the_words(language: str, signs: str, words: str) -> None:
    np.testing.assert_array_equal(heard(signs, language), heard(words, language))


def heard(text: str, language: str) -> NDArray[np.int16]:
    voices = {"en": "en-us", "de": "de"}
    speaker = voice.find(voices[language])
    spoken = parse(text, language).sentences
    return np.concatenate([speaker.say(normalise(sentence.words, language)).samples for sentence in spoken])
