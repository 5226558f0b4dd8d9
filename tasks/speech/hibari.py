"""hibari: the voice of English rows that name none, neural, of the package hibari-tts.

Its network computes how long every phoneme lasts, and does not tell: here that is one more output.
"""

import threading
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import numpy as np

from tasks.speech import onnx, pronounce
from tasks.speech.neural import Reading, Sound, edges, read_in_pieces

NAME: Final = "hibari"
LANGUAGE: Final = "en-us"
MEGABYTES: Final = 16
"""Of the package."""
SHA256: Final = "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8"
"""Of its network."""
IDENTITY: Final = f"{pronounce.PACKAGE} {SHA256}"
"""The package makes the sound of what the network computes."""

_OWN_WORDS_PER_MINUTE: Final = 160
"""Its pace at speed 1, as espeak-ng counts: at 150 both take the same time for the same text."""
_MOST_PHONEMES: Final = 400
_DURATIONS: Final = "/Cast_32_output_0"
_PADDING: Final = 0
_SEED: Final = 0
"""Of the noise in the voice."""
_lock = threading.Lock()


@cache
def check() -> None:
    """See, once in a process, that its files are what they should be.

    Raises:
        BadInput: They are not; the message has the remedy.
    """
    _model()
    pronounce.check()


def read(words: Sequence[str], words_per_minute: int) -> Reading | None:
    """Read a sentence aloud, given as normalised words; None when nothing of it can be pronounced.

    Raises:
        BadInput: The package's files are not what they should be.
    """
    with _lock:
        network = _network()
    speed = words_per_minute / _OWN_WORDS_PER_MINUTE
    phonemes = pronounce.phonemes(words)
    return read_in_pieces(phonemes, lambda piece: _sound(network, piece, speed), _MOST_PHONEMES)


def _sound(network: Any, phonemes: str, speed: float) -> Sound:
    from hibari import dsp  # noqa: PLC0415  it comes with the network

    letters = pronounce.letters()
    ids = [_PADDING, *(letters[phoneme] for phoneme in phonemes), _PADDING]
    inputs = {"ids": np.array([ids], np.int64), "speed": np.array([speed], np.float32)}
    *spectra, durations = network.run(None, inputs)
    samples = dsp.synth(*(output[0] for output in spectra), np.random.default_rng(_SEED))
    return Sound(samples, edges(phonemes, durations[:-1], speed))


@cache
def _network() -> Any:
    return onnx.session(_model(), _DURATIONS)


def _model() -> bytes:
    return onnx.checked([pronounce.ASSETS / "hibari.onnx"], SHA256, pronounce.PACKAGE)
