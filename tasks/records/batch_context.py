"""What the rows of a batch share, and what each row has of its own: scratch folder, stage timings, log context."""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

from tasks.errors import Cancelled, worth_another_try
from tasks.job import Clip, Finished, Job, Outcome, Segment, Speech, Verdict
from tasks.records.journal import Checked, Journal, SegmentEnded, VideoEnded, VideoPlanned
from tasks.records.space import DiskSpace, is_no_space
from tasks.records.store import Store, digest_file, digest_of

P = ParamSpec("P")
T = TypeVar("T")

FINISHING_VERSION = "3"
"""Part of a finished video's key: raise it when stitching, captions or assembly change what comes out."""

LONG_STAGE_MS = 1000
"""Stages that take so long have a line of their own in the log, as soon as they end."""

FINISHING_ROWS = max(2, os.cpu_count() or 1)

row_now: ContextVar[str] = ContextVar("row_now", default="-")
"""The row that this thread works on, for the log."""

log = logging.getLogger(__name__)


def now_ms() -> int:
    """Milliseconds since 1970, UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class BatchContext:
    """What the rows of a batch share.

    Attributes:
        renderer: The identity of the renderer: its version and the digest of its weights.
        space: Of the workspace's disk.
        settings: Caption profile and finishing options, as JSON: part of every finished video's key.
        cancelled: Set when the batch is to end early.
        finishing: Held by rows that are stitched and encoded: they share the driver's cores.
    """

    store: Store
    batch_id: str
    journal: Journal
    renderer: str
    settings: str
    space: DiskSpace
    cancelled: threading.Event = field(default_factory=threading.Event)
    finishing: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(FINISHING_ROWS))


@dataclass
class RowContext:
    """One row while it is processed: its scratch folder, its stage timings, and what is known of it so far."""

    job: Job
    batch: BatchContext
    started_ms: int = field(default_factory=now_ms)
    stages_ms: dict[str, int] = field(default_factory=dict)
    speech: Speech | None = None
    segments: tuple[Segment, ...] = ()
    key: str = ""
    named: Job = field(init=False)
    """The job with the paths that were checked, also when `job` points to copies."""
    ended: threading.Event = field(default_factory=threading.Event)
    """Set when the row is to end early."""
    finishing: bool = False
    """Whether all of its segments are rendered."""
    checks: dict[int, tuple[Verdict, ...]] = field(default_factory=dict)
    """What quality control found, by the index of the segment; of the finished video by `journal.VIDEO`."""

    def __post_init__(self) -> None:
        self.named = self.job

    def is_cancelled(self) -> bool:
        """Whether the row, or its batch, is to end early."""
        return self.ended.is_set() or self.batch.cancelled.is_set()

    @property
    def work(self) -> Path:
        """The scratch folder; it is created on first use."""
        folder = self.batch.store.work(self.batch.batch_id, self.job.id)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def run(self, stage: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a stage, and note how long it took; a long one is logged. A full disk is waited for.

        A stage with `retries` is tried again after errors that this can help with. A Prefect task is called as the
        function that it is: Prefect has one run for each row.

        Raises:
            Cancelled: The batch was cancelled: no further stage begins.
        """
        name = str(getattr(stage, "name", "") or getattr(stage, "__name__", ""))
        function, retries = getattr(stage, "fn", stage), getattr(stage, "retries", 0)
        token = row_now.set(self.job.id)
        began = time.monotonic_ns()
        tries = 0
        try:
            while True:
                if self.is_cancelled():
                    raise Cancelled("the row was cancelled")
                self.batch.space.wait(self.is_cancelled)
                try:
                    return cast(T, function(*args, **kwargs))
                except Exception as error:
                    tries += 1
                    if is_no_space(error):
                        log.warning("%s found the disk full, and waits for space", name)
                        self.batch.space.found_full()
                    elif tries > retries or not worth_another_try(error, tries):
                        raise
                    else:
                        log.warning("another try, after: %s", error)
        finally:
            took_ms = (time.monotonic_ns() - began) // 1_000_000
            self.stages_ms[name] = self.stages_ms.get(name, 0) + took_ms
            if took_ms >= LONG_STAGE_MS:
                log.info("%s took %.1f s", name, took_ms / 1000)
            row_now.reset(token)

    @contextmanager
    def stages_logged(self) -> Iterator[None]:
        """One line with the times of all stages at the end, however it comes."""
        try:
            yield
        finally:
            times = ", ".join(f"{name} {ms / 1000:.2f}" for name, ms in self.stages_ms.items())
            token = row_now.set(self.job.id)
            log.info("stages in seconds: %s", times)
            row_now.reset(token)

    def checked(self, index: int, verdicts: tuple[Verdict, ...]) -> None:
        """Keep, and write into the journal, what quality control found."""
        self.checks[index] = verdicts
        self.batch.journal.write(Checked(self.job.id, index, verdicts))

    def keep_inputs(self) -> None:
        """Let the job point to copies of its files, so that one that is edited meanwhile cannot be mistaken for it.

        Raises:
            BadInput: A file is not what it was when it was checked.
        """
        job, keep = self.job, self.batch.store.keep_input
        self.job = replace(
            job,
            portrait=keep(job.portrait, job.portrait_sha256),
            audio=job.audio and keep(job.audio, job.audio_sha256),
            driving_video=job.driving_video and keep(job.driving_video, job.driving_sha256),
            lexicon=job.lexicon and keep(job.lexicon, job.lexicon_sha256),
        )

    def set_plan(self, speech: Speech, segments: tuple[Segment, ...]) -> None:
        """Keep the plan, and derive the key of the finished video from it."""
        self.speech, self.segments = speech, segments
        keys = (segment.key for segment in segments)
        self.key = digest_of(
            "video", FINISHING_VERSION, self.batch.settings, _row_settings(self.job), _speech_digest(speech), *keys
        )
        self.batch.journal.write(VideoPlanned(self.job.id, len(segments), speech.frames, tuple(self._inputs())))

    def _inputs(self) -> Iterator[str]:
        job, files = self.job, json.loads(self.batch.settings).get("files", {})
        digests = (job.portrait_sha256, job.audio_sha256, job.driving_sha256, job.lexicon_sha256, *files.values())
        return (digest for digest in digests if digest)

    def video_ended(
        self, outcome: Outcome, finished: Finished | None = None, clips: tuple[Clip, ...] = ()
    ) -> VideoEnded:
        """The row of the `videos` table."""
        job, speech = self.job, self.speech
        return VideoEnded(
            job_id=job.id,
            row=job.row,
            title=job.title,
            outcome=outcome,
            started_ms=self.started_ms,
            ended_ms=now_ms(),
            portrait_sha256=job.portrait_sha256,
            script_sha256=digest_of(job.script) if job.script else "",
            audio_sha256=job.audio_sha256,
            driving_sha256=job.driving_sha256,
            consent=job.consent,
            renderer=self.batch.renderer,
            settings=json.dumps({**json.loads(self.batch.settings), **_settings(job)}, sort_keys=True),
            seed=job.seed,
            language=speech.language if speech else job.language,
            words_from=str(speech.source) if speech else "",
            width=job.width,
            height=job.height,
            frames=finished.frames if finished else 0,
            segments=len(self.segments),
            segments_rendered=sum(not clip.reused for clip in clips),
            render_ms=sum(clip.render_ms for clip in clips),
            stages_ms=dict(self.stages_ms),
            measured=_measured(job, finished) if finished else {},
            notes=finished.notes if finished else (),
            sha256=finished.sha256 if finished else "",
            portrait=str(self.named.portrait),
            audio=str(self.named.audio or ""),
            driving_video=str(self.named.driving_video or ""),
            lexicon=str(self.named.lexicon or ""),
            key=self.key,
        )

    def segments_ended(self, clips: Sequence[Clip]) -> Iterator[SegmentEnded]:
        """The rows of the `segments` table, for segments that have clips."""
        for segment, clip in zip(self.segments, clips, strict=True):
            yield self.segment_ended(segment, clip)

    def segment_ended(self, segment: Segment, clip: Clip | None) -> SegmentEnded:
        """The row of the `segments` table for a segment; without a clip it has failed."""
        ended = partial(
            SegmentEnded,
            segment.job_id,
            segment.index,
            segment.key,
            segment.start_frame,
            segment.end_frame,
            segment.seed,
            segment.joint_seed,
        )
        if clip is None:
            return ended(Outcome.FAILED)
        return ended(
            Outcome.REUSED if clip.reused else Outcome.DONE,
            path=str(clip.path.relative_to(self.batch.store.root)),
            sha256=clip.sha256,
            render_ms=clip.render_ms,
            worker=clip.worker,
        )

    def clip_of(self, segment: Segment) -> Clip | None:
        """The clip of a segment by the store's record of it, without reading the clip; found, unless it is ours."""
        clip = self.batch.store.clip_record(segment.key)
        return clip and clip.for_row(self.batch.batch_id, self.job.id)


