"""Transcription: the words of a recording that comes without a script, by Whisper, where its weights are at hand.

`ACTALKER_WHISPER` names them: the path of a `.pt` file, or the name of a model in Whisper's cache (`turbo`). Nothing is
ever downloaded.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tasks.errors import BadInput
from tasks.job import Word

VARIABLE: Final = "ACTALKER_WHISPER"

_SENTENCE_ENDS: Final = (".", "!", "?", "…", "。", "！", "？", "؟", "۔")


def weights() -> Path | None:
    """The weights that the environment names; None when it names none.

    Raises:
        BadInput: It names some that are not there.
    """
    name = os.environ.get(VARIABLE, "")
    if not name:
        return None
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whisper"
    for path in (Path(name), cache / f"{name}.pt", cache / f"large-v3-{name}.pt"):
        if path.is_file():
            return path
    raise BadInput(f"{VARIABLE} names {name!r}, which is neither a file nor in {cache}; give the path of a .pt file")


def transcribe(samples: NDArray[np.int16], language: str, model: Path) -> tuple[Word, ...]:
    """The words that are heard, in order, none overlapping the one before.

    Args:
        samples: int16 mono `[n]` at 16 kHz.
        model: A checkpoint of openai-whisper.
    """
    sound = samples.astype(np.float32) / 32768
    result = _load(model).transcribe(
        sound, language=language.partition("-")[0], word_timestamps=True, fp16=False, condition_on_previous_text=False
    )
    words: list[Word] = []
    sentence, last_ms = 0, len(samples) // 16
    for heard in (word for segment in result["segments"] for word in segment["words"]):
        text = heard["word"].strip()
        start_ms = max(round(heard["start"] * 1000), words[-1].end_ms if words else 0)
        end_ms = min(max(round(heard["end"] * 1000), start_ms + 1), last_ms)
        if not text or start_ms >= end_ms:
            continue
        words.append(Word(text, start_ms, end_ms, sentence))
        sentence += text.endswith(_SENTENCE_ENDS)
    return tuple(words)


@lru_cache(maxsize=1)
def _load(path: Path) -> Any:
    import whisper  # noqa: PLC0415  takes seconds, and is needed by few

    return whisper.load_model(str(path), device="cpu")
