"""What the neural voices share: phonemes to sound, and from the network's own durations a time for each word.

A network is given some hundred phonemes at most: longer sentences are read in pieces, cut at clauses where there are
any. What it puts before the first sound and after the last one is cut off by the durations, which are whole numbers:
so the length of a sentence does not depend on rounding.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 24_000

SILENT: Final = frozenset(' ;:,.!?—…"()“”')
"""Phonemes that are pauses."""

STEP: Final = RATE * 25 // 1000
"""What hibari's and Kokoro's networks count durations in."""
_AHEAD, _HISSES_AHEAD = RATE * 70 // 1000, RATE * 105 // 1000
_HISSES: Final = frozenset("fsʃθʧ")
_FASTEST_AHEAD: Final = 1.5
"""The speed from which on the sound comes no nearer."""

_LEAD: Final = RATE * 50 // 1000
_TAIL: Final = RATE * 100 // 1000
_TAIL_BEFORE_MARK: Final = RATE * 20 // 1000
"""What is kept before the first sound and after the last one: a plosive begins, and a vowel ends, outside its time.
Before a punctuation mark networks make the last sound long, and its end is silent."""
_FADE: Final = RATE * 10 // 1000
_CLAUSE_ENDS: Final = ";:,.!?—…"


@dataclass(frozen=True, slots=True)
class Sound:
    """Phonemes as sound.

    Attributes:
        samples: float32 mono `[n]` at `RATE`, in [-1, 1].
        edges: Where each phoneme begins, in samples, and where the last one ends: `[phonemes + 1]`.
    """

    samples: NDArray[np.float32]
    edges: Sequence[int]


@dataclass(frozen=True, slots=True)
class Reading:
    """A sentence read aloud.

    Attributes:
        samples: int16 mono `[n]` at `RATE`.
        spans: When each word is heard, in samples; a word without a sound has the place where the one before it ended.
        phonemes: As the network was given them.
        phoneme_spans: When each of them is heard.
    """

    samples: NDArray[np.int16]
    spans: tuple[tuple[int, int], ...]
    phonemes: str
    phoneme_spans: tuple[tuple[int, int], ...]


def read_in_pieces(
    words: Sequence[str], synthesise: Callable[[str], Sound], most: int, silent_end: int = 0
) -> Reading | None:
    """Read a sentence aloud; None when nothing of it sounds.

    Args:
        words: The phonemes of each word, punctuation and the space after it included.
        synthesise: The network.
        most: How many phonemes it takes at a time.
        silent_end: How much of the last sound is silence at least, before a punctuation mark; in samples.
    """
    phonemes = "".join(words)
    samples: list[NDArray[np.int16]] = []
    spans: list[tuple[int, int]] = []
    length = 0
    for start, end in _pieces(phonemes, most):
        piece = phonemes[start:end]
        sounding = [place for place, phoneme in enumerate(piece) if phoneme not in SILENT]
        if not sounding:
            spans += [(length, length)] * len(piece)
            continue
        sound = synthesise(piece)
        first = max(0, sound.edges[sounding[0]] - _LEAD)
        before_mark = sounding[-1] + 1 < len(piece.rstrip())
        tail = _TAIL_BEFORE_MARK - silent_end if before_mark else _TAIL
        last = min(len(sound.samples), sound.edges[sounding[-1] + 1] + tail)
        at = [length + min(max(edge, first), last) - first for edge in sound.edges]
        spans += pairwise(at)
        samples.append(_faded(sound.samples[first:last]))
        length += last - first
    if not samples:
        return None
    return Reading(np.concatenate(samples), tuple(_spans(words, spans)), phonemes, tuple(spans))


def edges(phonemes: str, steps: NDArray[np.int64], speed: float) -> list[int]:
    """Where each phoneme is heard to begin, and where the last one ends, in samples.

    The sound comes earlier than durations say, and hisses still earlier. Both were measured on hibari, against
    pocketsphinx and by dynamic time warping (tests/tasks/speech/test_word_times.py). hibari learned from Kokoro, and
    Kokoro's are alike.

    Args:
        steps: How long each phoneme lasts, in `STEP`; before them what stands before the first one.
        speed: 1 is the network's own pace.
    """
    ahead = np.array([_HISSES_AHEAD if phoneme in _HISSES else _AHEAD for phoneme in (*phonemes, " ")])
    begins = np.cumsum(steps) * STEP - (ahead / min(speed, _FASTEST_AHEAD)).astype(int)
    found: list[int] = np.minimum.accumulate(np.maximum(begins, 0)[::-1])[::-1].tolist()
    return found


def _spans(words: Sequence[str], phonemes: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    end = 0
    for word, first in zip(words, accumulate(map(len, words), initial=0), strict=False):
        sounding = [phonemes[first + place] for place, phoneme in enumerate(word) if phoneme not in SILENT]
        start, end = (sounding[0][0], sounding[-1][1]) if sounding else (end, end)
        yield start, end


def _pieces(phonemes: str, most: int) -> Iterator[tuple[int, int]]:
    """Half-open ranges that the network takes: cut after a clause in the second half of what may be, or a word."""
    start = 0
    while len(phonemes) - start > most:
        window = phonemes[start + most // 2 : start + most]
        cuts = [place + 1 for place, phoneme in enumerate(window) if phoneme == " "]
        after_clauses = [cut for cut in cuts if cut > 1 and window[cut - 2] in _CLAUSE_ENDS]
        end = start + most // 2 + (after_clauses or cuts or [len(window)])[-1]
        yield start, end
        start = end
    yield start, len(phonemes)


def _faded(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    ramp = np.linspace(0, 1, min(_FADE, len(samples)), dtype=np.float32)
    faded = samples.copy()
    faded[: len(ramp)] *= ramp
    faded[len(faded) - len(ramp) :] *= ramp[::-1]
    pcm: NDArray[np.int16] = np.rint(np.clip(faded, -1, 1) * np.float32(32767)).astype(np.int16)
    return pcm
