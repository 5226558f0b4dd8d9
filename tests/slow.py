"""The `actalker` command with a renderer that takes half a second for each segment: there is time to give orders."""

import importlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flows.cli import main
from tasks.job import Job, Preset, Segment
from tasks.renderers import renderer
from tasks.renderers.renderer import Frame, Renderer

SEGMENT_S = 0.5
LOOK_S = 0.1
"""So often it is asked whether to go on; 64 renderers on one machine have to be asleep in between."""


class Slow(Renderer[tuple[float, Any], Any]):
    """A renderer that waits before it draws, as long as `seconds` says of a segment."""

    def __init__(self, quick: Renderer[Any, Any], seconds: Callable[[Segment], float]) -> None:
        self.quick, self.seconds = quick, seconds

    def prepare(self, job: Job, segment: Segment) -> tuple[float, object]:
        """What the quick one needs, and how long to wait."""
        return self.seconds(segment), self.quick.prepare(job, segment)

    def draw(self, prepared: tuple[float, Any], cancelled: Callable[[], bool]) -> Iterator[object]:
        """Wait, unless it is cancelled, and draw as the quick one does."""
        until = time.monotonic() + prepared[0]
        while (left := until - time.monotonic()) > 0 and not cancelled():
            time.sleep(min(left, LOOK_S))
        return self.quick.draw(prepared[1], cancelled)

    def finish(self, prepared: tuple[float, Any], parts: Iterator[object]) -> Iterator[Frame]:
        """See `Renderer`."""
        return self.quick.finish(prepared[1], parts)


def load(preset: Preset, weights: Path | None, threads: int) -> Slow:
    """See `tasks.renderers.renderer.load`."""
    return Slow(renderer.load(preset, weights, threads), lambda _: SEGMENT_S)


if __name__ == "__main__":
    by_name = importlib.import_module("tests.slow").load  # workers cannot import what belongs to __main__
    renderer.load = by_name  # here alone: a worker has the real one
    main()
