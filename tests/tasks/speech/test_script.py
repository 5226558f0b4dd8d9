"""Scripts: what is spoken, what is not, and that nothing a person may write breaks the reading."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import BadInput
from tasks.speech import script
from tasks.speech.script import Ends, Heading, parse, split_words

LESSON = """\
---
author: somebody
---
# Lesson *one*

Hello **Dr. Smith**! We made $4.5 million [smiles] in 2023 – 12 % more. See <https://x.org> or [our page](https://y.org/a).

(laughs)

- first item
- second item: `print()` [pause 1.5s]

| a | b |
|---|---|
| c | d |

```
code
```

![a picture](x.png) Go to https://x.org/baz?x=1. And then… wait!

## Two [aside]

> "Is it?" he said. 😀
"""


def test_a_lesson_reads_as_a_person_would_read_it() -> None:
    lesson = parse(LESSON)
    assert [sentence.text for sentence in lesson.sentences] == [
        "Hello Dr. Smith!",
        "We made $4.5 million in 2023 – 12 % more.",
        "See or our page.",
        "first item",
        "second item: print()",
        "Go to.",
        "And then… wait!",
        '"Is it?" he said. 😀',
    ]
    assert lesson.headings == (Heading("Lesson one", 1, 0), Heading("Two", 2, 7))
    assert [sentence.ends for sentence in lesson.sentences] == [
        Ends.SENTENCE,
        Ends.SENTENCE,
        Ends.PARAGRAPH,
        Ends.PARAGRAPH,
        Ends.PARAGRAPH,
        Ends.SENTENCE,
        Ends.SECTION,
        Ends.PARAGRAPH,
    ]
    assert [sentence.pause_ms for sentence in lesson.sentences] == [0, 0, 0, 0, 1500, 0, 0, 0]


@pytest.mark.parametrize(
    ("written", "length_ms"),
    [("[pause]", 1000), ("[pause 1.5s]", 1500), ("[Pause 0,25 s]", 250), ("[pause 800ms]", 800), ("[pause 2]", 2000)],
)
def test_a_pause_ends_the_sentence_it_stands_in(written: str, length_ms: int) -> None:
    spoken = parse(f"We wait {written} and go on.").sentences
    assert [(sentence.text, sentence.pause_ms) for sentence in spoken] == [("We wait", length_ms), ("and go on.", 0)]


def test_a_pause_before_the_first_word_is_kept() -> None:
    assert parse("[pause 2s] Hello.").lead_ms == 2000


@pytest.mark.parametrize(
    "markdown", ["", "  \n", "# Only a heading", "[waves]", "...", "```\ncode\n```", "😀", "[pause 1s]"]
)
def test_nothing_to_say_is_refused(markdown: str) -> None:
    with pytest.raises(BadInput, match="nothing to say"):
        parse(markdown)


@pytest.mark.parametrize("pause", ["[pause soon]", "[pause -1s]", "[pause 9999s]"])
def test_a_pause_that_cannot_be_understood_is_named(pause: str) -> None:
    with pytest.raises(BadInput, match=r"\[pause"):
        parse(f"Hello {pause} there.")


def test_scripts_without_spaces_are_split_by_character_and_joined_again() -> None:
    sentence = parse("我们去 the park 公园。", "zh").sentences[0]
    assert sentence.words == ("我", "们", "去", "the", "park", "公", "园。")
    assert sentence.text == "我们去 the park 公园。"


def test_invisible_characters_that_turn_text_round_are_dropped() -> None:
    assert parse("ab\u202ecd\u200b\u00ad e\u0000f.").words == ("abcd", "ef.")


PLAIN_WORD = st.text("abcdefghijklmnopqrstuvwxyzäöüßéñабвאבגابت0123456789'", min_size=1, max_size=12).filter(
    script.is_spoken
)


@given(st.lists(st.lists(PLAIN_WORD, min_size=1, max_size=8), min_size=1, max_size=5))
def test_every_word_is_kept_once_and_in_order(paragraphs: list[list[str]]) -> None:
    markdown = "\n\n".join(" ".join(["So", *words]) + "." for words in paragraphs)
    expected = [word for words in paragraphs for word in ("So", *words)]
    assert [word.rstrip(".") for word in parse(markdown).words] == expected


MARKDOWN = st.text(st.sampled_from("ab Z1.!?[](){}*_#`>-|<~\\/:\n\t&;\"'0$%é漢ع😀\u202e\u0000"), max_size=120)


@given(st.one_of(MARKDOWN, st.text(max_size=120)))
def test_whatever_is_written_is_read_or_refused(markdown: str) -> None:
    try:
        parsed = parse(markdown)
    except BadInput:
        return
    assert all(script.is_spoken(word) and word.strip() == word for word in parsed.words)
    assert all(0 <= heading.sentence <= len(parsed.sentences) for heading in parsed.headings)


@given(st.text(max_size=60))
def test_splitting_loses_nothing_that_can_be_said(text: str) -> None:
    def said(part: str) -> str:
        return "".join(character for character in part if character.isalnum())

    assert said("".join(split_words(text))) == said(text)
