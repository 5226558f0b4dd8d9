"""Estimate: what a manifest will take, before it is rendered, from what earlier batches of the workspace took.

Where the workspace knows nothing, a short probe is spoken and rendered, if that is asked for.
"""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import av

from flows.options import RenderOptions
from tasks.job import FPS, MAX_SEGMENT_FRAMES, Job, Preset, Segment
from tasks.manifest.intake import CheckedManifest
from tasks.media.decode import probe
from tasks.media.lossless import SUFFIX, LosslessWriter
from tasks.plan import plan
from tasks.pool.pool_size import pool_size
from tasks.records import history
from tasks.records.history import History, Kind, bound_s, facts_of, fingerprint, kind_of
from tasks.records.store import Store
from tasks.renderers import renderer
from tasks.speak import speak

START_S: Final = 15.0
"""From the command to the first segment, where no batch has shown it."""
SLACK: Final = 1.3
"""See `history.BatchBefore`, where no batch has shown it."""
PROBE_CHARACTERS: Final = 300
PROBE_FRAMES: Final = 50
DOUBT_OF_PROBE: Final = 0.25
DOUBT_OF_SCRIPT: Final = 0.08
"""How far a script's length by its characters is off, for one row."""
CHARACTER_S: Final = 0.07
"""Seconds of speech for a character, where nothing is known and nothing may be spoken."""
NINE_TENTHS: Final = 1.28
"""Standard deviations."""
MASTER_BYTES_PER_S: Final = 500_000
"""A finished video with what lies beside it: more than it usually is."""


@dataclass(frozen=True, slots=True)
class RowEstimate:
    """One row.

    Attributes:
        exact: Whether the length is known, and not by the script's characters.
        stored: Segments that are in the store already.
        render_s: Worker seconds that are left; None where nobody knows.
    """

    id: str
    kind: Kind
    frames: float
    exact: bool
    segments: int
    stored: int
    render_s: float | None

    @property
    def is_stored(self) -> bool:
        """Whether nothing of it is to be rendered."""
        return self.stored >= self.segments


@dataclass
class Estimate:
    """What a batch will take.

    Attributes:
        workers: How many render side by side.
        start_s, slack: See `history.BatchBefore`.
        finish_s: Of stitching, captions and assembly, on one core.
        doubt: The standard deviation of the time, as a share of it.
        disk_bytes, free_bytes: What it needs, and what there is.
        unknown: What nothing is known of: presets, sizes or voices that no batch has had.
        now: When it was made.
    """

    rows: list[RowEstimate]
    workers: int
    start_s: float
    slack: float
    finish_s: float
    doubt: float
    disk_bytes: float
    free_bytes: int
    unknown: list[str] = field(default_factory=list)
    now: datetime = field(default_factory=lambda: datetime.now().astimezone())

    @property
    def video_s(self) -> float:
        """Length of all videos."""
        return sum(row.frames for row in self.rows) / FPS

    @property
    def render_s(self) -> float | None:
        """Worker seconds of all rows; None where nobody knows."""
        return sum(row.render_s or 0.0 for row in self.rows) if not self.unknown else None

    @property
    def half_s(self) -> float | None:
        """Seconds until the end, as likely more as less."""
        return None if self.render_s is None else self.start_s + self._work_s(self.render_s)

    def _work_s(self, render_s: float) -> float:
        """How long so much rendering, of all that there is, takes with the finishing that belongs to it."""
        share = render_s / self.render_s if self.render_s else 1.0
        return self.slack * bound_s(render_s, self.finish_s * share, self.workers)

    @property
    def most_s(self) -> float | None:
        """Seconds until the end, which nine in ten stay below."""
        return self.half_s and self.half_s * (1 + NINE_TENTHS * self.doubt)

    def late(self, by: datetime) -> list[str]:
        """The rows that will not be done by then, as likely as not: they are rendered in this order."""
        left_s = (by - self.now).total_seconds() - self.start_s
        names, spent_s = [], 0.0
        for row in self.rows:
            spent_s += row.render_s or 0.0
            if self._work_s(spent_s) > left_s and not row.is_stored:
                names.append(row.id)
        return names


