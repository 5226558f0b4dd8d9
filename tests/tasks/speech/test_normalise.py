"""Spoken forms: what is heard for what is shown, word by word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.speech.normalise import normalise
from tasks.speech.sentences import is_spoken, split_words


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("$4.5 million", "four point five|million dollars"),
        ("$4.50, not $1!", "four dollars and fifty cents,|not|one dollar!"),
        ("$2bn", "two billion dollars"),
        ("in 2023 and 1905", "in|twenty twenty three|and|nineteen oh five"),
        ("2023 people", "two thousand and twenty three|people"),
        ("12% or 12 %", "twelve percent|or|twelve|percent"),
        ("May 3, 2024", "May|third,|twenty twenty four"),
        ("the 21st", "the|twenty-first"),
        ("10:30 a.m.", "ten thirty|ay em."),
        ("10:05", "ten oh five"),
        ("Dr. Smith vs. Mr. Jones", "doctor|Smith|versus|mister|Jones"),
        ("1,234,567 items", "one million two hundred and thirty four thousand five hundred and sixty seven|items"),
        ("-5 degrees", "minus five|degrees"),
        ("pages 10–12", "pages|ten to twelve"),
        ("100 km", "one hundred|kilometers"),
        ("5kg", "five kilograms"),
        ("1-800-555", "one, eight zero zero, five five five"),
        ("up 12 %.", "up|twelve|percent."),
        ("007", "zero zero seven"),
        ("No. 5, no.", "number|five,|no."),
        ("bread & butter (3)", "bread|and|butter|(three)"),
        ("so – 5", "so –|five"),
    ],
)
def test_english(shown: str, said: str) -> None:
    assert "|".join(normalise(split_words(shown), "en-us")) == said


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("Am 3. Mai 2023", "Am|dritten|Mai|zweitausenddreiundzwanzig"),
        ("der 2. Tag", "der|zweite|Tag"),
        ("4,5 Mio. €", "vier Komma fünf|Millionen|Euro."),
        ("2 Millionen €", "zwei|Millionen|Euro"),
        ("z. B. 12 %", "zum|Beispiel|zwölf|Prozent."),
        ("um 10:30 Uhr", "um|zehn|Uhr dreißig"),
        ("um 10:30 da", "um|zehn Uhr dreißig|da"),
        ("1.234 Gäste", "eintausendzweihundertvierunddreißig|Gäste"),
        ("seit 1984", "seit|neunzehnhundertvierundachtzig"),
        ("1 Hund", "ein|Hund"),
        ("Herr Dr. Müller, Nr. 5", "Herr|Doktor|Müller,|Nummer|fünf"),
        ("5–7 Tage", "fünf bis sieben|Tage"),
    ],
)
def test_german(shown: str, said: str) -> None:
    assert "|".join(normalise(split_words(shown), "de")).removesuffix(".") == said.removesuffix(".")


def test_other_languages_are_left_to_the_voice() -> None:
    assert normalise(("25", "كتابا."), "ar") == ("25", "كتابا.")


def test_pictures_are_not_read_out() -> None:
    assert normalise(("said. 😀",), "en") == ("said.",)


@given(st.lists(st.text(max_size=12), max_size=6), st.sampled_from(["en", "de", "he"]))
def test_every_word_is_read_as_something(texts: list[str], language: str) -> None:
    words = split_words(" ".join(texts))
    read = normalise(words, language)
    assert len(read) == len(words)
    assert all(is_spoken(text) for text in read if text.isascii())
    assert all(read)


@given(st.from_regex(r"[$€£(]?[-−]?[0-9]{1,20}([.,:/–-][0-9]{1,4}){0,3}(%|€|km|st|th|M|bn|\.|,|\))?", fullmatch=True))
def test_no_number_is_too_strange(number: str) -> None:
    for language in ("en", "de"):
        assert normalise((number, "x"), language)[0]
