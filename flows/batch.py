"""The flow of one batch: a checked manifest in, one video per row out; failures are collected and never hidden."""

import logging
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Cancelled as CancelledState
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows import artifacts, command, observer
from flows.artifacts import PrefectReporter
from flows.attempts import AttemptRecorder, close_interrupted
from flows.batch_name import batch_name, finishing_settings, kept_files
from flows.control import Control, latest_videos
from flows.notify import Notifier, check_urls
from flows.observer import Both, Observer
from flows.options import FinishingOptions, RenderOptions, RunOptions
from flows.rows import ROWS_IN_FLIGHT, Rows, ended_by
from tasks.errors import ActalkerError, Infrastructure
from tasks.job import Job, Outcome, Preset
from tasks.manifest.intake import CheckedManifest
from tasks.manifest.results import write_results
from tasks.media import ffmpeg, processes
from tasks.pool.post import Post
from tasks.pool.render_pool import RenderPool
from tasks.quality_control.control import QualityControl
from tasks.records import journal, ledger, orders
from tasks.records.batch_context import BatchContext, RowContext, log_file, now_ms
from tasks.records.follow import Follower
from tasks.records.journal import BatchEnded, BatchStarted, BatchSuspended, Event, Journal, VideoEnded
from tasks.records.orders import Order, OrderKind
from tasks.records.space import DiskSpace, is_no_space
from tasks.records.store import Store
from tasks.renderers import renderer

log = logging.getLogger("tasks.batch")

LOOK_S = 0.1
"""How often orders are read, and the pool is asked whether it needs another row."""


@flow(
    name="batch",
    flow_run_name="{manifest.name}",
    task_runner=ThreadPoolTaskRunner(max_workers=ROWS_IN_FLIGHT),  # type: ignore[arg-type]
    persist_result=False,
    validate_parameters=False,
)
def render_batch(
    manifest: CheckedManifest,
    workspace: Path,
    rendering: RenderOptions = RenderOptions(),
    finishing: FinishingOptions = FinishingOptions(),
    run: RunOptions = RunOptions(),
) -> State[None]:
    """Render every row of a manifest into `workspace/videos/<batch>/<id>/`. The outcome is in the ledger.

    Raises:
        BadInput: An option cannot be kept, the workspace cannot be written, or another process renders this batch.
    """
    finishing.check()
    check_urls(run.notify)
    processes.reap(processes.state_folder())
    processes.remember(processes.state_folder())  # the embedded server, if there is one
    store = Store(workspace)
    store.sweep()
    settings = finishing_settings(finishing)
    batch_id = batch_name(manifest, settings)
    space = DiskSpace(store.root)
    log_path, notifier = store.batch(batch_id) / "log.txt", Notifier(store.root, run.notify)
    events_to = Both(observer.current.get(), notifier)
    with (
        notifier,
        Journal(store.ledger, batch_id, events_to.on_event, space) as events,
        log_file(log_path),
        PrefectReporter(
            batch_id, len(manifest.jobs), on_cancel=partial(_cancel_by_prefect, store, batch_id)
        ) as reporter,
    ):
        batch = Batch(
            manifest, store, events, space, rendering, finishing, settings, reporter, events_to, notifier, run
        )
        problem = ""
        try:
            videos = batch.run()
            if order := batch.control.steering.cancelled:
                problem = f"{order}. To go on: `actalker resume {batch_id}`, and submit the manifest again"
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            log.error("the batch ended early: %s", problem, exc_info=not isinstance(error, ActalkerError))
            raise
        finally:
            batch.close(problem)
    if batch.unfinished:
        return Failed(name="Unfinished", message=batch.unfinished)
    return _final_state(videos, batch.control.steering.cancelled)


