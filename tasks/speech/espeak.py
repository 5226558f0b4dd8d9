"""espeak-ng through ctypes: text in; samples, and when each of its words and phonemes sounds, out.

The library keeps state from one text to the next (the phase of its oscillators, the seed of its noise), so that the
same sentence sounds a little different each time: at most inaudibly, but its bytes and thus every content key change.
Here it is loaded afresh for every text, which costs about 5 ms and makes the bytes a function of text and voice alone.
Its state belongs to the process: one text at a time, under a lock.

Source: `speak_lib.h` of espeak-ng 1.52.
"""

import ctypes
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

MEGABYTES: Final = 20
"""Of the package, for all its voices."""

_OUTPUT_SYNCHRONOUS: Final = 2
_INITIALIZE_PHONEME_EVENTS: Final = 0x0001
_INITIALIZE_DONT_EXIT: Final = 0x8000
_CHARS_UTF8: Final = 1
_POS_CHARACTER: Final = 1
_RATE: Final = 1
_EVENT_LIST_END, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7
_PAUSE: Final = "_"
_SEPARATOR: Final = "_"
_IPA, _TIED = 0x02, 0x80

_WITHOUT_DICTIONARY: Final = {"fo", "kaa", "xex"}
"""Voices that espeakng-loader 0.2.4 lists, but whose dictionaries it does not carry: they spell every word."""

_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Event:
    """Something begins to sound: a word (`phoneme` is None), a phoneme, or silence (an empty phoneme).

    Attributes:
        position: Of the word in the text, in characters from 0.
        sample: When, in samples from the beginning.
    """

    position: int
    sample: int
    phoneme: str | None


@dataclass(frozen=True, slots=True)
class Reading:
    """A text read aloud: `samples` is int16 mono `[n]` at `rate` Hz."""

    samples: NDArray[np.int16]
    rate: int
    events: tuple[Event, ...]


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def read(text: str, voice: str, words_per_minute: int) -> Reading:
    """Read a text aloud. The same arguments give the same bytes, in whatever process and after whatever else.

    Args:
        voice: One that `languages()` names, optionally with a variant: `gmw/en-US+f3`.
    """
    pcm = bytearray()
    events: list[Event] = []

    def receive(samples: "ctypes._Pointer[ctypes.c_short]", count: int, event: "ctypes._Pointer[_Event]") -> int:
        if samples and count:
            pcm.extend(ctypes.string_at(samples, count * 2))
        events.extend(_events(event))
        return 0

    with _library(voice) as (library, rate):
        callback = _Callback(receive)
        library.espeak_SetSynthCallback(callback)
        library.espeak_SetParameter(_RATE, words_per_minute, 0)
        data = text.encode() + b"\0"
        library.espeak_Synth(data, len(data), 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None)
        library.espeak_Synchronize()
    return Reading(np.frombuffer(bytes(pcm), dtype="<i2").astype(np.int16), rate, tuple(events))


@lru_cache(maxsize=4096)
def phonemes(words: tuple[str, ...], voice: str) -> tuple[tuple[str, ...], ...]:
    """How each word is pronounced on its own, in espeak's mnemonics (`espeak -x`), stress marks included.

    Kept, because a few are asked for again and again: "of the", "I am".
    """
    with _library(voice) as (library, _):
        return tuple(_phonemes(library, word) for word in words)


def ipa(texts: Sequence[str], voice: str) -> tuple[str, ...]:
    """How each text is pronounced, in IPA with ties (`t͡ʃ`); a space between words, as espeak-ng joins them."""
    mode = _IPA | _TIED | ord("\u0361") << 8
    with _library(voice) as (library, _):
        return tuple(" ".join(" ".join(_clauses(library, text, mode)).split()) for text in texts)


@cache
def languages() -> dict[str, str]:
    """Every language that there is a voice for, `af` to `yue`, and the best voice of each as `read` takes it."""
    best = {language: voice for language, _, voice, _ in sorted(_voices(), reverse=True)}
    return {language: best[language] for language in sorted(best) if language not in _WITHOUT_DICTIONARY}


