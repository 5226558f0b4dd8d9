"""Recordings that belong to another script: nothing of it is found; what belongs together is found in any sound.

All are synthesised, by other voices than the aligner's own. `_Placed.fits` tells what was measured with more of them.
"""

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from tasks.speak import LEAST_WORDS_FOUND
from tasks.speech.align import Alignment, align
from tasks.speech.features import RATE
from tasks.speech.script import parse
from tests.tasks.speech.test_align import recording_of, sentences_of

Samples = NDArray[np.int16]

BUDGET = (
    "Good morning. Today we learn what a budget is, and why so many plans fail in their first month. "
    "A budget is a list of what comes in and what goes out. Most people guess the second half, and guess too low. "
    "Write down every expense for four weeks before you plan anything."
)
SAVINGS = (
    "Savings are the other half of every good plan. Saving means that you put something aside before you spend "
    "the rest. Many of us do it the other way round, and nothing is left. "
    "Begin with a small sum every month, and raise it each year."
)
CATS = (
    "This text has nothing to do with the sound. Something else is said about cats, dogs, and the weather in spring. "
    "Cats sleep for most of the day, and hunt at night. A dog wants to go out even when it rains."
)
HARBOUR = (
    "When the rain had stopped, we went back to the harbour, where the old boats were lying in the mud. "
    "A fisherman was mending his nets and whistled a tune. He told us that the lighthouse had been dark for a week. "
    "We bought bread and cheese, and ate on the wall above the beach. Far out, a ship with white sails turned north."
)
GERMAN = (
    "Guten Morgen. Heute lernen wir, was ein Haushaltsplan ist, und warum so viele Pläne scheitern. "
    "Die meisten Menschen schätzen die zweite Hälfte, und zwar zu niedrig. "
    "Schreiben Sie vier Wochen lang jede Ausgabe auf."
)
GERMAN_HARBOUR = (
    "Als der Regen aufgehört hatte, gingen wir zurück zum Hafen. Dort lagen die alten Boote im Schlamm. "
    "Ein Fischer flickte seine Netze und pfiff ein Lied. Wir kauften Brot und Käse."
)
CHINESE = "大家早上好。今天我们学习什么是预算，以及为什么许多计划会失败。预算是一张收入和支出的清单。"
CHINESE_HARBOUR = "雨停了以后，我们回到了港口。旧船躺在泥里。一个渔夫正在修补他的渔网，吹着口哨。"
ARABIC = "صباح الخير. نتعلم اليوم ما هي الميزانية ولماذا تفشل خطط كثيرة. الميزانية هي قائمة بما يدخل وما يخرج."
ARABIC_HARBOUR = "عندما توقف المطر، عدنا إلى الميناء، حيث كانت القوارب القديمة. قالت ذلك يعتمد على الطقس وسعر الخبز."


def read(text: str, voice: str = "en-us+m3@140", language: str = "en") -> Samples:
    return recording_of(sentences_of(text, language), voice, language)[0]


def found(text: str, samples: Samples, language: str = "en") -> Alignment:
    return align(parse(text, language), samples, language)


def noise(samples: Samples, below_db: float) -> Samples:
    level = np.sqrt(np.mean(np.square(samples[np.abs(samples) > 200], dtype=np.float64)))
    return mixed(samples, np.random.default_rng(0).normal(0, level / 10 ** (below_db / 20), len(samples)))


def mixed(samples: Samples, other: NDArray[np.float64]) -> Samples:
    return np.clip(samples + other, -32768, 32767).astype(np.int16)


def filtered(samples: Samples, response: NDArray[np.float64]) -> Samples:
    """Through a filter given by its gain at frequencies from 0 to half of `RATE`, equally spaced."""
    spectrum = np.fft.rfft(samples)
    gains = np.interp(np.linspace(0, 1, len(spectrum)), np.linspace(0, 1, len(response)), response)
    return np.fft.irfft(spectrum * gains, len(samples)).astype(np.int16)


