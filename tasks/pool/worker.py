"""What an actor of the pool does, without Ray: it holds a renderer, renders segments and publishes their clips."""

import itertools
import os
import platform
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from tasks.errors import BadInput, Cancelled, RenderFailed
from tasks.job import Clip, Job, Preset, Segment, WorkerFacts
from tasks.media.lossless import SUFFIX, LosslessWriter
from tasks.pool.pipeline import Pipeline, Spent
from tasks.pool.worker_facts import worker_facts
from tasks.quality_control.measure import Scores, measure_segment
from tasks.records.store import Store
from tasks.renderers import renderer
from tasks.renderers.renderer import Frame, Renderer


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker needs for its set-up.

    Attributes:
        token: A file of the driver's in the workspace, and `secret` what it says: a worker that reads something else
            works in a folder that is not the driver's.
        identity: Of the renderer, as the segments' keys have it; empty where it is not to be compared.
        batch_id: Noted with every clip.
        measured: Whether what is rendered is measured too, for quality control.
        card_share: The share of a GPU that is the worker's; 1 where it has none.
    """

    root: Path
    token: Path
    secret: str
    preset: Preset
    weights: Path | None
    threads: int
    load: Callable[[Preset, Path | None, int], Renderer[Any, Any]]
    identity: str = ""
    batch_id: str = ""
    measured: bool = False
    card_share: float = 1.0


class RenderWorker:
    """A Ray actor: one process that loads a renderer once and draws one segment at a time.

    Its methods, in the order in which they run: `set_up_node`, `set_up`, `process` (beside it `cancel` and `progress`),
    `destroy`. `process` may be called for a few segments at once: see `tasks.pool.pipeline`.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._stopped: set[str] = set()
        self._destroyed = False
        self._steps = itertools.count(1)
        self._progress = 0
        self._pipeline = Pipeline()
        self._address = f"{platform.node()}/{os.getpid()}"

    def set_up_node(self) -> None:
        """On the worker's node, first thing in every worker: is this the workspace, and is it clean?

        Raises:
            BadInput: The workspace is not the driver's.
        """
        token = self._settings.token
        if not token.is_file() or token.read_text() != self._settings.secret:
            raise BadInput(
                f"{platform.node()} does not see the workspace {self._settings.root}", "Put it on a shared disk."
            )
        self._store = Store(self._settings.root)
        self._store.sweep()

    def set_up(self) -> WorkerFacts:
        """On the worker's device, once per worker: load the renderer. Returns who the worker is.

        Raises:
            BadInput: The weights are not those that the batch began with.
        """
        self.set_up_node()
        settings = self._settings
        if settings.card_share < 1:
            from actalker import memory  # noqa: PLC0415 - torch takes seconds, and the still needs none

            memory.keep_to(settings.card_share)
        self._renderer = settings.load(settings.preset, settings.weights, settings.threads)
        if settings.identity and renderer.identity(settings.preset, settings.weights) != settings.identity:
            problem = f"the weights in {settings.weights} were changed after the batch began"
            raise BadInput(problem, "Submit the manifest again: its rows are rendered with the new ones.")
        return worker_facts(self._address, settings.preset)

    def process(self, attempt: str, job: Job, segment: Segment) -> Clip:
        """Once per segment: render it to a temporary file and publish that under the segment's key.

        Raises:
            ActalkerError: As the renderer and the writer say.
        """
        found = self._store.find_clip(segment.key)
        if found:
            return found  # the worker before died between publishing and reporting

        def cancelled() -> bool:
            self._progress = next(self._steps)  # asked at every step that takes long, and at every frame
            return self._destroyed or attempt in self._stopped

        def keep_on(done: str) -> None:
            if cancelled():
                raise Cancelled(f"{segment.name} was cancelled {done}")

        def prepare() -> Any:
            keep_on("before it began")
            return self._renderer.prepare(job, segment)

        def draw(prepared: Any) -> Iterator[Any]:
            keep_on("before it was drawn")
            for part in self._renderer.draw(prepared, cancelled):
                yield part
                keep_on("while it was drawn")

        def write(prepared: Any, parts: Iterator[Any], spent: Spent) -> Clip:
            frames = self._renderer.finish(prepared, parts)
            return self._publish(attempt, job, segment, frames, keep_on, spent)

        try:
            return self._pipeline.run(prepare, draw, write)
        finally:
            self._stopped.discard(attempt)

    def _publish(
        self,
        attempt: str,
        job: Job,
        segment: Segment,
        frames: Iterator[Frame],
        keep_on: Callable[[str], None],
        spent: Spent,
    ) -> Clip:
        """Write the frames to a temporary file, measure them on the way, and publish the file."""
        temporary = self._store.temporary(SUFFIX)
        scores: Scores = {}
        try:
            with LosslessWriter(temporary, job.width, job.height) as writer:
                written = _written(frames, writer, segment, keep_on)
                if self._settings.measured:
                    scores = measure_segment(job, segment, written)
                else:
                    deque(written, maxlen=0)
            keep_on("when it was measured")
            clip = Clip(
                segment.key,
                temporary,
                segment.frames,
                job.width,
                job.height,
                sha256="",
                render_ms=spent.render_ms,
                busy_ms=spent.busy_ms,
                worker=self._address,
                attempt=attempt,
                batch_id=self._settings.batch_id,
                job_id=job.id,
                scores=scores,
            )
            return self._store.publish_clip(clip, temporary)
        finally:
            temporary.unlink(missing_ok=True)

    def cancel(self, attempt: str) -> None:
        """At any time, beside `process`: the attempt stops at its next frame, or does not begin."""
        self._stopped.add(attempt)

    def progress(self) -> int:
        """At any time, beside `process`: a count that grows with every step and every frame."""
        return self._progress

    def destroy(self) -> None:
        """Once, beside `process`, when the pool is closed: what is being rendered stops and removes its file."""
        self._destroyed = True


def _written(
    frames: Iterator[Frame], writer: LosslessWriter, segment: Segment, keep_on: Callable[[str], None]
) -> Iterator[av.VideoFrame]:
    """Write the frames of a segment. Each, as it is stored.

    Raises:
        RenderFailed: There are more or fewer than were asked for.
    """
    for frame in frames:
        keep_on(f"at frame {writer.frames}")
        yield writer.write_yuv(frame) if isinstance(frame, av.VideoFrame) else writer.write(frame)
    if writer.frames != segment.frames:
        raise RenderFailed(f"{segment.name} came out with {writer.frames} frames, {segment.frames} were asked for")
