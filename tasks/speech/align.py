"""Alignment: when each word of a known script is heard in a recording, in any language that espeak-ng reads.

The script is read aloud by the synthesiser, which knows its own words' times to the sample, and the reading is warped
onto the recording (dtw.py), window by window: of each window only the first part is kept, and the next window begins
where the last kept sentence ends. So memory is bounded, and no error reaches beyond a window. The text needs no
dictionary, and neither the language nor the speaker has to be known to a model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from tasks.job import SAMPLE_RATE, Word
from tasks.speech import fit as sentence_fit
from tasks.speech import voice
from tasks.speech.dtw import WarpingPath, align_features
from tasks.speech.features import HOP, MS_PER_FRAME, RATE, Features, features
from tasks.speech.normalise import normalise
from tasks.speech.script import Script, Sentence
from tasks.speech.voice import Voice

VARIANTS: Final = ("", "+f3")
"""A low and a high voice are tried; the one that fits the speaker better reads on."""

_CHUNK_MS: Final = 30_000
_KEPT: Final = 0.6
_SLOWEST: Final = 1.6
_EXTRA_MS: Final = 20_000
"""How much may be said between two sentences that is not in the script."""

_REST_MS: Final = 300
_MARGIN_MS: Final = 200
_FARTHEST_MS: Final = 200


Spans = tuple[tuple[int, int], ...]
WordTimer = Callable[[Sentence, NDArray[np.int16]], Spans | None]
"""Something that may know better when each word of a sentence is heard in a stretch of sound, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """What was found: the words that are heard, in order, and those of the script that are not."""

    words: tuple[Word, ...]
    unspoken: tuple[str, ...]

    @property
    def share(self) -> float:
        """How many of the script's words were found, 0 to 1."""
        return len(self.words) / max(1, len(self.words) + len(self.unspoken))