def telephone(samples: Samples) -> Samples:
    """300 to 3400 Hz."""
    frequencies = np.arange(0, RATE // 2, 50)
    return filtered(samples, ((frequencies > 300) & (frequencies < 3400)).astype(np.float64))


def room(samples: Samples) -> Samples:
    """Echoes that are 60 dB down after 0.4 s."""
    times = np.arange(int(0.5 * RATE)) / RATE
    echoes = np.random.default_rng(0).normal(0, 0.1, len(times)) * 10 ** (-3 * times / 0.4)
    echoes[0] = 1
    length = len(samples) + len(echoes)
    return np.clip(
        np.fft.irfft(np.fft.rfft(samples, length) * np.fft.rfft(echoes, length), length)[: len(samples)], -32768, 32767
    ).astype(np.int16)


def higher(samples: Samples) -> Samples:
    """Three semitones higher, and so much faster."""
    return np.clip(soxr.resample(samples.astype(np.float32), RATE * 2**0.25, RATE), -32768, 32767).astype(np.int16)


def music(seconds: float) -> Samples:
    """Chords of half a second."""
    chance, times = np.random.default_rng(0), np.arange(RATE // 2) / RATE
    chords = 220 * 2 ** (chance.integers(0, 24, (int(2 * seconds), 3, 1)) / 12)
    return (3000 * (np.sin(2 * np.pi * chords * times) * np.exp(-2 * times)).sum(axis=1).ravel()).astype(np.int16)


@pytest.mark.parametrize("voice", ["en-us+m3@140", "en-gb-scotland+f5@180", "en-029+m7@120", "en-us+whisper@140"])
@pytest.mark.parametrize("script", [CATS, HARBOUR, SAVINGS], ids=["other", "longer", "same topic"])
def test_of_another_script_nothing_is_found(script: str, voice: str) -> None:
    assert found(script, read(BUDGET, voice)).share <= 0.25


@pytest.mark.parametrize(
    ("said", "voice", "script", "language"),
    [
        (GERMAN_HARBOUR, "de+f2@150", GERMAN, "de"),
        (CHINESE_HARBOUR, "cmn+m3@150", CHINESE, "zh"),
        (ARABIC_HARBOUR, "ar+m3@140", ARABIC, "ar"),
        (GERMAN, "de+m3@150", BUDGET, "en"),
        (BUDGET, "en-us+f2@150", GERMAN, "de"),
        (CHINESE, "cmn+f2@150", BUDGET, "en"),
    ],
)
def test_it_is_so_in_other_languages_and_between_them(said: str, voice: str, script: str, language: str) -> None:
    spoken_language = voice.partition("+")[0].replace("cmn", "zh")
    assert found(script, read(said, voice, spoken_language), language).share < LEAST_WORDS_FOUND


@pytest.mark.parametrize("change", [telephone, room, higher, lambda samples: noise(samples, 15)])
def test_a_bad_recording_does_not_become_a_right_one(change: object) -> None:
    assert callable(change)
    assert found(CATS, change(read(BUDGET))).share <= 0.25


def test_sentences_in_another_order_are_not_found() -> None:
    backwards = " ".join(reversed(sentences_of(BUDGET)))
    assert found(backwards, read(BUDGET)).share < LEAST_WORDS_FOUND


def test_a_file_for_a_longer_script_has_only_its_beginning() -> None:
    both = found(f"{BUDGET} {HARBOUR}", read(BUDGET))
    assert both.share < LEAST_WORDS_FOUND
    assert " ".join(word.text for word in both.words) == BUDGET


@pytest.mark.parametrize("samples", [music(15), np.zeros(15 * RATE, np.int16)], ids=["music", "silence"])
def test_where_nobody_speaks_nothing_is_found(samples: Samples) -> None:
    assert found(BUDGET, samples).words == ()


def test_one_sentence_of_another_script_is_not_found() -> None:
    assert found(sentences_of(CATS)[1], read(sentences_of(BUDGET)[1])).words == ()


@pytest.mark.parametrize("said_first", [True, False])
def test_where_half_is_of_another_script_the_other_half_is_found(said_first: bool) -> None:
    budget, cats = sentences_of(BUDGET), sentences_of(CATS)
    script = [*budget[:3], *cats[2:]] if said_first else [*cats[:2], *budget[2:]]
    heard = found(" ".join(script), read(BUDGET))
    right = " ".join(budget[:3] if said_first else budget[2:])
    assert " ".join(word.text for word in heard.words) == right


@pytest.mark.parametrize(
    "change",
    [
        telephone,
        room,
        higher,
        lambda samples: noise(samples, 20),
        lambda samples: noise(telephone(samples), 20),
        lambda samples: np.concatenate([music(8), samples, music(5)]),
        lambda samples: np.concatenate([np.zeros(50 * RATE, np.int16), samples, np.zeros(50 * RATE, np.int16)]),
        lambda samples: mixed(samples, 0.3 * music(len(samples) / RATE + 1)[: len(samples)]),
        lambda samples: (samples / 50).astype(np.int16),
        lambda samples: np.clip(samples.astype(np.int32) * 3, -20_000, 20_000).astype(np.int16),
    ],
    ids=[
        "telephone",
        "room",
        "higher",
        "noise",
        "noisy telephone",
        "jingles",
        "long rests",
        "music under it",
        "quiet",
        "clipped",
    ],
)
@pytest.mark.parametrize("voice", ["en-us+m3@140", "en-gb-scotland+f5@180", "en-us+whisper@140"])
def test_the_right_script_is_found_in_any_sound(voice: str, change: object) -> None:
    assert callable(change)
    assert found(BUDGET, change(read(BUDGET, voice))).share >= 0.9


@pytest.mark.parametrize(
    ("text", "voice", "language"),
    [
        (HARBOUR, "en-us+m3@90", "en"),
        (HARBOUR, "en-us+f2@240", "en"),
        (GERMAN, "de+f5@170", "de"),
        (CHINESE, "cmn+f4@160", "zh"),
        (ARABIC, "ar+f5@170", "ar"),
        ("Fine.", "en-us+m3", "en"),
        ("Thank you for watching.", "en-gb-x-rp+f2", "en"),
    ],
)
def test_every_word_of_the_right_script_is_found(text: str, voice: str, language: str) -> None:
    assert found(text, read(text, voice, language), language).share == 1