@cache
def names() -> dict[str, str]:
    """The name of each voice of `languages()` in English: `English (America)`."""
    return {voice: name for _, _, voice, name in _voices()}


@cache
def _voices() -> tuple[tuple[str, int, str, str], ...]:
    """Language, rank for it (the lower the better), voice, and the voice's name."""
    with _library(None) as (library, _):
        library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        listed = library.espeak_ListVoices(None)
        found: list[tuple[str, int, str, str]] = []
        index = 0
        while listed[index]:
            voice = listed[index].contents
            ranks = _languages(voice.languages)
            identifier, name = voice.identifier.decode(), voice.name.decode()
            found += [(language.lower(), rank, identifier, name) for language, rank in ranks]
            index += 1
    return tuple(found)


@cache
def variants() -> tuple[str, ...]:
    """The names that can follow a voice after a plus sign, sorted."""
    return tuple(sorted(path.name for path in Path(espeakng_loader.get_data_path(), "voices", "!v").iterdir()))


@contextmanager
def _library(voice: str | None) -> Iterator[tuple[ctypes.CDLL, int]]:
    """A library in its first state, and its sample rate in Hz; unloaded again at the end."""
    with _lock:
        libc = ctypes.CDLL(None)
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        try:
            options = _INITIALIZE_PHONEME_EVENTS | _INITIALIZE_DONT_EXIT
            data = espeakng_loader.get_data_path().encode()
            rate = int(library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, data, options))
            if rate <= 0:
                raise OSError(f"espeak-ng does not start with the data in {data.decode()} (error {rate})")
            if voice is not None and library.espeak_SetVoiceByName(voice.encode()) != 0:
                raise ValueError(f"espeak-ng has no voice {voice!r}")
            # Both generators of noise, the library's own and C's: the first was just seeded with the time of day.
            library.espeak_ng_SetRandSeed(ctypes.c_long(1))
            libc.srand(1)
            yield library, rate
            library.espeak_Terminate()
        finally:
            libc.dlclose(ctypes.c_void_p(library._handle))


def _events(event: "ctypes._Pointer[_Event]") -> Iterator[Event]:
    index = 0
    while event and event[index].type != _EVENT_LIST_END:
        item = event[index]
        if item.type == _EVENT_WORD:
            yield Event(item.text_position - 1, item.sample, None)
        elif item.type == _EVENT_PHONEME:
            name = bytes(item.id.string).partition(b"\0")[0].decode(errors="replace")
            yield Event(item.text_position - 1, item.sample, "" if name.startswith(_PAUSE) else name)
        index += 1


def _phonemes(library: ctypes.CDLL, word: str) -> tuple[str, ...]:
    clauses = _clauses(library, word, ord(_SEPARATOR) << 8)
    found = [phoneme for clause in clauses for phoneme in clause.replace(" ", _SEPARATOR).split(_SEPARATOR)]
    return tuple(phoneme for phoneme in found if phoneme)


def _clauses(library: ctypes.CDLL, text: str, mode: int) -> Iterator[str]:
    """How the clauses of a text are pronounced. `mode` is that of `espeak_TextToPhonemes`."""
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    buffer = ctypes.create_string_buffer(text.encode())
    position = ctypes.c_void_p(ctypes.addressof(buffer))
    while position.value:
        clause = library.espeak_TextToPhonemes(ctypes.byref(position), _CHARS_UTF8, mode)
        yield (clause or b"").decode()


def _languages(address: int) -> Iterator[tuple[str, int]]:
    """The languages of a voice and its rank for each, the lower the better.

    They lie in memory as bytes of rank, each before a name that ends with a zero byte; a rank of zero ends the list.
    """
    while rank := ctypes.string_at(address, 1)[0]:
        name = ctypes.string_at(address + 1)
        yield name.decode(), rank
        address += len(name) + 2
