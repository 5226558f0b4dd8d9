"""Stages of rows as Ray tasks, on the nodes' cores in place of the driver's.

Arguments and results are the types of `tasks.job`: paths cross, files lie in the workspace, which every node sees.
"""

import importlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, ParamSpec, TypeVar

from tasks.errors import Cancelled, Infrastructure, NoSpace, WorkerLost
from tasks.media import ffmpeg
from tasks.records.space import is_no_space

P = ParamSpec("P")
T = TypeVar("T")

CANCEL_CHECK_S = 0.25
GRACE_S = 5.0
"""From asking a stage to stop until its process is killed."""

SHARE_OF_CORES = 0.25
"""Of every node: render workers leave it to the stages."""
AT_ONCE = 256
"""So many rows may be in a stage at once; Ray queues what finds no core."""


@dataclass(frozen=True)
class RemoteStage(Generic[P, T]):
    """A stage that runs on the cluster: called, named and retried as the one that it stands for.

    Attributes:
        fn: Runs it there and waits. Its errors are those of the stage; `WorkerLost` when its process or node died.
    """

    name: str
    retries: int
    fn: Callable[P, T]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """As `fn`."""
        return self.fn(*args, **kwargs)


def remote(stage: Callable[P, T], session: "Future[ModuleType]", cancelled: Callable[[], bool]) -> RemoteStage[P, T]:
    """The stage as one that runs on the cluster.

    Args:
        stage: A Prefect task under its own name in its module: a node imports it from there.
        session: Ray, when it is up.
        cancelled: Looked at often; once it is true, the stage is stopped and `Cancelled` is raised.
    """
    function: Callable[..., Any] = getattr(stage, "fn", stage)
    name = function.__name__

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        ray = session.result()
        task = ray.remote(num_cpus=1, max_retries=0)(_run).options(name=name)
        reference = task.remote(function.__module__, name, args, kwargs)
        result: Future[T] = reference.future()
        while not wait([result], timeout=CANCEL_CHECK_S).done:
            if cancelled():
                _stop(ray, reference, result)
                raise Cancelled(f"{name} was cancelled")
        error = result.exception()
        if error is None:
            return result.result()
        raise _translated(error, ray, name) from error

    return RemoteStage(str(getattr(stage, "name", name)), int(getattr(stage, "retries", 0)), run)


def check_cores(nodes: list[dict[str, float]], workers: int, num_cpus: float) -> None:
    """See that render workers do not take every core: rows would wait for their speech for ever.

    Raises:
        Infrastructure: They do.
    """
    cores = sum(node.get("CPU", 0) for node in nodes)
    if cores - workers * num_cpus < 1:
        raise Infrastructure(
            f"{workers} workers take all {cores:.0f} cores of the cluster: --post cluster needs one more. "
            "Add a node, or lower --actors, or leave --post out"
        )


def _run(module: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """On a node: the function of the Prefect task of this name, in a thread.

    Ray interrupts the main thread, which must not be inside of a library then: it waits in short steps.
    """
    stage = getattr(importlib.import_module(module), name)
    with ThreadPoolExecutor(1) as thread, ffmpeg.ended_with_the_block():
        result = thread.submit(getattr(stage, "fn", stage), *args, **kwargs)
        while not wait([result], timeout=CANCEL_CHECK_S).done:
            pass
        return result.result()


def _stop(ray: ModuleType, reference: Any, result: "Future[Any]") -> None:
    """Interrupt a task, which ends its ffmpeg; kill its process if that does not help in time."""
    with suppress(Exception):  # the session may be gone, and the task with it
        ray.cancel(reference, force=False)
        if not wait([result], timeout=GRACE_S).done:
            ray.cancel(reference, force=True)


def _translated(error: BaseException, ray: ModuleType, name: str) -> Exception:
    """What the stage raised, as it would be here."""
    if isinstance(error, ray.exceptions.RayTaskError):
        cause = error.cause
        return NoSpace(str(cause)) if is_no_space(cause) else cause
    return WorkerLost(f"{name}: the process or the node that ran it died: {str(error).strip().splitlines()[-1:]}")
