"""Who speaks: a voice turns the words of a sentence into sound, and says when each of them is heard.

Names of voices: an espeak-ng language (`en-us`, `de`), optionally with a variant (`en-us+f3`) and a speed in words per
minute (`en-us+f3@140`); or the path of a Piper voice (`.onnx`, its `.onnx.json` beside it).
"""

import difflib
import re
from bisect import bisect_right
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

from tasks.errors import BadInput
from tasks.job import SAMPLE_RATE
from tasks.speech import espeak, piper
from tasks.speech.language import primary
from tasks.speech.sentences import join

WORDS_PER_MINUTE: Final = 150
"""The pace of a lecturer; English at this pace stays under the captions' 17 characters per second."""

_SLOWEST, _FASTEST = 80, 450
_NAME = re.compile(r"(?P<language>[^+@]+)(?:\+(?P<variant>[^@]+))?(?:@(?P<speed>\d{1,4}))?")


@dataclass(frozen=True, slots=True)
class Utterance:
    """A sentence as sound.

    Attributes:
        samples: int16 mono `[n]` at `SAMPLE_RATE`.
        spans_ms: When each word is heard, `(start, end)`, half-open, from the first sample; None when the voice does
            not know it.
    """

    samples: NDArray[np.int16]
    spans_ms: tuple[tuple[int, int], ...] | None


class Voice(Hashable, Protocol):
    """What every voice offers."""

    @property
    def name(self) -> str:
        """How a manifest names it."""

    @property
    def language(self) -> str:
        """What it speaks, as a language tag: `en-us`."""

    @property
    def exact(self) -> bool:
        """Whether it knows when its words are heard."""

    def say(self, words: Sequence[str]) -> Utterance:
        """Speak one sentence, given as spoken words. The same words give the same bytes.

        Raises:
            BadInput: Nothing of it can be pronounced.
        """


@dataclass(frozen=True, slots=True)
class EspeakVoice:
    """A voice of espeak-ng: plain, quick, in a hundred languages, and exact to the sample about its words."""

    name: str
    language: str
    variant: str = ""
    words_per_minute: int = WORDS_PER_MINUTE
    exact: bool = True

    @property
    def identifier(self) -> str:
        """How espeak-ng names it."""
        voice = espeak.languages()[self.language]
        return f"{voice}+{self.variant}" if self.variant else voice

    def say(self, words: Sequence[str]) -> Utterance:
        """See `Voice.say`."""
        text = join(words)
        reading = espeak.read(text, self.identifier, self.words_per_minute)
        spans = _spans(tuple(words), reading, self.identifier)
        if spans is None:
            raise BadInput(f"voice {self.name!r} cannot pronounce {text!r}; choose a voice of the script's language")
        to_ms = 1000 / reading.rate
        spans_ms = _in_turn((round(start * to_ms), round(end * to_ms)) for start, end in spans)
        sounding = np.trim_zeros(reading.samples, "b")
        return Utterance(resample(sounding, reading.rate), spans_ms)


@dataclass(frozen=True, slots=True)
class PiperVoice:
    """A neural voice of the user's. It does not know when its words are heard. `name` is the path of its model."""

    name: str
    language: str
    exact: bool = False

    def say(self, words: Sequence[str]) -> Utterance:
        """See `Voice.say`."""
        text = join(words)
        samples, rate = piper.read(text, Path(self.name))
        if not samples.any():
            raise BadInput(f"voice {self.name!r} cannot pronounce {text!r}; choose a voice of the script's language")
        return Utterance(resample(samples, rate), None)


def find(name: str) -> Voice:
    """The voice of a name.

    Raises:
        BadInput: There is none, or not here; close names, or the remedy, are in the message.
    """
    if name.lower().endswith(".onnx"):
        return PiperVoice(name, piper.language_of(Path(name)))
    match = _NAME.fullmatch(name.strip())
    language = match["language"].lower().replace("_", "-") if match else name
    if match is None or language not in voices():
        raise BadInput(f"unknown voice {name!r}; {_close(language, voices())}")
    variant = match["variant"] or ""
    if variant and variant not in espeak.variants():
        raise BadInput(f"unknown variant {variant!r} of voice {name!r}; {_close(variant, espeak.variants())}")
    speed = int(match["speed"] or WORDS_PER_MINUTE)
    if not _SLOWEST <= speed <= _FASTEST:
        raise BadInput(f"voice {name!r} speaks {speed} words per minute; {_SLOWEST} to {_FASTEST} are possible")
    return EspeakVoice(name, language, variant, speed)


