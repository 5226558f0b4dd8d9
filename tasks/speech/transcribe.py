"""Whisper, where its weights are at hand: it transcribes what has no script, and times the words of what has one.

`ACTALKER_WHISPER` names them: the path of a `.pt` file, or the name of a model in Whisper's cache (`turbo`). Nothing is
ever downloaded.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tasks.errors import BadInput
from tasks.job import Word

VARIABLE: Final = "ACTALKER_WHISPER"

_PROMPT_TOKENS: Final = 6
_LEAST_PROBABILITY: Final = 0.2
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
    """The words that are spoken, in order, none overlapping the one before.

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
        if words and text == heard["word"].rstrip():
            words[-1] = replace(words[-1], space="")
        words.append(Word(text, start_ms, end_ms, sentence))
        sentence += text.endswith(_SENTENCE_ENDS)
    return tuple(words)


def place(
    text: str, words: Sequence[str], samples: NDArray[np.int16], language: str, model: Path
) -> tuple[tuple[int, int], ...] | None:
    """When each word of a sentence is heard, `(start, end)` in milliseconds, from Whisper's cross-attention.

    Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022; the timing is openai-whisper's.

    Args:
        text: The sentence as it is written, which is how Whisper knows it.
        words: The words of it in order: together they are the text, but for spaces.
        samples: int16 mono `[n]` at 16 kHz: the sentence and little else.

    Returns:
        None where Whisper gives no answer: it does not know the language, transcribes other words, or the sound lasts
        over 30 s.
    """
    from whisper import audio, timing, tokenizer  # noqa: PLC0415  takes seconds, and is needed by few

    code = language.partition("-")[0]
    if code not in tokenizer.LANGUAGES or len(samples) > audio.N_SAMPLES:
        return None
    loaded = _load(model)
    tokens = tokenizer.get_tokenizer(loaded.is_multilingual, num_languages=loaded.num_languages, language=code)
    sound = audio.pad_or_trim(samples.astype(np.float32) / 32768)
    mel = audio.log_mel_spectrogram(sound, loaded.dims.n_mels)
    encoded = tokens.encode(f" {text}")
    if len(encoded) > loaded.dims.n_text_ctx - _PROMPT_TOKENS:
        return None
    heard = timing.find_alignment(loaded, tokens, encoded, mel, len(samples) // audio.HOP_LENGTH)
    if not heard or np.mean([piece.probability for piece in heard]) < _LEAST_PROBABILITY:
        return None
    return _spans(words, [(piece.word, round(piece.start * 1000), round(piece.end * 1000)) for piece in heard])


def _spans(words: Sequence[str], pieces: Sequence[tuple[str, int, int]]) -> tuple[tuple[int, int], ...] | None:
    """The times of words from those of other pieces of the same text, letter by letter; spaces do not count."""
    letters = [(start, end) for piece, start, end in pieces for character in piece if not character.isspace()]
    lengths = [sum(not character.isspace() for character in word) for word in words]
    if sum(lengths) != len(letters):
        return None
    firsts = [0, *accumulate(lengths)]
    spans = [(letters[first][0], max(end for _, end in letters[first:last])) for first, last in pairwise(firsts)]
    return tuple((start, max(end, start + 1)) for start, end in spans)


@lru_cache(maxsize=1)
def _load(path: Path) -> Any:
    import whisper  # noqa: PLC0415  takes seconds, and is needed by few

    return whisper.load_model(str(path), device="cpu")
