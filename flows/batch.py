"""The flow of one batch: a checked manifest in, one video per row out; failures are collected and never hidden."""

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.futures import PrefectConcurrentFuture
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows import artifacts, observer
from flows.artifacts import PrefectReporter
from flows.attempts import AttemptRecorder, close_interrupted
from flows.batch_name import batch_name, finishing_settings, kept_files
from flows.options import FinishingOptions, RenderOptions
from flows.video import make_video
from tasks.errors import Infrastructure, WordsNotFound
from tasks.job import Job, Outcome
from tasks.manifest.intake import CheckedManifest
from tasks.media import ffmpeg, processes
from tasks.pool.render_pool import RenderPool
from tasks.records import journal, ledger
from tasks.records.batch_context import BatchContext, RowContext, log_file, now_ms
from tasks.records.journal import BatchEnded, BatchStarted, Event, Journal, VideoEnded
from tasks.records.space import DiskSpace, is_no_space
from tasks.records.store import Store
from tasks.renderers import renderer

log = logging.getLogger("tasks.batch")

ROWS_IN_FLIGHT = 256
"""At most so many rows wait for their segments; `tasks.pool` says when it needs more of them."""


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
) -> State[None]:
    """Render every row of a manifest into `workspace/videos/<batch>/<id>/`. The outcome is in the ledger.

    Raises:
        BadInput: An option cannot be kept, the workspace cannot be written, or another process renders this batch.
    """
    finishing.check()
    processes.reap(processes.state_folder())
    processes.remember(processes.state_folder())  # the embedded server, if there is one
    store = Store(workspace)
    store.sweep()
    settings = finishing_settings(finishing)
    batch_id = batch_name(manifest, settings)
    space = DiskSpace(store.root)
    log_path, on_event = store.batch(batch_id) / "log.txt", observer.current.get().on_event
    with (
        Journal(store.ledger, batch_id, on_event, space) as events,
        log_file(log_path),
        PrefectReporter(batch_id, len(manifest.jobs)) as reporter,
    ):
        batch = Batch(manifest, store, events, space, rendering, finishing, settings, reporter)
        problem = ""
        try:
            videos = batch.run()
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            log.error("the batch ended early: %s", problem)
            raise
        finally:
            batch.close(problem)
    failed = [video for video in videos if video.outcome is Outcome.FAILED]
    return _final_state(failed, len(manifest.jobs))


