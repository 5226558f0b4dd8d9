"""The pool that rows use, and the one thread that serves it.

    rows' threads -> inbox -> supervisor (one thread) -> actors -> clips in the store

Paths and digests cross between processes; pixels never do.
"""

import os
import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from tasks.errors import ActalkerError, Cancelled, Infrastructure
from tasks.job import Clip, Job, Preset, Segment
from tasks.media import processes
from tasks.pool import ray_session, stages
from tasks.pool.backlog import Request
from tasks.pool.events import Kind, PoolEvent
from tasks.pool.pool_size import pool_size
from tasks.pool.post import Post
from tasks.pool.ray_workers import RayWorkers
from tasks.pool.slots import Rules
from tasks.pool.supervisor import Supervisor
from tasks.pool.worker import WorkerSettings
from tasks.records.orders import Steering
from tasks.records.space import DiskSpace
from tasks.records.store import Store
from tasks.renderers import renderer
from tasks.renderers.renderer import Renderer

P = ParamSpec("P")
T = TypeVar("T")

Load = Callable[[Preset, Path | None, int], Renderer[Any, Any]]

TICK_S = 0.05
"""How late a cancel flag or a deadline may be noticed while nothing else happens."""

SEGMENT_LIMIT_S = {Preset.STILL: 300.0, Preset.DRAFT: 600.0, Preset.DEMO: 1800.0, Preset.ACTALKER: 7200.0}
"""For ten seconds of video, on a slow and busy machine; what takes longer is stuck."""

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


class RenderPool:
    """Renders segments for many rows at once; a context manager.

    Ray comes up in the background, so that speech and plans can be made meanwhile.

    Args:
        preset: What draws.
        weights: Its weights, or None where it has none or brings its own.
        store: Where clips are published.
        address: Of a Ray cluster that runs; it is left running. None starts a session on this machine and ends it.
        actors: How many; None for as many as fit (`pool_size.py`).
        on_event: Called with every event, in the pool's thread (`FOUND`: in the row's); it must not block.
        rules: Limits on time and failures; None for those of the preset.
        load: Makes a worker's renderer, in the worker.
        space: Of the workspace's disk: while it is full, no segment begins.
        identity: Of the renderer, as the segments' keys have it: a worker with another one does not start.
        batch_id: Noted with every clip, with the row that pays for it.
        post: Where the stages run that `placed` is given.
        measured: Whether every clip is measured, for quality control.

    Attributes:
        at_rest: Whether orders let nothing begin, and nothing is being rendered any more.
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
        post: Post = Post.DRIVER,
        measured: bool = False,
    ) -> None:
        self._preset, self._weights, self._store, self._load = preset, weights, store, load
        self._address, self._actors, self._on_event = address, actors, on_event
        self._space = space or DiskSpace(store.root)
        self._identity, self._batch_id, self._measured = identity, batch_id, measured
        self._rules, self._post = rules, post
        self._session: Future[ModuleType] = Future()
        self._inbox: queue.SimpleQueue[Callable[[Supervisor], None]] = queue.SimpleQueue()
        self._steering = Steering()
        self.at_rest = False
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

    def render(self, job: Job, segments: Sequence[Segment], cancelled: Callable[[], bool]) -> tuple[Clip, ...]:
        """Render what the store does not hold yet, and wait. Called from many threads at once, one a row.

        Args:
            cancelled: Asked often; once it is true, what nobody else waits for stops.

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
                spent = clip.render_ms, clip.busy_ms
                self._on_event(PoolEvent(Kind.FOUND, clip.worker, clip.attempt, wanted[key], *spent, at_ms=ended_ms))
        missing = tuple(wanted[key] for key in wanted if key not in clips)
        if missing:
            clips |= self._submit(Request(job, missing, cancelled))
        return tuple(clips[segment.key] for segment in segments)

    def placed(self, stage: Callable[P, T], cancelled: Callable[[], bool]) -> Callable[P, T]:
        """A stage of a row as one that runs where this pool's `post` says.

        Args:
            cancelled: See `stages.remote`.
        """
        return stage if self._post is Post.DRIVER else stages.remote(stage, self._session, cancelled)

    def admit(self) -> bool:
        """Whether one more row may be spoken and planned, so that the workers have enough to do.

        It then counts as being prepared, as two segments, until the end of its `preparing`.
        """
        with self._gate:
            ahead = self._queued + self._preparing * SEGMENTS_OF_A_ROW
            wanted = max(FIRST_ROWS * SEGMENTS_OF_A_ROW, self._workers * QUEUED_PER_WORKER)
            most = PREPARING_ROWS if self._post is Post.DRIVER else stages.AT_ONCE
            more = self._over is not None or (ahead < wanted and self._preparing < most)
            self._preparing += more
            return more

    @contextmanager
    def preparing(self) -> Iterator[None]:
        """Around the speaking and planning of a row that was admitted."""
        try:
            yield
        finally:
            with self._gate:
                self._preparing -= 1

    def steer(self, steering: Steering) -> None:
        """From now on, obey these orders."""
        if steering == self._steering:
            return
        self._steering = steering
        self._inbox.put(lambda supervisor: supervisor.steer(steering))

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
            spare = stages.SHARE_OF_CORES if self._post is Post.CLUSTER else 0.0
            with ray_session.session(self._address, self._actors, gpus=self._preset.has_network, spare=spare) as ray:
                self._serve(ray, spare)
            over = Cancelled("the pool was closed")
        except (Infrastructure, Cancelled) as error:  # Cancelled: while it waited for space on the disk
            over = error
        finally:
            with self._gate:
                self._over = over
                for request in self._requests:
                    request.fail(over)
            if not self._session.done():
                self._session.set_exception(over)
            self._store.sweep()

    def _serve(self, ray: ModuleType, spare: float) -> None:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        left = [{**node, "CPU": node.get("CPU", 0) * (1 - spare)} for node in nodes]
        size = pool_size(left, self._preset, self._actors)
        if spare:
            stages.check_cores(nodes, size.workers, size.resources["num_cpus"])
        self._session.set_result(ray)
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
                self._measured,
                size.resources.get("num_gpus", 1.0),
            )
            rules = self._rules or rules_of(self._preset, gpus=size.resources.get("num_gpus", 0) > 0)
            workers = RayWorkers(ray, settings, size.resources, rules.in_flight, self._inbox.put)
            supervisor = Supervisor(workers, size.workers, rules, emit=self._report, has_space=self._space)
            supervisor.steer(self._steering)
            self._workers = size.workers
            while not self._closing.is_set():
                supervisor.tick()
                with self._gate:
                    self._queued, self.at_rest = supervisor.queued, supervisor.at_rest
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
