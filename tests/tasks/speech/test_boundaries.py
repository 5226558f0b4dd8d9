"""Sentence boundaries: a full stop after an ordinal or an abbreviation ends no sentence, and after a number it may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.speech.boundaries import segments
from tasks.speech.script import parse

GERMAN = """
Sie wohnt im 3. Stock am Markt. | Dann ging sie.
Wir leben im 21. Jahrhundert und nicht im 16. Jh. n. Chr. | Das ist so.
Das ist der 2. Versuch, den 1. Platz zu holen. | Gut.
Zum 100. Mal liest sie das 5. Kapitel. | Sein 1. Buch war gut.
Der 1. Platz für Anna, der 2. Platz für Paul. | Die 3. Klasse jubelt.
Der II. Weltkrieg und das XX. Jahrhundert. | Ludwig XIV. Frankreichs König. | Ludwig XIV. | Er regierte lange.
Am 26.11. Beginn, am 26.11.2026 Ende. | Bis 3. Mai. | Und am 24. Dezember.
Er ist 42. | Anna ist 3. | Sie kam als 2. | Danach kam Paul.
Es waren 12. | Peter kam auch. | Es kostet 5. | Punkt.
Lies Kapitel 3. | Beginne dann mit Seite 12. | Das ist Nr. 1.
Heute ist der 3. | Die Sonne scheint um 9. | Wir gehen.
Das war z. B. Anna, d. h. Paul, u. a. Berlin, bzw. Rom, ca. Mitte Mai, i. d. R. Montag. | Ja.
Hr. Meier, Prof. Dr. Li, Fr. Kuhn und Dr. Müller in St. Gallen. | So ist es.
Siehe Abb. 3, S. 12, vgl. Kapitel 3, Nr. 5, inkl. Steuer, Tel. 089 123456 auch. | Gut.
Um 500 v. Chr. Geburt, um 300 n. Chr. | Der Kaiser kam usw. | Dann ging er.
"""
ENGLISH = """
Dr. Smith lives on St. Mark's, e.g. at No. 5, i.e. near Mr. Li. | See fig. 3. | Done.
World War II. | Then it ended at 5 p.m. | Tomorrow it starts.
He works for Acme Inc. | He is fine. | We sell apples, pears, etc. | Then go.
They met on Main St. | They left. | In the 1990s. | Then more.
It has 5. | Then it ends. | Is that No. 5? | No. 5 is it.
See pp. 5 and vol. 2, approx. Monday, cf. Smith. | So it is.
"""


@pytest.mark.parametrize("line", GERMAN.split("\n")[1:-1])
def test_german(line: str) -> None:
    spoken = parse("\n\n" + line.replace(" | ", " "), "de").sentences
    assert " | ".join(sentence.text for sentence in spoken) == line


@pytest.mark.parametrize("line", ENGLISH.split("\n")[1:-1])
def test_english(line: str) -> None:
    spoken = parse(line.replace(" | ", " ")).sentences
    assert " | ".join(sentence.text for sentence in spoken) == line


@given(st.text(st.sampled_from('abA 13.IV!?"()Chr'), max_size=80), st.sampled_from(["en", "de", "fr"]))
def test_nothing_is_lost_between_sentences(text: str, language: str) -> None:
    assert "".join(segments(text, language)) == text


@pytest.mark.parametrize("language", ["ar", "fa", "de", "en"])
def test_no_break_spaces_stop_no_sentence_from_being_cut(language: str) -> None:
    """sentencex panics over the first of these in Arabic."""
    for text in ("A\u00a0.", "A\u00a0. B\u202fC. D", "First here. Then\u00a0there."):
        assert "".join(segments(text, language)) == text