def estimate(
    manifest: CheckedManifest,
    store: Store,
    rendering: RenderOptions,
    *,
    probing: bool = True,
    exact: bool = False,
    on_row: Callable[[int, int], None] = lambda done, total: None,
) -> Estimate:
    """What a manifest will take.

    Args:
        probing: Whether something may be spoken and rendered where nothing is known; it takes some seconds.
        exact: Speak and plan every row: then lengths and the segments in the store are known, and not guessed.
        on_row: Called with how many rows have been looked at, of how many.
    """
    known = history.read(store)
    identities = {job.preset: renderer.identity(job.preset, rendering.weights) for job in manifest.jobs}
    jobs = sorted(manifest.jobs, key=lambda job: (job.preset, -job.priority, job.row))
    unknown: list[str] = []
    lengths = _Lengths(known, probing=probing)
    with tempfile.TemporaryDirectory(prefix="actalker-estimate-") as folder:
        pace = _paces(known, jobs, rendering, Path(folder) if probing else None, unknown)
        rows = []
        for number, job in enumerate(jobs, 1):
            planned = _planned(job, identities[job.preset], Path(folder) / str(number)) if exact else None
            rows.append(_row(job, known, identities[job.preset], lengths, pace, store, planned))
            on_row(number, len(jobs))
    unknown = list(dict.fromkeys([*unknown, *lengths.unknown]))
    return _whole(rows, known, rendering, store, pace, unknown)


def _row(
    job: Job,
    known: History,
    identity: str,
    lengths: "_Lengths",
    pace: Mapping[Kind, "_Pace"],
    store: Store,
    planned: Sequence[Segment] | None,
) -> RowEstimate:
    kind = kind_of(job)
    frame_s = pace[kind].frame_s if kind in pace else None
    if planned is not None:
        missing = {segment.key: segment.frames for segment in planned if store.clip_record(segment.key) is None}
        frames = float(planned[-1].end_frame)
        render_s = None if frame_s is None else frame_s * sum(missing.values())
        stored = sum(segment.key not in missing for segment in planned)
        return RowEstimate(job.id, kind, frames, True, len(planned), stored, render_s)
    before = known.rows.get(fingerprint(facts_of(job, identity)))
    if before and before.keys:
        stored = sum(store.clip_record(key) is not None for key in before.keys)
        missing_frames = before.frames * (1 - stored / len(before.keys))
        render_s = None if frame_s is None and missing_frames else (frame_s or 0.0) * missing_frames
        return RowEstimate(job.id, kind, float(before.frames), True, len(before.keys), stored, render_s)
    frames = lengths.of(job)
    segments = max(_sentences(job.script), round(frames / MAX_SEGMENT_FRAMES), 1)
    return RowEstimate(
        job.id, kind, frames, bool(job.audio), segments, 0, None if frame_s is None else frame_s * frames
    )


def _sentences(script: str) -> int:
    return sum(script.count(mark + after) for mark in ".!?" for after in (" ", "\n")) + 1


def _whole(
    rows: list[RowEstimate],
    known: History,
    rendering: RenderOptions,
    store: Store,
    pace: Mapping[Kind, "_Pace"],
    unknown: list[str],
) -> Estimate:
    alike = known.like({row.kind for row in rows})
    start_s = statistics.median([batch.start_s for batch in alike] or [START_S])
    slack = statistics.median([batch.slack for batch in alike] or [SLACK])
    left = sum(row.render_s or 0.0 for row in rows) or 1.0
    guessed = [(row.render_s or 0.0) / left for row in rows if not row.exact]
    doubts = (
        max((pace[row.kind].doubt for row in rows if row.kind in pace), default=0.0),
        DOUBT_OF_SCRIPT * sum(share**2 for share in guessed) ** 0.5,
        0.15 if len(alike) < 3 else statistics.pstdev([batch.slack for batch in alike]) / slack,
    )
    fresh = [(row, pace[row.kind].frame_bytes) for row in rows if row.kind in pace]
    clips = sum(row.frames * (1 - row.stored / row.segments) * bytes_ for row, bytes_ in fresh)
    return Estimate(
        rows,
        _workers(rows, alike, rendering),
        start_s,
        slack,
        sum(row.frames * statistics.fmean(known.finish_s.get(row.kind) or [0.0]) for row in rows if not row.is_stored),
        sum(doubt**2 for doubt in doubts) ** 0.5,
        clips + sum(row.frames for row in rows) / FPS * MASTER_BYTES_PER_S,
        shutil.disk_usage(store.root).free,
        unknown,
    )


def _workers(rows: Sequence[RowEstimate], alike: Sequence[history.BatchBefore], rendering: RenderOptions) -> int:
    """How many workers there will be: as asked for, as before, or what this machine gives."""
    if rendering.actors or alike:
        return rendering.actors or alike[0].workers
    preset = Preset(rows[0].kind[0])
    node = {"CPU": len(os.sched_getaffinity(0)), "GPU": _cards() if preset.has_network else 0}
    return pool_size([node], preset, None).workers


