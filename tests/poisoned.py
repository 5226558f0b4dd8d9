"""The `actalker` command with a renderer that takes its whole process down on a sentence of a certain length.

The renderer is the real one besides; it stands in for a kernel that crashes on one input and on no other.
"""

import importlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import flows.batch
from flows.cli import main
from tasks.job import Job, Preset, Segment
from tasks.pool.render_pool import RenderPool
from tasks.renderers import renderer
from tasks.renderers.renderer import Renderer

POISONED_INDEX = 1
POISONED_JOB = "sick"


class Poisoned:
    """A renderer that dies on one segment."""

    def __init__(self, healthy: Renderer) -> None:
        self.healthy = healthy

    def render(self, job: Job, segment: Segment, cancelled: Callable[[], bool]) -> Iterator[object]:
        """Render as the healthy one does, or die."""
        if job.id == POISONED_JOB and segment.index == POISONED_INDEX:
            os._exit(13)
        return self.healthy.render(job, segment, cancelled)


def load(preset: Preset, weights: Path | None, threads: int) -> Poisoned:
    """See `tasks.renderers.renderer.load`."""
    return Poisoned(renderer.load(preset, weights, threads))


if __name__ == "__main__":
    by_name = importlib.import_module("tests.poisoned").load  # workers cannot import what belongs to __main__
    flows.batch.RenderPool = partial(RenderPool, load=by_name)
    main()
