"""Who speaks: a voice turns the words of a sentence into sound, and says when each of them is heard.

Names of voices: `hibari`; a style of Kokoro (`jm_kumo`); an espeak-ng language (`en-us`, `de`), optionally with a
variant (`en-us+f3`). Each may have a speed in words per minute (`hibari@140`, `en-us+f3@140`). Or the path of a Piper
voice (`.onnx`, its `.onnx.json` beside it).
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
from tasks.speech import espeak, hibari, ipa, kokoro, piper
from tasks.speech.language import primary
from tasks.speech.neural import RATE, Reading
from tasks.speech.sentences import join

WORDS_PER_MINUTE: Final = 150
"""The pace of a lecturer; English at this pace stays under the captions' 17 characters per second."""

_SHOWN_CHARACTERS: Final = 200
_SLOWEST, _FASTEST, _FASTEST_NEURAL = 80, 450, 300
_NEURAL_VERSION: Final = 1
"""Part of the identity of what neural voices say: raise it when something else than the network changes their sound."""

_NAME = re.compile(r"(?P<base>[^+@]+)(?:\+(?P<variant>[^@]+))?(?:@(?P<speed>\d{1,4}))?")


@dataclass(frozen=True, slots=True)
class Utterance:
    """A sentence as sound.

    Attributes:
        samples: int16 mono `[n]` at `SAMPLE_RATE`.
        spans_ms: When each word is heard, `(start, end)`, half-open, from the first sample; None when the voice does
            not know it.
        identity: What the sound is made of, where another processor may round its samples otherwise; empty where they
            are the same everywhere. The same identity is the same sound, but for rounding.
    """

    samples: NDArray[np.int16]
    spans_ms: tuple[tuple[int, int], ...] | None
    identity: str = ""


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

    @property
    def takes_ipa(self) -> bool:
        """Whether its words may hold pronunciations in IPA (`ipa.marked`)."""

    def say(self, words: Sequence[str]) -> Utterance:
        """Speak one sentence, given as spoken words. On one machine the same words give the same bytes.

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
    takes_ipa: bool = False

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
            raise BadInput(_cannot_pronounce(self, words))
        to_ms = 1000 / reading.rate
        spans_ms = _in_turn((round(start * to_ms), round(end * to_ms)) for start, end in spans)
        sounding = np.trim_zeros(reading.samples, "b")
        return Utterance(resample(sounding, reading.rate), spans_ms)


@dataclass(frozen=True, slots=True)
class HibariVoice:
    """A neural voice for English that is always there, and knows when its words are heard."""

    name: str
    words_per_minute: int = WORDS_PER_MINUTE
    language: str = hibari.LANGUAGE
    exact: bool = True
    takes_ipa: bool = True

    def say(self, words: Sequence[str]) -> Utterance:
        """See `Voice.say`."""
        reading = hibari.read(words, self.words_per_minute)
        return _neural(self, words, reading, f"{hibari.IDENTITY} {self.words_per_minute}")


@dataclass(frozen=True, slots=True)
class KokoroVoice:
    """A neural voice of an optional extra, for a few languages. It knows when its words are heard."""

    name: str
    style: str
    language: str
    words_per_minute: int = WORDS_PER_MINUTE
    exact: bool = True
    takes_ipa: bool = True

    def say(self, words: Sequence[str]) -> Utterance:
        """See `Voice.say`."""
        reading = kokoro.read(words, self.style, self.language, self.words_per_minute)
        return _neural(self, words, reading, f"{kokoro.IDENTITY} {self.style} {self.words_per_minute}")


@dataclass(frozen=True, slots=True)
class PiperVoice:
    """A neural voice of the user's. It does not know when its words are heard. `name` is the path of its model."""

    name: str
    language: str
    exact: bool = False
    takes_ipa: bool = True

    def say(self, words: Sequence[str]) -> Utterance:
        """See `Voice.say`."""
        text = join(words)
        samples, rate = piper.read(ipa.shown(text, "[[ {} ]]"), Path(self.name))
        if not samples.any():
            raise BadInput(_cannot_pronounce(self, words))
        return Utterance(resample(samples, rate), None)


def find(name: str, language: str = "") -> Voice:
    """The voice of a name.

    Args:
        language: What it is to speak, as a language tag, if it speaks several; empty: the first of them.

    Raises:
        BadInput: There is none, or not here; close names, or the remedy, are in the message.
    """
    if name.lower().endswith(".onnx"):
        return PiperVoice(name, piper.language_of(Path(name)))
    match = _NAME.fullmatch(name.strip())
    base = match["base"].lower() if match else name
    if match is not None and base == hibari.NAME:
        hibari.check()
        return HibariVoice(name, _speed(match, _FASTEST_NEURAL))
    if match is not None and base in kokoro.STYLES:
        return _kokoro(name, base, language, _speed(match, _FASTEST_NEURAL))
    base = base.replace("_", "-")
    if match is None or base not in voices():
        raise BadInput(f"unknown voice {name!r}; {_close(base, (hibari.NAME, *kokoro.STYLES, *voices()))}")
    variant = match["variant"] or ""
    if variant and variant not in espeak.variants():
        raise BadInput(f"unknown variant {variant!r} of voice {name!r}; {_close(variant, espeak.variants())}")
    return EspeakVoice(name, base, variant, _speed(match, _FASTEST))


def _speed(match: re.Match[str], fastest: int) -> int:
    if match["variant"] and fastest is not _FASTEST:
        raise BadInput(f"unknown variant {match['variant']!r} of voice {match[0]!r}; it has none")
    speed = int(match["speed"] or WORDS_PER_MINUTE)
    if not _SLOWEST <= speed <= fastest:
        raise BadInput(f"voice {match[0]!r} speaks {speed} words per minute; {_SLOWEST} to {fastest} are possible")
    return speed


def _kokoro(name: str, style: str, language: str, speed: int) -> Voice:
    kokoro.check()
    spoken = kokoro.language_of(language)
    if not spoken:
        remedy = "Leave the voice empty, or choose another one: `actalker voices` lists them."
        raise BadInput(f"voice {name!r} speaks {', '.join(kokoro.LANGUAGES)}, and not {language!r}", remedy)
    return KokoroVoice(name, style, spoken, speed)


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


def _neural(speaker: Voice, words: Sequence[str], reading: Reading | None, network: str) -> Utterance:
    """What a neural voice has read. It is made of phonemes and of their times, which are steps of the network."""
    if reading is None:
        raise BadInput(_cannot_pronounce(speaker, words))
    spans_ms = _in_turn((start * 1000 // RATE, end * 1000 // RATE) for start, end in reading.spans)
    times = " ".join(str(start) for start, _ in reading.phoneme_spans)
    identity = f"{_NEURAL_VERSION} {network} {len(reading.samples)} {times} {reading.phonemes}"
    return Utterance(resample(reading.samples, RATE), spans_ms, identity)


def _cannot_pronounce(speaker: Voice, words: Sequence[str]) -> str:
    text = join(words)
    shown = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
    return f"voice {speaker.name!r} cannot pronounce {shown!r}; choose a voice of the script's language"


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
