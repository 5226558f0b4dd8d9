"""What an actor of the pool does, without Ray: it holds a renderer, renders segments and publishes their clips."""

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av

from tasks.errors import BadInput, Cancelled, RenderFailed
from tasks.job import Clip, Job, Preset, Segment
from tasks.media.lossless import SUFFIX, LosslessWriter
from tasks.records.store import Store
from tasks.renderers import renderer
from tasks.renderers.renderer import Renderer


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker needs for its set-up.

    Attributes:
        token: A file of the driver's in the workspace, and `secret` what it says: a worker that reads something else
            works in a folder that is not the driver's.
        identity: Of the renderer, as the segments' keys have it; empty where it is not to be compared.
        batch_id: Noted with every clip.
    """

    root: Path
    token: Path
    secret: str
    preset: Preset
    weights: Path | None
    threads: int
    load: Callable[[Preset, Path | None, int], Renderer]
    identity: str = ""
    batch_id: str = ""


class RenderWorker:
    """A Ray actor: one process that loads a renderer once and draws one segment at a time.

    Its methods, in the order in which they run: `set_up_node`, `set_up`, `process` (beside it `cancel` and `progress`),
    `destroy`.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._stopped: set[str] = set()
        self._destroyed = False
        self._progress = 0
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

    def set_up(self) -> str:
        """On the worker's device, once per worker: load the renderer. Returns the worker's address, `node/pid`.

        Raises:
            BadInput: The weights are not those that the batch began with.
        """
        self.set_up_node()
        settings = self._settings
        self._renderer = settings.load(settings.preset, settings.weights, settings.threads)
        if settings.identity and renderer.identity(settings.preset, settings.weights) != settings.identity:
            problem = f"the weights in {settings.weights} were changed after the batch began"
            raise BadInput(problem, "Submit the manifest again: its rows are rendered with the new ones.")
        return self._address

    def process(self, attempt: str, job: Job, segment: Segment) -> Clip:
        """Once per segment: render it to a temporary file and publish that under the segment's key.

        Raises:
            ActalkerError: As the renderer and the writer say.
        """
        found = self._store.find_clip(segment.key)
        if found:
            return found  # the worker before died between publishing and reporting
        temporary = self._store.temporary(SUFFIX)
        began = time.monotonic()
        try:
            self._draw(attempt, job, segment, temporary)
            clip = Clip(
                segment.key,
                temporary,
                segment.frames,
                job.width,
                job.height,
                sha256="",
                render_ms=round((time.monotonic() - began) * 1000),
                worker=self._address,
                attempt=attempt,
                batch_id=self._settings.batch_id,
                job_id=job.id,
            )
            return self._store.publish_clip(clip, temporary)
        finally:
            temporary.unlink(missing_ok=True)
            self._stopped.discard(attempt)

    def _draw(self, attempt: str, job: Job, segment: Segment, path: Path) -> None:
        def cancelled() -> bool:
            self._progress += 1  # renderers ask at every step that takes long, and this method at every frame
            return self._destroyed or attempt in self._stopped

        with LosslessWriter(path, job.width, job.height) as writer:
            for frame in self._renderer.render(job, segment, cancelled):
                if cancelled():
                    raise Cancelled(f"{segment.name} was cancelled at frame {writer.frames}")
                writer.write_yuv(frame) if isinstance(frame, av.VideoFrame) else writer.write(frame)
        if writer.frames != segment.frames:
            raise RenderFailed(f"{segment.name} came out with {writer.frames} frames, {segment.frames} were asked for")

    def cancel(self, attempt: str) -> None:
        """At any time, beside `process`: the attempt stops at its next frame, or does not begin."""
        self._stopped.add(attempt)

    def progress(self) -> int:
        """At any time, beside `process`: a count that grows with every step and every frame."""
        return self._progress

    def destroy(self) -> None:
        """Once, beside `process`, when the pool is closed: what is being rendered stops and removes its file."""
        self._destroyed = True
