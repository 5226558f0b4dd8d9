"""The flow of one batch: a checked manifest in, one video per row out; failures are collected and never hidden."""

import logging
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, as_completed
from contextlib import ExitStack
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.futures import PrefectConcurrentFuture
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows import artifacts, observer
from flows.attempts import AttemptRecorder
from flows.batch_name import batch_name, finishing_settings
from flows.options import FinishingOptions, RenderOptions
from flows.video import make_video
from tasks.errors import Infrastructure
from tasks.job import Job, Outcome
from tasks.manifest.intake import CheckedManifest
from tasks.media import ffmpeg, processes
from tasks.pool.render_pool import RenderPool
from tasks.records import journal, ledger
from tasks.records.batch_context import BatchContext, RowContext, log_file, now_ms, segment_ended
from tasks.records.journal import BatchEnded, BatchStarted, Journal, VideoEnded
from tasks.records.store import Store, digest_file
from tasks.renderers import renderer

log = logging.getLogger("tasks.batch")

ROWS_IN_FLIGHT = 6
"""Rows that are spoken, stitched or assembled while others wait for their segments."""


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
        BadInput: An option cannot be kept, or another process is rendering the same batch.
    """
    finishing.check()
    processes.reap(processes.state_folder())
    processes.remember(processes.state_folder())  # the embedded server, if there is one
    store = Store(workspace)
    store.sweep()
    batch_id = batch_name(manifest, finishing)
    identities = {job.id: renderer.identity(job.preset, rendering.weights) for job in manifest.jobs}
    artifacts.name_run(batch_id)
    on_event, log_path = observer.current.get().on_event, store.batch(batch_id) / "log.txt"
    with Journal(store.ledger, batch_id, on_event) as events, log_file(log_path):
        rows = tuple((job.id, job.title) for job in manifest.jobs)
        events.write(BatchStarted(batch_id, str(manifest.path), now_ms(), os.getpid(), rows))
        videos = {video.job_id: video for video in _finished_before(store, batch_id, identities)}
        try:
            with artifacts.progress(batch_id, len(rows), len(videos)) as advance:
                missing = [job for job in manifest.jobs if job.id not in videos]
                for video in _render_rows(missing, store, events, rendering, finishing):
                    videos[video.job_id] = video
                    advance()
            failed = [video for video in videos.values() if video.outcome is Outcome.FAILED]
            events.write(BatchEnded(now_ms(), len(videos) - len(failed), len(failed)))
        finally:
            ledger.snapshot(store.ledger, batch_id)
    artifacts.result_table(batch_id, manifest, videos)
    return _final_state(failed, len(rows))


def _finished_before(store: Store, batch_id: str, identities: Mapping[str, str]) -> Iterator[VideoEnded]:
    """The rows that an earlier run of this batch finished with today's renderers, of videos that are still whole.

    identities: Of each row's renderer, by the row's id.
    """
    events = journal.replay(journal.path_of(store.ledger, batch_id))
    videos = {event.job_id: event for event in events if isinstance(event, VideoEnded)}
    for video in videos.values():
        path = store.root / video.path
        done = video.outcome in {Outcome.DONE, Outcome.REUSED} and video.renderer == identities.get(video.job_id)
        if done and path.is_file() and digest_file(path) == video.sha256:
            yield video


def _render_rows(
    jobs: list[Job], store: Store, events: Journal, rendering: RenderOptions, finishing: FinishingOptions
) -> Iterator[VideoEnded]:
    """The videos of the rows as they end, by preset, because a worker holds one renderer."""
    ranked = sorted(jobs, key=lambda job: (job.preset, -job.priority, job.row))
    settings = finishing_settings(finishing)
    for preset, group in groupby(ranked, key=lambda job: job.preset):
        identity = renderer.identity(preset, rendering.weights)
        batch = BatchContext(store, events.path.stem, events, identity, settings)
        rows = [RowContext(job, batch) for job in group]
        with ExitStack() as stack:
            pool = stack.enter_context(
                RenderPool(
                    preset,
                    rendering.weights,
                    store,
                    address=rendering.ray,
                    actors=rendering.actors,
                    on_event=AttemptRecorder(events, observer.current.get()).on_event,
                )
            )
            stack.callback(batch.cancelled.set)  # rows that still run when we leave early must not wait for the pool
            stack.enter_context(ffmpeg.ended_with_the_block())
            runs = {_submitted(row, pool, finishing): row for row in rows}
            # Prefect's own as_completed yields a run after the server has acknowledged its end: this state is older.
            for run in as_completed(runs):
                yield _video_of(runs[run], run.result())


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
        clip = row.batch.store.find_clip(segment.key)
        outcome, sha256 = (Outcome.DONE, clip.sha256) if clip else (Outcome.FAILED, "")
        row.batch.journal.write(segment_ended(segment, outcome, sha256=sha256))
    video = replace(row.video_ended(Outcome.FAILED), error_class=type(error).__name__, error=str(error))
    row.batch.journal.write(video)
    return video


def _final_state(failed: list[VideoEnded], rows: int) -> State[None]:
    if not failed:
        return Completed(message=f"All {rows} rows are done.")
    return Failed(message=f"{len(failed)} of {rows} rows failed: {', '.join(video.job_id for video in failed)}")
