"""How far a batch is, for a terminal and as JSON."""

import time
from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from flows.screen import COLOURS, clock, counted
from tasks.job import FPS, Outcome
from tasks.records.report import DONE, BatchReport, RowReport

ENDED = {"done", "reused", "skipped"}


def facts_of(report: BatchReport) -> dict[str, object]:
    """A batch as plain values."""
    left = report.time_left
    return {
        "batch": report.id,
        "manifest": report.manifest,
        "state": report.state,
        "error": report.error,
        "rows": len(report.rows),
        "done": report.count(*DONE),
        "failed": report.count(Outcome.FAILED),
        "skipped": report.count(Outcome.SKIPPED),
        "cancelled": report.count(Outcome.CANCELLED),
        "needs_a_look": sum(bool(row.remark) and row.state in ENDED for row in report.rows.values()),
        "segments": sum(row.segments for row in report.rows.values()),
        "segments_rendered": sum(row.rendered for row in report.rows.values()),
        "frames_per_second": round(report.pace, 2),
        "seconds_left": left and round(left.half_s),
        "seconds_left_nine_in_ten": left and round(left.most_s),
        "elapsed_seconds": round(report.elapsed_s, 1),
        "video_seconds": round(report.video_s, 2),
        "worker_seconds": round(report.render_s, 1),
        "workers": [
            {"worker": at.worker, "row": at.job_id, "segment": at.index, "started_ms": at.started_ms}
            for at in report.at_work.values()
        ],
        "orders_not_obeyed": [str(order) for order in report.requested],
        "damaged": report.damaged,
        "videos": [_row_facts(row) for row in report.rows.values()],
    }


def _row_facts(row: RowReport) -> dict[str, object]:
    video = row.video
    return {
        "id": row.id,
        "title": row.title,
        "state": row.state,
        "seconds": round((video.frames if video and video.frames else row.frames) / FPS, 2),
        "segments": row.segments,
        "segments_rendered": row.rendered,
        "worker_seconds": video.render_ms / 1000 if video else None,
        "video": video.path if video else "",
        "error": video.error if video else "",
        "notes": list(video.notes) if video else [],
    }


def view(report: BatchReport, most_rows: int | None = None) -> RenderableType:
    """A batch on a terminal: how far it is, its workers, and a line for each row.

    Args:
        most_rows: So many rows at most, those first that are at work or need a look.
    """
    parts: list[RenderableType] = [Text.from_markup(f"[bold]{escape(report.id)}[/]: {_headline(report)}")]
    if report.error:
        parts.append(Text.from_markup(f"[red]It ended early:[/] {escape(report.error)}"))
    if report.is_full:
        reserve_mb = report.reserve_bytes >> 20
        parts.append(Text(f"Less than {reserve_mb} MiB are free: make some space, and it goes on.", style="yellow"))
    parts += [Text(f"not obeyed yet: {order}", style="yellow") for order in report.requested]
    parts += [Text(line, style="yellow") for line in report.damaged]
    parts += [Text(line) for line in _workers(report)]
    rows = list(report.rows.values())
    shown = rows if most_rows is None or len(rows) <= most_rows else sorted(rows, key=_interest)[:most_rows]
    parts.append(_table(shown))
    if len(shown) < len(rows):
        parts.append(Text(f"and {counted(len(rows) - len(shown), 'row')} more: --all shows them"))
    return Group(*parts)


def _headline(report: BatchReport) -> str:
    done = report.count(*DONE)
    parts = [f"[bold]{report.state}[/]", f"{done} of {counted(len(report.rows), 'row')} done"]
    others = {outcome: report.count(outcome) for outcome in (Outcome.FAILED, Outcome.CANCELLED, Outcome.SKIPPED)}
    parts += [f"[{COLOURS[outcome]}]{number} {outcome}[/]" for outcome, number in others.items() if number]
    segments, rendered = (sum(getattr(row, name) for row in report.rows.values()) for name in ("segments", "rendered"))
    if report.running:
        parts.append(f"{rendered} segments rendered of {segments} planned")
        if report.pace:
            parts.append(f"{report.pace:.1f} frames/s")
        if left := report.time_left:
            parts.append(f"{clock(left.half_s)} left, nine in ten times less than {clock(left.most_s)}")
    parts.append(f"{clock(report.elapsed_s)} so far" if report.running else f"took {clock(report.elapsed_s)}")
    parts.append(f"{clock(report.video_s)} of video for {report.render_s:.0f} worker seconds")
    return ", ".join(parts)


def _workers(report: BatchReport) -> Iterable[str]:
    now = time.time() * 1000
    for at in sorted(report.at_work.values(), key=lambda at: at.worker):
        yield f"{at.worker}: {at.job_id}[{at.index}] for {max(0.0, now - at.started_ms) / 1000:.0f} s"


def _interest(row: RowReport) -> tuple[int, int]:
    """At work first, then what failed or needs a look, then what waits, then what is done."""
    if row.at_work or row.state == "rendering":
        return 0, 0
    if row.remark:
        return 1, 0
    return (3, -(row.video.ended_ms if row.video else 0)) if row.state in ENDED else (2, 0)


def _table(rows: Iterable[RowReport]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("row", "state", "length", "segments", "cost", "remark"):
        table.add_column(column, overflow="fold", justify="right" if column in {"length", "cost"} else "left")
    for row in rows:
        video = row.video
        done = video.segments if video and not video.error else row.rendered
        table.add_row(
            escape(row.id),
            f"[{COLOURS.get(row.state, 'white')}]{row.state}[/]",
            clock((video.frames if video and video.frames else row.frames) / FPS),
            f"{done}/{row.segments}",
            f"{video.render_ms / 1000:.1f} s" if video else "",
            escape(row.remark),
        )
    return table
