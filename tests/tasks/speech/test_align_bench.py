"""How exact alignment is, and what an hour of it takes: `pytest -m bench -s tests/tasks/speech/test_align_bench.py`."""

import random
import resource
import time

import numpy as np
import pytest

from tasks.speech.align import align
from tasks.speech.features import RATE
from tasks.speech.script import parse
from tests.tasks.captions.lessons import LANGUAGES
from tests.tasks.speech.test_align import Spans, errors_ms, recording_of, sentences_of

VOICES = ("+m3@130", "+f2@170", "+f5@150", "+m7@190")
NOISES = (0.0, 0.003, 0.01)
MINUTES = 60

pytestmark = pytest.mark.bench


def figures(errors: np.ndarray) -> str:
    median, most, worst = np.percentile(errors, (50, 95, 100))
    return f"word starts off by {median:.0f} ms (median), {most:.0f} ms (95 %), {worst:.0f} ms (worst)"


@pytest.mark.parametrize("language", LANGUAGES)
def test_how_exact_words_are_placed(language: str) -> None:
    voice, sentences = LANGUAGES[language]
    text = "\n\n".join(sentences)
    for noise in NOISES:
        errors, unspoken, seconds, sound_s = [], 0, 0.0, 0.0
        for variant in VOICES:
            samples, spans = recording_of(sentences_of(text, language), voice + variant, language, noise)
            started = time.perf_counter()
            found = align(parse(text, language), samples, voice)
            seconds += time.perf_counter() - started
            sound_s += len(samples) / RATE
            unspoken += len(found.unspoken)
            if not found.unspoken:
                errors.append(errors_ms(found.words, spans))
        print(
            f"\n{language}, noise {noise}, {len(errors)} of {len(VOICES)} voices whole, {unspoken} words not found: "
            f"{figures(np.concatenate(errors))}; {seconds / sound_s:.3f} s per second"
        )


def test_an_hour() -> None:
    chance = random.Random(0)
    parts, spans, length_ms, sentences = [], Spans(), 0, []
    while length_ms < MINUTES * 60_000:
        some = [sentence for _ in range(20) for sentence in sentences_of(chance.choice(LANGUAGES["en"][1]))]
        samples, some_spans = recording_of(some, "en-us+m3@150", "en")
        spans += [(start + length_ms, end + length_ms) for start, end in some_spans]
        samples = samples[: len(samples) // 16 * 16]
        length_ms += len(samples) // 16
        parts.append(samples)
        sentences += some
    samples = np.concatenate(parts)
    script = parse("\n\n".join(sentences))
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    found = align(script, samples, "en")
    seconds = time.perf_counter() - started
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024
    print(f"\n{length_ms / 60_000:.1f} minutes, {len(script.words)} words, {len(found.unspoken)} lost, {seconds:.0f} s")
    print(f"peak memory beyond the {samples.nbytes / 2**20:.0f} MiB of sound: {grown_mb:.0f} MiB")
    heard = {(word.sentence, place) for place, word in enumerate(found.words)}
    assert len(heard) == len(found.words)
    if not found.unspoken:
        errors = errors_ms(found.words, spans)
        tenth = len(errors) // 6
        print(f"first ten minutes: {figures(errors[:tenth])}")
        print(f"last ten minutes: {figures(errors[-tenth:])}")
        assert np.percentile(errors[-tenth:], 95) <= 80
    assert len(found.unspoken) < 0.01 * len(script.words)
