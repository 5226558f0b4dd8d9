"""A manifest in, one video per row out; failures are collected and never hidden."""

import itertools
import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from pathlib import Path
from uuid import UUID

from prefect import flow
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.futures import PrefectConcurrentFuture
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows import observer
from flows.observer import Audience
from flows.options import Finishing, Rendering
from flows.video import make_video
from tasks.check import check
from tasks.errors import Infrastructure
from tasks.job import Attempt, Job, Outcome
from tasks.media import ffmpeg, processes
from tasks.pool.events import Kind, PoolEvent
from tasks.pool.render_pool import RenderPool
from tasks.records import journal, ledger
from tasks.records.batch_context import Row, Studio, log_file, now_ms, segment_ended
from tasks.records.journal import BatchEnded, BatchStarted, Journal, VideoEnded
from tasks.records.store import Store, digest_file, digest_of
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
    manifest: Path,
    workspace: Path,
    allow: tuple[Path, ...] = (),
    rendering: Rendering = Rendering(),
    finishing: Finishing = Finishing(),
) -> State[None]:
    """Render every row of a manifest into `workspace/videos/<batch>/<id>/`. The outcome is in the ledger.

    Raises:
        ManifestRefused: Before anything is rendered.
        BadInput: Another process is rendering the same batch.
    """
    finishing.check()
    processes.reap(processes.state_folder())
    processes.remember(processes.state_folder())  # the embedded server, if there is one
    store = Store(workspace)
    store.sweep()
    jobs = check(manifest, allow, rendering.default_preset)
    batch_id = name_of(manifest, jobs, finishing)
    drawn_by = {job.id: renderer.identity(job.preset, rendering.weights) for job in jobs}
    _name_run(batch_id)
    hears, log_path = observer.watcher.get().hears, store.batch(batch_id) / "log.txt"
    with Journal(store.ledger, batch_id, hears) as pen, log_file(log_path):
        rows = tuple((job.id, job.title) for job in jobs)
        pen.write(BatchStarted(batch_id, str(manifest), now_ms(), os.getpid(), rows))
        made = {video.job_id: video for video in _made_before(store, batch_id, drawn_by)}
        try:
            with _shown_progress(batch_id, len(jobs), len(made)) as tell:
                missing = [job for job in jobs if job.id not in made]
                for video in _render_rows(missing, store, pen, rendering, finishing):
                    made[video.job_id] = video
                    tell()
            failed = [video for video in made.values() if video.outcome is Outcome.FAILED]
            pen.write(BatchEnded(now_ms(), len(made) - len(failed), len(failed)))
        finally:
            ledger.snapshot(store.ledger, batch_id)
    create_table_artifact(_table(jobs, made), key=_key(batch_id), description=f"Batch {batch_id}: {manifest}")
    return _verdict(failed, len(jobs))


def name_of(manifest: Path, jobs: tuple[Job, ...], finishing: Finishing) -> str:
    """The batch's name: the manifest's, and a digest of all that its rows say and show and of how they are finished.

    The same manifest, submitted again, is the same batch and goes on where it was; an edited one is a new batch, and
    so is one that is to be finished otherwise. What they share is rendered once. Other weights are no other batch, so
    that a night keeps its name when they are replaced: its rows are drawn again.
    """
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", manifest.stem).strip("-") or "batch"
    return f"{stem[:60]}-{digest_of(*(_content(job) for job in jobs), _style(finishing))[:8]}"


def _content(job: Job) -> str:
    """A job without the paths of its files: their digests say what they hold."""
    return repr(replace(job, portrait=Path(), audio=None, driving_video=None))


def _made_before(store: Store, batch_id: str, drawn_by: Mapping[str, str]) -> Iterator[VideoEnded]:
    """The rows that an earlier run of this batch finished with today's renderers, of videos that are still whole.

    drawn_by: The identity of each row's renderer, by the row's id.
    """
    events = journal.replay(journal.path_of(store.ledger, batch_id))
    videos = {event.job_id: event for event in events if isinstance(event, VideoEnded)}
    for video in videos.values():
        path = store.root / video.path
        made = video.outcome in {Outcome.DONE, Outcome.REUSED} and video.renderer == drawn_by.get(video.job_id)
        if made and path.is_file() and digest_file(path) == video.sha256:
            yield video


def _render_rows(
    jobs: list[Job], store: Store, pen: Journal, rendering: Rendering, finishing: Finishing
) -> Iterator[VideoEnded]:
    """The videos of the rows as they end, by preset, because a worker holds one renderer."""
    ranked = sorted(jobs, key=lambda job: (job.preset, -job.priority, job.row))
    style = _style(finishing)
    for preset, group in groupby(ranked, key=lambda job: job.preset):
        identity = renderer.identity(preset, rendering.weights)
        studio = Studio(store, pen.path.stem, pen, identity, style)
        rows = [Row(job, studio) for job in group]
        with ExitStack() as stack:
            pool = stack.enter_context(
                RenderPool(
                    preset,
                    rendering.weights,
                    store,
                    address=rendering.ray,
                    actors=rendering.actors,
                    on_event=Reporter(pen, observer.watcher.get()).hears,
                )
            )
            stack.callback(studio.cancelled.set)  # rows that still run when we leave early must not wait for the pool
            stack.enter_context(ffmpeg.ended_with_the_block())
            runs = {_submitted(row, pool, finishing): row for row in rows}
            # Prefect's own as_completed reports a run when the server has heard of its end: the state here is older.
            for run in as_completed(runs):
                yield _ended(runs[run], run.result())


