"""From the events of a batch to the columns of its tables, without Arrow. The latest event of a row counts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import PurePath

from tasks.job import FPS, Attempt, Outcome, Verdict
from tasks.records import journal
from tasks.records.journal import (
    BatchEnded,
    BatchStarted,
    Checked,
    SegmentEnded,
    VideoEnded,
    VideoPlanned,
    WorkerStarted,
)
from tasks.records.report import BatchReport
from tasks.records.review_log import Review

Columns = dict[str, list[object]]
"""A table: the values of every column, in the order of its rows."""

_VIDEO = [one.name for one in fields(VideoEnded) if one.name not in {"started_ms", "ended_ms"}]
_SEGMENT = [one.name for one in fields(SegmentEnded)]
_ATTEMPT = [one.name for one in fields(Attempt) if one.name not in {"started_ms", "ended_ms"}]
_VERDICT = [one.name for one in fields(Verdict)]
_REVIEW = [one.name for one in fields(Review) if one.name != "at_ms"]


@dataclass
class Tables:
    """A batch's events, sorted into the rows of its tables.

    Attributes:
        started_ms: When the batch was first taken up.
        created_ms: When each row was first seen.
        attempts: Each with what is known of its worker.
    """

    started_ms: int = 0
    runs: int = 0
    latest: BatchStarted | None = None
    ended: BatchEnded | None = None
    created_ms: dict[str, int] = field(default_factory=dict)
    videos: dict[str, VideoEnded] = field(default_factory=dict)
    segments: dict[str, dict[int, SegmentEnded]] = field(default_factory=dict)
    attempts: list[tuple[Attempt, WorkerStarted | None]] = field(default_factory=list)
    checks: dict[str, dict[int, Checked]] = field(default_factory=dict)
    _workers: dict[str, WorkerStarted] = field(default_factory=dict)
    _report: BatchReport = field(default_factory=lambda: BatchReport(""))

    def add(self, event: journal.Event) -> None:
        """Take one event in."""
        self._report.take(event)
        match event:
            case BatchStarted():
                self.started_ms = self.started_ms or event.started_ms
                self.latest, self.ended, self.runs = event, None, self.runs + 1
                for job_id, _ in event.rows:
                    self.created_ms.setdefault(job_id, event.started_ms)
            case WorkerStarted():
                self._workers[event.address] = event
            case VideoPlanned():
                self.segments.pop(event.job_id, None)  # those of an earlier plan
                self.checks.pop(event.job_id, None)
            case VideoEnded():
                self.videos[event.job_id] = event
            case SegmentEnded():
                self.segments.setdefault(event.job_id, {})[event.index] = event
            case Checked():
                self.checks.setdefault(event.job_id, {})[event.index] = event
            case Attempt():
                self.attempts.append((event, self._workers.get(event.worker)))
            case BatchEnded():
                self.ended = event
            case _:
                pass

    def columns(self) -> dict[str, Columns]:
        """The tables by name. Settings are not yet columns of their own; `reviews` are not among the events."""
        return {
            "videos": self._videos(),
            "segments": _columns(self._segments(), _SEGMENT),
            "attempts": self._attempts(),
            "checks": self._checks(),
            "batches": {name: [value] for name, value in self._totals().items()},
        }

    def _segments(self) -> list[SegmentEnded]:
        return [segment for row in self.segments.values() for segment in row.values()]

    def _videos(self) -> Columns:
        videos = list(self.videos.values())
        rendered_ms = {attempt.key: attempt.ended_ms for attempt, _ in self.attempts if attempt.outcome is Outcome.DONE}

        def last_clip(video: VideoEnded) -> int | None:
            row = self.segments.get(video.job_id, {}).values()
            return max((rendered_ms[segment.key] for segment in row if segment.key in rendered_ms), default=None)

        return {
            **_columns(videos, _VIDEO),
            "created": [self.created_ms.get(video.job_id) for video in videos],
            "started": [video.started_ms for video in videos],
            "rendered": [last_clip(video) for video in videos],
            "finished": [video.ended_ms for video in videos],
        }

    def _attempts(self) -> Columns:
        attempts = [attempt for attempt, _ in self.attempts]
        workers = [worker for _, worker in self.attempts]
        return {
            **_columns(attempts, _ATTEMPT),
            "started": [attempt.started_ms for attempt in attempts],
            "ended": [attempt.ended_ms for attempt in attempts],
            **{
                name: [worker and getattr(worker, name) for worker in workers]
                for name in ("host", "device", "versions")
            },
        }

    def _checks(self) -> Columns:
        rows = [(found, one) for row in self.checks.values() for found in row.values() for one in found.verdicts]
        return {
            **_columns([found for found, _ in rows], ("job_id", "index")),
            **_columns([verdict for _, verdict in rows], _VERDICT),
        }

    def _totals(self) -> dict[str, object]:
        """The one row of `batches`."""
        videos, segments = self.videos.values(), self._segments()
        outcomes = [video.outcome for video in videos]
        made = [segment.outcome for segment in segments]
        frames = sum(video.frames for video in videos)
        latest = self.latest
        return {
            "manifest": PurePath(latest.manifest).name if latest else "",
            "manifest_path": latest.manifest if latest else "",
            "command": latest.command if latest else "",
            "state": self._report.state,
            "error": self.ended.error if self.ended else "",
            "rows": len(latest.rows) if latest else len(videos),
            "done": outcomes.count(Outcome.DONE),
            "reused": outcomes.count(Outcome.REUSED),
            "failed": outcomes.count(Outcome.FAILED),
            "cancelled": outcomes.count(Outcome.CANCELLED),
            "skipped": outcomes.count(Outcome.SKIPPED),
            "needs_a_look": sum(
                bool(video.notes) and video.outcome in {Outcome.DONE, Outcome.REUSED} for video in videos
            ),
            "frames": frames,
            "video_seconds": frames / FPS,
            "render_ms": sum(video.render_ms for video in videos),
            "segments": len(segments),
            "segments_rendered": made.count(Outcome.DONE),
            "segments_reused": made.count(Outcome.REUSED),
            "attempts": len(self.attempts),
            "attempts_failed": sum(attempt.outcome is Outcome.FAILED for attempt, _ in self.attempts),
            "runs": self.runs,
            "created": self.started_ms,
            "started": latest.started_ms if latest else None,
            "ended": self.ended.ended_ms if self.ended else None,
        }


def review_columns(reviews: Iterable[Review]) -> Columns:
    """The table `reviews`."""
    rows = list(reviews)
    return {**_columns(rows, _REVIEW), "at": [review.at_ms for review in rows]}


def setting(settings: object, path: Sequence[str]) -> object:
    """A value of a video's settings; None where there is none.

    Args:
        settings: What their JSON holds.
    """
    for name in path:
        settings = settings.get(name) if isinstance(settings, dict) else None
    return settings


def _columns(rows: Sequence[object], names: Iterable[str]) -> dict[str, list[object]]:
    return {name: [getattr(row, name) for row in rows] for name in names}