@dataclass
class Batch:
    """One run of a batch, by the driver that holds its journal.

    Attributes:
        settings: See `flows.batch_name.finishing_settings`.
        videos: The rows that have ended, by id.
        succeeded: The ids of the attempts that have.
        controls: The quality control of every preset.
        kept: The finishing options, with copies in the store in place of the files that they name.
    """

    manifest: CheckedManifest
    store: Store
    events: Journal
    space: DiskSpace
    rendering: RenderOptions
    finishing: FinishingOptions
    settings: str
    reporter: PrefectReporter
    observer: Observer
    notifier: Notifier
    options: RunOptions = field(default_factory=RunOptions)
    videos: dict[str, VideoEnded] = field(default_factory=dict)
    succeeded: set[str] = field(default_factory=set)
    controls: dict[Preset, QualityControl] = field(default_factory=dict)
    control: Control = field(init=False)
    kept: FinishingOptions = field(init=False)
    follower: Follower = field(init=False)

    @property
    def id(self) -> str:
        """The batch's name."""
        return self.events.path.stem

    def run(self) -> list[VideoEnded]:
        """Render every row that an earlier run has not finished. All rows, as they ended."""
        earlier = tuple(journal.replay(self.events.path))
        rows = tuple((job.id, job.title) for job in self.manifest.jobs)
        manifest, run = str(self.manifest.path.resolve()), artifacts.flow_run_id()
        started = BatchStarted(
            self.id, manifest, now_ms(), os.getpid(), rows, run, command.line(), self.space.reserve_bytes
        )
        self.events.write(started)
        self.succeeded = close_interrupted(self.store, self.events, earlier)
        self.reporter.close_crashed(_unfinished_runs(earlier))
        self.follower = Follower(self.store.root, self.id)
        self.control = Control(self.events, self.store.root, earlier, self.space)
        self.control.obey()
        self.videos = {video.job_id: video for video in self._finished_before(tuple(journal.replay(self.events.path)))}
        self.reporter.progress(len(self.videos))
        self.kept = kept_files(self.finishing, self.settings, self.store)
        while (missing := self._missing()) and not self._is_over():
            ended = [*self._end_by_order(missing)] or self._render_rows(missing[0].preset)
            for video in ended:
                self.videos[video.job_id] = video
                self.reporter.progress(len(self.videos))
                self._stop_after_failures()
        self.reporter.result_table(self.manifest, self.videos)
        return list(self.videos.values())

    @property
    def unfinished(self) -> str:
        """What is left when the window of this run has ended; empty when nothing is, or it has not."""
        left = len(self.manifest.jobs) - len(self.videos)
        if not left or self.options.until is None or not self._is_over():
            return ""
        return f"the window ended at {self.options.until:%H:%M}: {left} of {len(self.manifest.jobs)} rows are left"

    def _is_over(self) -> bool:
        """Whether the window of this run has ended."""
        return self.options.until is not None and datetime.now().astimezone() >= self.options.until

    def count(self, *outcomes: Outcome) -> int:
        """How many rows ended so."""
        return sum(video.outcome in outcomes for video in self.videos.values())

    def close(self, problem: str) -> None:
        """Write the ledger's tables and the results, and then that the batch has ended, unless it was interrupted.

        Args:
            problem: Why it ended early; empty when every row was tried, or when it was interrupted.
        """
        whole = problem or len(self.videos) == len(self.manifest.jobs)
        done, failed = self.count(Outcome.DONE, Outcome.REUSED), self.count(Outcome.FAILED)
        ending = BatchEnded(now_ms(), done, failed, problem, self.count(Outcome.CANCELLED)) if whole else None
        self._snapshot(ending)
        for video in self.videos.values():
            if video.outcome is not Outcome.FAILED:  # the scratch files of a failed row may tell why
                shutil.rmtree(self.store.work(self.id, video.job_id), ignore_errors=True)
        if ending:
            self.events.write(ending)
        elif self.unfinished:
            self.events.write(BatchSuspended(now_ms(), self.unfinished))

    def _snapshot(self, ending: BatchEnded | None) -> None:
        """On a full disk it waits."""
        while True:
            try:
                ledger.snapshot(self.store.ledger, self.id, ending)
                write_results(self.store.videos / self.id, self.manifest, self.videos)
            except OSError as error:
                if not is_no_space(error):
                    raise
                log.warning("the disk is full: the ledger waits for space")
                self.space.found_full()
                self.space.wait()
            else:
                return

    def _finished_before(self, earlier: Sequence[Event]) -> Iterator[VideoEnded]:
        """The rows that an earlier run finished with today's renderers, and whose delivered files are all whole.

        And those that were ended by an order that still holds.
        """
        weights = self.rendering.weights
        identities = {job.id: renderer.identity(job.preset, weights) for job in self.manifest.jobs}
        for video in latest_videos(earlier).values():
            done = video.outcome in {Outcome.DONE, Outcome.REUSED} and video.renderer == identities.get(video.job_id)
            order = self.control.steering.ends(video.job_id)
            if video.error == str(order) or (done and self.store.is_delivered(self.id, video.job_id, video.files)):
                yield video

    def _missing(self, preset: Preset | None = None, rows: Rows | None = None) -> list[Job]:
        """The rows that have not ended and are not at work, in the order in which they are to begin.

        Args:
            preset: Only those of this one; else by preset, because a worker holds one renderer.
            rows: Those at work.
        """
        priorities = self.control.steering.priorities
        begun = {*self.videos, *(rows.at_work if rows else ())}
        jobs = (job for job in self.manifest.jobs if job.id not in begun and preset in {None, job.preset})
        return sorted(jobs, key=lambda job: (job.preset, -priorities.get(job.id, job.priority), job.row))

    def _context(self, preset: Preset) -> BatchContext:
        identity = renderer.identity(preset, self.rendering.weights)
        context = BatchContext(self.store, self.id, self.events, identity, self.settings, self.space)
        if self.rendering.post is Post.CLUSTER:  # Ray shares out the cores of its nodes
            context = replace(context, finishing=threading.Semaphore(ROWS_IN_FLIGHT))
        return context

    def _render_rows(self, preset: Preset) -> Iterator[VideoEnded]:
        """The videos of a preset's rows as they end, until there are no more, or the batch is cancelled."""
        context = self._context(preset)
        with ExitStack() as stack:
            pool = stack.enter_context(self._pool(preset, context))
            stack.callback(self._cancel, context)  # rows that still run when we leave early must not wait
            stack.enter_context(ffmpeg.ended_with_the_block())
            rows = Rows(context, pool, self.control, self.kept, self._quality_control(preset))
            self._steer(pool)
            waiting = self._missing(preset)
            while (rows.at_work or (waiting and not self._is_over())) and not self.control.steering.cancelled:
                if self._is_over():
                    self._steer(pool)
                    rows.wind_up()
                else:
                    waiting = rows.begin(waiting)
                yield from rows.ended(LOOK_S)
                self._watch_the_clock()
                if obeyed := self.control.obey():
                    self._steer(pool)
                    self._open_again(obeyed)
                    rows.stop(obeyed)
                    yield from self._end_by_order(self._missing(preset, rows))
                if obeyed or not waiting:
                    waiting = self._missing(preset, rows)
        yield from rows.last()  # of a cancelled batch

    def _watch_the_clock(self) -> None:
        """Keep the report up to date, and say so when the batch will not be done in time."""
        self.follower.keep()
        by = self.options.by or self.options.until
        left = self.follower.report.time_left if by else None
        if by and left and now_ms() / 1000 + left.half_s > by.timestamp():
            self.notifier.late(f"will not be done by {by:%H:%M}: {left.half_s / 60:.0f} minutes are left")

    def _steer(self, pool: RenderPool) -> None:
        steering = self.control.steering
        pool.steer(replace(steering, paused=steering.paused or self._is_over()))

    def _pool(self, preset: Preset, context: BatchContext) -> RenderPool:
        compiled = self.rendering.compiled and preset is Preset.ACTALKER  # the demo's network is drawn in less time
        return RenderPool(
            preset,
            self.rendering.weights,
            self.store,
            load=partial(renderer.load, compiled=True) if compiled else renderer.load,
            address=self.rendering.ray,
            actors=self.rendering.actors,
            on_event=AttemptRecorder(self.events, self.observer, self.succeeded).on_event,
            space=self.space,
            identity=context.renderer,
            batch_id=self.id,
            post=self.rendering.post,
            measured=self.rendering.thresholds is not None,
        )

    def _quality_control(self, preset: Preset) -> QualityControl | None:
        """That of all rows of a preset: what is usual belongs to the renderer."""
        thresholds = self.rendering.thresholds
        return None if thresholds is None else self.controls.setdefault(preset, QualityControl(thresholds))

    def _open_again(self, obeyed: list[Order]) -> None:
        """Let rows begin again that have ended, or end otherwise."""
        for order in obeyed:
            for video in [*self.videos.values()]:
                if self.control.steering.opens(order, video.job_id, video.outcome):
                    del self.videos[video.job_id]

    def _end_by_order(self, jobs: list[Job]) -> Iterator[VideoEnded]:
        """The ends of rows that were cancelled or skipped before they began."""
        for job in jobs:
            if order := self.control.steering.ends(job.id):
                yield ended_by(order, RowContext(job, self._context(job.preset)))

    def _cancel(self, context: BatchContext) -> None:
        context.cancelled.set()
        if len(self.videos) < len(self.manifest.jobs):
            self.space.close()

    def _stop_after_failures(self) -> None:
        """End a batch whose rows all fail for one reason, if that is asked for.

        Raises:
            Infrastructure: `max_failures` rows have failed alike, and none has succeeded.
        """
        limit = self.rendering.max_failures
        done, failed = self.count(Outcome.DONE, Outcome.REUSED), self.count(Outcome.FAILED)
        reasons = {video.error_class for video in self.videos.values()}
        if limit and not done and failed >= limit and len(reasons) == 1:
            error = next(iter(self.videos.values())).error
            raise Infrastructure(
                f"{failed} rows failed and none was done, so the rest was not tried. The first: {error}"
            )


def _unfinished_runs(earlier: Sequence[Event]) -> list[str]:
    """Prefect's ids of the runs that began this batch and were killed."""
    runs: list[str] = []
    for event in earlier:
        if isinstance(event, BatchStarted):
            runs.append(event.flow_run)
        elif isinstance(event, BatchEnded):
            runs.clear()
    return [run for run in runs if run]


def _cancel_by_prefect(store: Store, batch_id: str) -> None:
    """What cancelling the run in Prefect's UI means."""
    orders.give(orders.path_of(store.root, batch_id), Order(OrderKind.CANCEL, who="Prefect"))


def _final_state(videos: list[VideoEnded], cancelled: Order | None) -> State[None]:
    if cancelled:
        return CancelledState(message=str(cancelled))
    failed = [video.job_id for video in videos if video.outcome is Outcome.FAILED]
    if failed:
        return Failed(message=f"{len(failed)} of {len(videos)} rows failed: {', '.join(failed)}")
    return Completed(message=f"All {len(videos)} rows are done.")
