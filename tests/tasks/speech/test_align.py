"""Alignment: synthesised recordings, whose words' times are known exactly, read by other voices than the aligner's own.

What the aligner does with people's voices is in the documentation; recordings of people are not in the repository.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from tasks.job import SAMPLE_RATE, Job, WordSource
from tasks.speak import speak
from tasks.speech import voice
from tasks.speech.align import align
from tasks.speech.features import RATE, features
from tasks.speech.normalise import normalise
from tasks.speech.programme import programme
from tasks.speech.script import Sentence, parse

pytestmark = pytest.mark.numeric

ENGLISH = (
    "Welcome to the first lesson of this course. Today we look at a company that made $4.5 million in 2023. "
    "Its founder, Dr. Jane Smith, had been waiting for years. Nobody believed her at first, but she went on. "
    "Second, we will ask what it cost. Thank you for watching."
)
GERMAN = (
    "Willkommen zur ersten Lektion dieses Kurses. Am 3. Mai 2023 haben wir 4,5 Mio. € verdient. "
    "Das sind 12 % mehr als im Jahr zuvor. Wer später kommt, bleibt draußen."
)
HEBREW = "שלום לכולם וברוכים הבאים לשיעור הראשון. היום נדבר על החברה שלנו. תודה רבה לכם."

Spans = list[tuple[int, int]]


def recording_of(
    sentences: Sequence[str], name: str, language: str, noise: float = 0.0
) -> tuple[NDArray[np.int16], Spans]:
    """Sentences read with half a second between them, at `RATE`, and the exact place of every word in milliseconds."""
    reader = voice.find(name)
    pieces, spans, length_ms = [np.zeros(SAMPLE_RATE // 2, np.int16)], [], 500
    for sentence in sentences:
        utterance = reader.say(normalise(parse(sentence, language).words, language))
        assert utterance.spans_ms is not None
        spans += [(length_ms + start, length_ms + end) for start, end in utterance.spans_ms]
        whole = np.pad(utterance.samples, (0, SAMPLE_RATE // 2 + -len(utterance.samples) % 48))
        pieces.append(whole)
        length_ms += len(whole) // 48
    sound = soxr.resample(np.concatenate(pieces).astype(np.float32), SAMPLE_RATE, RATE)
    sound += np.random.default_rng(0).normal(0, noise * 32768, len(sound))
    return np.clip(sound, -32768, 32767).astype(np.int16), spans


def sentences_of(text: str, language: str = "en") -> list[str]:
    return [sentence.text for sentence in parse(text, language).sentences]


def errors_ms(words: Sequence[object], spans: Spans) -> NDArray[np.int64]:
    return np.array([abs(word.start_ms - start) for word, (start, _) in zip(words, spans, strict=True)])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "language", "name", "noise"),
    [
        (ENGLISH, "en", "en-us+m3@130", 0.0),
        (ENGLISH, "en-us", "en-gb-scotland+f5@180", 0.01),
        (GERMAN, "de", "de+f2@170", 0.0),
        (HEBREW, "he", "he+m7@140", 0.003),
    ],
)
def test_the_words_of_other_voices_are_found(text: str, language: str, name: str, noise: float) -> None:
    samples, spans = recording_of(sentences_of(text, language), name, language, noise)
    found = align(parse(text, language), samples, language)
    assert [word.text for word in found.words] == list(parse(text, language).words)
    assert found.unspoken == ()
    errors = errors_ms(found.words, spans)
    assert np.median(errors) <= 20
    assert np.percentile(errors, 95) <= 80
    assert all(word.start_ms < word.end_ms for word in found.words)
    assert all(a.end_ms <= b.start_ms for a, b in zip(found.words, found.words[1:], strict=False))


def test_sentences_that_were_left_out_are_reported_and_the_others_stay_in_place() -> None:
    sentences = sentences_of(ENGLISH)
    read = [*sentences[:2], *sentences[4:]]
    samples, spans = recording_of(read, "en-us+m3", "en")
    found = align(parse(ENGLISH), samples, "en")
    assert " ".join(found.unspoken) == " ".join(sentences[2:4])
    assert np.percentile(errors_ms(found.words, spans), 95) <= 80


def test_what_is_not_in_the_script_shifts_nothing() -> None:
    sentences = sentences_of(ENGLISH)
    extra = "By the way, this was never written down anywhere."
    samples, spans = recording_of([*sentences[:3], extra, *sentences[3:]], "en-us+m3", "en")
    found = align(parse(ENGLISH), samples, "en")
    before, inserted = len(" ".join(sentences[:3]).split()), len(extra.split())
    assert np.percentile(errors_ms(found.words, spans[:before] + spans[before + inserted :]), 95) <= 80


def test_a_misread_sentence_is_reported_and_leaves_its_neighbours_in_place() -> None:
    sentences = sentences_of(ENGLISH)
    misread = [*sentences[:3], "Everybody laughed about it, and that was that.", *sentences[4:]]
    samples, spans = recording_of(misread, "en-us+m3", "en")
    found = align(parse(ENGLISH), samples, "en")
    wrong = len(misread[3].split())
    before = len(" ".join(sentences[:3]).split())
    assert " ".join(found.unspoken) == sentences[3]
    assert np.percentile(errors_ms(found.words, spans[:before] + spans[before + wrong :]), 95) <= 80


def test_a_recording_longer_than_a_window_stays_exact_to_its_end() -> None:
    sentences = sentences_of(ENGLISH) * 4
    samples, spans = recording_of(sentences, "en-us+m3@140", "en")
    assert len(samples) > 60 * RATE
    found = align(parse("\n\n".join(sentences)), samples, "en")
    errors = errors_ms(found.words, spans)
    assert np.percentile(errors[-60:], 95) <= 80


@pytest.mark.parametrize("length", [0, 100, 5 * RATE])
def test_in_noise_no_words_are_invented(length: int) -> None:
    noise = np.random.default_rng(1).normal(0, 2000, length).astype(np.int16)
    found = align(parse(ENGLISH), noise, "en")
    assert found.words == ()
    assert found.unspoken == parse(ENGLISH).words


def test_seconds_of_something_else_are_passed_over() -> None:
    sentences = sentences_of(ENGLISH)
    first, first_spans = recording_of(sentences[:3], "en-us+m3", "en")
    second, second_spans = recording_of(sentences[3:], "en-us+m3", "en")
    noise = np.random.default_rng(1).normal(0, 300, 12 * RATE).astype(np.int16)
    found = align(parse(ENGLISH), np.concatenate([first, noise, second]), "en")
    offset_ms = (len(first) + len(noise)) * 1000 // RATE
    spans = first_spans + [(start + offset_ms, end + offset_ms) for start, end in second_spans]
    assert np.percentile(errors_ms(found.words, spans), 95) <= 80


def test_a_better_ear_is_believed_where_it_agrees_about_the_sentence() -> None:
    samples, _ = recording_of(sentences_of(ENGLISH), "en-us+m3", "en")
    script = parse(ENGLISH)
    alone = align(script, samples, "en")

    def word_timer(sentence: Sentence, sound: NDArray[np.int16]) -> tuple[tuple[int, int], ...]:
        """Hears the first sentence 30 ms after where the aligner puts it, and every other at the end of time."""
        first = sentence == script.sentences[0]
        begin_ms = max(0, alone.words[0].start_ms - 200) if first else -600_000
        return tuple(
            (word.start_ms + 30 - begin_ms, word.end_ms + 30 - begin_ms)
            for word in (alone.words if first else alone.words[::-1])[: len(sentence.words)]
        )

    found = align(script, samples, "en", word_timer)
    shifts = [new.start_ms - old.start_ms for new, old in zip(found.words, alone.words, strict=True)]
    count = len(script.sentences[0].words)
    assert shifts == [30] * count + [0] * (len(shifts) - count)


def test_features_do_not_hear_loudness() -> None:
    samples, _ = recording_of(["Hello there."], "en-us", "en")
    loud, quiet = features(samples), features((samples / 4).astype(np.int16))
    likeness = (loud.vectors * quiet.vectors).sum(axis=1)[~loud.silent & ~quiet.silent]
    assert np.median(likeness) > 0.95


def test_a_recording_with_its_script_is_captioned(tmp_path: Path) -> None:
    samples, spans = recording_of(sentences_of(ENGLISH), "en-us+m3", "en")
    wav = tmp_path / "take 1.wav"
    with programme(wav) as sound:
        sound.add(soxr.resample(samples.astype(np.float32), RATE, SAMPLE_RATE).astype(np.int16))
    script = ENGLISH.replace("Its founder", "\n# Her story\n\nIts founder")
    job = Job(id="a", row=1, portrait=Path("p.png"), script=script, audio=wav)
    speech = speak.fn(job, tmp_path / "work")
    assert speech.source is WordSource.ALIGNED
    assert speech.unspoken == ()
    assert np.percentile(errors_ms(speech.words, spans), 95) <= 80
    founder = next(word for word in speech.words if word.text == "Its")
    assert [(chapter.title, chapter.start_ms) for chapter in speech.chapters] == [("Her story", founder.start_ms)]


def test_a_language_that_nobody_reads_gets_no_words(tmp_path: Path) -> None:
    samples, _ = recording_of(["Hello there."], "en-us", "en")
    wav = tmp_path / "a.wav"
    with programme(wav) as sound:
        sound.add(soxr.resample(samples.astype(np.float32), RATE, SAMPLE_RATE).astype(np.int16))
    speech = speak.fn(Job(id="a", row=1, portrait=Path("p.png"), script="Hej.", audio=wav, language="fo"), tmp_path)
    assert (speech.words, speech.source) == ((), WordSource.NONE)
