"""Chapters: from the first frame to the last, in order, as players and video sites read them."""

import pytest

from tasks.captions.chapters import ffmetadata, from_zero, listing
from tasks.errors import BadInput
from tasks.job import Chapter
from tasks.speech.language import alpha_3


def test_a_heading_at_the_beginning_is_the_beginning() -> None:
    assert from_zero([Chapter("One", 400), Chapter("Two", 9_000)], "T") == (Chapter("One", 0), Chapter("Two", 9_000))


def test_what_is_said_before_the_first_heading_gets_the_title() -> None:
    assert from_zero([Chapter("One", 9_000)], "Title") == (Chapter("Title", 0), Chapter("One", 9_000))


def test_headings_without_words_between_them_become_one() -> None:
    assert from_zero([Chapter("Course", 400), Chapter("Lesson", 400)], "T") == (Chapter("Course · Lesson", 0),)


def test_without_headings_there_are_no_chapters() -> None:
    assert from_zero([], "Title") == ()


def test_the_list_starts_at_zero_and_has_hours_only_where_needed() -> None:
    chapters = (Chapter("A\nB", 0), Chapter("C", 3_725_900))
    assert listing(chapters, 25 * 60) == "00:00 A B\n62:05 C\n"
    assert listing(chapters, 25 * 4000) == "0:00:00 A B\n1:02:05 C\n"


def test_metadata_is_escaped() -> None:
    text = ffmetadata((Chapter("a=b; #c \\d", 0), Chapter("z", 500)), 25)
    assert "title=a\\=b\\; \\#c \\\\d\n" in text
    assert "START=0\nEND=500" in text and "START=500\nEND=1000" in text


@pytest.mark.parametrize(
    ("tag", "letters"), [("en-GB", "eng"), ("de", "deu"), ("zh_Hant", "zho"), ("ckb", "ckb"), ("qq", "und")]
)
def test_languages_have_three_letters(tag: str, letters: str) -> None:
    assert alpha_3(tag) == letters


@pytest.mark.parametrize("tag", ["", "e", "english", "é?", "1a"])
def test_what_is_no_language_is_refused(tag: str) -> None:
    with pytest.raises(BadInput, match="is no language"):
        alpha_3(tag)
