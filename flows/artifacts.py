"""What Prefect's UI shows of a batch: the run's name, a progress artifact, and a table of the rows at the end.

Prefect must not stand in the way of rendering. Its API is called from a thread of its own; a call that fails is logged
once, and at the end of a batch the thread is given `BUDGET_S` and then left behind.
"""

import logging
import queue
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextvars import copy_context
from functools import partial
from types import TracebackType
from typing import Self
from uuid import UUID

from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType
from prefect.context import FlowRunContext
from prefect.states import Crashed

from tasks.job import FPS
from tasks.manifest.intake import CheckedManifest
from tasks.records.journal import VideoEnded

log = logging.getLogger("tasks.batch")

LOOK_S = 2.5
"""How often it is looked whether the run was cancelled in Prefect: it takes 20 ms of processor time."""

PROGRESS_S = 10.0
"""How often the progress is reported, at most: it costs as much as recording two thirds of a row's run."""

BUDGET_S = 5.0
"""How long the end of a batch waits for Prefect."""


def flow_run_id() -> str:
    """The id of the flow run that this is called in; empty outside of one."""
    context = FlowRunContext.get()
    return str(context.flow_run.id) if context is not None and context.flow_run is not None else ""


class PrefectReporter:
    """Reports a batch to Prefect without ever waiting for it; a context manager.

    Args:
        batch_id: The batch's name, and the run's.
        rows: How many the manifest has.
        on_cancel: Called once if somebody cancels the run in Prefect.
    """

    def __init__(self, batch_id: str, rows: int, on_cancel: Callable[[], None] = lambda: None) -> None:
        self._batch_id, self._rows, self._run = batch_id, rows, flow_run_id()
        self._on_cancel, self._cancelled = on_cancel, False
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._artifact: UUID | None = None
        self._done = 0
        self._reported = -1
        self._look_at = self._report_at = 0.0
        self._failed = False
        context = copy_context()  # artifacts belong to the run of the context that they are made in
        self._thread = threading.Thread(target=context.run, args=(self._work,), name="prefect-reporter", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if self._run:
            self._calls.put(self._name_run)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._calls.put(self._show_progress)
        self._calls.put(None)
        self._thread.join(BUDGET_S)
        if self._thread.is_alive():
            log.warning("Prefect does not answer: its page of this run lacks the end. The ledger has it.")

    def progress(self, done: int) -> None:
        """So many rows have ended. It is reported now and then, and at the end."""
        self._done = done

    def result_table(self, manifest: CheckedManifest, videos: Mapping[str, VideoEnded]) -> None:
        """A table artifact with a line for every row of the manifest."""
        table = [
            {
                "row": job.row,
                "id": job.id,
                "outcome": video.outcome,
                "seconds": round(video.frames / FPS),
                "segments": f"{video.segments_rendered} of {video.segments} rendered",
                "cost in worker seconds": round(video.render_ms / 1000),
                "stages in seconds": ", ".join(f"{name} {ms / 1000:.1f}" for name, ms in video.stages_ms.items()),
                "needs a look": video.error or " ".join(video.notes),
                "video": video.path,
            }
            for job in manifest.jobs
            if (video := videos.get(job.id))
        ]
        title = f"Batch {self._batch_id}: {manifest.path}"
        self._calls.put(lambda: _ignore(create_table_artifact(table, key=_key(self._batch_id), description=title)))

    def close_crashed(self, runs: Iterable[str]) -> None:
        """Mark the runs of killed drivers as crashed: they could not do it themselves, and would run for ever."""
        for run in runs:
            self._calls.put(partial(_close_crashed, run))

    def _work(self) -> None:
        while (call := self._next_call()) is not None:
            try:
                call()
            except Exception as error:  # noqa: BLE001 - whatever Prefect raises, the batch goes on
                if not self._failed:
                    log.warning("Prefect cannot be reached, the batch goes on without it: %s", _brief(error))
                self._failed = True

    def _next_call(self) -> Callable[[], None] | None:
        """The next call, or what is due in the meantime."""
        now = time.monotonic()
        try:
            return self._calls.get(timeout=max(0.0, self._look_at - now))
        except queue.Empty:
            self._look_at = now + LOOK_S
            return self._look

    def _look(self) -> None:
        self._look_for_cancellation()
        if time.monotonic() >= self._report_at:
            self._report_at = time.monotonic() + PROGRESS_S
            self._show_progress()

    def _look_for_cancellation(self) -> None:
        """Prefect itself tells a run that it is cancelled only where a worker of its own has started it."""
        if not self._run or self._cancelled:
            return
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(UUID(self._run)).state
        if state is not None and state.type in {StateType.CANCELLING, StateType.CANCELLED}:
            self._cancelled = True
            self._on_cancel()

    def _name_run(self) -> None:
        with get_client(sync_client=True) as client:
            client.set_flow_run_name(UUID(self._run), self._batch_id)

    def _show_progress(self) -> None:
        done = self._done
        if done == self._reported:
            return
        self._reported = done
        percent = 100 * done / self._rows
        if self._artifact is None:
            description = f"Rows of {self._batch_id}"
            key = f"{_key(self._batch_id)}-progress"
            self._artifact = create_progress_artifact(percent, key=key, description=description)  # type: ignore[assignment]  # called without a loop, it waits
        else:
            update_progress_artifact(self._artifact, percent)


def _close_crashed(run: str) -> None:
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(UUID(run)).state
        if state is not None and not state.is_final():
            crashed: State[None] = Crashed(message="The process was killed; a later run of the batch went on.")
            client.set_flow_run_state(UUID(run), crashed, force=True)


def _ignore(_: object) -> None:
    """For calls whose result says nothing."""


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def _key(batch_id: str) -> str:
    """Artifact keys hold lower-case letters, digits and dashes."""
    return f"batch-{re.sub(r'[^a-z0-9]+', '-', batch_id.lower())}"
