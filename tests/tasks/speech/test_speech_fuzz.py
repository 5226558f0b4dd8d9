"""Whatever a script holds, it is spoken and captioned with all its words in order, or refused with a reason.

The campaign of ten thousand scripts: `pytest -m slow tests/tasks/speech/test_speech_fuzz.py --timeout 7200`.
"""

import re
import time
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import BadInput
from tasks.job import Job
from tasks.speak import speak
from tasks.speech.script import parse
from tasks.subtitle import subtitle
from tests.tasks.speech.test_normalise import ENGLISH, GERMAN, examples

Paragraphs = list[tuple[str, list[tuple[str, str]], str]]
"""For each block how it is marked, its pieces (as written, as shown), and what stands between them."""

VOICES = {"en": "en-us@300", "de": "de@300", "ar": "ar@300", "zh": "cmn@300", "ja": "ja@300", "fr": "fr-fr@300"}
LONGEST_S = 5
"""Of processor time, from the script to the caption files."""

HARD = """
    a I the of to be or don't x-ray (ok) naïve Straße e\u0301te
    漢字 カタカナ、 今天是2026年 マイク１２３ مرحبا שלום हिन्दी ไทย 안녕 привет क्‍ष
    – … ... ! ?! “so” „ja“ «si» ( ) " ' ; / a\u00a0– 今\u3000天
    😀 👩🏽‍🏫 ❤️ 🇩🇪 1️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 👍good 今👍天 ™ ✔︎
    +49\u00a089\u00a0123456 03-1234567 1\u202f299\u00a0€ 12\u200912\u2009m² 3.\u00a0Mai 2\u00a0000\u00a0000
    3. 21. XIV. IV 1990s 90er 10:30 99:99 1/2 1/0 0/0 31.02.2026 99.99.9999 13/13/2013 5–10 -5 −5 +5 ½ ² ① Ⅳ
    $ $$ $5 5$ €€ 5€/m² 5km5 km/h 1.2.3.4 256.256.256.256 1,2,3 1.234.567,89 12345678901234567890 0x1F 1e9 3.14.15
    a@b.c @ me@x.org x.com http:// www. https://ü.de/ § §§5 #5 № 5%ig 3x 3er 1er 100s 00s '90s
"""
WORDS = [
    (word, word)
    for word in [*(shown for shown, _ in examples(ENGLISH + GERMAN)), *re.split("[ \n]+", HARD.strip("\n "))]
]
MARKUP = [
    ("[^1]", ""),
    ("^[a note]", ""),
    ("~~gone~~", ""),
    ("~~gone **too**~~", ""),
    ("[smiles]", ""),
    ("[pause 20ms]", ""),
    ("**bold**", "bold"),
    ("*two words*", "two words"),
    ("`code[0]`", "code[0]"),
    (r"\[so\]", "[so]"),
    (r"\*", "*"),
    ("one<br>two", "one two"),
    ("<b>wet</b>", "wet"),
    ("<!-- no -->", ""),
    ("H<sub>2</sub>O", "H2O"),
    ("&amp;", "&"),
    ("&nbsp;", "\u00a0"),
    ("ab\u200bc\u202e\u00add", "abcd"),
    ("![picture](x.png)", ""),
    ("[text](https://x.org/a/b)", "text"),
    ("<https://example.com/course>", "https://example.com/course"),
    ("https://example.com/a/very/long/path/indeed?q=1", "example.com"),
]
PIECES = st.lists(st.sampled_from(WORDS + MARKUP), max_size=9)
BLOCKS = st.sampled_from(
    ["So {}", "> So {}", "- So {}", "- [x] So {}", "# {}\n\nSo", "So\n\n| a |\n|---|\n| b |\n\nso {}"]
)
IN_LINES = st.lists(st.sampled_from([piece for piece in WORDS + MARKUP if not piece[0].startswith("<!")]), max_size=9)
LINES = st.tuples(st.just("So {}"), IN_LINES, st.sampled_from(["\n", "  \n", "\\\n"]))  # a comment would end the block
PARAGRAPHS = st.lists(st.tuples(BLOCKS, PIECES, st.sampled_from([" ", "\u00a0"])) | LINES, min_size=1, max_size=3)
MARKS = "ab Z1.!?[](){}*_#`>-|<~\\/:^&;\"'0$%@é漢ع😀\u202e\u0000\u200d\ufe0f\u20e3\u00a0\n\t"
TEXTS = st.one_of(
    st.text(max_size=150),
    st.text(st.sampled_from(MARKS), max_size=150),
    st.text(st.sampled_from("0123456789 .,:/-–−+$€%§°\u00a0kmhIVXsterUhrApm'’()"), max_size=80),
)
LANGUAGES = st.sampled_from([*VOICES, "en", "de"])

QUICK = settings(max_examples=150, deadline=None)
CAMPAIGN = settings(max_examples=5000, deadline=None)


def shown_in_captions(text: str, language: str) -> str | None:
    """Make a script's sound and captions: what these show, without spaces; None where it is refused."""
    started_s = time.process_time()
    with TemporaryDirectory() as folder:
        job = Job(id="a", row=1, portrait=Path("p.png"), script=text, voice=VOICES[language], language=language)
        try:
            speech = speak.fn(job, Path(folder))
        except BadInput:
            return None
        words = parse(text, language).words
        assert tuple(word.text for word in speech.words) == words
        assert all(0 <= word.start_ms < word.end_ms <= speech.frames * 40 for word in speech.words)
        starts = [word.start_ms for word in speech.words]
        assert starts == sorted(starts)
        captions = subtitle.fn(job, speech, Path(folder)).captions
        assert tuple(word for caption in captions for word in caption.words) == speech.words
        assert all(caption.start_ms < caption.end_ms for caption in captions)
    assert time.process_time() - started_s < LONGEST_S
    return bare("".join(caption.text for caption in captions))


def bare(text: str) -> str:
    """Composed, without spaces and without the mark that keeps numbers in order."""
    return unicodedata.normalize("NFC", "".join(text.split()).replace("\u200e", ""))


def written_and_shown(paragraphs: Paragraphs) -> tuple[str, str]:
    """A script of several blocks, and what of it is shown."""
    blocks, shown = ["[^1]: A note."], ""
    for block, pieces, space in paragraphs:
        blocks.append(block.format(space.join(markup for markup, _ in pieces)))
        visible = "" if block.startswith("#") else "".join(text for _, text in pieces)
        shown += ("Soso" if "|" in block else "So") + visible
    return "\n\n".join(blocks), bare(shown)


@QUICK
@given(PARAGRAPHS, LANGUAGES)
def test_every_visible_word_is_shown_once_and_in_order(paragraphs: Paragraphs, language: str) -> None:
    every_visible_word_is_shown(paragraphs, language)


@QUICK
@given(TEXTS, LANGUAGES)
def test_whatever_is_written_is_spoken_or_refused(text: str, language: str) -> None:
    shown_in_captions(text, language)


@pytest.mark.slow
@CAMPAIGN
@given(PARAGRAPHS, LANGUAGES)
def test_every_visible_word_of_very_many_scripts(paragraphs: Paragraphs, language: str) -> None:
    every_visible_word_is_shown(paragraphs, language)


@pytest.mark.slow
@CAMPAIGN
@given(TEXTS, LANGUAGES)
def test_very_many_texts_of_all_kinds(text: str, language: str) -> None:
    shown_in_captions(text, language)


def every_visible_word_is_shown(paragraphs: Paragraphs, language: str) -> None:
    script, shown = written_and_shown(paragraphs)
    assert shown_in_captions(script, language) in {None, shown}
