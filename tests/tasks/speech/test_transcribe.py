"""Whisper: its answers as words in good order. Its weights are not here: its answers are written down.

The slow test runs Whisper's own code on weights that are small and random; what it transcribes is nonsense.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tasks.errors import BadInput
from tasks.job import SAMPLE_RATE, Job, Word, WordSource
from tasks.speak import speak
from tasks.speech import transcribe
from tasks.speech.programme import programme


class Heard:
    """Answers as `whisper.transcribe(..., word_timestamps=True)` does, with an overlap and an empty word in it."""

    def transcribe(self, sound: np.ndarray, **options: object) -> dict[str, object]:
        assert sound.dtype == np.float32
        assert options["language"] == "en"
        words = [(" Hello", 0.0, 0.4), (" there.", 0.36, 0.8), (" ", 0.8, 0.8), (" Yes?", 0.9, 7.0)]
        return {"segments": [{"words": [{"word": w, "start": a, "end": b} for w, a, b in words]}]}


def test_words_are_in_order_and_inside_the_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcribe, "_load", lambda path: Heard())
    words = transcribe.transcribe(np.zeros(16_000, np.int16), "en-us", Path("model.pt"))
    assert words == (Word("Hello", 0, 400, 0), Word("there.", 400, 800, 0), Word("Yes?", 900, 1000, 1))


class HeardInChinese:
    """A language without spaces, a hyphen, and a new segment."""

    def transcribe(self, sound: np.ndarray, **options: object) -> dict[str, object]:
        pieces = [["今", "天", " well", "-known,"], ["好"]]
        timed = [[(w, 0.1 * n, 0.1 * n + 0.1) for n, w in enumerate(words, 5 * k)] for k, words in enumerate(pieces)]
        return {"segments": [{"words": [{"word": w, "start": a, "end": b} for w, a, b in words]} for words in timed]}


def test_words_have_the_spaces_that_whisper_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcribe, "_load", lambda path: HeardInChinese())
    words = transcribe.transcribe(np.zeros(16_000, np.int16), "zh", Path("model.pt"))
    assert "".join(word.text + word.space for word in words) == "今天 well-known,好 "


def test_a_recording_alone_is_transcribed_where_weights_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wav, model = tmp_path / "a.wav", tmp_path / "model.pt"
    with programme(wav) as sound:
        sound.add(np.random.default_rng(0).normal(0, 3000, SAMPLE_RATE).astype(np.int16))
    model.touch()
    monkeypatch.setattr(transcribe, "_load", lambda path: Heard())
    job = Job(id="a", row=1, portrait=Path("p.png"), audio=wav)
    monkeypatch.delenv(transcribe.VARIABLE, raising=False)
    assert speak.fn(job, tmp_path / "without").source is WordSource.NONE
    monkeypatch.setenv(transcribe.VARIABLE, str(model))
    speech = speak.fn(job, tmp_path / "with")
    assert speech.source is WordSource.TRANSCRIBED
    assert [word.text for word in speech.words] == ["Hello", "there.", "Yes?"]


def test_the_pieces_of_whisper_become_the_words_of_the_script() -> None:
    pieces = [(" $", 0, 100), ("4", 100, 300), (".5", 300, 500), (" million", 500, 900), (".", 900, 950)]
    assert transcribe._spans(("$4.5", "million."), pieces) == ((0, 500), (500, 950))
    assert transcribe._spans(("$4.5", "billions."), pieces) is None


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from whisper.model import ModelDimensions, Whisper

    torch.manual_seed(0)
    dims = ModelDimensions(
        n_mels=80, n_audio_ctx=1500, n_audio_state=16, n_audio_head=1, n_audio_layer=1,
        n_vocab=51865, n_text_ctx=32, n_text_state=16, n_text_head=1, n_text_layer=2,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("whisper") / "random.pt"
    torch.save({"dims": vars(dims), "model_state_dict": Whisper(dims).state_dict()}, path)
    return path


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Whisper leaves a vocabulary open
def test_whisper_itself_transcribes(random_model: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 3000, 4_000).astype(np.int16)
    words = transcribe.transcribe(noise, "en-us", random_model)
    assert all(0 <= word.start_ms < word.end_ms <= 250 for word in words)
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(words))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_whisper_itself_times_words(random_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).normal(0, 3000, 32_000).astype(np.int16)
    words = ("Dr.", "Smith", "made", "$4.5", "million.")
    assert transcribe.place(" ".join(words), words, noise, "en-us", random_model) is None  # it hears no such words
    monkeypatch.setattr(transcribe, "_LEAST_PROBABILITY", 0.0)
    spans = transcribe.place(" ".join(words), words, noise, "en-us", random_model)
    assert spans is not None
    assert len(spans) == len(words)
    assert all(0 <= start < end <= 2001 for start, end in spans)
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)
    assert transcribe.place("Hej.", ("Hej.",), noise, "xx", random_model) is None


def test_weights_that_are_not_there_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(transcribe.VARIABLE, "turbo")
    with pytest.raises(BadInput, match="turbo"):
        transcribe.weights()
    cached = tmp_path / "whisper" / "large-v3-turbo.pt"
    cached.parent.mkdir()
    cached.touch()
    assert transcribe.weights() == cached
    monkeypatch.delenv(transcribe.VARIABLE)
    assert transcribe.weights() is None
