"""What draws the pixels: a `Renderer` turns one segment into its frames.

`still` needs no network: a draft of timing, captions and layout at no cost. `demo` and `actalker` are the network, with
different weights.

Frames depend on the segment's content and on the local index of the frame, on nothing else: two segments with the same
key are the same pixels.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeAlias

import av
import cv2
import numpy as np
from numpy.typing import NDArray

import actalker
from tasks.errors import BadInput
from tasks.job import Job, Preset, Segment
from tasks.records.store import digest_file
from tasks.renderers import still
from tasks.renderers.still import StillRenderer

DEMO_WEIGHTS = Path(actalker.__file__).parent / "checkpoints" / "demo"

TALKER_VERSION = "talker-3"
"""Of `tasks.renderers.talker`; raise it with every change of its pixels: it is part of the key of every clip."""

Frame: TypeAlias = NDArray[np.uint8] | av.VideoFrame
"""(height, width, 3) RGB; or, from those that work in the colours of the lossless file, yuv420p in BT.709."""


class Renderer(Protocol):
    """Draws segments. It is loaded once and used by one thread."""

    def render(self, job: Job, segment: Segment, cancelled: Callable[[], bool]) -> Iterator[Frame]:
        """Yield exactly `segment.frames` frames of the job's size.

        Args:
            cancelled: To be read at every step that takes long; once it is true, `Cancelled` is raised.

        Raises:
            ActalkerError: `BadInput` for what can never be drawn, `Cancelled`, and whatever the drawing meets.
        """


def identity(preset: Preset, weights: Path | None) -> str:
    """What, besides its input, decides about a renderer's pixels: its code and its weights. Loads nothing.

    Raises:
        BadInput: As `checkpoint`.
    """
    if preset is Preset.STILL:
        return still.VERSION
    config = checkpoint(preset, weights) / "config.json"  # it holds the digests of the weights; loading verifies them
    return f"{TALKER_VERSION} {digest_file(config)}"


def checkpoint(preset: Preset, weights: Path | None) -> Path:
    """The checkpoint directory of a preset that has one.

    Raises:
        BadInput: There is none.
    """
    bundled = DEMO_WEIGHTS if preset is Preset.DEMO else None
    folder = weights or bundled
    if folder is None:
        raise BadInput(f"preset {preset} has no weights of its own", "Name a converted checkpoint with --weights.")
    if not (folder / "config.json").is_file():
        raise BadInput(f"{folder} is no checkpoint: it has no config.json", "Name a converted checkpoint.")
    return folder


def load(preset: Preset, weights: Path | None, threads: int) -> Renderer:
    """Make the renderer of a preset, in the process that will use it.

    Args:
        weights: A checkpoint directory, or None for the preset's own.
        threads: How many of the machine's cores it may use.

    Raises:
        BadInput: The weights are missing or not what they should be.
    """
    cv2.setNumThreads(threads)
    if preset is Preset.STILL:
        return StillRenderer()
    from tasks.renderers.talker import TalkerRenderer  # noqa: PLC0415 - torch takes seconds, and the still needs none

    return TalkerRenderer.load(checkpoint(preset, weights), threads)
