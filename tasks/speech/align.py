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

# What a frame of a sentence costs on average: 0.5 to 0.6 where a person says it, 0.6 to 0.7 where the person says
# something else, 0.75 up in noise; 0.2 and 0.6 where another synthesised voice does.
_GOOD_MISFIT: Final = 0.45
_WORST_MISFIT: Final = 0.7
_MUCH_WORSE: Final = 1.2


Spans = tuple[tuple[int, int], ...]
WordTimer = Callable[[Sentence, NDArray[np.int16]], Spans | None]
"""Something that may know better when each word of a sentence is heard in a stretch of sound, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """What was found: the words that are heard, in order, and those of the script that are not."""

    words: tuple[Word, ...]
    unspoken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
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

    def features(self) -> Features:
        """What it sounds like. Where it rests is known, not guessed from how loud it is: an "s" is no rest."""
        sound = features(self.samples)
        silent = np.ones(len(sound), np.bool_)
        for start_ms, end_ms in (span for spans in self.words_ms for span in spans):
            silent[start_ms // MS_PER_FRAME : -(-end_ms // MS_PER_FRAME)] = False
        return replace(sound, silent=silent)


@dataclass(frozen=True)
class _Placed:
    """A reading laid onto the window of a recording that begins at `begin_ms`."""

    reading: _Reading
    path: WarpingPath
    begin_ms: int

    @cached_property
    def heard(self) -> tuple[bool, ...]:
        """Which sentences are heard: neither passed over, nor fitting much worse than the others of the window."""
        places = self.reading.sentences
        skipped = [bool(self.path.skipped[start:end].any()) for start, end in places]
        misfits = [float(self.path.costs[start:end].mean()) for start, end in places]
        usual = float(np.median([misfit for misfit, skip in zip(misfits, skipped, strict=True) if not skip] or [0]))
        limit = min(_WORST_MISFIT, max(_GOOD_MISFIT, _MUCH_WORSE * usual))
        return tuple(not skip and misfit <= limit for misfit, skip in zip(misfits, skipped, strict=True))

    def spans_ms(self, sentence: int) -> Spans | None:
        """Where each word of a sentence is heard in the recording; None when it is not heard."""
        if not self.heard[sentence]:
            return None
        frames = np.array(self.reading.words_ms[sentence]) / MS_PER_FRAME
        heard = np.interp(frames, np.arange(len(self.path.begins)), self.path.begins) * MS_PER_FRAME + self.begin_ms
        return tuple((round(first), max(round(last), round(first) + MS_PER_FRAME)) for first, last in heard)

    def pace(self, kept: int, known: float) -> float:
        """How much slower than the reading the heard ones of the first sentences are spoken."""
        heard = [(span, self.reading.words_ms[k]) for k in range(kept) if (span := self.spans_ms(k))]
        spoken_ms = sum(span[-1][1] - span[0][0] for span, _ in heard)
        return spoken_ms / sum(read[-1][1] - read[0][0] for _, read in heard) if spoken_ms else known

    def misfit(self) -> float:
        """What a frame of speech costs on average."""
        inside = np.concatenate([np.arange(start, end) for start, end in self.reading.sentences])
        return float(self.path.costs[inside].mean())


def align(script: Script, samples: NDArray[np.int16], language: str, word_timer: WordTimer | None = None) -> Alignment:
    """Find the words of a script in a recording.

    Args:
        samples: int16 mono `[n]` at `RATE`.
        word_timer: Asked about every sentence that was found; kept where it agrees about the sentence.

    Raises:
        BadInput: The synthesiser does not know the language.
    """
    sentences = [normalise(sentence.words, language) for sentence in script.sentences]
    reader = _fitting_reader(sentences, samples, language)
    words: list[Word] = []
    unspoken: list[str] = []
    first, begin_ms, pace = 0, 0, 1.0
    while first < len(sentences):
        placed = _place(_read(sentences[first:], reader), samples, begin_ms, pace)
        kept = _kept_sentences(placed.reading, len(sentences) - first)
        for index in range(first, first + kept):
            spans = placed.spans_ms(index - first)
            if spans is None:
                unspoken += script.sentences[index].words
                continue
            if word_timer is not None:
                spans = _retimed(spans, script.sentences[index], samples, word_timer)
            shown = script.sentences[index].shown
            words += [Word(w.text, start, end, index, w.space) for w, (start, end) in zip(shown, spans, strict=True)]
            begin_ms = spans[-1][1]
        pace = placed.pace(kept, pace)
        first += kept
    return Alignment(_in_order(words), tuple(unspoken))


def _fitting_reader(sentences: Sequence[tuple[str, ...]], samples: NDArray[np.int16], language: str) -> Voice:
    """The variant of the voice that sounds most like the beginning of the recording."""
    readers = [voice.find((voice.for_language(language) or language) + variant) for variant in VARIANTS]
    return min(readers, key=lambda reader: _place(_read(sentences, reader), samples, 0, 1.0).misfit())


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
    return _Placed(reading, align_features(reading.features(), reading.sentences, window), begin * 1000 // RATE)


def _kept_sentences(reading: _Reading, left: int) -> int:
    """How many sentences of a window are kept: all at the end of the script, else those well before its end."""
    if len(reading.sentences) == left:
        return left
    limit = reading.sentences[-1][1] * _KEPT
    return max(1, sum(end < limit for _, end in reading.sentences))


def _retimed(spans: Spans, sentence: Sentence, samples: NDArray[np.int16], word_timer: WordTimer) -> Spans:
    """What the word_timer says of a sentence, unless it hears most of its words somewhere else."""
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
