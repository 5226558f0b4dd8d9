"""What the pages of batches show: figures and rows, as plain values that a template prints."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from flows.status_view import ENDED
from flows.web import words
from tasks.job import FPS, Outcome
from tasks.records.report import DONE, BatchReport, RowReport
from tasks.records.review_log import Decision, Review

FAILED = {"failed", "cancelled"}
AT_WORK = {"rendering", "pause-requested", "cancel-requested"}
"""What no row is in whose batch nobody works on."""
ADVICE = {
    "Quarantined": "One segment has ended three workers. Check the row's portrait and its sound; the others went on.",
    "RenderFailed": "Retry it. If it fails again, the log of the batch has the renderer's last words.",
    "WorkerLost": "A worker was lost. Retry the row.",
    "TimedOut": "It took longer than its limit. Retry it when the machine has less to do.",
    "ToolFailed": "Retry it. If it fails again, the log of the batch has the program's last words.",
    "NoSpace": "Free some space on the workspace's disk, then retry the row.",
    "BadInput": "Mend the row in the manifest, and submit it again.",
    "WordsNotFound": "Mend the row in the manifest, and submit it again.",
}
"""Class of error -> what to do."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A batch in figures.

    Attributes:
        look: Rows that are done and carry findings.
        reuse: The share of segments that were found and not rendered; None while no row is done.
        waiting: Videos that nobody has decided about.
        requested: Orders that are not obeyed yet.
        suspended: Why it is left to a later run; empty if it is not.
        command: What goes on with it, to be typed again; empty where nobody knows.
    """

    name: str
    manifest: str
    state: str
    error: str
    rows: int
    done: int
    ended: int
    failed: int
    look: int
    segments: int
    rendered: int
    pace: float
    done_at: str
    cost_s: float
    video_s: float
    elapsed_s: float
    started_ms: int
    reuse: float | None
    approved: int
    rejected: int
    waiting: int
    running: bool
    requested: tuple[str, ...]
    damaged: tuple[str, ...]
    suspended: str
    command: str


@dataclass(frozen=True, slots=True)
class RowLine:
    """One row.

    Attributes:
        findings: What is wrong, or what needs a look: a sentence each.
        advice: What to do about it.
        decision: approved, rejected, or empty.
        poster: The address of its picture; empty where there is none.
        rank: Failed rows first, then those with findings, those at work, those that wait, and those that are done.
    """

    id: str
    title: str
    place: int
    state: str
    seconds: float
    segments: str
    cost_s: float | None
    findings: tuple[str, ...]
    advice: str
    decision: str
    url: str
    poster: str
    rank: int


def figures(report: BatchReport, decided: Mapping[str, Review]) -> Figures:
    """A batch in figures.

    Args:
        decided: See `flows.web.site.decisions`.
    """
    rows = report.rows.values()
    ended = [row.video for row in rows if row.video and row.video.outcome in DONE]
    planned = sum(video.segments for video in ended)
    verdicts = [review.decision for review in decided.values()]
    return Figures(
        name=report.id,
        manifest=report.manifest,
        state=report.state,
        error=report.error,
        rows=len(report.rows),
        done=len(ended),
        ended=sum(row.state in ENDED | FAILED for row in rows),
        failed=report.count(Outcome.FAILED),
        look=sum(needs_look(row) for row in rows),
        segments=sum(row.segments for row in rows),
        rendered=sum(row.rendered for row in rows),
        pace=report.pace,
        done_at=words.done_at(report),
        cost_s=report.render_s,
        video_s=report.video_s,
        elapsed_s=report.elapsed_s,
        started_ms=report.started_ms,
        reuse=1 - sum(video.segments_rendered for video in ended) / planned if planned else None,
        approved=verdicts.count(Decision.APPROVE),
        rejected=verdicts.count(Decision.REJECT),
        waiting=len(ended) - len(verdicts),
        running=report.running,
        requested=tuple(map(str, report.requested)),
        damaged=tuple(report.damaged),
        suspended=report.suspended if report.state == "suspended" else "",
        command=report.command,
    )


def needs_look(row: RowReport) -> bool:
    """Whether a row is done and carries findings."""
    return row.state in {"done", "reused"} and bool(row.remark)


def row_url(batch: str, row: str) -> str:
    """The address of a row's page."""
    return f"/batches/{quote(batch, safe='')}/rows/{quote(row, safe='')}"


