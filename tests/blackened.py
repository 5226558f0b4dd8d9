"""The `actalker` command with a renderer that blackens three frames of a segment: of the row `cured` only with the
segment's first seed, of the row `ill` with any."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from flows.cli import main
from tasks.job import Job, Preset, Segment
from tasks.renderers import renderer
from tasks.renderers.renderer import Frame, Renderer

INDEX, BLACK = 1, range(20, 23)
"""The segment, and its frames."""


class Blackened(Renderer[Any, Any]):
    """The real renderer, and black frames."""

    def __init__(self, healthy: Renderer[Any, Any]) -> None:
        self.healthy = healthy

    def prepare(self, job: Job, segment: Segment) -> tuple[Job, bool, Any]:
        """Note that the segment was rendered, beside its sound."""
        seen = segment.wav.with_name(f"seen-{segment.index}")
        first = not seen.exists()
        seen.touch()
        black = segment.index == INDEX and (job.id == "ill" or (job.id == "cured" and first))
        return job, black, self.healthy.prepare(job, segment)

    def draw(self, prepared: tuple[Job, bool, Any], cancelled: Callable[[], bool]) -> Iterator[Any]:
        return self.healthy.draw(prepared[2], cancelled)

    def finish(self, prepared: tuple[Job, bool, Any], parts: Iterator[Any]) -> Iterator[Frame]:
        """Replace some frames."""
        job, black, healthy = prepared
        for number, frame in enumerate(self.healthy.finish(healthy, parts)):
            yield np.zeros((job.height, job.width, 3), np.uint8) if black and number in BLACK else frame


def load(preset: Preset, weights: Path | None, threads: int) -> Blackened:
    """See `tasks.renderers.renderer.load`."""
    return Blackened(renderer.load(preset, weights, threads))


if __name__ == "__main__":
    by_name = importlib.import_module("tests.blackened").load  # workers cannot import what belongs to __main__
    renderer.load = by_name  # here alone: a worker has the real one
    main()
