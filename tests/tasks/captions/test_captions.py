"""Captions: broken where a reader would break them, on the frame of their first word, and every fault reported."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.captions.caption import Caption, Extent, Rule, check, extent, running_text
from tasks.captions.layout import lay_out
from tasks.captions.phrases import Break, breaks
from tasks.captions.profile import Profile
from tasks.captions.profile import load as load_profile
from tasks.captions.profile import names as profile_names
from tasks.job import Word
from tasks.speech.script import parse

NETFLIX = load_profile("netflix")


def said(text: str, ms_per_character: int = 65, rest_ms: int = 520, start_ms: int = 400) -> list[Word]:
    """Words at an even pace; sentences end with a full stop, and a rest follows."""
    words: list[Word] = []
    sentence = 0
    for token in text.split():
        end_ms = start_ms + len(token) * ms_per_character
        words.append(Word(token, start_ms, end_ms, sentence))
        start_ms = end_ms + ms_per_character
        if token.endswith("."):
            sentence += 1
            start_ms += rest_ms
    return words


def captions_of(text: str, profile: Profile = NETFLIX, language: str = "en") -> tuple[Caption, ...]:
    words = said(text)
    return lay_out(words, profile, language, words[-1].end_ms + 480)


def test_a_line_ends_with_its_clause() -> None:
    (caption,) = captions_of("When the rain had stopped, we went back to the harbour.")
    assert caption.lines == ("When the rain had stopped,", "we went back to the harbour.")


@pytest.mark.parametrize(
    ("words", "language"),
    [
        ("the house", "en"),
        ("$4.5 million", "en"),
        ("12 %", "en"),
        ("May 3,", "en"),
        ("New York", "en"),
        ("Dr. Smith", "en"),
        ("3. Mai", "de"),
        ("der Hund", "de"),
        ("Herr Müller", "de"),
        ("10 Uhr", "de"),
        ("3. Stock", "de"),
        ("100. Mal", "de"),
        ("z. B.", "de"),
        ("n. Chr.", "de"),
        ("Ludwig XIV.", "de"),
        ("1\u00a0299 €", "de"),
        ("Chapter IV,", "en"),
        ("J. Smith", "en"),
        ("+49 89", "en"),
        ("le chien", "fr"),
    ],
)
def test_what_belongs_together_is_never_broken(words: str, language: str) -> None:
    first, second = words.split(" ")
    assert breaks(["So", first, second, "x"], [0, 0, 0, 0], language)[1] is Break.NEVER


@pytest.mark.parametrize(
    ("language", "text", "parted"),
    [
        ("zh", "今天是2026年11月26日，好。", "今|天|是|2026年|11月|26日，|好。"),
        ("zh", "走3公里，用十二个小时。", "走|3公里，|用|十二个小时。"),
        ("zh", "第3章有5 个人。", "第3章|有|5个|人。"),
        ("ja", "約1,299円で、3.5%高い。", "約|1,299円|で、|3.5%|高|い。"),
        ("ja", "３か月と二十六日", "３か月|と|二十六日"),
        ("ja", "サーバーと言った", "サー|バー|と|言っ|た"),
        ("zh", "他说：“3个”，对", "他|说：|“3个”，|对"),
        ("ja", "約90分間、2つ目。", "約|90分間、|2つ目。"),
    ],
)
def test_a_number_is_not_parted_from_its_counter(language: str, text: str, parted: str) -> None:
    words = parse(text, language).words
    found = breaks(words, [0] * len(words), language)
    assert (
        "".join(w + ("" if kind is Break.NEVER else "|") for w, kind in zip(words, found, strict=True)) == f"{parted}|"
    )


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "今天是2026年11月26日，我们使用Python编程。" * 3),
        ("ja", "価格は1,299円で、去年より3.5%高いです。" * 3),
        ("ja", "次は Python 3 の話です！　それでは、始めましょう。" * 2),
        ("ko", "안녕하세요 세계, 오늘은 3월 2일이고 날씨가 아주 좋습니다. 그래서 우리는 밖으로 나갑니다."),
        (
            "en",
            "👍 Great job, and 👩🏽‍🏫 all of you have done it together, in one day! 🎉 And that is what I call good.",
        ),
    ],
)
def test_captions_show_the_spaces_of_the_script(language: str, text: str) -> None:
    words = [
        Word(word.text, 400 + 300 * number, 650 + 300 * number, 0, word.space)
        for number, word in enumerate(word for sentence in parse(text, language).sentences for word in sentence.shown)
    ]
    captions = lay_out(words, NETFLIX, language, words[-1].end_ms + 480)
    assert len(captions) > 1
    rows = [row for caption in captions for row in caption.rows]
    assert "".join(running_text(row) + row[-1].space for row in rows).rstrip() == text
    assert not [line for caption in captions for line in caption.lines if line != line.strip()]
    assert not [fault for fault in check(captions, NETFLIX, language) if fault.rule in {Rule.WIDTH, Rule.BREAK}]


def test_an_emoji_takes_the_room_of_one_wide_character() -> None:
    assert [extent(text) for text in ("👩🏽‍🏫", "❤️", "🇩🇪", "1️⃣", "a👍b")] == [Extent(0, 1)] * 4 + [Extent(2, 1)]


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("rain,", "we", Break.CLAUSE),
        ("rain", "and", Break.CONJUNCTION),
        ("dog", "near", Break.PREPOSITION),
        ("near", "houses", Break.LOOSE),
        ("old", "dogs", Break.PHRASE),
    ],
)
def test_the_other_places_have_their_price(before: str, after: str, kind: Break) -> None:
    assert breaks(["so", before, after], [0, 0, 0], "en")[1] is kind


def test_captions_follow_the_words_frame_by_frame() -> None:
    captions = captions_of("First comes a sentence of some length. Then comes another one that is longer. And a third.")
    for caption in captions:
        assert caption.start_ms % 40 == 0
        assert 0 <= caption.words[0].start_ms - caption.start_ms < 40
        assert caption.end_ms <= caption.words[-1].end_ms + 480
    for before, after in pairwise(captions):
        assert after.start_ms - before.end_ms >= 80


def test_speech_that_is_too_fast_is_reported() -> None:
    words = said("incomprehensibilities characteristically misunderstood.", ms_per_character=20)
    captions = lay_out(words, NETFLIX, "en", words[-1].end_ms)
    assert {fault.rule for fault in check(captions, NETFLIX, "en")} == {Rule.SPEED}


def test_a_word_wider_than_a_line_is_reported_and_stands_alone() -> None:
    word = "Donaudampfschifffahrtsgesellschaftskapitänsmütze"
    captions = captions_of(f"Dies ist die {word} von gestern.", NETFLIX, "de")
    assert word in {line for caption in captions for line in caption.lines}
    assert [fault.rule for fault in check(captions, NETFLIX, "de")].count(Rule.WIDTH) == 1


def test_every_rule_is_checked() -> None:
    first = Word("the", 0, 100, 0)
    long = replace(first, text="w" * 50)
    captions = (
        Caption(0, 400, ((long,), (first,), (first,))),
        Caption(440, 9000, ((replace(first, start_ms=440, end_ms=900),),)),
    )
    rules = {(fault.caption, fault.rule) for fault in check(captions, NETFLIX, "en")}
    first_faults = {Rule.LINES, Rule.WIDTH, Rule.SPEED, Rule.SHORT, Rule.GAP, Rule.BREAK, Rule.BALANCE}
    assert rules == {(1, rule) for rule in first_faults} | {(2, Rule.LONG), (2, Rule.TAIL)}


def test_marks_take_no_room_and_wide_letters_more() -> None:
    assert extent("שָׁלוֹם").narrow == 4
    assert extent("天气a").wide == 2
    assert extent("天" * 16).of_line(NETFLIX) == 1.0


TEXT = st.lists(st.text("abcdefgh,.", min_size=1, max_size=14).filter(str.strip), min_size=1, max_size=40)


@settings(deadline=None, max_examples=60)
@given(TEXT, st.integers(30, 110), st.sampled_from(profile_names()))
def test_every_word_is_shown_once_and_in_order(tokens: list[str], pace: int, name: str) -> None:
    profile = load_profile(name)
    words = said(" ".join(tokens), pace)
    captions = lay_out(words, profile, "en", words[-1].end_ms + 480)
    assert [word for caption in captions for word in caption.words] == words
    assert all(caption.start_ms < caption.end_ms for caption in captions)
    shown = " ".join(caption.text.replace("\n", " ") for caption in captions)
    assert shown.split() == [word.text for word in words]
