"""Debian's festival: speech from recordings of people, with the times of its phonemes, to train the audio encoder on.

Its diphone voices `kal` and `ked` are cut from recordings of two men. They are the packages `festival`,
`festvox-kallpc16k` and `festvox-kdlpc16k`.
"""

import shutil
import tempfile
import wave
from collections.abc import Iterator
from pathlib import Path
from subprocess import run

import numpy as np

from actalker.puppet.espeak import Speech, Unit
from actalker.puppet.flite import ARPABET
from actalker.training.utterances import any_text

VOICES = ("kal_diphone", "ked_diphone")
_TIME_LIMIT_S = 60


def is_installed() -> bool:
    """Whether the program and both voices are there."""
    folder = Path("/usr/share/festival/voices")
    return shutil.which("festival") is not None and all(any(folder.glob(f"*/{voice}")) for voice in VOICES)


def say_anything(rng: np.random.Generator) -> Speech:
    """A text of the training in one of the `VOICES`, faster or slower."""
    text = any_text(rng)
    return synthesise(text, VOICES[int(rng.integers(len(VOICES)))], float(rng.uniform(0.8, 1.25)))


def synthesise(text: str, voice: str, stretch: float = 1.0) -> Speech:
    """Speak `text`, which must be without quotation marks."""
    with tempfile.TemporaryDirectory() as folder:
        sound, segments, script = (Path(folder) / name for name in ("speech.wav", "speech.seg", "speech.scm"))
        script.write_text(
            f"(voice_{voice}) (Parameter.set 'Duration_Stretch {stretch:.3f})"
            f'(set! said (utt.synth (Utterance Text "{text}")))'
            f'(utt.save.wave said "{sound}") (utt.save.segs said "{segments}")'
        )
        run(("festival", "-b", str(script)), check=True, capture_output=True, timeout=_TIME_LIMIT_S)
        with wave.open(str(sound)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
            rate = file.getframerate()
        return Speech(samples, rate, (), tuple(_phonemes(segments.read_text(), rate)))


def _phonemes(segments: str, rate: int) -> Iterator[Unit]:
    """Lines `end 100 phoneme` after a line with `#`."""
    start_s = 0.0
    for line in segments.partition("#")[2].split("\n"):
        if line.strip():
            end_s, _, phoneme = line.split()
            yield Unit(ARPABET[phoneme], round(start_s * rate))
            start_s = float(end_s)