def _cards() -> int:
    import torch  # noqa: PLC0415 - it takes seconds, and only a first batch asks

    return torch.cuda.device_count()


@dataclass(frozen=True, slots=True)
class _Pace:
    """What a frame of a kind costs; `doubt` is the standard deviation of the mean, as a share."""

    frame_s: float
    frame_bytes: float
    doubt: float


def _paces(
    known: History, jobs: Sequence[Job], rendering: RenderOptions, folder: Path | None, unknown: list[str]
) -> dict[Kind, _Pace]:
    """What a frame of each kind costs: as before, or by a probe into a folder."""
    paces: dict[Kind, _Pace] = {}
    for job in jobs:
        kind = kind_of(job)
        if kind in paces:
            continue
        if figures := known.frame_s.get(kind):
            mean, _ = known.mean_frame_s[kind]
            doubt = statistics.pstdev(figures) / mean / len(figures) ** 0.5 if mean else 0.0
            paces[kind] = _Pace(mean, statistics.fmean(known.frame_bytes.get(kind) or [0.0]), doubt)
        elif folder:
            paces[kind] = _probed(job, rendering, folder / "probe")
        else:
            preset, quality, width, height = kind
            unknown.append(f"what a frame costs of {preset}, {quality}, {width}x{height}")
    return paces


def _probed(job: Job, rendering: RenderOptions, folder: Path) -> _Pace:
    """Speak the beginning of a row, render two seconds of it, and see what that took."""
    segment = _segment_of(job, renderer.identity(job.preset, rendering.weights), folder)
    threads = max(1, len(os.sched_getaffinity(0)) // pool_size([_here()], job.preset, rendering.actors).workers)
    drawing = renderer.load(job.preset, rendering.weights, threads)
    for frames in (PROBE_FRAMES // 4, PROBE_FRAMES):  # the first time something is always loaded
        part = replace(segment, end_frame=min(segment.end_frame, segment.start_frame + frames))
        clip = folder / f"probe{SUFFIX}"
        began = time.monotonic()
        with LosslessWriter(clip, job.width, job.height) as writer:
            for frame in drawing.render(job, part, lambda: False):
                writer.write_yuv(frame) if isinstance(frame, av.VideoFrame) else writer.write(frame)
        frame_s, size = (time.monotonic() - began) / part.frames, clip.stat().st_size / part.frames
    return _Pace(frame_s, size, DOUBT_OF_PROBE)


def _segment_of(job: Job, identity: str, folder: Path) -> Segment:
    job = replace(job, script=_beginning(job.script))
    return plan.fn(job, speak.fn(job, folder), identity)[0]


def _planned(job: Job, identity: str, folder: Path) -> tuple[Segment, ...]:
    return plan.fn(job, speak.fn(job, folder), identity)


def _here() -> dict[str, float]:
    return {"CPU": len(os.sched_getaffinity(0))}


def _beginning(script: str) -> str:
    """The first sentences of a script."""
    if len(script) <= PROBE_CHARACTERS:
        return script
    ends = [script.rfind(mark, 0, PROBE_CHARACTERS) + 1 for mark in (". ", "! ", "? ", ".\n", "。", "\n\n", " ")]
    return script[: next((end for end in ends if end > PROBE_CHARACTERS // 4), PROBE_CHARACTERS)]


class _Lengths:
    """How long rows will be, in frames.

    Args:
        probing: Whether a voice of which nothing is known may say something.

    Attributes:
        unknown: The voices of which nothing is known.
    """

    def __init__(self, known: History, *, probing: bool) -> None:
        self._known, self._probing = known, probing
        self._voices: dict[str, float] = {}
        self.unknown: list[str] = []

    def of(self, job: Job) -> float:
        """Of a recording its length; of a script by its characters, which every voice says at its own pace."""
        if job.audio:
            return probe(job.audio).duration_ms * FPS / 1000
        if job.voice not in self._voices:
            self._voices[job.voice] = self._known.speaking_s(job.voice) or self._heard(job)
        return len(job.script) * self._voices[job.voice] * FPS

    def _heard(self, job: Job) -> float:
        if not self._probing:
            self.unknown.append(f"how fast {job.voice} speaks")
            return CHARACTER_S
        text = _beginning(job.script)
        with tempfile.TemporaryDirectory(prefix="actalker-estimate-") as folder:
            return speak.fn(replace(job, script=text), Path(folder)).frames / FPS / len(text)
