"""The actors that hold the renderers, and the one thread that talks to Ray.

    rows' threads -> inbox -> supervisor (one thread) -> actors -> clips in the store

Paths and digests cross between processes; pixels never do.
"""

import errno
import queue
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Self

from tasks.errors import ActalkerError, Cancelled, Infrastructure, NoSpace, RenderFailed, WorkerLost
from tasks.job import Clip, Job, Preset, Segment
from tasks.media import processes
from tasks.pool import ray_session
from tasks.pool.backlog import Request
from tasks.pool.events import Kind, PoolEvent
from tasks.pool.pool_size import pool_size
from tasks.pool.supervisor import Rules, Supervisor
from tasks.pool.worker import RenderWorker, WorkerSettings
from tasks.records.store import Store
from tasks.renderers import renderer
from tasks.renderers.renderer import Renderer

if TYPE_CHECKING:
    from ray.actor import ActorHandle

Load = Callable[[Preset, Path | None, int], Renderer]

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""Ray paints its tracebacks."""

TICK_S = 0.05
"""How late a cancel flag or a deadline may be noticed while nothing else happens."""

RESERVE_BYTES = 512 << 20
"""The pool pauses when less than this is free in the workspace: about a dozen clips of ten seconds."""

SEGMENT_LIMIT_S = {Preset.STILL: 300.0, Preset.DEMO: 1800.0, Preset.ACTALKER: 7200.0}
"""For ten seconds of video, on a slow and busy machine; what takes longer is stuck."""

SPACE_CHECK_S = 1.0


class RayWorkers:
    """The supervisor's hands: starts actors, hands them segments, and posts what becomes of both.

    Args:
        ray: The module; a session is open.
        settings: For every worker.
        resources: Of every worker (`num_cpus`, `num_gpus`).
        post: Puts a call on the supervisor into its thread's inbox.
    """

    def __init__(
        self,
        ray: ModuleType,
        settings: WorkerSettings,
        resources: dict[str, float],
        post: Callable[[Callable[[Supervisor], None]], None],
    ) -> None:
        self._ray, self._settings, self._post = ray, settings, post
        self._actor = ray.remote(max_restarts=0, concurrency_groups={"control": 1}, **resources)(RenderWorker)
        self._actors: dict[str, ActorHandle[RenderWorker]] = {}

    def start(self, worker: str) -> None:
        """See `Workers`."""
        actor = self._actors[worker] = self._actor.remote(self._settings)
        actor.set_up.remote().future().add_done_callback(partial(self._came_up, worker))

    def process(self, worker: str, attempt: str, job: Job, segment: Segment) -> None:
        """See `Workers`."""
        self._actors[worker].process.remote(attempt, job, segment).future().add_done_callback(
            partial(self._ended, attempt)
        )

    def cancel(self, worker: str, attempt: str) -> None:
        """See `Workers`."""
        self._actors[worker].cancel.options(concurrency_group="control").remote(attempt)

    def kill(self, worker: str) -> None:
        """See `Workers`."""
        self._ray.kill(self._actors.pop(worker))

    def destroy(self) -> None:
        """Ask every worker to stop at its next frame and to clean up."""
        for actor in self._actors.values():
            actor.destroy.options(concurrency_group="control").remote()

    def _came_up(self, worker: str, future: "Future[str]") -> None:
        error = future.exception()
        if error is None:
            address = future.result()
            self._post(lambda supervisor: supervisor.ready(worker, address))
        else:
            known = self._translate(error)
            self._post(lambda supervisor: supervisor.setup_failed(worker, known))

    def _ended(self, attempt: str, future: "Future[Clip]") -> None:
        error = future.exception()
        if error is None:
            clip = future.result()
            self._post(lambda supervisor: supervisor.done(attempt, clip))
        else:
            known = self._translate(error)
            self._post(lambda supervisor: supervisor.failed(attempt, known))

    def _translate(self, error: BaseException) -> ActalkerError:
        """What Ray says, in our words: what the worker raised is the work's, everything else is the surroundings'."""
        if not isinstance(error, self._ray.exceptions.RayTaskError):
            return WorkerLost(_reason(str(error)))
        cause = error.cause
        if isinstance(cause, ActalkerError):
            return cause
        if isinstance(cause, OSError) and cause.errno == errno.ENOSPC:
            return NoSpace(str(cause))
        return RenderFailed(f"{type(cause).__name__}: {cause}\n{COLOURS.sub('', str(error))}")


def _reason(text: str) -> str:
    """What Ray says of a death: a paragraph of addresses, then the reason, then the same advice in every case."""
    if not text.strip():
        return "no reason was given"
    last = text.strip().splitlines()[-1].strip()
    return last.rpartition("Worker exit detail: ")[2].partition(" Some common causes")[0]


class RenderPool:
    """Renders segments for many rows at once; a context manager.

    Ray comes up in the background, so that speech and plans can be made meanwhile.

    Args:
        preset: What draws.
        weights: Its weights, or None where it has none or brings its own.
        store: Where clips are published.
        address: Of a Ray cluster that runs; it is left running. None starts a session on this machine and ends it.
        actors: How many; None for one a GPU, or else one a core.
        on_event: Told of everything, in the pool's thread: be quick.
        rules: Limits on time and failures; None for those of the preset.
        load: Makes a worker's renderer, in the worker.
    """

    def __init__(
        self,
        preset: Preset,
        weights: Path | None,
        store: Store,
        *,
        address: str | None = None,
        actors: int | None = None,
        on_event: Callable[[PoolEvent], None] = lambda event: None,
        rules: Rules | None = None,
        load: Load = renderer.load,
    ) -> None:
        self._preset, self._weights, self._store, self._load = preset, weights, store, load
        self._address, self._actors, self._on_event = address, actors, on_event
        self._rules = rules or Rules(segment_limit_s=SEGMENT_LIMIT_S[preset])
        self._inbox: queue.SimpleQueue[Callable[[Supervisor], None]] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._over: ActalkerError | None = None
        self._requests: set[Request] = set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="render-pool")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._thread.join()

    def render(self, job: Job, segments: Sequence[Segment], cancelled: threading.Event) -> tuple[Clip, ...]:
        """Render what the store does not hold yet, and wait. Called from many threads at once, one a row.

        Args:
            cancelled: Looked at often; once it is set, what nobody else waits for stops.

        Returns:
            One clip per segment, in their order; `reused` where this call did not have it rendered.

        Raises:
            ActalkerError: When every segment has ended, the error of the first that failed.
        """
        wanted = {segment.key: segment for segment in segments}
        clips = {key: clip.found() for key in wanted if (clip := self._store.find_clip(key))}
        missing = tuple(wanted[key] for key in wanted if key not in clips)
        if missing:
            clips |= self._submit(Request(job, missing, cancelled.is_set))
        return tuple(clips[segment.key] for segment in segments)

    def _submit(self, request: Request) -> dict[str, Clip]:
        with self._gate:
            if self._over:
                raise self._over
            self._requests.add(request)
            self._inbox.put(lambda supervisor: supervisor.submit(request))
        wait(request.futures.values())
        with self._gate:
            self._requests.remove(request)
        return {key: future.result() for key, future in request.futures.items()}

    def _run(self) -> None:
        """The pool's thread, from Ray's start to its end. However it ends, nobody is left waiting."""
        over: ActalkerError = Infrastructure("the pool's thread broke down: its traceback is on stderr")
        try:
            with ray_session.session(self._address, self._actors, gpus=self._preset is not Preset.STILL) as ray:
                self._serve(ray)
            over = Cancelled("the pool was closed")
        except Infrastructure as error:
            over = error
        finally:
            with self._gate:
                self._over = over
                for request in self._requests:
                    request.fail(over)
            self._store.sweep()

    def _serve(self, ray: ModuleType) -> None:
        size = pool_size(ray.cluster_resources(), self._preset, self._actors)
        with _token(self._store) as (token, secret):
            settings = WorkerSettings(
                self._store.root, token, secret, self._preset, self._weights, size.threads, self._load
            )
            workers = RayWorkers(ray, settings, size.resources, self._inbox.put)
            has_space = _FreeSpace(self._store.root)
            supervisor = Supervisor(workers, size.workers, self._rules, emit=self._report, has_space=has_space)
            while not self._closing.is_set():
                supervisor.tick()
                self._drain(supervisor)
            self._wind_up(workers, supervisor)

    def _wind_up(self, workers: RayWorkers, supervisor: Supervisor) -> None:
        """Let the workers stop by themselves and clean up, then end them."""
        workers.destroy()
        patience = time.monotonic() + self._rules.grace_s
        while not supervisor.idle and time.monotonic() < patience:
            self._drain(supervisor)
        supervisor.end(Cancelled("the pool was closed"))

    def _drain(self, supervisor: Supervisor) -> None:
        """Make the calls in the inbox; wait a little for the first."""
        with suppress(queue.Empty):
            self._inbox.get(timeout=TICK_S)(supervisor)
            while True:
                self._inbox.get_nowait()(supervisor)

    def _report(self, event: PoolEvent) -> None:
        if event.kind is Kind.WORKER_READY and self._address is None:
            processes.remember(processes.state_folder())
        self._on_event(event)


@contextmanager
def _token(store: Store) -> Iterator[tuple[Path, str]]:
    """A file in the workspace by which workers know that it is the driver's, and what it says."""
    path, secret = store.temporary(".token"), secrets.token_hex(16)
    path.write_text(secret)
    try:
        yield path, secret
    finally:
        path.unlink(missing_ok=True)


class _FreeSpace:
    """Whether the workspace's disk has room; looked up once a second at most."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._until, self._enough = folder, 0.0, True

    def __call__(self) -> bool:
        now = time.monotonic()
        if now >= self._until:
            self._until = now + SPACE_CHECK_S
            self._enough = shutil.disk_usage(self._folder).free >= RESERVE_BYTES
        return self._enough