def _submitted(row: Row, pool: RenderPool, finishing: Finishing) -> Future[State[VideoEnded]]:
    run = make_video.submit(row, pool, finishing)
    assert isinstance(run, PrefectConcurrentFuture)  # what a thread pool's runs are
    return run.wrapped_future


def _ended(row: Row, state: State[VideoEnded]) -> VideoEnded:
    """The row's video, or the record of its failure."""
    ended = state.result(raise_on_failure=False)
    if isinstance(ended, VideoEnded):
        return ended
    error = ended if isinstance(ended, BaseException) else Infrastructure(f"the run ended in the state {state.name}")
    log.error("row %s failed: %s: %s", row.job.id, type(error).__name__, error)
    for segment in row.segments:
        clip = row.studio.store.find_clip(segment.key)
        outcome, sha256 = (Outcome.DONE, clip.sha256) if clip else (Outcome.FAILED, "")
        row.studio.pen.write(segment_ended(segment, outcome, sha256=sha256))
    video = replace(row.ended(Outcome.FAILED), error_class=type(error).__name__, error=str(error))
    row.studio.pen.write(video)
    return video


@dataclass
class Reporter:
    """Turns what the pool says into attempts in the journal, and passes it on to the screen."""

    pen: Journal
    watcher: Audience
    started_ms: dict[str, int] = field(default_factory=dict)

    def hears(self, event: PoolEvent) -> None:
        """Called in the pool's thread."""
        self.watcher.hears(event)
        if event.kind is Kind.STARTED:
            self.started_ms[event.attempt] = event.at_ms
        elif event.kind in OUTCOMES and event.segment is not None:
            started_ms = self.started_ms.pop(event.attempt, event.at_ms)
            segment = event.segment
            self.pen.write(
                Attempt(
                    event.attempt,
                    segment.key,
                    segment.job_id,
                    segment.index,
                    event.worker,
                    started_ms,
                    event.at_ms,
                    OUTCOMES[event.kind],
                    event.error,
                )
            )
        elif event.error:
            log.warning("%s %s: %s", event.kind, event.worker, event.error)


OUTCOMES = {Kind.FINISHED: Outcome.DONE, Kind.FAILED: Outcome.FAILED, Kind.STOPPED: Outcome.CANCELLED}


def _style(finishing: Finishing) -> str:
    """All that a finished video depends on besides its row: the options, and the bytes of the files that they name."""
    bed = finishing.finish.music
    named = (finishing.captions, finishing.finish.framing.backdrop, bed.path if bed else "")
    files = {str(name): digest_file(Path(name)) for name in named if Path(name).is_file()}
    return json.dumps({**asdict(finishing), "files": files}, default=str, sort_keys=True)


def _name_run(batch_id: str) -> None:
    """Prefect's run bears the batch's name."""
    context = FlowRunContext.get()
    if context is not None and context.flow_run is not None:
        with get_client(sync_client=True) as client:
            client.set_flow_run_name(context.flow_run.id, batch_id)


@contextmanager
def _shown_progress(batch_id: str, rows: int, done: int) -> Iterator[Callable[[], None]]:
    """A progress artifact that a call moves one row on."""
    key, description = f"{_key(batch_id)}-progress", f"Rows of {batch_id}"
    artifact: UUID = create_progress_artifact(100 * done / rows, key=key, description=description)  # type: ignore[assignment]  # called without a loop, it waits
    ended = itertools.count(done + 1)

    def tell() -> None:
        update_progress_artifact(artifact, 100 * next(ended) / rows)

    yield tell


def _key(batch_id: str) -> str:
    """Artifact keys hold lower-case letters, digits and dashes."""
    return f"batch-{re.sub(r'[^a-z0-9]+', '-', batch_id.lower())}"


def _table(jobs: tuple[Job, ...], made: dict[str, VideoEnded]) -> list[dict[str, str | int]]:
    return [
        {
            "row": job.row,
            "id": job.id,
            "outcome": made[job.id].outcome,
            "seconds": round(made[job.id].frames / 25),
            "segments": f"{made[job.id].segments_rendered} of {made[job.id].segments} rendered",
            "cost in worker seconds": round(made[job.id].render_ms / 1000),
            "needs a look": made[job.id].error or " ".join(made[job.id].notes),
            "video": made[job.id].path,
        }
        for job in jobs
    ]


def _verdict(failed: list[VideoEnded], rows: int) -> State[None]:
    if not failed:
        return Completed(message=f"All {rows} rows are done.")
    return Failed(message=f"{len(failed)} of {rows} rows failed: {', '.join(video.job_id for video in failed)}")
