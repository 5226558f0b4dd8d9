"""Piper: a neural voice from a file of the user's. An optional extra: `pip install 'actalker-batch[piper]'`."""

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tasks.errors import BadInput

REMEDY: Final = "pip install 'actalker-batch[piper]'"


def is_here() -> bool:
    """Whether the extra is installed."""
    return importlib.util.find_spec("piper") is not None


def language_of(model: Path) -> str:
    """What a voice speaks, from the JSON file beside it.

    Raises:
        BadInput: The voice cannot be used: a file is missing or damaged, or Piper is not installed.
    """
    config = model.with_name(f"{model.name}.json")
    for path in (model, config):
        if not path.is_file():
            raise BadInput(
                f"voice {str(model)!r}: {path.name!r} is missing; a Piper voice is both .onnx and .onnx.json"
            )
    if not is_here():
        raise BadInput(f"voice {str(model)!r} needs Piper: {REMEDY}")
    try:
        language = json.loads(config.read_text(encoding="utf-8"))["espeak"]["voice"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(f"voice {str(model)!r}: {config.name!r} is no description of a Piper voice") from error
    return str(language)


def read(text: str, model: Path) -> tuple[NDArray[np.int16], int]:
    """A text read aloud: int16 mono `[n]`, and its rate in Hz.

    Piper's noise comes from a generator inside the network that takes no seed; without noise the same sentence gives
    the same samples, which is what content keys need.
    """
    from piper import SynthesisConfig  # noqa: PLC0415  an optional extra

    settings = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)
    chunks = list(_voice(model).synthesize(text, settings))
    if not chunks:
        return np.zeros(0, np.int16), 1
    return np.concatenate([chunk.audio_int16_array for chunk in chunks]), int(chunks[0].sample_rate)


@cache
def _voice(model: Path) -> Any:
    from piper import PiperVoice  # noqa: PLC0415  an optional extra

    return PiperVoice.load(model)
