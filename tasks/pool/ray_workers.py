"""The supervisor's workers as Ray actors."""

import re
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tasks.errors import ActalkerError, NoSpace, RenderFailed, WorkerLost
from tasks.job import Clip, Job, Segment, WorkerFacts
from tasks.pool.supervisor import Supervisor
from tasks.pool.worker import RenderWorker, WorkerSettings
from tasks.records.space import is_no_space

if TYPE_CHECKING:
    from ray.actor import ActorHandle

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""Ray paints its tracebacks."""


class RayWorkers:
    """Starts Ray actors for the supervisor, sends them segments, and posts the answers. See `Workers`.

    Args:
        ray: The module; a session is open.
        settings: For every worker.
        resources: Of every worker (`num_cpus`, `num_gpus`).
        in_flight: How many segments one may have at once.
        post: Puts a call on the supervisor into its thread's inbox.
    """

    def __init__(
        self,
        ray: ModuleType,
        settings: WorkerSettings,
        resources: dict[str, float],
        in_flight: int,
        post: Callable[[Callable[[Supervisor], None]], None],
    ) -> None:
        self._ray, self._settings, self._post = ray, settings, post
        self._actor = ray.remote(
            max_restarts=0, max_concurrency=in_flight, concurrency_groups={"control": 1}, **resources
        )(RenderWorker)
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

    def _came_up(self, worker: str, future: "Future[WorkerFacts]") -> None:
        error = future.exception()
        if error is None:
            facts = future.result()
            self._post(lambda supervisor: supervisor.ready(worker, facts))
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
