"""Stereo recordings whose channels cancel each other: what is left of them in mono is noise, or a voice in a barrel."""

from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tasks.errors import BadInput
from tasks.media import decode

CANCELLED_DB: Final = 12.0
DOUBTFUL_DB: Final = 6.0
"""How much softer a mixture is than its channels. The same in both: 0 dB; unlike voices, or one of them silent: 3 dB; a
correlation of -0.5: 6 dB; of -0.87: 12 dB."""
DOUBTFUL_SHARE: Final = 0.05
"""How much of a recording's energy may be in seconds that are cancelled."""

_RATE_HZ: Final = 8_000
_MAX_SECONDS: Final = 300


def check(recording: Path) -> str:
    """Whether the channels of a recording can be mixed. A doubt, empty where there is none.

    Raises:
        BadInput: They cancel each other; or the file cannot be read.
    """
    channels, mixture = _powers(recording, recording.stat().st_mtime_ns)
    loss_db = _loss_db(channels.sum(), mixture.sum())
    if loss_db >= CANCELLED_DB:
        problem = f"its left and right channels cancel each other: mixed to mono it is {loss_db:.0f} dB softer"
        raise BadInput(problem, "Invert one of its channels, or export only one.")
    cancelled = channels[_loss_db(channels, mixture) >= CANCELLED_DB].sum()
    if loss_db >= DOUBTFUL_DB or cancelled >= DOUBTFUL_SHARE * channels.sum() > 0:
        return "the left and right channels of its recording partly cancel each other: listen to it in mono"
    return ""


@lru_cache(maxsize=256)
def _powers(recording: Path, _changed_ns: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The mean power of both channels, and of their mixture, in each of the first seconds; none where not stereo."""
    pieces = [np.zeros((2, 0), np.int16)]
    missing = _MAX_SECONDS * _RATE_HZ
    for piece in decode.stereo_blocks(recording, _RATE_HZ):
        pieces.append(piece[:, :missing])
        missing -= pieces[-1].shape[1]
        if not missing:
            break
    samples = np.concatenate(pieces, axis=1).astype(np.float32)
    seconds = np.pad(samples, ((0, 0), (0, -samples.shape[1] % _RATE_HZ))).reshape(2, -1, _RATE_HZ)
    return np.square(seconds).mean(axis=(0, 2)), np.square(seconds.mean(axis=0)).mean(axis=1)


def _loss_db(channels: NDArray[np.float32], mixture: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much softer a mixture is than its channels, at most 99 dB; 0 where nothing sounds."""
    loss_db = 10 * np.log10(np.maximum(channels, 1) / np.maximum(mixture, 1e-9))
    return np.asarray(np.where(channels > 1, np.minimum(99, loss_db), 0))
