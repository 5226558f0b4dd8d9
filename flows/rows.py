"""The rows of one preset while they are at work: which begin, and how each ends."""

import logging
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, wait
from dataclasses import replace
from typing import TypeVar, cast

from prefect.client.schemas.objects import State
from prefect.futures import PrefectConcurrentFuture
from prefect.utilities.annotations import quote

from flows.control import Control
from flows.options import FinishingOptions
from flows.video import make_video
from tasks.errors import ActalkerError, Infrastructure, WordsNotFound
from tasks.job import Job, Outcome
from tasks.pool.render_pool import RenderPool
from tasks.quality_control.control import QualityControl
from tasks.records.batch_context import BatchContext, RowContext
from tasks.records.journal import VideoEnded
from tasks.records.orders import Order, OrderKind

T = TypeVar("T")

log = logging.getLogger("tasks.batch")

ROWS_IN_FLIGHT = 256
"""At most so many rows wait for their segments; `tasks.pool` says when it needs more of them."""
END_LIMIT_S = 3.0
"""How long rows of a cancelled batch may take to end."""


class Rows:
    """Begins rows as task runs of Prefect, and gives their videos as they end.

    Args:
        pool: Renders their segments.
        control: What people want of the batch.
        finishing: With copies in the store in place of the files that it names.
        quality: None where nothing is to be measured.
    """

    def __init__(
        self,
        context: BatchContext,
        pool: RenderPool,
        control: Control,
        finishing: FinishingOptions,
        quality: QualityControl | None,
    ) -> None:
        self._context, self._pool, self._control = context, pool, control
        self._finishing, self._quality = finishing, quality
        self._runs: dict[Future[State[VideoEnded]], RowContext] = {}

    @property
    def at_work(self) -> set[str]:
        """The ids of the rows that have begun and not ended."""
        return {row.job.id for row in self._runs.values()}

    def begin(self, waiting: list[Job]) -> list[Job]:
        """Begin as many rows as the pool needs, first ones first. The rows that still wait."""
        steering = self._control.steering
        held = [job for job in waiting if steering.holds(job.id)]
        ready = [job for job in waiting if not steering.holds(job.id)] if held else waiting
        begun = 0
        while begun < len(ready) and len(self._runs) < ROWS_IN_FLIGHT and self._pool.admit():
            self._submit(ready[begun])
            begun += 1
        return [*held, *ready[begun:]]

    def _submit(self, job: Job) -> None:
        steering = self._control.steering
        row = RowContext(replace(job, seed=steering.seeds.get(job.id, job.seed)), self._context)
        seeds = steering.segment_seeds.get(job.id, {})
        run = make_video.submit(
            as_it_is(row), as_it_is(self._pool), as_it_is(self._finishing), as_it_is(seeds), as_it_is(self._quality)
        )
        assert isinstance(run, PrefectConcurrentFuture)  # what a thread pool's runs are
        self._runs[run.wrapped_future] = row

    def ended(self, limit_s: float) -> Iterator[VideoEnded]:
        """The videos of the rows that end within a time. Rows that are to begin again have none."""
        if not self._runs:
            time.sleep(limit_s)  # an order holds what is left
        # Prefect's own as_completed yields a run after the server has acknowledged its end, which may be late.
        yield from self._videos_of(wait(self._runs, limit_s, FIRST_COMPLETED).done)

    def last(self) -> Iterator[VideoEnded]:
        """The videos of those that were at work when the pool was closed."""
        yield from self._videos_of(wait(self._runs, END_LIMIT_S, ALL_COMPLETED).done)

    def stop(self, obeyed: Iterable[Order]) -> None:
        """Let rows at work end that are to begin again, and those that an order ends."""
        retried = {row_id for order in obeyed if order.kind is OrderKind.RETRY for row_id in order.rows}
        for row in self._runs.values():
            if row.job.id in retried or self._control.steering.ends(row.job.id):
                row.ended.set()

    def wind_up(self) -> None:
        """When nothing is to begin any more: let those end that wait, once nothing is being rendered."""
        if self._pool.at_rest:
            for row in self._runs.values():
                if not row.finishing:
                    row.ended.set()

    def _videos_of(self, runs: Iterable[Future[State[VideoEnded]]]) -> Iterator[VideoEnded]:
        for run in runs:
            row = self._runs.pop(run)
            if video := self._video_of(row, run.result()):
                yield video

    def _video_of(self, row: RowContext, state: State[VideoEnded]) -> VideoEnded | None:
        """The row's video, or the record of its end without one; None for a row that is to begin again."""
        result = state.result(raise_on_failure=False)
        order = self._control.steering.ends(row.job.id)
        if row.ended.is_set() and not order:
            return None
        if isinstance(result, VideoEnded):
            return result
        return ended_by(order, row) if order else _failed(row, state, result)


def as_it_is(parameter: T) -> T:
    """A parameter that Prefect takes as it is, and gives to the task so.

    Else it visits all that a row's parameters hold, in search of results of other runs: that grows with the batch, and
    fails when another thread adds something meanwhile.
    """
    return cast(T, quote(parameter))


def ended_by(order: Order, row: RowContext) -> VideoEnded:
    """The record of a row that somebody has ended."""
    outcome = Outcome.SKIPPED if order.kind is OrderKind.SKIP else Outcome.CANCELLED
    video = replace(row.video_ended(outcome), error=str(order))
    row.batch.journal.write(video)
    return video


def _failed(row: RowContext, state: State[VideoEnded], result: object) -> VideoEnded:
    """The record of a row that has failed."""
    error = result if isinstance(result, BaseException) else Infrastructure(f"the run ended in the state {state.name}")
    foreseen = isinstance(error, ActalkerError)
    log.error("row %s failed: %s: %s", row.job.id, type(error).__name__, error, exc_info=None if foreseen else error)
    for segment in row.segments:
        row.batch.journal.write(row.segment_ended(segment, row.clip_of(segment)))
    video = replace(row.video_ended(Outcome.FAILED), error_class=type(error).__name__, error=str(error))
    if isinstance(error, WordsNotFound):
        video = replace(video, measured={"words_found": error.share})
    row.batch.journal.write(video)
    return video
