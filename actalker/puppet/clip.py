"""A clip of a talking puppet: who, what is said and how, and from these frames, sound and truth."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

from actalker.puppet.drawing import Picture, draw
from actalker.puppet.espeak import Speech, synthesise
from actalker.puppet.face import REST, Face
from actalker.puppet.performance import performance
from actalker.puppet.person import Person, person
from actalker.puppet.sentences import HELD_OUT, babble, paragraph
from actalker.puppet.visemes import FPS

SAMPLE_RATE = 16_000
_VOICES = [f"en-us+{v}" for v in ("m1", "m2", "m3", "m4", "m5", "m6", "f1", "f2", "f3")] + ["en-us", "en-us-nyc"]
_MORE = [
    "Alex",
    "Andy",
    "Annie",
    "anikaRobot",
    "belinda",
    "benjamin",
    "david",
    "Denis",
    "edward",
    "Gene",
    "linda",
    "john",
]
_MORE += ["Lee", "max", "Michael", "paul", "quincy", "robert", "shelby", "steph", "travis", "victor", "zac"]
MANY_VOICES = _VOICES + [f"en-us+{name}" for name in _MORE]
"""For what must understand any voice."""
_HELD_OUT_VOICES = ["en-us+m7", "en-us+f4", "en-us+f5", "en-us+m8"]
_FIRST_TRAINING_PERSON = 1000  # people below are for portraits and evaluation


@dataclass(frozen=True)
class Clip:
    """`frames` moments of 1/25 s of `person` saying `speech`."""

    person: Person
    speech: Speech
    faces: tuple[Face, ...]

    @property
    def frames(self) -> int:
        """Length in frames."""
        return len(self.faces)

    def audio(self) -> npt.NDArray[np.float32]:
        """Mono samples in [-1, 1] at 16 kHz, silence-padded or cut to the frames: (640 frames,)."""
        samples = soxr.resample(self.speech.samples.astype(np.float32) / 32768, self.speech.sample_rate, SAMPLE_RATE)
        wanted = self.frames * SAMPLE_RATE // FPS
        return np.pad(samples, (0, max(0, wanted - len(samples))))[:wanted]

    def pictures(self, size: int, start: int = 0, stop: int | None = None) -> npt.NDArray[np.uint8]:
        """Frames [start, stop) as RGB: (stop - start, size, size, 3)."""
        return np.stack([draw(self.person, face, size) for face in self.faces[start:stop]])

    def portrait(self, size: int) -> Picture:
        """The person at rest: what a manifest would give."""
        return draw(self.person, REST, size)


def babbling_clip(seed: int, frames: int) -> Clip:
    """Clip of any voice that babbles; for what must understand any speech."""
    rng = np.random.default_rng([seed, 0xBAB1])
    voice = MANY_VOICES[int(rng.integers(len(MANY_VOICES)))]
    speech = synthesise(babble(seed, 1 + frames // 8), voice, int(rng.integers(120, 210)), int(rng.integers(20, 80)))
    return Clip(person(_FIRST_TRAINING_PERSON + seed), speech, tuple(performance(speech, seed, frames)))


def training_clip(seed: int, frames: int) -> Clip:
    """Clip of a training person, sentence and voice; a pure function of its arguments."""
    rng = np.random.default_rng([seed, 0xC11B])
    voice = _VOICES[int(rng.integers(len(_VOICES)))]
    speech = synthesise(
        paragraph(seed, 1 + frames // 60), voice, int(rng.integers(130, 200)), int(rng.integers(25, 75))
    )
    return Clip(person(_FIRST_TRAINING_PERSON + seed), speech, tuple(performance(speech, seed, frames)))


def held_out_clip(index: int, frames: int) -> Clip:
    """Clip `index` of the evaluation: persons, sentences and voices that training never sees."""
    count = len(HELD_OUT)
    text = " ".join(HELD_OUT[(index + i) % count] for i in range(1 + frames // 75))
    speech = synthesise(
        text, _HELD_OUT_VOICES[index % len(_HELD_OUT_VOICES)], 140 + 7 * (index % 8), 30 + 5 * (index % 9)
    )
    return Clip(person(index), speech, tuple(performance(speech, -index - 1 + 2**32, frames)))
