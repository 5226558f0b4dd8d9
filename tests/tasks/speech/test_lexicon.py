"""Pronunciation files: what they may hold, which words they are for, and faults by their lines."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.errors import BadInput
from tasks.speech import ipa, lexicon, pronounce, voice
from tasks.speech.lexicon import Entry, Pronunciations
from tasks.speech.normalise import normalise
from tasks.speech.sentences import split_words

CSV = """word,said
Nguyen,/ˈwɪn/
nginx,engine x
Jean-Luc Picard,Jon Luke Picard
La Jolla,/lə ˈhɔɪə/
C++,see plus plus
"""
PLS = """<?xml version="1.0" encoding="UTF-8"?>
<lexicon version="1.0" xmlns="http://www.w3.org/2005/01/pronunciation-lexicon" alphabet="ipa" xml:lang="en-US">
  <metadata/>
  <lexeme><grapheme>W3C</grapheme><alias>World Wide Web Consortium</alias></lexeme>
  <lexeme xml:id="n">
    <grapheme>Newton</grapheme> <grapheme>Newt</grapheme>
    <phoneme>ˈnuːtən</phoneme> <phoneme prefer="true">ˈnjuːtən</phoneme> <alias>new ton</alias>
  </lexeme>
</lexicon>
"""


def said(text: str, file: str = CSV, takes_ipa: bool = True, language: str = "en") -> str:
    words = split_words(text)
    spoken = normalise(words, language, lexicon.read(file.encode()).rules(text, takes_ipa))
    assert len(spoken) == len(words)
    return ipa.shown("|".join(spoken))


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Mr. Nguyen, please.", "mister|/ˈwɪn/,|please."),
        ("Nguyen's cat", "/ˈwɪn/'s|cat"),
        ('"Nginx" and nginx.', '"engine x"|and|engine x.'),
        ("NGINX, Nguyens, anginx", "NGINX,|Nguyens,|anginx"),
        ("Jean-Luc Picard said", "Jon|Luke Picard|said"),
        ("In La Jolla; so", "In|/lə/|/ˈhɔɪə/;|so"),
        ("C++, not C.", "see plus plus,|not|C."),
        ("nginx 1.25", "engine x|one point two five"),
    ],
)
def test_words_are_said_as_the_file_says(text: str, spoken: str) -> None:
    assert said(text) == spoken


def test_the_case_that_is_written_goes_before_the_other_one() -> None:
    assert said("Polish and polish", "word,said\npolish,pollish\nPolish,pole ish\n") == "pole ish|and|pollish"


def test_a_voice_that_takes_no_ipa_is_given_the_alias() -> None:
    assert said("Nguyen of W3C, Newton", CSV, takes_ipa=False) == "Nguyen|of|W3C,|Newton"
    assert said("W3C, Newton", PLS, takes_ipa=False) == "World Wide Web Consortium,|new ton"
    assert said("W3C, Newton, Newt", PLS) == "World Wide Web Consortium,|/ˈnjuːtən/,|/ˈnjuːtən/"


def test_words_without_spaces() -> None:
    assert said("我在重庆。", "word,said\n重庆,虫庆\n", language="zh") == "我|在|虫|庆。"


@pytest.mark.parametrize(
    ("heard", "letters"),
    [
        ("ˈwɪn", "wˈɪn"),
        ("ˈt͡ʃɜːt͡ʃ", "ʧˈɜɹʧ"),
        ("dʒoʊ", "ʤO"),
        ("lə ˈhɔɪə", "lə hˈYə"),
        ("bɛˈniːtoʊ", "bɛnˈitO"),
        ("ˈstɹɛŋθ", "stɹˈɛŋθ"),
    ],
)
def test_ipa_is_what_an_english_voice_is_given(heard: str, letters: str) -> None:
    assert pronounce.phonemes((f"{ipa.marked(heard)}.",)) == (f"{letters}.",)


def test_a_pronunciation_is_heard_and_has_its_time() -> None:
    speaker = voice.find("hibari")
    plain = speaker.say(("Meet", "Nguyen", "now."))
    other = speaker.say(("Meet", ipa.marked("ˈwɪn"), "now."))
    assert other.spans_ms is not None and len(other.spans_ms) == 3
    assert "wˈɪn" in other.identity
    assert other.identity != plain.identity


def test_a_lexicon_says_which_language_it_is_for() -> None:
    pronunciations = lexicon.read(PLS.encode())
    assert pronunciations.language == "en-US"
    assert pronunciations.is_for("en-gb")
    assert not pronunciations.is_for("de")
    assert lexicon.read(CSV.encode()).is_for("de")


def test_entries_have_the_line_that_they_begin_in() -> None:
    entries = lexicon.read(PLS.encode()).entries
    assert entries[0] == Entry("W3C", 4, "World Wide Web Consortium", prefers_alias=True)
    assert [(entry.word, entry.line) for entry in entries[1:]] == [("Newton", 5), ("Newt", 5)]


def test_what_a_voice_cannot_use_is_found_by_the_words_of_the_text() -> None:
    pronunciations = lexicon.read(CSV.encode())
    pronunciations.check_usable("Nginx only", "en-us", takes_ipa=False)
    pronunciations.check_usable("Ask Nguyen.", "hibari", takes_ipa=True)
    with pytest.raises(BadInput, match="line 2 has 'Nguyen' in IPA only, which the voice 'en-us' does not take"):
        pronunciations.check_usable("Ask Nguyen.", "en-us", takes_ipa=False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_forms_of_csv(encoding: str, delimiter: str) -> None:
    text = f"Word{delimiter}Said{delimiter}\r\n\r\n Zürich {delimiter} tsoo rick \r\n"
    assert lexicon.read(text.encode(encoding)) == Pronunciations((Entry("Zürich", 3, "tsoo rick"),))


def xml(body: str, attributes: str = 'alphabet="ipa"') -> bytes:
    return f'<lexicon xmlns="http://www.w3.org/2005/01/pronunciation-lexicon" {attributes}>\n{body}</lexicon>'.encode()


FAULTS = {
    "empty": (b"", "it has no entries"),
    "no entries": (b"word,said\n\n", "it has no entries"),
    "another header": (b"a,b\nc,d", "line 1: the header is not word,said"),
    "nothing is said": (b"word,said\nx,\n", "line 2: nothing is said for 'x'"),
    "slashes around nothing": (b"word,said\nx,//\n", "line 2: '//', said for 'x', has no sound"),
    "no word": (b"word,said\n,y\n", "line 2: the word is empty"),
    "a word of marks": (b"word,said\n...,y\n", r"line 2: '\.\.\.' is no word"),
    "an alias of marks": (b"word,said\nx,?!\n", r"line 2: '\?!', said for 'x', has no sound"),
    "one cell": (b"word,said\nx\n", "line 2: it has 1 cells"),
    "three cells": (b"word,said\nx,y,z\n", "line 2: it has 3 cells"),
    "no IPA": ("word,said\nx,/ʘ8/\n".encode(), "line 2: 'ʘ', said for 'x', is no symbol of the IPA"),
    "twice": (b"word,said\nx,y\n\nx,z\n", "line 4: 'x' is in line 2 already"),
    "fewer words": (b"word,said\nLa Jolla,Lahoya\n", "line 2: 'La Jolla' has 2 words, and is said in fewer: 'Lahoya'"),
    "a control character": (b"word,said\nx,a\0b\n", "line 2: 'x', or what is said for it, holds a character that"),
    "a long word": (b"word,said\n" + b"x" * 101 + b",y\n", "is longer than 100 characters"),
    "long speech": (b"word,said\nx," + b"y" * 501 + b"\n", "than 500"),
    "an open quote": (b'word,said\n"x,y\n', "it is not CSV"),
    "Latin-1": ("word,said\nZürich,y\n".encode("latin-1"), r"it is not UTF-8 text \(byte 11\)"),
    "no XML": (b"<lexicon><lexeme>", "line 1: it is not XML"),
    "another XML file": (b"<html>\n<body/></html>", "line 1: <html> has no place"),
    "a document type": (b'<!DOCTYPE a [<!ENTITY b "c">]>\n<lexicon/>', "line 1: it has a document type"),
    "an external file": (b'<!DOCTYPE a SYSTEM "file:///etc/passwd">\n<lexicon/>', "line 1: it has a document type"),
    "an unknown entity": (xml("<lexeme><grapheme>&b;</grapheme></lexeme>"), "line 2: it is not XML"),
    "X-SAMPA": (xml("<lexeme><grapheme>a</grapheme><phoneme>b</phoneme></lexeme>", ""), "line 2: its alphabet is ''"),
    "no grapheme": (xml("<lexeme><alias>b</alias></lexeme>"), "line 2: it has no <grapheme>"),
    "no pronunciation": (xml("<lexeme>\n<grapheme>b</grapheme></lexeme>"), "line 2: nothing is said for 'b'"),
}


@pytest.mark.parametrize(("data", "message"), FAULTS.values(), ids=FAULTS)
def test_faults_are_named_by_their_lines(data: bytes, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        lexicon.read(data)


XML_PARTS = (
    "<lexicon>",
    "</lexicon>",
    "<lexeme>",
    "</lexeme>",
    "<grapheme>",
    "</grapheme>",
    "<alias/>",
    "<phoneme>",
    "a",
)


@given(
    st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(XML_PARTS)).map(lambda parts: "".join(parts).encode()))
)
@example(b'<?xml version="1.0" encoding="nonsense"?><lexicon/>')
@example(b'<?xml version="1.0" encoding="shift_jis"?><lexicon/>')
@example(b'<?xml version="1.0" encoding="utf-16"?><lexicon/>')
@example(b"\xff\xfe<\0")
@example(b"word,said\n\0,\0")
@example(b"word,said\nx," + b"y" * 200_000)
def test_whatever_is_in_a_file_is_read_or_refused(data: bytes) -> None:
    for begin in (b"", b"word,said\n", b"<"):
        try:
            lexicon.read(begin + data)
        except BadInput as error:
            assert error.problem and error.remedy


def test_of_many_faults_the_first_are_named() -> None:
    with pytest.raises(BadInput, match=r"line 2: .*line 6: .*; and 7 more\. See"):
        lexicon.read(b"word,said\n" + b"x\n" * 12)


def test_too_much_is_refused_quickly() -> None:
    started = time.perf_counter()
    with pytest.raises(BadInput, match="larger than 1 MiB"):
        lexicon.read(b"word,said\n" + b"x,y\n" * 300_000)
    with pytest.raises(BadInput, match="more than 10,000 entries"):
        lexicon.read(b"word,said\n" + b"".join(b"x%d,y\n" % number for number in range(10_001)))
    with pytest.raises(BadInput):
        lexicon.read(b"<a>" * 300_000)
    assert time.perf_counter() - started < 10


def test_a_large_file_does_not_slow_a_long_script() -> None:
    pronunciations = lexicon.read(b"word,said\n" + b"".join(b"wort%d,y\n" % number for number in range(10_000)))
    text = "This is a sentence about wort77. " * 4_000
    started = time.perf_counter()
    (rule,) = pronunciations.rules(text, takes_ipa=True)
    assert time.perf_counter() - started < 5
    assert rule.pattern.search(text)