def row_line(report: BatchReport, row: RowReport, decided: Mapping[str, Review], place: int = 0) -> RowLine:
    """What a page shows of a row."""
    video = row.video
    failed = row.state in FAILED
    done = video.segments if video and video.outcome in DONE else row.rendered
    url = row_url(report.id, row.id)
    poster = video.files.get("poster.jpg", "") if video else ""
    advice = ADVICE.get(video.error_class, "Read the log of the batch, then retry the row.") if video and failed else ""
    if row.state == "cancelled":
        advice = "Retry it, or resume it, to have it rendered."
    if needs_look(row):
        advice = "Watch the video, then approve or reject it."
    decision = decided[row.id].decision if row.id in decided else ""
    rank = 0 if failed else 1 if needs_look(row) and not decision else 2 if row.at_work else 4 if row.video else 3
    return RowLine(
        id=row.id,
        title=row.title,
        place=place,
        state=row.state if report.running or row.state not in AT_WORK else _left(report),
        seconds=(video.frames if video and video.frames else row.frames) / FPS,
        segments=f"{done}/{row.segments or (video.segments if video else 0)}",
        cost_s=video.render_ms / 1000 if video else None,
        findings=((video.error,) if video.error else video.notes) if video else (),
        advice=advice,
        decision={"approve": "approved", "reject": "rejected"}.get(decision, ""),
        url=url,
        poster=f"{url}/files/poster.jpg?v={poster[:12]}" if poster else "",
        rank=rank,
    )


def _left(report: BatchReport) -> str:
    """What a row is that was at work when its batch ended."""
    return "suspended" if report.state == "suspended" else "interrupted"


SORTS: dict[str, tuple[str, Callable[[RowLine], tuple[object, ...]]]] = {
    "attention": ("what needs attention first", lambda line: (line.rank, line.place)),
    "row": ("as in the manifest", lambda line: (line.place,)),
    "id": ("by id", lambda line: (line.id.casefold(),)),
    "longest": ("longest first", lambda line: (-line.seconds, line.place)),
    "dearest": ("most expensive first", lambda line: (-(line.cost_s or 0), line.place)),
}
FILTERS: dict[str, tuple[str, Callable[[RowLine], bool]]] = {
    "all": ("all rows", lambda line: True),
    "attention": ("failed or to be looked at", lambda line: line.rank < 2),
    "failed": ("failed", lambda line: line.state == "failed"),
    "review": ("waiting for review", lambda line: line.state in {"done", "reused"} and not line.decision),
    "approved": ("approved", lambda line: line.decision == "approved"),
    "rejected": ("rejected", lambda line: line.decision == "rejected"),
    "open": ("not rendered yet", lambda line: line.state not in ENDED | FAILED),
}


def chosen(lines: Sequence[RowLine], wanted: str, sort: str, search: str) -> list[RowLine]:
    """The lines that a filter and a search leave, sorted. What is not known means the first of each."""
    _, fits = FILTERS.get(wanted, FILTERS["all"])
    _, order = SORTS.get(sort, SORTS["attention"])
    text = search.casefold().strip()
    found = (line for line in lines if fits(line) and _holds(line, text))
    return sorted(found, key=order)


def _holds(line: RowLine, text: str) -> bool:
    return not text or any(text in part.casefold() for part in (line.id, line.title, *line.findings))


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The videos that wait for a review, about one of them: addresses, empty where there is none."""

    before: str
    after: str
    waiting: int


def neighbours(report: BatchReport, name: str, decided: Mapping[str, Review]) -> Neighbours:
    """Which videos wait before and after a row, in the order of the manifest, around its end."""
    order = list(report.rows.values())
    place = next(k for k, row in enumerate(order) if row.id == name)
    ring = [*order[place + 1 :], *order[:place]]
    waiting = [row.id for row in ring if row.video and row.video.outcome in DONE and row.id not in decided]
    urls = [row_url(report.id, row) for row in waiting]
    return Neighbours(urls[-1] if urls else "", urls[0] if urls else "", len(urls))


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of a lane: in thousandths of the lane's width."""

    start: int
    width: int
    kind: str
    title: str = ""


def merged(bars: Sequence[Bar], gap: int = 1) -> list[Bar]:
    """Bars of one kind that touch, as one: a lane has no more of them than can be seen."""
    kept: list[Bar] = []
    for bar in sorted(bars, key=lambda bar: bar.start):
        last = kept[-1] if kept else None
        if (
            last
            and last.kind == bar.kind
            and bar.start - last.start - last.width <= gap
            and bar.width < 4
            and not (last.width >= 200)
        ):
            kept[-1] = Bar(last.start, max(last.width, bar.start + bar.width - last.start), last.kind)
        else:
            kept.append(bar)
    return kept