def for_language(tag: str) -> str:
    """The voice of a language tag: its own, or else that of the language without country and script; empty: none."""
    name = tag.lower().replace("_", "-")
    return next((known for known in (name, primary(name)) if known in voices()), "")


def voices() -> tuple[str, ...]:
    """The names of the voices that are always there. Each may be followed by a variant and a speed."""
    return tuple(espeak.languages())


def resample(samples: NDArray[np.int16], rate: int) -> NDArray[np.int16]:
    """Bring mono sound `[n]` from `rate` Hz to `SAMPLE_RATE`, in one piece."""
    if rate == SAMPLE_RATE:
        return samples
    resampled: NDArray[np.float32] = soxr.resample(samples.astype(np.float32), rate, SAMPLE_RATE, quality="HQ")
    return np.clip(np.rint(resampled), -32768, 32767).astype(np.int16)


def _in_turn(spans_ms: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The spans, none before the last one's end and none empty: a symbol that a voice passes over gets 1 ms."""
    made: list[tuple[int, int]] = []
    for start, end in spans_ms:
        begin = max(start, made[-1][1]) if made else start
        made.append((begin, max(end, begin + 1)))
    return tuple(made)


def _close(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=5, cutoff=0.4) or [n for n in names if n[:2] == name[:2]][:5]
    return f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(names[:5])} and {len(names) - 5} more"


def _spans(words: tuple[str, ...], reading: espeak.Reading, voice: str) -> list[tuple[int, int]] | None:
    """When each word sounds, in samples of the reading; None when nothing sounds.

    espeak-ng announces some neighbours as one ("of the", "I am"). Their phonemes come with exact times all the same:
    each word takes as many of them as it has when it is pronounced alone.
    """
    spans: list[tuple[int, int]] = []
    for first, last, sounds in _groups(words, reading):
        shares = [1]
        if last - first > 1:
            shares = [max(1, len(sounds_alone)) for sounds_alone in espeak.phonemes(words[first:last], voice)]
        cumulated = np.cumsum([0, *shares])
        for place in range(last - first):
            begin = round(cumulated[place] * len(sounds) / cumulated[-1])
            end = max(begin + 1, round(cumulated[place + 1] * len(sounds) / cumulated[-1]))
            begin, end = min(begin, len(sounds) - 1), min(end, len(sounds))
            spans.append((sounds[begin][0], sounds[end - 1][1]))
    return spans or None


def _groups(words: tuple[str, ...], reading: espeak.Reading) -> list[tuple[int, int, list[tuple[int, int]]]]:
    """Words that are announced together, as `[first, last)`, and their phonemes as `(start, end)` in samples."""
    text = ""
    starts: list[int] = []
    for word in words:
        text = join((text, word)) if text else word
        starts.append(len(text) - len(word))
    heads: list[int] = []
    sounds: list[list[tuple[int, int]]] = []
    ends = [event.sample for event in reading.events[1:]] + [len(reading.samples)]
    for event, end in zip(reading.events, ends, strict=True):
        if event.phoneme is None:
            place = bisect_right(starts, event.position) - 1
            if not heads or place > heads[-1]:
                heads.append(place)
                sounds.append([])
        elif event.phoneme and heads:
            sounds[-1].append((event.sample, end))
    sounding = [(head, own) for head, own in zip(heads, sounds, strict=True) if own]
    firsts = [0, *(head for head, _ in sounding[1:])]
    lasts = [*firsts[1:], len(words)]
    return [(first, last, own) for first, last, (_, own) in zip(firsts, lasts, sounding, strict=False)]