class _RowFilter(logging.Filter):
    """Gives every log line the row that it is about."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.row = row_now.get()
        return True


class _BatchLog(logging.FileHandler):
    """A log file that never stands in the way: on a full disk its lines are lost, and nothing else is."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Pass over what cannot be written."""


@contextmanager
def log_file(path: Path) -> Iterator[None]:
    """Write what the stages log to the batch's own file, a line each: time, row, message."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = _BatchLog(path, encoding="utf-8")
    handler.addFilter(_RowFilter())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s [%(row)s] %(message)s"))
    logger = logging.getLogger("tasks")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()


def _row_settings(job: Job) -> str:
    """What the finished video shows of the job besides its pixels."""
    return json.dumps([job.id, job.title, job.language, job.consent])


def _speech_digest(speech: Speech) -> str:
    return digest_of(digest_file(speech.wav), repr((speech.words, speech.chapters, speech.language, speech.unspoken)))


def _measured(job: Job, finished: Finished) -> dict[str, float]:
    """What was measured, and the length of a script that was synthesised: voices have their own pace."""
    return {**finished.measured, **({"script_characters": float(len(job.script))} if not job.audio else {})}


def _settings(job: Job) -> dict[str, object]:
    gates = {"audio_gate": job.audio_gate, "motion_gate": job.motion_gate}
    return {
        "preset": job.preset,
        "quality": job.quality,
        "voice": job.voice,
        "face_box": job.face_box,
        "lexicon_sha256": job.lexicon_sha256,
        "head_movement": job.head_movement,
        "denoise": job.denoise,
        **gates,
    }
