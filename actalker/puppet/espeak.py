"""Speech synthesis with exact times of words and phonemes, by the espeak-ng library of espeakng_loader."""

import ctypes
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import espeakng_loader
import numpy as np
import numpy.typing as npt

# Constants of speak_lib.h, espeak-ng 1.52.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INIT_PHONEME_EVENTS, _INIT_PHONEME_IPA, _INIT_DONT_EXIT = 0x0001, 0x0002, 0x8000
_RATE, _PITCH = 1, 3
_POS_CHARACTER, _CHARS_UTF8 = 1, 1
_EVENT_LIST_TERMINATED, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7
_VOICELESS_STOP = re.compile("[ˈˌ]*[ptk]")
_CLOSURE_S = 0.045


@dataclass(frozen=True)
class Unit:
    """A word or phoneme and the sample it starts at."""

    text: str
    start_sample: int


@dataclass(frozen=True)
class Speech:
    """Mono int16 samples with the words and the IPA phonemes spoken in them. An empty phoneme is a pause."""

    samples: npt.NDArray[np.int16]
    sample_rate: int
    words: tuple[Unit, ...]
    phonemes: tuple[Unit, ...]


class _Identifier(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # milliseconds
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identifier),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
_lock = threading.Lock()  # the library keeps one voice per process


@contextmanager
def _library() -> Iterator[tuple[Any, int]]:
    """A freshly loaded library and its sample rate.

    espeak-ng keeps its position in the tables of pitch flutter between texts, and its interface cannot reset it. The
    same text would sound a little different each time. Unloading the library resets it, and takes 20 ms.
    """
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
    library.espeak_Synth.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint,
                                     ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p]  # fmt: skip
    options = _INIT_DONT_EXIT | _INIT_PHONEME_EVENTS | _INIT_PHONEME_IPA
    rate = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), options)
    if rate <= 0:
        raise OSError(f"espeak-ng did not start (code {rate}): is its data at {espeakng_loader.get_data_path()}?")
    library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # it seeds itself with the time of day
    try:
        yield library, int(rate)
    finally:
        library.espeak_Terminate()
        _unload(library)


def _unload(library: Any) -> None:
    loader = ctypes.CDLL(None)
    loader.dlclose.argtypes = [ctypes.c_void_p]
    loader.dlclose(library._handle)


def synthesise(text: str, voice: str = "en-us", rate_wpm: int = 165, pitch: int = 50) -> Speech:
    """Speak `text`. `voice` may carry a variant, as in `en-us+f3`; `pitch` runs from 0 to 100.

    Raises ValueError for a voice that espeak-ng does not know, and for a text that gives no sound.
    """
    with _lock, _library() as (library, sample_rate):
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng knows no voice {voice!r}; `en-us` and `en-gb+f3` are two that it knows")
        library.espeak_SetParameter(_RATE, rate_wpm, 0)
        library.espeak_SetParameter(_PITCH, pitch, 0)
        pcm, words, phonemes = _speak(library, text)
    if not words:
        raise ValueError(f"nothing to be spoken in {text!r}: give at least one word")
    samples: npt.NDArray[np.int16] = np.frombuffer(bytes(pcm), np.int16)
    return Speech(samples, sample_rate, tuple(words), tuple(_with_closures(phonemes, sample_rate)))


def _with_closures(phonemes: list[Unit], sample_rate: int) -> Iterator[Unit]:
    """Let p, t and k start with their closure.

    espeak-ng announces them at the burst, after 45 ms of silence. All other speech with known phonemes counts the
    closure as part of the sound, and so does the mouth.
    """
    before = 0
    for unit in phonemes:
        start = unit.start_sample
        if _VOICELESS_STOP.match(unit.text):
            start = max(start - round(_CLOSURE_S * sample_rate), (before + start) // 2)
        yield Unit(unit.text, start)
        before = unit.start_sample


def _speak(library: Any, text: str) -> tuple[bytearray, list[Unit], list[Unit]]:
    pcm, words, phonemes = bytearray(), list[Unit](), list[Unit]()

    def collect(wave: Any, count: int, events: Any) -> int:
        if wave and count:
            pcm.extend(ctypes.string_at(wave, count * 2))
        index = 0
        while events and events[index].type != _EVENT_LIST_TERMINATED:
            event = events[index]
            if event.type == _EVENT_WORD:
                start = event.text_position - 1
                words.append(Unit(text[start : start + event.length], event.sample))
            elif event.type == _EVENT_PHONEME:
                phonemes.append(Unit(event.id.string.decode("utf-8", "ignore"), event.sample))
            index += 1
        return 0

    callback = _Callback(collect)  # kept alive until the synthesiser is done
    library.espeak_SetSynthCallback(callback)
    encoded = text.encode() + b"\0"
    library.espeak_Synth(encoded, len(encoded), 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None)
    library.espeak_Synchronize()
    return pcm, words, phonemes
