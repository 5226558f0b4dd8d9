"""Clips of drawn talking heads: a person, speech, and the face parameters of every frame."""

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
from actalker.puppet.sentences import HELD_OUT, paragraph
from actalker.puppet.visemes import FPS, visemes

SAMPLE_RATE = 16_000
_VOICES = [f"en-us+{v}" for v in ("m1", "m2", "m3", "m4", "m5", "m6", "f1", "f2", "f3")] + ["en-us", "en-us-nyc"]
_EXTRA_VOICES = [
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
_EXTRA_VOICES += ["Lee", "max", "Michael", "paul", "quincy", "robert", "shelby", "steph", "travis", "victor", "zac"]
MANY_VOICES = _VOICES + [f"en-us+{name}" for name in _EXTRA_VOICES]
"""Voices for the audio encoder, which must work for any voice."""
_HELD_OUT_VOICES = ["en-us+m7", "en-us+f4", "en-us+f5", "en-us+m8"]
_FIRST_TRAINING_PERSON = 1000  # lower seeds are for portraits and evaluation


@dataclass(frozen=True)
class Clip:
    """`person` saying `speech`, with one `Face` for every frame of 1/25 s."""

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
        """The person with the face at rest, RGB (size, size, 3): the portrait in a manifest."""
        return draw(self.person, REST, size)


def target_clip(
    clip: Clip, driver: Clip | None = None, sound: bool = True, lids: npt.NDArray[np.floating] | None = None
) -> Clip:
    """The target of generation: the clip's person, moved by these signals only, on a still head.

    Args:
        driver: Clip whose gestures the face follows. None: the face is at rest.
        sound: Whether the mouth follows the clip's own speech. False: it follows the driver.
        lids: (frames,) How far the eyelids are shut, 0 to 1. Only used without a driver.
    """
    if driver is not None:
        faces = [face.with_still_head() for face in driver.faces]
    else:
        faces = [replace(REST, blink=float(shut)) for shut in (np.zeros(clip.frames) if lids is None else lids)]
    if sound:
        faces = [face.with_mouth_of(speaker) for face, speaker in zip(faces, clip.faces, strict=True)]
    return replace(clip, faces=tuple(faces))


def training_clip(seed: int, frames: int) -> Clip:
    """Clip of a training person, sentence and voice; a pure function of its arguments."""
    rng = np.random.default_rng([seed, 0xC11B])
    voice = _VOICES[int(rng.integers(len(_VOICES)))]
    speech = synthesise(
        paragraph(seed, 1 + frames // 60), voice, int(rng.integers(130, 200)), int(rng.integers(25, 75))
    )
    return Clip(person(_FIRST_TRAINING_PERSON + seed), speech, tuple(performance(speech, seed, frames)))


def held_out_clip(index: int, frames: int) -> Clip:
    """Evaluation clip `index`. Its person, sentences and voice are not in the training data."""
    speech = _held_out_speech(index, index, 1 + frames // 75)
    return Clip(person(index), speech, tuple(performance(speech, _held_out_seed(index), frames)))


def held_out_repeating_clip(index: int, frames: int, repeated: int) -> Clip:
    """Person and voice of `held_out_clip`; the last `repeated` frames repeat the first, in sound and gestures.

    If the last frames score worse than the first, the cause is time, not harder content.

    Raises:
        ValueError: Less than one second lies between the two, or a part is too short for a sentence.
    """
    between = frames - 2 * repeated
    if between < FPS:
        raise ValueError(f"{frames} frames have no room for {repeated} twice and a second between them")
    opening, sentences = _whole_sentences(index, index, repeated)
    middle, _ = _whole_sentences(index, index + sentences, between)
    speech = _concatenate([(opening, repeated), (middle, between), (opening, repeated)])
    curves = gestures(_held_out_seed(index), frames - repeated)
    # The last second leads back to the first frame, so that the repetition starts without a jump.
    curves[-FPS:] += np.linspace(0, 1, FPS)[:, None] * (curves[0] - curves[-FPS:])
    signals = np.concatenate([visemes(speech, frames), np.concatenate([curves, curves[:repeated]])], axis=1)
    return Clip(person(index), speech, tuple(Face(*map(float, values)) for values in signals))


def _held_out_seed(index: int) -> int:
    return -index - 1 + 2**32


def _held_out_speech(index: int, first: int, sentences: int) -> Speech:
    """`sentences` held-out sentences from number `first`, in the voice of person `index`."""
    text = " ".join(HELD_OUT[(first + i) % len(HELD_OUT)] for i in range(sentences))
    return synthesise(
        text, _HELD_OUT_VOICES[index % len(_HELD_OUT_VOICES)], 140 + 7 * (index % 8), 30 + 5 * (index % 9)
    )


def held_out_sentence(index: int) -> Speech:
    """One held-out sentence by a held-out voice of espeak-ng."""
    return _held_out_speech(index, index, 1)


def _whole_sentences(index: int, first: int, frames: int) -> tuple[Speech, int]:
    """As many whole sentences as fit into `frames`, and their number. Raises ValueError if none fits."""
    fitting = None
    for sentences in count(1):
        speech = _held_out_speech(index, first, sentences)
        if len(speech.samples) > frames * speech.sample_rate // FPS:
            break
        fitting = speech, sentences
    if fitting is None:
        raise ValueError(f"no sentence fits into {frames} frames")
    return fitting


def _concatenate(parts: Sequence[tuple[Speech, int]]) -> Speech:
    """One speech from several, each padded with silence to its number of frames."""
    rate, start = parts[0][0].sample_rate, 0
    samples, words, phonemes = list[npt.NDArray[np.int16]](), list[Unit](), list[Unit]()
    for speech, frames in parts:
        length = frames * rate // FPS
        samples.append(np.pad(speech.samples, (0, length - len(speech.samples))))
        words += [replace(unit, start_sample=start + unit.start_sample) for unit in speech.words]
        phonemes += [replace(unit, start_sample=start + unit.start_sample) for unit in speech.phonemes]
        phonemes.append(Unit("", start + len(speech.samples)))  # a pause until the next speech
        start += length
    return Speech(np.concatenate(samples), rate, tuple(words), tuple(phonemes))
