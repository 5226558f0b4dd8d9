"""hibari: a time for every word, whatever is written; the same sound, and the same name of it, every time."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actalker.puppet.sentences import HELD_OUT
from tasks.errors import BadInput
from tasks.job import SAMPLE_RATE
from tasks.speech import hibari, onnx, pronounce, voice
from tasks.speech.normalise import normalise
from tasks.speech.sentences import split_words
from tasks.speech.voice import Utterance
from tests.without_avx import environment

pytestmark = pytest.mark.numeric


def said(text: str, name: str = "hibari") -> Utterance:
    return voice.find(name).say(normalise(split_words(text), "en"))


def spans_of(utterance: Utterance) -> tuple[tuple[int, int], ...]:
    assert utterance.spans_ms is not None
    assert all(0 <= start < end for start, end in utterance.spans_ms)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(utterance.spans_ms))
    return utterance.spans_ms


def test_every_shown_word_has_the_phonemes_of_what_is_said_for_it() -> None:
    words = split_words("Dr. Smith made $4.5 million (really!) on 11/26/2026.")
    phonemes = pronounce.phonemes(normalise(words, "en"))
    assert dict(zip(words, phonemes, strict=True)) == {
        "Dr.": "dˈɑktəɹ ",
        "Smith": "smˈɪθ ",
        "made": "mˌAd ",
        "$4.5": "fˈɔɹ pˈYnt fˈIv ",
        "million": "mˈɪljᵊn dˈɑləɹz ",
        "(really!)": "(ɹˈiᵊli!) ",
        "on": "ˌɔn ",
        "11/26/2026.": "nOvˈɛmbəɹ twˈɛntisˌɪksθ, twˈɛnti twˈɛnti sˈɪks.",
    }


def test_a_sentence_is_heard_from_its_first_word_to_its_last_one() -> None:
    utterance = said("Please put both copies of the form into the lower drawer.")
    spans = spans_of(utterance)
    assert len(spans) == 11
    length_ms = len(utterance.samples) * 1000 // SAMPLE_RATE
    assert 30 <= spans[0][0] <= 60
    assert 0 <= length_ms - spans[-1][1] <= 110
    loud = np.abs(utterance.samples) > 300
    assert all(loud[start * 48 : end * 48].any() for start, end in spans)
    level = 20 * np.log10(np.sqrt(np.mean((utterance.samples / 32768) ** 2)))
    assert -30 < level < -20
    assert np.abs(utterance.samples).max() < 32000


def test_a_comma_is_a_pause() -> None:
    utterance = said("Stop, go, stop.")
    loud = np.abs(utterance.samples) > 200
    for (_, end_ms), (start_ms, _) in itertools.pairwise(spans_of(utterance)):
        assert start_ms - end_ms > 50
        assert not loud[(end_ms + 40) * 48 : (start_ms - 40) * 48].any()


def test_slower_is_longer_and_at_150_words_a_minute_it_is_as_fast_as_espeak() -> None:
    text = " ".join(HELD_OUT[:4])
    fast, plain, slow, espeak = (
        len(said(text, name).samples) for name in ("hibari@250", "hibari", "hibari@100", "en-us")
    )
    assert fast < 0.75 * plain
    assert slow > 1.3 * plain
    assert plain == pytest.approx(espeak, rel=0.15)


@pytest.mark.parametrize(("name", "message"), [("hibari@301", "80 to 300"), ("hibari+f3", "it has none")])
def test_what_the_voice_has_not(name: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        voice.find(name)


def test_the_same_words_are_the_same_bytes_on_one_machine_and_have_the_same_name_on_all() -> None:
    """NumPy without AVX rounds as another processor does: some samples differ by 1 of 32,768, and no name does."""
    program = "import hashlib; from tests.tasks.speech.test_hibari import *; u = [said(text) for text in HELD_OUT[:5]];"
    program += "print(hashlib.sha256(b''.join(i.samples.tobytes() for i in u)).hexdigest());"
    program += "print(hashlib.sha256(''.join(i.identity for i in u).encode()).hexdigest())"
    command, root = [sys.executable, "-c", program], Path(__file__).parents[3]
    here, again, elsewhere = (
        subprocess.check_output(command, cwd=root, text=True, env=os.environ | change).split()
        for change in ({}, {}, environment())
    )
    assert here == again
    assert here[1] == elsewhere[1]


def test_the_name_of_a_sound_says_what_it_is_made_of() -> None:
    plain = said("The record is new.")
    assert said("The record is new.").identity == plain.identity
    assert said("In the 1990s it was new.").identity == said("In the nineteen nineties it was new.").identity
    others = [said("The records are new."), said("The record is new?"), said("The record is new.", "hibari@151")]
    assert len({plain.identity, *(other.identity for other in others)}) == 4
    assert hibari.SHA256 in plain.identity


HOSTILE = {
    "a number without a name": "9" * 300,
    "numbers and commas": "1,2,3," * 60,
    "a word without an end": "x" * 800,
    "letters between dots": "a." * 300 + "com",
    "letters between hyphens": "a-" * 400 + "a",
    "letters between underscores": "a_b_" * 100,
    "slashes": "/a" * 200,
    "exclamation marks": "Oh" + "!" * 20_000,
    "apostrophes": "'" * 3000 + "a" + "'" * 3000,
    "digits of other kinds": "$⑺ ² ፪ ٣ ₄ ❹ ⅫI",
    "Hebrew": "hello שלום world",
    "Chinese": "say 你好 now",
    "mathematics": "∑∫√ x² ≤ y³ ½ Ⅻ ①",
    "letters under accents": "e\u0301\u0302\u0303 a\u0300",
    "somebody else's notation": "[word](/wˈɜɹd/) and [[w3:d]] and (/x/)",
    "a sentence without an end": "and then " * 300,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_every_word_has_a_time_whatever_is_written(text: str) -> None:
    words = split_words(text)
    spans = spans_of(said(text))
    assert len(spans) == len(words)


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_any_words_are_read_or_refused(words: list[str]) -> None:
    try:
        spans = spans_of(voice.find("hibari").say(words))
    except BadInput as error:
        assert "cannot pronounce" in str(error)
    else:
        assert len(spans) == len(words)


@pytest.mark.parametrize("words", [("★",), ("😀", "!"), ("...",), ("—",)])
def test_what_has_no_sound_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(BadInput, match="cannot pronounce"):
        voice.find("hibari").say(words)


def test_a_long_refusal_is_short() -> None:
    with pytest.raises(BadInput) as refused:
        voice.find("hibari").say(("…" * 20_000,))
    assert len(str(refused.value)) < 400


def test_unknown_letters_are_pronounced_as_espeak_does() -> None:
    assert pronounce.phonemes(("你",)) == ("ʧˈInizlˌɛTəɹ ",)


def test_a_damaged_model_is_refused_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "hibari.onnx"
    damaged.write_bytes(b"not the model")
    monkeypatch.setattr(pronounce, "ASSETS", tmp_path)
    hibari.check.cache_clear()
    with pytest.raises(BadInput, match="the model of hibari-tts"):  # before anything is rendered
        voice.find("hibari")
    with pytest.raises(BadInput, match=r"the model of hibari-tts 0\.2\.1 is not that of 0\.2\.1.*force-reinstall"):
        onnx.checked([damaged], hibari.SHA256, pronounce.PACKAGE)
    with pytest.raises(BadInput, match="cannot be read"):
        onnx.checked([tmp_path / "gone"], hibari.SHA256, pronounce.PACKAGE)
