"""What draws the pixels: a `Renderer` turns one segment into its frames.

`still` needs no network: a draft of timing, captions and layout at no cost. `draft` makes a photograph talk by moving
its own pixels. `demo` and `actalker` are the network, with different weights.

Frames depend on the segment's content and on the local index of the frame, on nothing else: two segments with the same
key are the same pixels.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

import av
import cv2
import numpy as np
from numpy.typing import NDArray

import actalker
from tasks.errors import BadInput
from tasks.job import Job, Preset, Segment
from tasks.records.store import digest_file

DEMO_WEIGHTS = Path(actalker.__file__).parent / "checkpoints" / "demo"

STILL_VERSION, DRAFT_VERSION, TALKER_VERSION = "still-3", "draft-3", "talker-8"
"""Of the renderers; raise one with any change of its pixels: it is part of every clip's key."""

Frame: TypeAlias = NDArray[np.uint8] | av.VideoFrame
"""(height, width, 3) RGB; or, from those that work in the colours of the lossless file, yuv420p in BT.709."""


Prepared = TypeVar("Prepared")
Part = TypeVar("Part")


class Renderer(ABC, Generic[Prepared, Part]):
    """Draws segments, each in three steps. It is loaded once.

    A worker runs every step in a thread of its own (`tasks/pool/pipeline.py`): while the device draws one segment, the
    CPU prepares the next one and finishes the last one. Within a step, segments come one at a time, in one order.

    Every step may raise any `ActalkerError`: `BadInput` for what can never be drawn.
    """

    @abstractmethod
    def prepare(self, job: Job, segment: Segment) -> Prepared:
        """Read and compute, on the CPU, what drawing needs."""

    @abstractmethod
    def draw(self, prepared: Prepared, cancelled: Callable[[], bool]) -> Iterator[Part]:
        """Draw, on the device where there is one. The worker's costs count the time that this takes.

        Args:
            cancelled: To be read at every step that takes long; once it is true, `Cancelled` is raised.

        Yields:
            What `finish` takes, on the CPU: when the last part is there, the device has nothing left to do.
        """

    @abstractmethod
    def finish(self, prepared: Prepared, parts: Iterator[Part]) -> Iterator[Frame]:
        """Yield exactly `segment.frames` frames of the job's size, on the CPU. Parts may come while it runs."""

    def render(self, job: Job, segment: Segment, cancelled: Callable[[], bool]) -> Iterator[Frame]:
        """All three steps in the caller's thread."""
        prepared = self.prepare(job, segment)
        return self.finish(prepared, self.draw(prepared, cancelled))


def identity(preset: Preset, weights: Path | None) -> str:
    """What, besides its input, decides about a renderer's pixels: its code and its weights. Loads nothing.

    Raises:
        BadInput: As `checkpoint`.
    """
    if preset is Preset.STILL:
        return STILL_VERSION
    config = checkpoint(preset, weights) / "config.json"  # it holds the digests of the weights; loading verifies them
    version = DRAFT_VERSION if preset is Preset.DRAFT else TALKER_VERSION
    return f"{version} {digest_file(config)}"


def checkpoint(preset: Preset, weights: Path | None) -> Path:
    """The checkpoint directory of a preset that has one.

    Raises:
        BadInput: There is none.
    """
    bundled = DEMO_WEIGHTS if preset in {Preset.DEMO, Preset.DRAFT} else None
    folder = bundled if preset is Preset.DRAFT else weights or bundled  # a draft hears with the demo's encoder
    if folder is None:
        raise BadInput(f"preset {preset} has no weights of its own", "Name a converted checkpoint with --weights.")
    if not (folder / "config.json").is_file():
        raise BadInput(f"{folder} is no checkpoint: it has no config.json", "Name a converted checkpoint.")
    return folder


def load(preset: Preset, weights: Path | None, threads: int, *, compiled: bool = False) -> Renderer[Any, Any]:
    """Make the renderer of a preset, in the process that will use it.

    Args:
        weights: A checkpoint directory, or None for the preset's own.
        threads: How many of the machine's cores it may use.
        compiled: On a GPU, torch compiles parts of the network at their first use.

    Raises:
        BadInput: The weights are missing or not what they should be.
    """
    cv2.setNumThreads(threads)
    # Torch takes seconds, and the still needs none.
    if preset is Preset.STILL:
        from tasks.renderers.still import StillRenderer  # noqa: PLC0415

        return StillRenderer()
    if preset is Preset.DRAFT:
        from tasks.renderers.draft import DraftRenderer  # noqa: PLC0415

        return DraftRenderer.load(checkpoint(preset, weights), threads)
    from tasks.renderers.talker import TalkerRenderer  # noqa: PLC0415

    return TalkerRenderer.load(checkpoint(preset, weights), threads, compiled=compiled)
