"""Voices: the same bytes every time, exact words, and a helpful answer to a wrong name."""

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tasks.errors import BadInput
from tasks.job import SAMPLE_RATE
from tasks.speech import espeak, voice
from tasks.speech.sentences import split_words

pytestmark = pytest.mark.numeric

WORDS = split_words("It was that I have been in the area, as well as the end of it all.")


def test_a_sentence_has_the_same_bytes_whatever_was_said_before() -> None:
    english, german = voice.find("en-us"), voice.find("de+f3")
    first = english.say(WORDS).samples
    german.say(("Guten", "Morgen."))
    again = english.say(WORDS).samples
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("name", ["en-us", "en-gb+f3@180", "en-us@110"])
def test_every_word_has_its_time_also_where_the_synthesiser_runs_words_together(name: str) -> None:
    utterance = voice.find(name).say(WORDS)
    assert utterance.spans_ms is not None
    assert len(utterance.spans_ms) == len(WORDS)
    assert all(0 <= start < end for start, end in utterance.spans_ms)
    assert all(
        end <= following for (_, end), (following, _) in zip(utterance.spans_ms, utterance.spans_ms[1:], strict=False)
    )
    assert utterance.spans_ms[-1][1] <= len(utterance.samples) * 1000 / SAMPLE_RATE + 1


def test_the_times_of_words_are_those_of_the_sound() -> None:
    utterance = voice.find("en-us").say(("Stop,", "go,", "stop."))
    assert utterance.spans_ms is not None
    loud = np.abs(utterance.samples) > 200
    for start_ms, end_ms in utterance.spans_ms:
        assert loud[start_ms * 48 : end_ms * 48].any()
    for (_, end_ms), (start_ms, _) in zip(utterance.spans_ms, utterance.spans_ms[1:], strict=False):
        assert start_ms - end_ms > 80  # a comma is a pause
        assert not loud[(end_ms + 20) * 48 : (start_ms - 5) * 48].any()


def test_slower_is_longer() -> None:
    fast, slow = (voice.find(f"en-us@{speed}").say(WORDS).samples for speed in (200, 120))
    assert len(slow) > 1.3 * len(fast)


@pytest.mark.parametrize("name", ["en-us", "de", "ar", "he", "cmn", "fr-fr", "EN_US", "en-us+f3@140"])
def test_names_of_voices(name: str) -> None:
    assert voice.find(name).language.split("-")[0] in name.lower()


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("zh-Hans-CN", "zh"),
        ("pt_BR", "pt-br"),
        ("zh-yue", "zh-yue"),
        ("fo", ""),
        ("", ""),
    ],
)
def test_the_voice_of_a_language_tag(tag: str, name: str) -> None:
    assert voice.for_language(tag) == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("en-uk", "did you mean.*en-us"),
        ("english", "did you mean"),
        ("", "unknown voice"),
        ("en-us+f99", "did you mean.*f1"),
        ("en-us@9", "80 to 450"),
        ("missing.onnx", "missing"),
    ],
)
def test_a_wrong_name_is_answered_with_the_remedy(name: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        voice.find(name)


def test_what_a_voice_cannot_pronounce_is_refused() -> None:
    with pytest.raises(BadInput, match="cannot pronounce"):
        voice.find("en-us").say(("★",))


def test_all_listed_voices_load() -> None:
    assert set(voice.voices()) >= {"en-us", "de", "ar", "he", "cmn"}
    readings = [espeak.read("a", name, 150) for name in set(espeak.languages().values())]
    assert sum(reading.samples.any() for reading in readings) > 100


def test_phonemes_of_single_words() -> None:
    assert espeak.phonemes(("of", "the"), "gmw/en-US") == (("V", "v"), ("D", "@2"))


def test_a_sentence_has_the_same_bytes_in_every_process_and_at_every_time() -> None:
    program = "import hashlib; from tasks.speech import voice; from tests.tasks.speech.test_voice import WORDS;"
    program += "print(hashlib.sha256(voice.find('en-us').say(WORDS).samples.tobytes()).hexdigest())"
    command, root = [sys.executable, "-c", program], Path(__file__).parents[3]
    digests = [subprocess.check_output(command, cwd=root, text=True).strip() for _ in range(2)]
    here = hashlib.sha256(voice.find("en-us").say(WORDS).samples.tobytes()).hexdigest()
    assert digests == [here, here]


def test_a_piper_voice_needs_both_of_its_files_and_piper(tmp_path: Path) -> None:
    model = tmp_path / "anna.onnx"
    model.touch()
    with pytest.raises(BadInput, match="is missing"):
        voice.find(str(model))
    model.with_name("anna.onnx.json").write_text('{"espeak": {"voice": "de"}}')
    if importlib.util.find_spec("piper") is None:
        with pytest.raises(BadInput, match="pip install"):
            voice.find(str(model))


def test_a_symbol_that_a_voice_passes_over_has_a_time_too() -> None:
    spans_ms = voice.find("ar").say(("the", "%", "a")).spans_ms
    assert spans_ms is not None
    assert all(start < end for start, end in spans_ms)
