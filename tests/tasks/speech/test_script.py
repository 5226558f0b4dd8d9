"""Scripts: what is spoken, what is not, and that nothing a person may write breaks the reading."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.errors import BadInput
from tasks.speech.script import Ends, Heading, parse
from tasks.speech.sentences import is_spoken, split_words

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
        "See https://x.org or our page.",
        "first item",
        "second item: print()",
        "Go to https://x.org/baz?x=1.",
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


def shown(markdown: str, language: str = "en") -> str:
    return " | ".join(sentence.text for sentence in parse(markdown, language).sentences)


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("Budgets fail.[^1] Plan ahead.\n\n[^1]: A survey says so.", "Budgets fail. | Plan ahead."),
        ("Budgets fail[^n], mostly.\n\n[^n]: yes", "Budgets fail, mostly."),
        ("One.[^1]\n\n[^1]: A note\n    of two lines.\n\n    And a second paragraph.\n\nTwo.", "One. | Two."),
        ("One^[a note inside the line], two.", "One, two."),
        ("[^later]: A note that nobody refers to.\n\nOne.", "One."),
        ("Two notes.[^a][^b]\n\n[^a]: A.\n[^b]: B.", "Two notes."),
        ("A mark without its note.[^9]", "A mark without its note."),
    ],
)
def test_footnotes_are_neither_spoken_nor_shown(markdown: str, text: str) -> None:
    assert shown(markdown) == text


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("Plan for it, and ~~never~~ always check.", "Plan for it, and always check."),
        ("~~Old~~ New.", "New."),
        ("Keep ~~this **and** `that`~~.", "Keep."),
        ("About ~5 apples ~ more.", "About ~5 apples ~ more."),
        ("`~~code~~` stays.", "~~code~~ stays."),
        ("- one\n- ~~two~~\n- three", "one | three"),
    ],
)
def test_what_is_struck_out_is_left_out(markdown: str, text: str) -> None:
    assert shown(markdown) == text


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("Call `print(x[0])` now.", "Call print(x[0]) now."),
        (r"He \[the author\] agrees.", "He [the author] agrees."),
        (r"\(All of it.\)", "(All of it.)"),
        (r"Five \* two, and \_so\_.", "Five * two, and _so_."),
        ("We made it [smiles], at last [waves].", "We made it, at last."),
        ("One<br>two<br/>three.", "One two three."),
        ("H<sub>2</sub>O <!-- not\nthis --> is <b>wet</b>.", "H2O is wet."),
        ("<!--\nA comment.\n-->\n\nText.", "Text."),
        ("One  \ntwo\\\nthree\nfour.", "One two three four."),
        ("- [ ] write\n- [x] record", "write | record"),
        ("- a b\n    - c d\n        1. e f\n- g h", "a b | c d | e f | g h"),
        ("> Quoted\n> words.\n>\n> > Deeper.", "Quoted words. | Deeper."),
        ("| a | b |\n|---|---|\n| c | d |\n\nText.", "Text."),
        ("```python\ncode()\n```\n\n    more()\n\nText.", "Text."),
        ("A [link](https://x.org/very/long/way) and [another][1].\n\n[1]: https://x.org", "A link and another."),
        ("Fish &amp; chips&nbsp;– 5&#160;km &#x202e;so.", "Fish & chips\u00a0– 5\u00a0km so."),
        ("![A picture](x.png) Text.", "Text."),
    ],
)
def test_markdown_as_people_write_it(markdown: str, text: str) -> None:
    assert shown(markdown) == text


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("---\ntitle: One\n---\nText.", "Text."),
        ("---\n# a comment\ntitle: One\n...\nText.", "Text."),
        ('+++\ntitle = "One"\n+++\nText.', "Text."),
        ("---\n---\nText.", "Text."),
        ("\ufeff---\r\ntitle: One\r\n---\r\nText.", "Text."),
        ("---\n\nText.\n\n---\n\nMore.", "Text. | More."),
        ("Text.\n\n---\n\nkey: value", "Text. | key: value"),
    ],
)
def test_front_matter_is_not_spoken_and_what_stands_between_two_rules_is(markdown: str, text: str) -> None:
    assert shown(markdown) == text


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("3. Mai ist der Tag.", "3. Mai ist der Tag."),
        ("> 24. Dezember\n> war es.", "24. Dezember war es."),
        ("1. Eins\n2. Zwei", "Eins | Zwei"),
    ],
)
def test_a_german_date_at_the_beginning_of_a_line_is_no_list(markdown: str, text: str) -> None:
    assert shown(markdown, "de") == text


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("See https://example.com/course for the slides.", "See https://example.com/course for the slides."),
        ("Read www.example.com/a/long/path?with=query&and=more today.", "Read www.example.com today."),
        ("Read https://example.com/a/long/path?with=query&and=more.", "Read example.com."),
        ("Read <https://example.com/a/long/path?with=query&and=more>!", "Read example.com!"),
        ("(It is at http://example.org/wiki/Something_(of_some_kind).)", "(It is at example.org.)"),
        ("Shop at example.co.uk/all-that-you-ever-wanted-to-buy, or not.", "Shop at example.co.uk, or not."),
        ("Write to <info@example.com> or ask.", "Write to info@example.com or ask."),
        ("Open main.py, e.g. in 3.11, it.in fact.", "Open main.py, e.g. in 3.11, it.in fact."),
    ],
)
def test_a_web_address_is_shown_as_it_is_or_as_its_host(markdown: str, text: str) -> None:
    assert parse(markdown).sentences[0].text == text


@pytest.mark.parametrize(
    ("markdown", "words"),
    [
        ("👍 Great job! 🎉", ("👍 Great", "job! 🎉")),
        ("I ❤️ this 👩🏽‍🏫 course.", ("I ❤️", "this 👩🏽‍🏫", "course.")),
        ("Go🏴󠁧󠁢󠁥󠁮󠁧󠁿 on", ("Go🏴󠁧󠁢󠁥󠁮󠁧󠁿", "on")),
        ("1️⃣ First, 2️⃣ second", ("1️⃣ First, 2️⃣", "second")),
        ("From 🇩🇪 to 🇫🇷.", ("From 🇩🇪", "to 🇫🇷.")),
        ("Done ✔️ – really", ("Done ✔️ –", "really")),
    ],
)
def test_captions_keep_emoji_with_their_spaces_and_all_of_their_parts(markdown: str, words: tuple[str, ...]) -> None:
    (sentence,) = parse(markdown).sentences
    assert sentence.words == words
    assert sentence.text == markdown


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "今天是2026年11月26日，我们使用Python编程。"),
        ("zh", "我们使用 Python 3 编程，今天 天气很好。"),
        ("ja", "価格は1,299円で、去年より3.5%高いです。"),
        ("ja", "彼は「はい」と言った！　そして（静かに）帰った。"),
        ("zh", "他说：“你好👍”，然后走了。"),
        ("ko", "안녕하세요 세계, 3월 2일에 만나요."),
        ("en", "We say 你好, and “ ciao ” ( or so )."),
        ("fr", "Il coûte 1\u202f299\u00a0€\u00a0: c’est «\u00a0cher\u00a0»\u202f!"),
        ("de", "Es sind 12 500 km und 1 299,50 €."),
    ],
)
def test_the_spaces_are_those_of_the_script(language: str, text: str) -> None:
    words = [word for sentence in parse(text, language).sentences for word in sentence.shown]
    assert "".join(word.text + word.space for word in words).rstrip() == text


def test_a_line_of_chinese_goes_on_without_a_space() -> None:
    assert parse("今天天气\n很好。\n\n我们走", "zh").sentences[0].text == "今天天气很好。"
    assert parse("use Python\n编程", "zh").sentences[0].text == "use Python 编程"
    assert parse("我们[微笑]去公园~~不~~玩。", "zh").sentences[0].text == "我们去公园玩。"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("50\u00a0km", ("50\u00a0km",)),
        ("16\u202fGB or 3\u2009m", ("16\u202fGB", "or", "3\u2009m")),
        ("1 299 €", ("1 299", "€")),
        ("in 2023 100 people", ("in", "2023", "100", "people")),
        ("call 555 123 4567", ("call", "555", "123", "4567")),
        ("a “ quoted ” word", ("a", "“ quoted ”", "word")),
        ("so\u00a0– well", ("so\u00a0–", "well")),
    ],
)
def test_words_end_at_spaces_that_may_be_broken(text: str, words: tuple[str, ...]) -> None:
    assert split_words(text) == words


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


# Without digits: the groups of one number ("1 000") are one word.
PLAIN_WORD = st.text("abcdefghijklmnopqrstuvwxyzäöüßéñабвאבגابت'", min_size=1, max_size=12).filter(is_spoken)


@given(st.lists(st.lists(PLAIN_WORD, min_size=1, max_size=8), min_size=1, max_size=5))
def test_every_word_is_kept_once_and_in_order(paragraphs: list[list[str]]) -> None:
    markdown = "\n\n".join(" ".join(["So", *words]) + "." for words in paragraphs)
    expected = [word for words in paragraphs for word in ("So", *words)]
    assert [word.rstrip(".") for word in parse(markdown).words] == expected


MARKDOWN = st.text(st.sampled_from("ab Z1.!?[](){}*_#`>-|<~\\/:\n\t&;\"'0$%é漢ع😀\u202e\u0000"), max_size=120)


@given(st.one_of(MARKDOWN, st.text(max_size=120)))
@example("0\xa0\U00020000")
@example("a\xa0")
def test_whatever_is_written_is_read_or_refused(markdown: str) -> None:
    try:
        parsed = parse(markdown)
    except BadInput:
        return
    assert all(is_spoken(word) and word.strip() == word for word in parsed.words)
    assert all(0 <= heading.sentence <= len(parsed.sentences) for heading in parsed.headings)


@given(st.text(max_size=60))
def test_splitting_loses_nothing_that_can_be_said(text: str) -> None:
    def said(part: str) -> str:
        return "".join(character for character in part if character.isalnum())

    assert said("".join(split_words(text))) == said(text)