@dataclass
class Batch:
    """One run of a batch, by the driver that holds its journal.

    Attributes:
        settings: See `flows.batch_name.finishing_settings`.
        videos: The rows that have ended, by id.
        succeeded: The ids of the attempts that have.
    """

    manifest: CheckedManifest
    store: Store
    events: Journal
    space: DiskSpace
    rendering: RenderOptions
    finishing: FinishingOptions
    settings: str
    reporter: PrefectReporter
    videos: dict[str, VideoEnded] = field(default_factory=dict)
    succeeded: set[str] = field(default_factory=set)

    @property
    def id(self) -> str:
        """The batch's name."""
        return self.events.path.stem

    def run(self) -> list[VideoEnded]:
        """Render every row that an earlier run has not finished. All rows, as they ended."""
        earlier = tuple(journal.replay(self.events.path))
        rows = tuple((job.id, job.title) for job in self.manifest.jobs)
        started = BatchStarted(self.id, str(self.manifest.path), now_ms(), os.getpid(), rows, artifacts.flow_run_id())
        self.events.write(started)
        self.succeeded = close_interrupted(self.store, self.events, earlier)
        self.reporter.close_crashed(_unfinished_runs(earlier))
        self.videos = {video.job_id: video for video in self._finished_before(earlier)}
        self.reporter.progress(len(self.videos))
        missing = [job for job in self.manifest.jobs if job.id not in self.videos]
        for video in self._render_rows(missing):
            self.videos[video.job_id] = video
            self.reporter.progress(len(self.videos))
            self._stop_after_failures()
        self.reporter.result_table(self.manifest, self.videos)
        return list(self.videos.values())

    def counts(self) -> tuple[int, int]:
        """How many rows are done, and how many have failed."""
        failed = sum(video.outcome is Outcome.FAILED for video in self.videos.values())
        return len(self.videos) - failed, failed

    def close(self, problem: str) -> None:
        """Write the ledger's tables, and then that the batch has ended, unless it was interrupted.

        Args:
            problem: Why it ended early; empty when every row was tried, or when it was interrupted.
        """
        self._snapshot()
        for video in self.videos.values():
            if video.outcome is not Outcome.FAILED:  # the scratch files of a failed row may tell why
                shutil.rmtree(self.store.work(self.id, video.job_id), ignore_errors=True)
        if problem or len(self.videos) == len(self.manifest.jobs):
            self.events.write(BatchEnded(now_ms(), *self.counts(), error=problem))

    def _snapshot(self) -> None:
        """On a full disk it waits."""
        while True:
            try:
                ledger.snapshot(self.store.ledger, self.id)
            except OSError as error:
                if not is_no_space(error):
                    raise
                log.warning("the disk is full: the ledger waits for space")
                self.space.found_full()
                self.space.wait()
            else:
                return

    def _finished_before(self, earlier: Sequence[Event]) -> Iterator[VideoEnded]:
        """The rows that an earlier run finished with today's renderers, and whose delivered files are all whole."""
        weights = self.rendering.weights
        identities = {job.id: renderer.identity(job.preset, weights) for job in self.manifest.jobs}
        videos = {event.job_id: event for event in earlier if isinstance(event, VideoEnded)}
        for video in videos.values():
            done = video.outcome in {Outcome.DONE, Outcome.REUSED} and video.renderer == identities.get(video.job_id)
            if done and self.store.is_delivered(self.id, video.job_id, video.files):
                yield video

    def _render_rows(self, jobs: list[Job]) -> Iterator[VideoEnded]:
        """The videos of the rows as they end, by preset, because a worker holds one renderer."""
        ranked = sorted(jobs, key=lambda job: (job.preset, -job.priority, job.row))
        finishing = kept_files(self.finishing, self.settings, self.store)
        for preset, group in groupby(ranked, key=lambda job: job.preset):
            identity = renderer.identity(preset, self.rendering.weights)
            context = BatchContext(self.store, self.id, self.events, identity, self.settings, self.space)
            rows = [RowContext(job, context) for job in group]
            with ExitStack() as stack:
                pool = stack.enter_context(
                    RenderPool(
                        preset,
                        self.rendering.weights,
                        self.store,
                        address=self.rendering.ray,
                        actors=self.rendering.actors,
                        on_event=AttemptRecorder(self.events, observer.current.get(), self.succeeded).on_event,
                        space=self.space,
                        identity=identity,
                        batch_id=self.id,
                    )
                )
                stack.callback(self._cancel, context)  # rows that still run when we leave early must not wait
                stack.enter_context(ffmpeg.ended_with_the_block())
                runs = {_submitted(row, pool, finishing): row for row in rows}
                # Prefect's own as_completed yields a run after the server has acknowledged its end, which may be late.
                for run in as_completed(runs):
                    yield _video_of(runs[run], run.result())

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
        done, failed = self.counts()
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


def _submitted(row: RowContext, pool: RenderPool, finishing: FinishingOptions) -> Future[State[VideoEnded]]:
    run = make_video.submit(row, pool, finishing)
    assert isinstance(run, PrefectConcurrentFuture)  # what a thread pool's runs are
    return run.wrapped_future


def _video_of(row: RowContext, state: State[VideoEnded]) -> VideoEnded:
    """The row's video, or the record of its failure."""
    result = state.result(raise_on_failure=False)
    if isinstance(result, VideoEnded):
        return result
    error = result if isinstance(result, BaseException) else Infrastructure(f"the run ended in the state {state.name}")
    log.error("row %s failed: %s: %s", row.job.id, type(error).__name__, error)
    for segment in row.segments:
        row.batch.journal.write(row.segment_ended(segment, row.clip_of(segment)))
    video = replace(row.video_ended(Outcome.FAILED), error_class=type(error).__name__, error=str(error))
    if isinstance(error, WordsNotFound):
        video = replace(video, measured={"words_found": error.share})
    row.batch.journal.write(video)
    return video


def _final_state(failed: list[VideoEnded], rows: int) -> State[None]:
    if not failed:
        return Completed(message=f"All {rows} rows are done.")
    return Failed(message=f"{len(failed)} of {rows} rows failed: {', '.join(video.job_id for video in failed)}")
