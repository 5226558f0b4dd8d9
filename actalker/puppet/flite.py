"""Speech of flite's voices with the times of its phonemes, by the library of Debian's package `libflite1`.

Its voices `slt` and `rms` were built from recordings of people. They judge the audio encoder, which never hears them in
its training.
"""

import ctypes
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from actalker.puppet.espeak import Speech, Unit

VOICES = ("slt", "rms")
_LIBRARIES = ("libflite.so.1", "libflite_usenglish.so.1", "libflite_cmulex.so.1")

ARPABET = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "axr": "ɚ", "ay": "aɪ", "b": "b", "ch": "tʃ",
    "d": "d", "dh": "ð", "dx": "ɾ", "eh": "ɛ", "er": "ɚ", "ey": "eɪ", "f": "f", "g": "ɡ", "hh": "h", "ih": "ɪ",
    "iy": "i", "jh": "dʒ", "k": "k", "l": "l", "m": "m", "n": "n", "ng": "ŋ", "ow": "oʊ", "oy": "ɔɪ", "p": "p",
    "r": "ɹ", "s": "s", "sh": "ʃ", "t": "t", "th": "θ", "uh": "ʊ", "uw": "u", "v": "v", "w": "w", "y": "j", "z": "z",
    "zh": "ʒ", "pau": "",
}  # fmt: skip
"""Phonemes of flite and of festival in IPA; a pause is empty."""


class _Wave(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("samples", ctypes.c_int),
        ("channels", ctypes.c_int),
        ("data", ctypes.POINTER(ctypes.c_short)),
    ]


class _Relation(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("name", "features", "utterance", "head", "tail")]


@cache
def _library() -> Any:
    """The library, with the types of its functions. Raises OSError if it is not installed."""
    try:
        library, *_ = [ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL) for name in _LIBRARIES]
    except OSError as error:
        raise OSError(f"flite is not here: install Debian's package libflite1 ({error})") from error
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    for name, result, arguments in (
        ("flite_synth_text", pointer, [text, pointer]),
        ("utt_wave", ctypes.POINTER(_Wave), [pointer]),
        ("utt_relation", ctypes.POINTER(_Relation), [pointer, text]),
        ("item_next", pointer, [pointer]),
        ("item_feat_string", text, [pointer, text]),
        ("item_feat_float", ctypes.c_float, [pointer, text]),
        ("delete_utterance", None, [pointer]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    library.flite_init()
    return library


@cache
def _voice(name: str) -> int:
    _library()
    register = getattr(ctypes.CDLL(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
    register.restype, register.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    return int(register(None))


def synthesise(text: str, voice: str) -> Speech:
    """Speak `text` with one of the `VOICES`. Raises OSError if flite is not installed."""
    chosen, library = _voice(voice), _library()
    utterance = library.flite_synth_text(text.encode(), chosen)
    try:
        wave = library.utt_wave(utterance).contents
        samples = np.ctypeslib.as_array(wave.data, (wave.samples,)).copy()
        return Speech(samples, wave.sample_rate, (), tuple(_phonemes(library, utterance, wave.sample_rate)))
    finally:
        library.delete_utterance(utterance)


def _phonemes(library: Any, utterance: int, sample_rate: int) -> Iterator[Unit]:
    item, start_s = library.utt_relation(utterance, b"Segment").contents.head, 0.0
    while item:
        yield Unit(ARPABET[library.item_feat_string(item, b"name").decode()], round(start_s * sample_rate))
        start_s = library.item_feat_float(item, b"end")
        item = library.item_next(item)
