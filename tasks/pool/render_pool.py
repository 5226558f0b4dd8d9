"""The actors that hold the renderers, and the one thread that talks to Ray.

    rows' threads -> inbox -> supervisor (one thread) -> actors -> clips in the store

Paths and digests cross between processes; pixels never do.
"""

import os
import queue
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from tasks.errors import ActalkerError, Cancelled, Infrastructure, NoSpace, RenderFailed, WorkerLost
from tasks.job import Clip, Job, Preset, Segment
from tasks.media import processes
from tasks.pool import ray_session
from tasks.pool.backlog import Request
from tasks.pool.events import Kind, PoolEvent
from tasks.pool.pool_size import pool_size
from tasks.pool.supervisor import Rules, Supervisor
from tasks.pool.worker import RenderWorker, WorkerSettings
from tasks.records.space import DiskSpace, is_no_space
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

SEGMENT_LIMIT_S = {Preset.STILL: 300.0, Preset.DEMO: 1800.0, Preset.ACTALKER: 7200.0}
"""For ten seconds of video, on a slow and busy machine; what takes longer is stuck."""

DEMAND_CHECK_S = 0.1
QUEUED_PER_WORKER = 2
SEGMENTS_OF_A_ROW = 2
FIRST_ROWS = 6
"""Rows that are prepared before the number of workers is known, and wherever there are few workers."""
PREPARING_ROWS = max(FIRST_ROWS, 2 * (os.cpu_count() or 1))
"""Rows that are spoken and planned at the same time, at most: they share the driver's cores."""

PROGRESS_LIMIT_ON_CPU_S = 1800.0
"""Of the published network on a CPU, where one step of the sampler takes minutes; elsewhere the rules' default."""


def rules_of(preset: Preset, *, gpus: bool) -> Rules:
    """The limits of a preset."""
    rules = Rules(segment_limit_s=SEGMENT_LIMIT_S[preset])
    slow = preset is Preset.ACTALKER and not gpus
    return replace(rules, progress_limit_s=PROGRESS_LIMIT_ON_CPU_S) if slow else rules


class RayWorkers:
    """Starts Ray actors for the supervisor, sends them segments, and posts the answers. See `Workers`.

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

    def poll(self, worker: str) -> None:
        """See `Workers`."""
        actor: Any = self._actors[worker]  # Ray's types know no method without arguments
        answer = actor.progress.options(concurrency_group="control").remote().future()
        answer.add_done_callback(partial(self._progressed, worker))

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

    def _progressed(self, worker: str, future: "Future[int]") -> None:
        if future.exception() is None:  # else the worker is gone, which the end of its segment says
            count = future.result()
            self._post(lambda supervisor: supervisor.progressed(worker, count))

    def _ended(self, attempt: str, future: "Future[Clip]") -> None:
        error = future.exception()
        if error is None:
            clip = future.result()
            self._post(lambda supervisor: supervisor.done(attempt, clip))
        else:
            known = self._translate(error)
            self._post(lambda supervisor: supervisor.failed(attempt, known))

    def _translate(self, error: BaseException) -> ActalkerError:
        """From Ray's errors to ours: what the worker raised stays what it is, anything else means that it was lost."""
        if not isinstance(error, self._ray.exceptions.RayTaskError):
            return WorkerLost(_reason(str(error)))
        cause = error.cause
        if isinstance(cause, ActalkerError):
            return cause
        if is_no_space(cause):
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
        on_event: Called with every event, in the pool's thread (`FOUND`: in the row's); it must not block.
        rules: Limits on time and failures; None for those of the preset.
        load: Makes a worker's renderer, in the worker.
        space: Of the workspace's disk: while it is full, no segment begins.
        identity: Of the renderer, as the segments' keys have it: a worker with another one does not start.
        batch_id: Noted with every clip, with the row that pays for it.
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
        space: DiskSpace | None = None,
        identity: str = "",
        batch_id: str = "",
    ) -> None:
        self._preset, self._weights, self._store, self._load = preset, weights, store, load
        self._address, self._actors, self._on_event = address, actors, on_event
        self._space = space or DiskSpace(store.root)
        self._identity, self._batch_id = identity, batch_id
        self._rules = rules
        self._inbox: queue.SimpleQueue[Callable[[Supervisor], None]] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._over: ActalkerError | None = None
        self._requests: set[Request] = set()
        self._queued = self._preparing = self._workers = 0
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
        clips = {key: clip.for_row(self._batch_id, job.id) for key in wanted if (clip := self._store.find_clip(key))}
        for key, clip in clips.items():
            if not clip.reused:
                ended_ms = clip.path.stat().st_mtime_ns // 1_000_000
                found = PoolEvent(Kind.FOUND, clip.worker, clip.attempt, wanted[key], clip.render_ms, at_ms=ended_ms)
                self._on_event(found)
        missing = tuple(wanted[key] for key in wanted if key not in clips)
        if missing:
            clips |= self._submit(Request(job, missing, cancelled.is_set))
        return tuple(clips[segment.key] for segment in segments)

    @contextmanager
    def preparing(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """For a row that is spoken and planned: entered when the pool needs more segments to keep its workers busy.

        Raises:
            Cancelled: `cancelled` has become true meanwhile.
        """
        while not self._may_prepare():
            if cancelled():
                raise Cancelled("the batch was cancelled")
            self._closing.wait(DEMAND_CHECK_S)
        try:
            yield
        finally:
            with self._gate:
                self._preparing -= 1

    def _may_prepare(self) -> bool:
        """Whether one more row may begin: those that have not queued their segments yet count as two segments each."""
        with self._gate:
            ahead = self._queued + self._preparing * SEGMENTS_OF_A_ROW
            wanted = max(FIRST_ROWS * SEGMENTS_OF_A_ROW, self._workers * QUEUED_PER_WORKER)
            more = self._over is not None or (ahead < wanted and self._preparing < PREPARING_ROWS)
            self._preparing += more
            return more

    def _submit(self, request: Request) -> dict[str, Clip]:
        with self._gate:
            if self._over:
                raise self._over
            self._requests.add(request)
            self._queued += len(request.segments)
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
                self._store.root,
                token,
                secret,
                self._preset,
                self._weights,
                size.threads,
                self._load,
                self._identity,
                self._batch_id,
            )
            rules = self._rules or rules_of(self._preset, gpus=size.resources.get("num_gpus", 0) > 0)
            workers = RayWorkers(ray, settings, size.resources, self._inbox.put)
            supervisor = Supervisor(workers, size.workers, rules, emit=self._report, has_space=self._space)
            self._workers = size.workers
            while not self._closing.is_set():
                supervisor.tick()
                with self._gate:
                    self._queued = supervisor.queued
                self._drain(supervisor)
            self._wind_up(workers, supervisor, rules.grace_s)

    def _wind_up(self, workers: RayWorkers, supervisor: Supervisor, grace_s: float) -> None:
        """Let the workers stop by themselves and clean up, then end them."""
        workers.destroy()
        deadline = time.monotonic() + grace_s
        while not supervisor.idle and time.monotonic() < deadline:
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
