"""A clip of a talking puppet: who, what is said and how, and from these frames, sound and truth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import numpy.typing as npt
import soxr

from actalker.puppet.drawing import Picture, draw
from actalker.puppet.espeak import Speech, Unit, synthesise
from actalker.puppet.face import REST, Face
from actalker.puppet.performance import gestures, performance
from actalker.puppet.person import Person, person
from actalker.puppet.sentences import HELD_OUT, babble, paragraph
from actalker.puppet.visemes import FPS, visemes

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


def asked_of(
    clip: Clip, driver: Clip | None = None, sound: bool = True, lids: npt.NDArray[np.floating] | None = None
) -> Clip:
    """The clip's person doing what these signals ask of a head that holds still, and nothing else.

    Args:
        driver: Whose gestures are followed; nobody's: the face rests.
        sound: Whether the mouth follows the clip's own speech; if not, it is the driver's.
        lids: How far those of a resting face are shut in every frame.
    """
    if driver is not None:
        gestures = [face.held() for face in driver.faces]
    else:
        gestures = [replace(REST, blink=float(shut)) for shut in (np.zeros(clip.frames) if lids is None else lids)]
    if sound:
        gestures = [gesture.saying(face) for gesture, face in zip(gestures, clip.faces, strict=True)]
    return replace(clip, faces=tuple(gestures))


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
    speech = _held_out_speech(index, index, 1 + frames // 75)
    return Clip(person(index), speech, tuple(performance(speech, _held_out_seed(index), frames)))


def held_out_rondo(index: int, frames: int, theme: int) -> Clip:
    """The same person and voice, whose last `theme` frames repeat the first, in sound and gestures.

    What becomes worse from the one to the other does so with time, not because it is harder.

    Raises:
        ValueError: Between the two there is no second to turn back in, or a stretch is too short for a sentence.
    """
    between = frames - 2 * theme
    if between < FPS:
        raise ValueError(f"{frames} frames have no room for {theme} twice and a second between them")
    opening, said = _whole_sentences(index, index, theme)
    middle, _ = _whole_sentences(index, index + said, between)
    speech = _one_after_the_other([(opening, theme), (middle, between), (opening, theme)])
    gesture = gestures(_held_out_seed(index), frames - theme)
    gesture[-FPS:] += np.linspace(0, 1, FPS)[:, None] * (gesture[0] - gesture[-FPS:])
    shown = np.concatenate([visemes(speech, frames), np.concatenate([gesture, gesture[:theme]])], axis=1)
    return Clip(person(index), speech, tuple(Face(*map(float, one)) for one in shown))


def _held_out_seed(index: int) -> int:
    return -index - 1 + 2**32


def _held_out_speech(index: int, first: int, sentences: int) -> Speech:
    """Sentences from number `first` on, in the voice of person `index`."""
    text = " ".join(HELD_OUT[(first + i) % len(HELD_OUT)] for i in range(sentences))
    return synthesise(
        text, _HELD_OUT_VOICES[index % len(_HELD_OUT_VOICES)], 140 + 7 * (index % 8), 30 + 5 * (index % 9)
    )


def _whole_sentences(index: int, first: int, frames: int) -> tuple[Speech, int]:
    """As many whole sentences as fit into some frames, and how many."""
    fitting = None
    for sentences in count(1):
        speech = _held_out_speech(index, first, sentences)
        if len(speech.samples) > frames * speech.sample_rate // FPS:
            break
        fitting = speech, sentences
    if fitting is None:
        raise ValueError(f"no sentence fits into {frames} frames")
    return fitting


def _one_after_the_other(parts: Sequence[tuple[Speech, int]]) -> Speech:
    """Speeches as one, each followed by silence up to its number of frames."""
    rate, start = parts[0][0].sample_rate, 0
    samples, words, phonemes = list[npt.NDArray[np.int16]](), list[Unit](), list[Unit]()
    for speech, frames in parts:
        length = frames * rate // FPS
        samples.append(np.pad(speech.samples, (0, length - len(speech.samples))))
        words += [replace(unit, start_sample=start + unit.start_sample) for unit in speech.words]
        phonemes += [replace(unit, start_sample=start + unit.start_sample) for unit in speech.phonemes]
        phonemes.append(Unit("", start + len(speech.samples)))  # a pause, up to the next
        start += length
    return Speech(np.concatenate(samples), rate, tuple(words), tuple(phonemes))
