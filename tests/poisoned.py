"""The `actalker` command with a renderer that takes its whole process down on a sentence of a certain length.

The renderer is the real one besides; it stands in for a kernel that crashes on one input and on no other.
"""

import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flows.cli import main
from tasks.job import Job, Preset, Segment
from tasks.renderers import renderer
from tasks.renderers.renderer import Frame, Renderer

POISONED_INDEX = 1
POISONED_JOB = "sick"


class Poisoned(Renderer[Any, Any]):
    """A renderer that dies on one segment."""

    def __init__(self, healthy: Renderer[Any, Any]) -> None:
        self.healthy = healthy

    def prepare(self, job: Job, segment: Segment) -> tuple[bool, Any]:
        poisoned = job.id == POISONED_JOB and segment.index == POISONED_INDEX
        return poisoned, self.healthy.prepare(job, segment)

    def draw(self, prepared: tuple[bool, Any], cancelled: Callable[[], bool]) -> Iterator[Any]:
        """Draw as the healthy one does, or die."""
        if prepared[0]:
            os._exit(13)
        return self.healthy.draw(prepared[1], cancelled)

    def finish(self, prepared: tuple[bool, Any], parts: Iterator[Any]) -> Iterator[Frame]:
        return self.healthy.finish(prepared[1], parts)


def load(preset: Preset, weights: Path | None, threads: int) -> Poisoned:
    """See `tasks.renderers.renderer.load`."""
    return Poisoned(renderer.load(preset, weights, threads))


if __name__ == "__main__":
    by_name = importlib.import_module("tests.poisoned").load  # workers cannot import what belongs to __main__
    renderer.load = by_name  # here alone: a worker has the real one
    main()
