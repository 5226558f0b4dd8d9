"""From timed phonemes to mouth shapes, with coarticulation.

Every phoneme has a target. A Gaussian over time blends neighbouring targets, because articulators have finite speed
(Cohen and Massaro 1993 use dominance functions for the same purpose). For p, b and m the lips close nevertheless.
"""

import unicodedata

import numpy as np
import numpy.typing as npt

from actalker.puppet.espeak import Speech

FPS = 25
_GRID_HZ = 200  # of the intermediate curve; four steps of it in the shortest phonemes
_BLEND_S = 0.035
_CLOSURE_S = 0.025
_SIGNALS = 4  # open, wide, round, tongue

# Per IPA letter: open, wide, round, tongue.
_TARGETS: dict[str, tuple[float, float, float, float]] = {
    "a": (0.95, 0.1, 0.0, 0.0), "ɑ": (1.0, 0.0, 0.0, 0.0), "æ": (0.9, 0.5, 0.0, 0.0), "ɐ": (0.75, 0.0, 0.0, 0.0),
    "ʌ": (0.7, 0.0, 0.0, 0.0), "ɒ": (0.85, -0.2, 0.4, 0.0), "ɔ": (0.7, -0.3, 0.6, 0.0), "o": (0.55, -0.4, 0.8, 0.0),
    "ə": (0.4, 0.0, 0.0, 0.0), "ɚ": (0.4, -0.1, 0.3, 0.0), "ɜ": (0.45, -0.1, 0.3, 0.0), "ɛ": (0.6, 0.5, 0.0, 0.0),
    "e": (0.5, 0.6, 0.0, 0.0), "ɪ": (0.35, 0.6, 0.0, 0.0), "i": (0.25, 0.95, 0.0, 0.0), "ᵻ": (0.3, 0.5, 0.0, 0.0),
    "ʊ": (0.3, -0.4, 0.8, 0.0), "u": (0.22, -0.5, 1.0, 0.0),
    "p": (0.0, 0.0, 0.0, 0.0), "b": (0.0, 0.0, 0.0, 0.0), "m": (0.0, 0.0, 0.0, 0.0),
    "f": (0.08, 0.2, 0.0, 0.0), "v": (0.08, 0.2, 0.0, 0.0), "θ": (0.18, 0.1, 0.0, 1.0), "ð": (0.18, 0.1, 0.0, 1.0),
    "t": (0.16, 0.2, 0.0, 0.7), "d": (0.16, 0.2, 0.0, 0.7), "n": (0.16, 0.2, 0.0, 0.7), "l": (0.28, 0.1, 0.0, 0.9),
    "ɾ": (0.2, 0.2, 0.0, 0.7), "s": (0.1, 0.4, 0.0, 0.2), "z": (0.1, 0.4, 0.0, 0.2), "ʃ": (0.18, -0.4, 0.6, 0.0),
    "ʒ": (0.18, -0.4, 0.6, 0.0), "k": (0.25, 0.1, 0.0, 0.0), "ɡ": (0.25, 0.1, 0.0, 0.0), "ŋ": (0.25, 0.1, 0.0, 0.0),
    "h": (0.35, 0.0, 0.0, 0.0), "ɹ": (0.22, -0.3, 0.5, 0.0), "r": (0.22, -0.3, 0.5, 0.3), "w": (0.15, -0.5, 1.0, 0.0),
    "j": (0.2, 0.7, 0.0, 0.0), "x": (0.25, 0.0, 0.0, 0.0), "ʔ": (0.2, 0.0, 0.0, 0.0),
}  # fmt: skip
_CLOSURES = frozenset("pbm")
_PAUSE = (0.0, 0.0, 0.0, 0.0)


def _letters(phoneme: str) -> list[str]:
    """The letters of an IPA phoneme that have a target; marks of stress, length and ties have none."""
    return [letter for letter in unicodedata.normalize("NFD", phoneme) if letter in _TARGETS]


def _targets(speech: Speech, steps: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Targets (steps, 4) and closures (steps,) before blending; the parts of a diphthong get equal times."""
    targets, closures = np.zeros((steps, _SIGNALS)), np.zeros(steps)
    ends = [unit.start_sample for unit in speech.phonemes[1:]] + [len(speech.samples)]
    for unit, end in zip(speech.phonemes, ends, strict=True):
        letters = _letters(unit.text)
        edges = np.linspace(unit.start_sample, end, len(letters) + 1) * _GRID_HZ / speech.sample_rate
        for letter, first, last in zip(letters, edges[:-1], edges[1:], strict=True):
            span = slice(round(first), max(round(last), round(first) + 1))
            targets[span] = _TARGETS[letter]
            closures[span] = letter in _CLOSURES
    return targets, closures


def _blend(curve: npt.NDArray[np.float64], sigma_s: float) -> npt.NDArray[np.float64]:
    """Gaussian smoothing along the first axis, with the end values repeated beyond the ends."""
    radius = round(3 * sigma_s * _GRID_HZ)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / (sigma_s * _GRID_HZ)) ** 2)
    padded = np.pad(curve, [(radius, radius)] + [(0, 0)] * (curve.ndim - 1), mode="edge")
    return np.apply_along_axis(np.convolve, 0, padded, kernel / kernel.sum(), mode="valid")


def visemes(speech: Speech, frames: int) -> npt.NDArray[np.float64]:
    """Open, wide, round and tongue (frames, 4) at the middle of frames of 1/25 s; at rest after the speech."""
    steps = max(frames * _GRID_HZ // FPS, len(speech.samples) * _GRID_HZ // speech.sample_rate) + 1
    targets, closures = _targets(speech, steps)
    curve = _blend(targets, _BLEND_S)
    closed = np.clip(1.6 * _blend(closures, _CLOSURE_S), 0.0, 1.0)
    curve[:, 0] *= 1 - closed
    centres = (np.arange(frames) * 2 + 1) * _GRID_HZ // (2 * FPS)
    return np.asarray(curve[centres])


_VOICELESS = frozenset("ptkfθsʃhxʔ")


def voiced(speech: Speech, steps: int, rate_hz: int) -> npt.NDArray[np.bool_]:
    """Whether the vocal folds vibrate, for each of `steps` steps of 1/`rate_hz` s."""
    result = np.zeros(steps, bool)
    ends = [unit.start_sample for unit in speech.phonemes[1:]] + [len(speech.samples)]
    for unit, end in zip(speech.phonemes, ends, strict=True):
        letters = _letters(unit.text)
        if letters and letters[0] not in _VOICELESS:
            result[unit.start_sample * rate_hz // speech.sample_rate : end * rate_hz // speech.sample_rate] = True
    return result
