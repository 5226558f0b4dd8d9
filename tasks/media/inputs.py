"""The customer's files, looked at before anything is rendered: is it what it should be, and what is its digest?"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from tasks.errors import BadInput
from tasks.media import decode, phase
from tasks.records.store import digest_file
from tasks.speech import lexicon
from tasks.speech.lexicon import Pronunciations

T = TypeVar("T")

SILENCE_DBFS = -60.0
MIN_SOUND_MS = 200
MAX_SCRIPT_BYTES = 1 << 20
"""Of a file, before its variables are filled in; tasks/speech/limits.py has the limits that people may meet."""

_WORD_PROCESSORS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"{\\rtf", b"%PDF")
CHECK_RATE_HZ = 16_000


@dataclass
class Inputs:
    """The recordings, videos and scripts of one manifest: each is looked at once, however many rows name it."""

    _recordings: dict[Path, str | BadInput] = field(default_factory=dict)
    _videos: dict[Path, str | BadInput] = field(default_factory=dict)
    _texts: dict[Path, str | BadInput] = field(default_factory=dict)
    _lexicons: dict[Path, tuple[str, Pronunciations] | BadInput] = field(default_factory=dict)

    def recording(self, path: Path) -> str:
        """The digest of a recording.

        Raises:
            BadInput: When it is not audio, is empty or silent, or its channels cancel each other.
        """
        return _once(self._recordings, path, _recording)

    def driving_video(self, path: Path) -> str:
        """The digest of a driving video.

        Raises:
            BadInput: When it is not a video.
        """
        return _once(self._videos, path, _driving_video)

    def text(self, path: Path) -> str:
        """A script as it is written, variables not yet filled in.

        Raises:
            BadInput: When it is not UTF-8 text or too long.
        """
        return _once(self._texts, path, _text)

    def lexicon(self, path: Path) -> tuple[str, Pronunciations]:
        """The digest of a pronunciation file, and what it holds.

        Raises:
            BadInput: When it is none, or has faults.
        """
        return _once(self._lexicons, path, _lexicon)


def _once(seen: dict[Path, T | BadInput], path: Path, look: Callable[[Path], T]) -> T:
    if path not in seen:
        try:
            seen[path] = look(path)
        except BadInput as error:
            seen[path] = error
    found = seen[path]
    if isinstance(found, BadInput):
        raise found
    return found


def _recording(path: Path) -> str:
    phase.check(path)
    samples = peak = 0
    for block in decode.audio_blocks(path, CHECK_RATE_HZ):
        samples += len(block)
        peak = max(peak, int(np.abs(block.astype(np.int32)).max(initial=0)))
    length_ms = samples * 1000 // CHECK_RATE_HZ
    if length_ms < MIN_SOUND_MS:
        raise BadInput(f"it lasts {length_ms} ms", f"Give at least {MIN_SOUND_MS} ms of sound.")
    peak_dbfs = 20 * np.log10(max(1, peak) / 32768)
    if peak_dbfs < SILENCE_DBFS:
        raise BadInput(f"it is silent (its peak is {peak_dbfs:.0f} dBFS)", "Check the recording's channel and level.")
    return digest_file(path)


def _driving_video(path: Path) -> str:
    if next(iter(decode.decode_frames(path)), None) is None:
        raise BadInput("it has no pictures", "Give a video of a face.")
    return digest_file(path)


def _text(path: Path) -> str:
    if path.stat().st_size > MAX_SCRIPT_BYTES:
        raise BadInput(f"it is larger than {MAX_SCRIPT_BYTES >> 20} MiB", "Split it into several rows.")
    data = path.read_bytes()
    if data.startswith(_WORD_PROCESSORS):
        raise BadInput("it is a word processor's file", "Save it as plain text, in UTF-8.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"it is not UTF-8 text (byte {error.start})", "Save it as UTF-8.") from error


def _lexicon(path: Path) -> tuple[str, Pronunciations]:
    with path.open("rb") as file:
        data = file.read(lexicon.MAX_BYTES + 1)
    return hashlib.sha256(data).hexdigest(), lexicon.read(data)
