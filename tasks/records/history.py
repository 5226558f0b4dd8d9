"""History: what earlier batches of a workspace took, for estimates of the next one.

Seconds per frame, seconds of speech per character, lossless bytes per frame, and how a batch spends its time. Only of
the latest batches: machines and versions change.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from tasks.job import FPS, Job
from tasks.records import ledger
from tasks.records.batch_context import FINISHING_ROWS
from tasks.records.store import Store, digest_of

log = logging.getLogger(__name__)

BATCHES = 30
CLIPS = 40
"""So many clips are measured at most."""

Kind: TypeAlias = tuple[str, str, int, int]
"""What decides how long a frame takes: preset, quality, width, height."""


def kind_of(job: Job) -> Kind:
    """The kind of a row."""
    return str(job.preset), str(job.quality), job.width, job.height


@dataclass(frozen=True, slots=True)
class RowBefore:
    """A row that was delivered before, and how long it was.

    Attributes:
        keys: Of its segments.
    """

    frames: int
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BatchBefore:
    """How a batch spent its time.

    Attributes:
        kinds: Of its rows.
        start_s: From its start to its first segment.
        slack: How many times as long it took from there to its end as `bound_s` says: workers wait for each other, for
            the next rows, and for the cores that they share with the finishing.
    """

    kinds: frozenset[Kind]
    start_s: float
    slack: float
    workers: int


def bound_s(render_s: float, finish_s: float, workers: int) -> float:
    """The least time, in seconds, in which workers can render and the driver can finish so much."""
    return max(render_s / max(1, workers), finish_s / FINISHING_ROWS)


@dataclass
class History:
    """What a workspace knows.

    Attributes:
        frame_s: Seconds of one worker for a frame, one figure for each segment.
        mean_frame_s: The seconds of all segments over their frames, and how many frames these are.
        character_s: Voice -> seconds of speech for a character of a script, one figure for each row.
        finish_s: Seconds for stitching, captions and assembly, for a frame, one figure for each row.
        frame_bytes: Of a lossless clip.
        rows: Fingerprint (`fingerprint`) -> the row.
    """

    frame_s: dict[Kind, list[float]] = field(default_factory=lambda: defaultdict(list))
    mean_frame_s: dict[Kind, tuple[float, int]] = field(default_factory=dict)
    character_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    finish_s: dict[Kind, list[float]] = field(default_factory=lambda: defaultdict(list))
    frame_bytes: dict[Kind, list[float]] = field(default_factory=lambda: defaultdict(list))
    batches: list[BatchBefore] = field(default_factory=list)
    rows: dict[str, RowBefore] = field(default_factory=dict)

    def speaking_s(self, voice: str) -> float | None:
        """Seconds for a character of a script, as this voice has spoken; None if it has not."""
        figures = self.character_s.get(voice)
        return sum(figures) / len(figures) if figures else None

    def like(self, kinds: set[Kind]) -> list[BatchBefore]:
        """The batches that had rows of these kinds."""
        return [batch for batch in self.batches if batch.kinds & kinds]


def fingerprint(facts: Mapping[str, Any]) -> str:
    """All that decides what a row looks and sounds like, from a row of the ledger or from `facts_of`."""
    names = (
        "portrait_sha256", "script_sha256", "audio_sha256", "driving_sha256", "lexicon_sha256", "voice", "language",
        "seed", "renderer", "preset", "quality", "width", "height", "face_box", "audio_gate", "motion_gate",
        "head_movement", "denoise",
    )  # fmt: skip
    return digest_of(*(repr(facts.get(name) or "") for name in names))


def facts_of(job: Job, renderer: str) -> dict[str, Any]:
    """A row that is to be rendered, as `fingerprint` takes it."""
    facts = {name: getattr(job, name) for name in job.__dataclass_fields__}
    return {
        **facts,
        "script_sha256": digest_of(job.script) if job.script else "",
        "renderer": renderer,
        "preset": str(job.preset),
        "quality": str(job.quality),
        "face_box": list(job.face_box) if job.face_box else None,
    }


def read(store: Store) -> History:
    """The history of a workspace. What is damaged is left out."""
    history = History()
    for path in sorted(ledger.files(store.ledger, "videos"), key=lambda path: -path.stat().st_mtime)[:BATCHES]:
        try:
            tables = {name: _rows(path, name) for name in ("videos", "segments", "attempts", "batches")}
        except OSError as error:
            log.warning("left out of the estimate: %s", error)
            continue
        _add(history, tables, store.root)
    return history


def _rows(videos: Path, name: str) -> list[dict[str, Any]]:
    """The rows of another table of the batch that this file of `videos` is of."""
    path = Path(*(name if part == "videos" else part for part in videos.parts))
    return list(ledger.read(path).to_pylist()) if path.exists() else []


def _add(history: History, tables: Mapping[str, list[dict[str, Any]]], root: Path) -> None:
    videos = {row["job_id"]: row for row in tables["videos"] if row["outcome"] in {"done", "reused"}}
    kinds = {name: (row["preset"], row["quality"], row["width"], row["height"]) for name, row in videos.items()}
    done = [row for row in tables["attempts"] if row["outcome"] == "done" and row["frames"] and row["job_id"] in kinds]
    for attempt in done:
        of, spent_s = kinds[attempt["job_id"]], attempt["render_ms"] / 1000
        history.frame_s[of].append(spent_s / attempt["frames"])
        history.mean_frame_s[of] = _mean(history.mean_frame_s.get(of), spent_s, attempt["frames"])
    keys: dict[str, list[str]] = defaultdict(list)
    for segment in tables["segments"]:
        keys[segment["job_id"]].append(segment["key"])
        kind = kinds.get(segment["job_id"])
        if kind and len(history.frame_bytes[kind]) < CLIPS and segment["path"]:
            history.frame_bytes[kind] += _bytes_a_frame(root / segment["path"], segment)
    for name, video in videos.items():
        measured = dict(video["measured"] or ())
        if video["outcome"] == "done" and video["frames"]:
            history.finish_s[kinds[name]].append(_finishing_s(video) / video["frames"])
        history.rows.setdefault(fingerprint(video), RowBefore(video["frames"], tuple(keys[name])))
        if characters := measured.get("script_characters", 0.0):
            history.character_s[video["voice"]].append(video["frames"] / FPS / characters)
    finish_s = sum(map(_finishing_s, videos.values()))
    history.batches += _spent(tables["batches"], done, frozenset(kinds.values()), finish_s)


def _mean(before: tuple[float, int] | None, spent_s: float, frames: int) -> tuple[float, int]:
    mean, count = before or (0.0, 0)
    return (mean * count + spent_s) / (count + frames), count + frames


def _finishing_s(video: Mapping[str, Any]) -> float:
    stages: dict[str, int] = dict(video["stages_ms"] or ())
    return sum(stages.get(name, 0) for name in ("stitch", "subtitle", "assemble", "record")) / 1000


def _bytes_a_frame(clip: Path, segment: Mapping[str, Any]) -> Iterator[float]:
    if clip.exists():
        yield clip.stat().st_size / max(1, segment["end_frame"] - segment["start_frame"])


def _spent(
    totals: Sequence[Mapping[str, Any]], done: Sequence[Mapping[str, Any]], kinds: frozenset[Kind], finish_s: float
) -> Iterator[BatchBefore]:
    """How the batch spent its time, where one run of it rendered everything."""
    if len(totals) != 1 or totals[0]["runs"] != 1 or totals[0]["ended"] is None or not done:
        return
    total, workers = totals[0], len({attempt["worker"] for attempt in done})
    first = min(one["started"] for one in done)
    least_s = bound_s(sum(one["render_ms"] for one in done) / 1000, finish_s, workers)
    start_s, rest_s = (first - total["started"]).total_seconds(), (total["ended"] - first).total_seconds()
    if least_s:
        yield BatchBefore(kinds, start_s, rest_s / least_s, workers)