@dataclass(frozen=True)
class _Reading:
    """Sentences read aloud, with rests around them.

    Attributes:
        samples: int16 mono `[n]` at `RATE`.
        sentences: The frames of each, half-open.
        words_ms: Where each word of each sentence is, half-open.
    """

    samples: NDArray[np.int16]
    sentences: tuple[tuple[int, int], ...]
    words_ms: tuple[tuple[tuple[int, int], ...], ...]

    @cached_property
    def features(self) -> Features:
        """What it sounds like. Where it rests is known, not guessed from how loud it is: an "s" is no rest."""
        sound = features(self.samples)
        silent = np.ones(len(sound), np.bool_)
        for start_ms, end_ms in (span for spans in self.words_ms for span in spans):
            silent[start_ms // MS_PER_FRAME : -(-end_ms // MS_PER_FRAME)] = False
        return replace(sound, silent=silent)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a sentence may be, and how well it fits there: `spans` and `fit` are None where it was passed over."""

    spans: Spans | None
    fit: float | None
    heard: bool
    frames: int


@dataclass(frozen=True)
class _Placed:
    """A reading laid onto the window of a recording that begins at `begin_ms`; `last` when nothing comes after it."""

    reading: _Reading
    path: WarpingPath
    begin_ms: int
    last: bool

    @cached_property
    def places(self) -> tuple[_Place, ...]:
        """Where each sentence may be."""
        fits = self._fits()
        return tuple(
            _Place(None if fit is None else self._spans_ms(index), fit, heard, end - start)
            for index, (fit, heard, (start, end)) in enumerate(
                zip(fits, sentence_fit.heard(fits), self.reading.sentences, strict=True)
            )
        )

    def _fits(self) -> list[float | None]:
        """How well each sentence fits; None where it was passed over."""
        frames = [slice(start, end) for start, end in self.reading.sentences]
        spoken = [part for part in frames if not self.path.skipped[part].any()]
        lengths, speech = np.diff(self.path.begins).astype(np.float64), ~self.reading.features.silent
        usual = max(0.1, float(np.concatenate([lengths[part] for part in spoken] or [np.ones(1)]).mean()))
        return [
            sentence_fit.fit(self.path.better[part][speech[part]], lengths[part] / usual) if part in spoken else None
            for part in frames
        ]

    def _spans_ms(self, sentence: int) -> Spans:
        frames = np.array(self.reading.words_ms[sentence]) / MS_PER_FRAME
        heard = np.interp(frames, np.arange(len(self.path.begins)), self.path.begins) * MS_PER_FRAME + self.begin_ms
        return tuple((round(first), max(round(last), round(first) + MS_PER_FRAME)) for first, last in heard)

    def pace(self, kept: int, known: float) -> float:
        """How much slower than the reading the heard ones of the first sentences are spoken."""
        heard = [
            (place.spans, read)
            for place, read in zip(self.places[:kept], self.reading.words_ms, strict=False)
            if place.heard and place.spans
        ]
        spoken_ms = sum(spans[-1][1] - spans[0][0] for spans, _ in heard)
        return spoken_ms / sum(read[-1][1] - read[0][0] for _, read in heard) if spoken_ms else known

    def misfit(self) -> float:
        """What a frame of speech costs on average."""
        inside = np.concatenate([np.arange(start, end) for start, end in self.reading.sentences])
        return float(self.path.costs[inside].mean())


def align(
    script: Script,
    samples: NDArray[np.int16],
    language: str,
    word_timer: WordTimer | None = None,
    *,
    certain: bool = False,
) -> Alignment:
    """Find the words of a script in a recording.

    Args:
        samples: int16 mono `[n]` at `RATE`.
        word_timer: Asked about every sentence that was found; kept where it agrees about the sentence.
        certain: Whether all of the script is known to be said: then nothing is left out because it fits badly.

    Raises:
        BadInput: The synthesiser does not know the language.
    """
    places = _places([normalise(sentence.words, language) for sentence in script.sentences], samples, language)
    needed = sentence_fit.needed([(place.fit, place.frames) for place in places])
    words: list[Word] = []
    unspoken: list[str] = []
    for index, (sentence, place) in enumerate(zip(script.sentences, places, strict=True)):
        spans = place.spans
        if spans is None or not (certain or (place.heard and place.fit and place.fit >= needed)):
            unspoken += sentence.words
            continue
        if word_timer is not None:
            spans = _retimed(spans, sentence, samples, word_timer)
        shown = sentence.shown
        words += [Word(w.text, start, end, index, w.space) for w, (start, end) in zip(shown, spans, strict=True)]
    return Alignment(_in_order(words), tuple(unspoken))


def _places(sentences: Sequence[tuple[str, ...]], samples: NDArray[np.int16], language: str) -> list[_Place]:
    """Where each sentence may be, window by window."""
    reader, placed = _beginning(sentences, samples, language)
    places: list[_Place] = []
    pace = 1.0
    while True:
        kept = _kept_sentences(placed, len(sentences) - len(places))
        places += placed.places[:kept]
        if len(places) == len(sentences):
            return places
        ends_ms = [place.spans[-1][1] for place in places[-kept:] if place.heard and place.spans]
        pace = placed.pace(kept, pace)
        begin_ms = max(ends_ms, default=placed.begin_ms)
        placed = _place(_read(sentences[len(places) :], reader), samples, begin_ms, pace)


def _beginning(
    sentences: Sequence[tuple[str, ...]], samples: NDArray[np.int16], language: str
) -> tuple[Voice, _Placed]:
    """The first window, and the variant of the voice that sounds most like it.

    Where none of its sentences is heard, it is the first later one in which several certainly are: after silence, or
    music.
    """
    readers = [voice.find((voice.for_language(language) or language) + variant) for variant in VARIANTS]
    readings = [(reader, _read(sentences, reader)) for reader in readers]
    first = _best_window(readings, samples, 0)
    if not any(place.heard for place in first[1].places):
        for begin_ms in range(_EXTRA_MS, len(samples) * 1000 // RATE, _EXTRA_MS):
            reader, placed = _best_window(readings, samples, begin_ms)
            several = sum(place.heard for place in placed.places) > 1
            whole = sentence_fit.whole([(place.fit, place.frames) for place in placed.places])
            if several and whole >= sentence_fit.CERTAIN:
                return reader, placed
    return first


def _best_window(
    readings: Sequence[tuple[Voice, _Reading]], samples: NDArray[np.int16], begin_ms: int
) -> tuple[Voice, _Placed]:
    windows = [(reader, _place(reading, samples, begin_ms, 1.0)) for reader, reading in readings]
    return min(windows, key=lambda window: window[1].misfit())


def _read(sentences: Sequence[tuple[str, ...]], reader: Voice) -> _Reading:
    """Read as many sentences as a window needs."""
    rest = np.zeros(_REST_MS * RATE // 1000, np.int16)
    pieces, length = [rest], len(rest)
    places: list[tuple[int, int]] = []
    words_ms: list[tuple[tuple[int, int], ...]] = []
    for sentence in sentences:
        samples, spans = _utterance(sentence, reader)
        offset_ms = length * 1000 // RATE
        places.append((length // HOP, (length + len(samples)) // HOP))
        words_ms.append(tuple((offset_ms + start, offset_ms + end) for start, end in spans))
        pieces += [samples, rest]
        length += len(samples) + len(rest)
        if length * 1000 > _CHUNK_MS * RATE:
            break
    return _Reading(np.concatenate(pieces), tuple(places), tuple(words_ms))


@lru_cache(maxsize=64)
def _utterance(words: tuple[str, ...], reader: Voice) -> tuple[NDArray[np.int16], tuple[tuple[int, int], ...]]:
    """A sentence at `RATE`, whole frames long, and when each of its words sounds."""
    utterance = reader.say(words)
    samples = np.rint(soxr.resample(utterance.samples.astype(np.float32), SAMPLE_RATE, RATE))
    whole = np.pad(np.clip(samples, -32768, 32767).astype(np.int16), (0, -len(samples) % HOP))
    return whole, utterance.spans_ms or ()


def _place(reading: _Reading, samples: NDArray[np.int16], begin_ms: int, pace: float) -> _Placed:
    """Lay a reading onto the recording from a time on; `pace` is how much slower than it the speaker is."""
    begin = begin_ms * RATE // 1000 // HOP * HOP
    length = int(len(reading.samples) * pace * _SLOWEST) + _EXTRA_MS * RATE // 1000
    window = features(samples[begin : begin + length])
    path = align_features(reading.features, reading.sentences, window)
    return _Placed(reading, path, begin * 1000 // RATE, last=begin + length >= len(samples))


def _kept_sentences(placed: _Placed, left: int) -> int:
    """How many sentences of a window are kept: all at the end of the script, else those well before its end.

    Where the recording goes on, sentences after the last heard one may be heard later.
    """
    sentences, kept = placed.reading.sentences, left
    if len(sentences) < left:
        limit = sentences[-1][1] * _KEPT
        kept = max(1, sum(end < limit for _, end in sentences))
    heard = [index for index, place in enumerate(placed.places[:kept]) if place.heard]
    return heard[-1] + 1 if heard and not placed.last else kept


def _retimed(spans: Spans, sentence: Sentence, samples: NDArray[np.int16], word_timer: WordTimer) -> Spans:
    """The times that the word timer gives, unless it places most of the words somewhere else."""
    begin_ms = max(0, spans[0][0] - _MARGIN_MS)
    heard = word_timer(sentence, samples[begin_ms * RATE // 1000 : (spans[-1][1] + _MARGIN_MS) * RATE // 1000])
    if heard is None:
        return spans
    moved = tuple((begin_ms + start, begin_ms + end) for start, end in heard)
    shifts = [abs(new[0] - old[0]) for new, old in zip(moved, spans, strict=True)]
    return moved if np.median(shifts) <= _FARTHEST_MS else spans


def _in_order(words: Sequence[Word]) -> tuple[Word, ...]:
    """Words that do not overlap: where two do, the earlier one gives way, unless it began later."""
    ordered: list[Word] = []
    for word in words:
        start_ms = word.start_ms
        if ordered:
            before = ordered[-1]
            ordered[-1] = replace(before, end_ms=max(before.start_ms + 1, min(before.end_ms, start_ms)))
            start_ms = max(start_ms, ordered[-1].end_ms)
        ordered.append(replace(word, start_ms=start_ms, end_ms=max(word.end_ms, start_ms + 1)))
    return tuple(ordered)
