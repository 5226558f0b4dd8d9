"""How well the mouth follows speech, by kind of voice: in the outputs of the audio encoder, and in the frames.

The sentences and the voices are not in the training data. Of Kokoro and of flite, training knows no such voice at all.
A voice whose package is not installed is not measured, and named.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from actalker.encoders.small import VISEMES, SmallEncoders
from actalker.puppet import flite, neural
from actalker.puppet.clip import Clip, held_out_sentence
from actalker.puppet.espeak import Speech
from actalker.puppet.performance import performance
from actalker.puppet.person import person
from actalker.puppet.sentences import HELD_OUT
from actalker.puppet.visemes import FPS
from actalker.talker import Talker
from actalker.training.evaluation import Curves, audio_scores, reader, render, truth_of
from actalker.training.utterances import HELD_OUT_STYLE

Samples = npt.NDArray[np.int16]

SENTENCES, PICTURES = 24, 4
"""Sentences of every voice; of so many, frames are rendered too."""
NOISE_DB = 15.0
"""Distance from a voice to the noise."""
_PEOPLE = 4


def _hibari(index: int) -> Speech:
    return neural.hibari().say(HELD_OUT[index])


def _kokoro(index: int) -> Speech:
    kokoro = neural.kokoro()
    return kokoro.say(neural.hibari().phonemes(HELD_OUT[index]), kokoro.styles[HELD_OUT_STYLE])


def _flite(voice: str, index: int) -> Speech:
    return flite.synthesise(HELD_OUT[index], voice)


VOICES: Mapping[str, Callable[[int], Speech]] = {
    "espeak-ng": held_out_sentence,
    "hibari": _hibari,
    f"kokoro {HELD_OUT_STYLE}": _kokoro,
    **{f"flite {voice}": partial(_flite, voice) for voice in flite.VOICES},
}
"""Each speaks the held-out sentence of a number."""


@dataclass(frozen=True)
class Following:
    """How the mouth follows one voice: means over sentences. See `ClipScores` for the measures."""

    open: float
    wide: float
    round: float
    range: float
    silence: float
    lag_frames: float
    worst_open: float


@dataclass(frozen=True)
class VoiceScores:
    """One row: a voice, with or without noise."""

    voice: str
    noisy: bool
    encoder: Following
    """The audio encoder alone."""
    encoder_shown: Following
    """The same, of the sentences that are rendered."""
    picture: Following
    """Read from the frames."""


@dataclass(frozen=True)
class VoiceTable:
    """All rows, and why some voices have none."""

    rows: tuple[VoiceScores, ...]
    missing: Mapping[str, str]

    def document(self) -> dict[str, object]:
        """All rows, with null for what is undefined."""
        return {"rows": [_without_nan(asdict(row)) for row in self.rows], "missing": dict(self.missing)}

    def markdown(self) -> str:
        """A table, with what was not measured below it."""
        lines = [
            f"Means over {SENTENCES} sentences. Noise is pink, {NOISE_DB:g} dB below the voice. *Loss*: what the mouth "
            f"opening in the frames is behind that of the encoder, over {PICTURES} sentences.",
            "",
            "| voice | noise | open | worst | wide | round | range | silence | loss | wide, round in the frames |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for row in self.rows:
            heard = row.encoder
            loss = row.encoder_shown.open - row.picture.open
            figures = (heard.open, heard.worst_open, heard.wide, heard.round, heard.range, heard.silence, loss)
            shown = f"{row.picture.wide:.3f}, {row.picture.round:.3f}"
            noise = f"{NOISE_DB:g} dB" if row.noisy else "none"
            lines.append(f"| {row.voice} | {noise} | {' | '.join(f'{one:.3f}' for one in figures)} | {shown} |")
        lines += [f"\nNot measured: {voice} ({reason})." for voice, reason in self.missing.items()]
        return "\n".join(lines) + "\n"


def evaluate_voices(
    checkpoint: Path,
    sentences: int = SENTENCES,
    pictures: int = PICTURES,
    on_voice: Callable[[str], None] | None = None,
) -> VoiceTable:
    """Score a checkpoint on all `VOICES`, in separate processes, one per core."""
    rows, missing = list[VoiceScores](), dict[str, str]()
    workers = min(len(VOICES), len(os.sched_getaffinity(0)))
    score_one = partial(_score_voice, checkpoint, sentences, pictures)
    with ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        for voice, scored in zip(VOICES, pool.map(score_one, VOICES), strict=True):
            if isinstance(scored, str):
                missing[voice] = scored
            else:
                rows += scored
            if on_voice is not None:
                on_voice(voice)
    return VoiceTable(tuple(rows), missing)


def _score_voice(checkpoint: Path, sentences: int, pictures: int, voice: str) -> list[VoiceScores] | str:
    try:
        spoken = [VOICES[voice](index) for index in range(sentences)]
    except (ImportError, OSError) as error:
        return str(error)
    talker = _talker(checkpoint)
    return [score_voice(talker, voice, spoken, pictures, noisy) for noisy in (False, True)]


@lru_cache(maxsize=1)
def _talker(checkpoint: Path) -> Talker:
    return Talker.load(checkpoint)


def score_voice(talker: Talker, voice: str, spoken: Sequence[Speech], pictures: int, noisy: bool) -> VoiceScores:
    """Score what a voice has spoken; frames are rendered of the first `pictures` sentences."""
    clips = [clip_of(speech, index, noisy) for index, speech in enumerate(spoken)]
    heard = [(heard_in(talker, clip), truth_of(clip)) for clip in clips]
    size = talker.config.picture.short_edge
    shown = [
        (reader(clip.person, size).read(render(talker, clip, index)), truth_of(clip))
        for index, clip in enumerate(clips[:pictures])
    ]
    return VoiceScores(voice, noisy, following(heard), following(heard[:pictures]), following(shown))


def clip_of(speech: Speech, index: int, noisy: bool = False) -> Clip:
    """A drawn person who says this, as long as the speech."""
    frames = len(speech.samples) * FPS // speech.sample_rate
    faces = tuple(performance(speech, index, frames))
    heard = replace(speech, samples=_with_noise(speech.samples, index)) if noisy else speech
    return Clip(person(index % _PEOPLE), heard, faces)


def _with_noise(samples: Samples, seed: int) -> Samples:
    """Add pink noise, whose power falls with the frequency."""
    white = np.random.default_rng([seed, 0x4015E]).standard_normal(len(samples))
    shape = np.maximum(np.arange(len(samples) // 2 + 1), 1 + len(samples) // 400) ** -0.5
    pink = np.fft.irfft(np.fft.rfft(white) * shape, len(samples))
    voice = samples.astype(float)
    pink *= np.sqrt((voice**2).mean() / (pink**2).mean()) * 10 ** (-NOISE_DB / 20)
    return np.clip((voice + pink).round(), -32768, 32767).astype(np.int16)


@torch.no_grad()
def heard_in(talker: Talker, clip: Clip) -> Curves:
    """Outputs of the audio encoder. Raises ValueError if the checkpoint has another one."""
    encoders = talker.encoders
    if not isinstance(encoders, SmallEncoders):
        raise ValueError("the checkpoint has encoders for real faces, which give no mouth shapes")
    mouth = encoders.audio_encoder.hear(torch.from_numpy(clip.audio())).float().numpy()
    return {name: mouth[:, index] for index, name in enumerate(VISEMES)}


_MEANS = ("open", "wide", "round", "range", "silence", "lag_frames")


def following(pairs: Iterable[tuple[Curves, Curves]]) -> Following:
    """Means over sentences of made and true curves; nan without sentences.

    A measure that is undefined in a sentence is left out there.
    """
    scores = [audio_scores(made, truth) for made, truth in pairs]
    if not scores:
        return Following(*(float("nan"),) * len(fields(Following)))
    means = {name: float(np.nanmean([one[f"audio_{name}"] for one in scores])) for name in _MEANS}
    return Following(**means, worst_open=float(min(one["audio_open"] for one in scores)))


def _without_nan(row: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with null for what is undefined."""
    parts = {name: value for name, value in row.items() if isinstance(value, dict)}
    return {
        **row,
        **{part: {name: None if np.isnan(one) else one for name, one in of.items()} for part, of in parts.items()},
    }


def write(table: VoiceTable, checkpoint: Path) -> None:
    """Write voices.json and voices.md next to the weights."""
    (checkpoint / "voices.json").write_text(json.dumps(table.document(), indent=1, allow_nan=False) + "\n")
    (checkpoint / "voices.md").write_text(table.markdown())
