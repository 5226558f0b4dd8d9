"""Speech to train the audio encoder on: of many voices, with the true mouth shapes, made on first use and kept on disk.

N frames of 1/25 s, 640 samples each.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from actalker.puppet import neural
from actalker.puppet.clip import MANY_VOICES, SAMPLE_RATE
from actalker.puppet.espeak import Speech, synthesise
from actalker.puppet.sentences import babble, paragraph, scattered_words
from actalker.puppet.visemes import FPS, visemes, voiced
from actalker.training.vocoder import HOP

HELD_OUT_STYLE = "jf_nezumi"
"""The style of Kokoro that training never hears, not even in a mixture."""
_MAN = "jm_kumo"


SOURCES = {"espeak-ng": (0.28, 2400), "hibari": (0.22, 2400), "kokoro": (0.12, 600), "festival": (0.38, 4000)}
"""Synthesisers: their share of the training, and their number of utterances. Those not installed are left out.

Kokoro is slow: 1.4 s of a core for an utterance, 40 times as long as hibari."""

Speaker = Callable[[np.random.Generator], Speech]
"""Says something, anyhow; a pure function of what is drawn."""


def speakers() -> dict[str, Speaker]:
    """Those of this package that are installed. Festival is a program, and comes from outside."""
    installed: dict[str, Speaker] = {"espeak-ng": _espeak}
    if neural.hibari_is_installed():
        installed["hibari"] = _hibari
        if neural.kokoro_is_installed():
            installed["kokoro"] = _kokoro
    return installed


@dataclass(frozen=True)
class Utterance:
    """A sentence or two."""

    samples: npt.NDArray[np.int16]
    """(640 N,)"""
    mouth: npt.NDArray[np.float16]
    """(N, 4)"""
    voiced: npt.NDArray[np.bool_]
    """(8 N,) Whether the vocal folds vibrate, for each frame of `vocoder.HOP` samples."""


class Utterances:
    """Utterances by synthesiser and number, each a pure function of them, kept in a folder."""

    def __init__(self, folder: Path, said_by: Mapping[str, Speaker]) -> None:
        self.folder, self.said_by = folder, said_by
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, source: str, number: int) -> Utterance:
        """Utterance `number` of a synthesiser, any number from 0."""
        path = self.folder / f"{source}-{number:05}.npz"
        if not path.exists():
            made = of_speech(self.said_by[source](np.random.default_rng([number, *source.encode()])))
            part = path.with_suffix(f".{os.getpid()}.part")
            with part.open("wb") as file:
                np.savez(file, samples=made.samples, mouth=made.mouth, voiced=made.voiced)
            part.replace(path)
        with np.load(path) as stored:
            return Utterance(stored["samples"], stored["mouth"], stored["voiced"])


def of_speech(speech: Speech) -> Utterance:
    """An utterance of the whole frames of a speech."""
    samples = soxr.resample(speech.samples.astype(np.float32) / 32768, speech.sample_rate, SAMPLE_RATE)
    frames = len(samples) * FPS // SAMPLE_RATE
    whole = samples[: frames * SAMPLE_RATE // FPS]
    whole = whole * (0.5 / max(float(np.abs(whole).max()), 1e-3))
    folds = voiced(speech, len(whole) // HOP, SAMPLE_RATE // HOP)
    return Utterance((whole * 32767).round().astype(np.int16), visemes(speech, frames).astype(np.float16), folds)


def _espeak(rng: np.random.Generator) -> Speech:
    text = any_text(rng)
    voice = MANY_VOICES[int(rng.integers(len(MANY_VOICES)))]
    return synthesise(text, voice, int(rng.integers(120, 210)), int(rng.integers(20, 80)))


def _hibari(rng: np.random.Generator) -> Speech:
    """In a quarter of the utterances the voice's own pitch and formants."""
    text, speed = any_text(rng), float(rng.uniform(0.8, 1.35))
    own = rng.uniform() < 0.25
    pitch, formants = (1.0, 1.0) if own else (float(rng.uniform(0.5, 1.3)), float(rng.uniform(0.82, 1.15)))
    return neural.hibari().say(text, pitch, formants, speed, int(rng.integers(2**31)))


def _kokoro(rng: np.random.Generator) -> Speech:
    text, speed = any_text(rng), float(rng.uniform(0.8, 1.35))
    kokoro = neural.kokoro()
    return kokoro.say(neural.hibari().phonemes(text), _style(kokoro.styles, rng), speed)


def any_text(rng: np.random.Generator) -> str:
    """A sentence of the grammar, words without a grammar, or syllables without a meaning."""
    kind, seed = rng.uniform(), int(rng.integers(2**31))
    if kind < 0.3:
        return paragraph(seed, 1)
    if kind < 0.45 or not neural.hibari_is_installed():
        return babble(seed, int(rng.integers(5, 10)))
    return scattered_words(seed, int(rng.integers(6, 12)))


def _style(styles: dict[str, neural.Style], rng: np.random.Generator) -> neural.Style:
    """A mixture of styles, of timbre and of melody apart; mostly near one of them, and near the man's more often."""
    names = [name for name in styles if name != HELD_OUT_STYLE]

    def weights() -> list[float]:
        near = _MAN if rng.uniform() < 0.4 else names[int(rng.integers(len(names)))]
        share, others = rng.uniform(-0.15, 0.55), rng.dirichlet([0.7] * len(names))
        return [float((name == near) * (1 - share) + share * w) for name, w in zip(names, others, strict=True)]

    halves = [
        sum(weight * styles[name][:, half] for weight, name in zip(weights(), names, strict=True))
        for half in (slice(128), slice(128, 256))
    ]
    return np.concatenate(halves, axis=1).astype(np.float32)
