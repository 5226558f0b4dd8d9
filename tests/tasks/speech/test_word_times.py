"""How exact the times of hibari's words are, against an aligner that knows nothing of its durations: pocketsphinx.

    pytest -s tests/tasks/speech/test_word_times.py            # two minutes of speech
    pytest -m slow -s tests/tasks/speech/test_word_times.py    # a programme of more than ten minutes

pocketsphinx was trained on people. It places a word that follows a pause too early now and then, by a tenth of a
second or two, and voiceless plosives at their closure: of espeak-ng's words, whose times are exact to the sample, 95 %
are within 50 ms for it as well. The figures here contain its errors.
"""

import re
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray
from pocketsphinx import Decoder

from actalker.puppet.sentences import HELD_OUT, sentence
from tasks.job import SAMPLE_RATE, Job, Word
from tasks.speak import speak
from tasks.speech import pronounce, voice
from tasks.speech.normalise import normalise
from tasks.speech.sentences import split_words

RATE = 16_000
MARGIN_MS = 300
MEDIAN_MS, MOST_MS = 20, 50


@dataclass
class Aligner:
    """pocketsphinx with its own model of American English."""

    decoder: Decoder

    def starts_ms(self, samples: NDArray[np.int16], words: Sequence[str]) -> list[int] | None:
        """When each word begins, in steps of 10 ms; None when it does not know a word, or does not find one.

        Args:
            samples: `[n]` at `SAMPLE_RATE`, with nothing but these words.
        """
        plain = [re.sub(r"[^a-z']", "", word.lower()) for word in words]
        if any(self.decoder.lookup_word(word) is None for word in plain):
            return None
        heard = soxr.resample(samples.astype(np.float32), SAMPLE_RATE, RATE)
        noisy = heard + np.random.default_rng(0).normal(0, 3, len(heard))  # it expects some in pauses
        self.decoder.set_align_text(" ".join(plain))
        self.decoder.start_utt()
        self.decoder.process_raw(np.clip(noisy, -32768, 32767).astype("<i2").tobytes(), full_utt=True)
        self.decoder.end_utt()
        found = [part for part in self.decoder.seg() or () if part.word[0] not in "<["]
        return [part.start_frame * 10 for part in found] if len(found) == len(plain) else None


@pytest.fixture(scope="module")
def aligner() -> Aligner:
    return Aligner(Decoder(samprate=RATE, bestpath=False, loglevel="FATAL"))


def errors_ms(aligner: Aligner, name: str, sentences: Sequence[str]) -> NDArray[np.float64]:
    """Of every word: when the aligner hears it begin, less when the voice says that it does."""
    found: list[float] = []
    margin = np.zeros(MARGIN_MS * SAMPLE_RATE // 1000, np.int16)
    for text in sentences:
        words = normalise(split_words(text), "en")
        utterance = voice.find(name).say(words)
        starts = aligner.starts_ms(np.concatenate([margin, utterance.samples, margin]), words)
        if starts and utterance.spans_ms:
            found += [start - MARGIN_MS - own for start, (own, _) in zip(starts, utterance.spans_ms, strict=True)]
    return np.array(found)


def some_sentences(count: int) -> list[str]:
    chance = np.random.default_rng(5)
    return [*HELD_OUT, *(sentence(chance) for _ in range(count - len(HELD_OUT)))]


def figures(errors: NDArray[np.float64]) -> str:
    median, most = np.percentile(np.abs(errors), (50, 95))
    return (
        f"{len(errors)} word starts: off by {median:.0f} ms (median), {most:.0f} ms (95 %); {np.median(errors):+.0f} ms"
    )


@pytest.mark.parametrize("name", ["hibari", "hibari@220"])
def test_words_begin_when_an_independent_aligner_hears_them(aligner: Aligner, name: str) -> None:
    errors = errors_ms(aligner, name, some_sentences(40))
    print(f"\n{name}: {figures(errors)}")
    assert len(errors) > 250
    assert np.median(np.abs(errors)) <= MEDIAN_MS
    assert np.percentile(np.abs(errors), 95) <= MOST_MS


def test_what_the_aligner_makes_of_times_that_are_exact(aligner: Aligner) -> None:
    errors = errors_ms(aligner, "en-us", some_sentences(40))
    print(f"\nen-us: {figures(errors)}")
    assert len(errors) > 250
    assert np.percentile(np.abs(errors), 95) >= 45, "the aligner is better than this page says: hold hibari to more"


def test_hisses_begin_no_earlier_and_no_later_than_other_sounds(aligner: Aligner) -> None:
    sounds: dict[bool, list[float]] = {True: [], False: []}
    for text in some_sentences(40):
        words = normalise(split_words(text), "en")
        for word, error in zip(words, errors_ms(aligner, "hibari", [text]), strict=False):
            sounds[pronounce.phonemes((word,))[0].lstrip("ˈˌ")[0] in "fsʃθʧ"].append(error)
    assert len(sounds[True]) > 50
    assert abs(np.median(sounds[True]) - np.median(sounds[False])) <= 10


@pytest.mark.slow
def test_words_do_not_drift_in_ten_minutes(aligner: Aligner, tmp_path: Path) -> None:
    script = " ".join(some_sentences(190))
    speech = speak.fn(Job(id="a", row=1, portrait=Path("p.png"), script=script, voice="hibari"), tmp_path)
    with wave.open(str(speech.wav), "rb") as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    minutes = len(sound) / SAMPLE_RATE / 60
    assert minutes > 10
    errors = list(_errors_in(aligner, sound, speech.words))
    fifth = len(errors) // 5
    first, last = np.array(errors[:fifth]), np.array(errors[-fifth:])
    print(f"\n{minutes:.1f} minutes: {figures(np.array(errors))}")
    print(f"first fifth {figures(first)}\nlast fifth {figures(last)}")
    for part in (np.array(errors), first, last):
        assert np.median(np.abs(part)) <= MEDIAN_MS
        assert np.percentile(np.abs(part), 95) <= MOST_MS
    assert abs(np.median(first) - np.median(last)) <= 5


def _errors_in(aligner: Aligner, sound: NDArray[np.int16], words: Sequence[Word]) -> Iterator[float]:
    """The errors of a programme's words, sentence by sentence where it has them."""
    for index in range(words[-1].sentence + 1):
        own = [word for word in words if word.sentence == index]
        start_ms = max(0, own[0].start_ms - MARGIN_MS)
        piece = sound[start_ms * 48 : (own[-1].end_ms + MARGIN_MS) * 48]
        starts = aligner.starts_ms(piece, [word.text for word in own])
        if starts:
            yield from (start_ms + start - word.start_ms for start, word in zip(starts, own, strict=True))
