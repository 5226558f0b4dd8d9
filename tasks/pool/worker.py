"""What an actor of the pool is, without Ray: it holds a renderer, draws segments and publishes them."""

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
from tasks.renderers.renderer import Renderer


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker is given to set itself up with.

    Attributes:
        token: A file of the driver's in the workspace, and `secret` what it says: a worker that reads something else
            works in a folder that is not the driver's.
    """

    root: Path
    token: Path
    secret: str
    preset: Preset
    weights: Path | None
    threads: int
    load: Callable[[Preset, Path | None, int], Renderer]


class RenderWorker:
    """A Ray actor: one process that loads a renderer once and draws one segment at a time.

    Its verbs, in the order in which they run: `set_up_node`, `set_up`, `process` (and `cancel`), `destroy`.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._stopped: set[str] = set()
        self._destroyed = False
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
        """On the worker's device, once per worker: load the renderer. Returns the worker's address, `node/pid`."""
        self.set_up_node()
        self._renderer = self._settings.load(self._settings.preset, self._settings.weights, self._settings.threads)
        return self._address

    def process(self, attempt: str, job: Job, segment: Segment) -> Clip:
        """Once per segment: render it to a temporary file and publish that under the segment's key.

        Raises:
            ActalkerError: As the renderer and the writer say.
        """
        found = self._store.find_clip(segment.key)
        if found:
            return found  # the last worker died between publishing and reporting
        temporary = self._store.temporary(SUFFIX)
        began = time.monotonic()
        try:
            self._draw(attempt, job, segment, temporary)
            render_ms = round((time.monotonic() - began) * 1000)
            size = {"frames": segment.frames, "width": job.width, "height": job.height}
            return self._store.publish_clip(segment.key, temporary, **size, render_ms=render_ms, worker=self._address)
        finally:
            temporary.unlink(missing_ok=True)
            self._stopped.discard(attempt)

    def _draw(self, attempt: str, job: Job, segment: Segment, path: Path) -> None:
        def cancelled() -> bool:
            return self._destroyed or attempt in self._stopped

        with LosslessWriter(path, job.width, job.height) as writer:
            for frame in self._renderer.render(job, segment, cancelled):
                if cancelled():
                    raise Cancelled(f"{segment.name} was called off at frame {writer.frames}")
                writer.write_yuv(frame) if isinstance(frame, av.VideoFrame) else writer.write(frame)
        if writer.frames != segment.frames:
            raise RenderFailed(f"{segment.name} came out with {writer.frames} frames, {segment.frames} were asked for")

    def cancel(self, attempt: str) -> None:
        """At any time, beside `process`: the attempt stops at its next frame, or does not begin."""
        self._stopped.add(attempt)

    def destroy(self) -> None:
        """Once, beside `process`, when the pool is closed: whatever is at work stops and removes its file."""
        self._destroyed = True
