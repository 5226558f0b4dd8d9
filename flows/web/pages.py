"""The pages that show: batches, one batch, one video, workers, the schedule."""

import mimetypes
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, JSONResponse, Response

from flows.inbox import DONE, REFUSED
from flows.status_view import facts_of
from flows.web import attempts_view, batch_view, video_view
from flows.web.attempts_view import WorkerLine
from flows.web.batch_view import FILTERS, SORTS, Figures, RowLine
from flows.web.folders import manifests_of, moved_to
from flows.web.render import page
from flows.web.site import Followed, NotHere, Site, decisions, row_of
from tasks.job import Attempt
from tasks.records.journal import VIDEO
from tasks.records.report import BatchReport, RowReport
from tasks.records.review_log import Decision

router = APIRouter()

BATCHES = 40
"""So many on one page."""
LOG_BYTES = 64 << 10
FOREVER = "private, max-age=31536000, immutable"
"""Of a file whose address holds its digest."""

mimetypes.add_type("text/vtt", ".vtt")
mimetypes.add_type("application/ttml+xml", ".ttml")
for suffix in (".srt", ".ass"):
    mimetypes.add_type("text/plain", suffix)


def site_of(request: Request) -> Site:
    """The workspace that is shown."""
    site: Site = request.app.state.site
    return site


def _figures(followed: Followed) -> Figures:
    report = followed.report()
    return batch_view.figures(report, decisions(report, followed.reviews()))


def _all(site: Site, first: int = 0) -> list[Figures]:
    found = []
    for name in site.names()[first : first + BATCHES]:
        with site.batch(name) as followed:
            found.append(_figures(followed))
    return found


@router.get("/")
def batches(request: Request, first: int = 0) -> Response:
    """All batches, newest first."""
    site, first = site_of(request), max(0, first)
    context = {"batches": _all(site, first), "first": first, "total": len(site.names()), "step": BATCHES}
    return page(request, "batches.html", inbox=site.inbox, **context)


@router.get("/live")
def batches_live(request: Request, first: int = 0) -> Response:
    """The part of the page that changes."""
    return page(request, "part_batches.html", batches=_all(site_of(request), max(0, first)), first=first)


@router.get("/api/batches")
def api_batches(request: Request) -> Response:
    """All batches, as JSON."""
    return JSONResponse([asdict(one) for one in _all(site_of(request))])


@router.get("/api/batches/{batch}")
def api_batch(request: Request, batch: str) -> Response:
    """One batch, as `actalker status --json` has it."""
    with site_of(request).batch(batch) as followed:
        return JSONResponse(facts_of(followed.report()))


@router.get("/batches/{batch}")
def one_batch(
    request: Request, batch: str, show: str = "all", sort: str = "attention", q: str = "", order: str = ""
) -> Response:
    """One batch and its rows."""
    with site_of(request).batch(batch) as followed:
        figures, lines = _rows(followed)
        context = {"timeline": followed.timeline(), "given": _given(followed.report(), order)}
    counts = {name: sum(map(fits, lines)) for name, (_, fits) in FILTERS.items()}
    return page(
        request,
        "batch.html",
        counts=counts,
        filters=FILTERS,
        sorts=SORTS,
        show=show if show in FILTERS else "all",
        sort=sort if sort in SORTS else "attention",
        order=order,
        **_chosen(figures, lines, show, sort, q),
        **context,
    )


@router.get("/batches/{batch}/rows")
def rows_live(request: Request, batch: str, show: str = "all", sort: str = "attention", q: str = "") -> Response:
    """The rows, which change while a batch runs."""
    with site_of(request).batch(batch) as followed:
        figures, lines = _rows(followed)
    return page(request, "part_rows.html", **_chosen(figures, lines, show, sort, q))


def _chosen(figures: Figures, lines: Sequence[RowLine], show: str, sort: str, q: str) -> dict[str, object]:
    """What `part_rows.html` needs."""
    chosen = urlencode({"show": show, "sort": sort, "q": q})
    return {"batch": figures, "lines": batch_view.chosen(lines, show, sort, q), "chosen": chosen, "q": q}


def _rows(followed: Followed) -> tuple[Figures, list[RowLine]]:
    report = followed.report()
    decided = decisions(report, followed.reviews())
    lines = [batch_view.row_line(report, row, decided, place) for place, row in enumerate(report.rows.values(), 1)]
    return batch_view.figures(report, decided), lines


@router.get("/batches/{batch}/live")
def one_batch_live(request: Request, batch: str, order: str = "") -> Response:
    """The part of the page that changes."""
    with site_of(request).batch(batch) as followed:
        report = followed.report()
        context = {
            "batch": batch_view.figures(report, decisions(report, followed.reviews())),
            "timeline": followed.timeline(),
            "given": _given(report, order),
        }
    return page(request, "part_batch.html", order=order, **context)


def _given(report: BatchReport, order_id: str) -> tuple[str, str] | None:
    """The order that was just given from the page, and what has become of it."""
    if not order_id:
        return None
    for order in report.orders:
        if order.id == order_id:
            return str(order), "obeyed"
    for order in report.requested:
        if order.id == order_id:
            return str(order), "not obeyed yet" if report.running else "obeyed when the batch goes on"
    return None


@router.get("/batches/{batch}/log")
def log(request: Request, batch: str) -> Response:
    """The end of a batch's log."""
    site = site_of(request)
    with site.batch(batch):
        path = site.root / "batches" / batch / "log.txt"
    return page(request, "log.html", batch=batch, text=tail(path), limit=LOG_BYTES)


def tail(path: Path) -> str:
    """The end of a text file, in whole lines; empty where there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - LOG_BYTES))
        text = file.read().decode("utf-8", "replace")
    return text if size <= LOG_BYTES else text.partition("\n")[2]


@router.get("/batches/{batch}/rows/{row}")
def one_video(request: Request, batch: str, row: str, order: str = "", reviewed: str = "") -> Response:
    """One row: its video, or why there is none."""
    site = site_of(request)
    with site.batch(batch) as followed:
        report = followed.report()
        found = row_of(report, row)
        reviews = followed.reviews()
        decided = decisions(report, reviews)
        details = followed.details()
        attempts: dict[int, list[Attempt]] = defaultdict(list)
        for attempt in details.attempts:
            if attempt.job_id == row:
                attempts[attempt.index].append(attempt)
        working = frozenset(at.index for at in report.at_work.values() if at.job_id == row)
        ended = dict(details.segments.get(row, {}))
        checks = dict(details.checks.get(row, {}))
        line = batch_view.row_line(report, found, decided, list(report.rows).index(row) + 1)
        context = {
            "batch": batch_view.figures(report, decided),
            "line": line,
            "video": found.video,
            "near": batch_view.neighbours(report, row, decided),
            "reviews": [one for one in reviews if one.job_id == row],
            "decision": decided.get(row),
            "given": _given(report, order),
            "priority": report.steering.priorities.get(row, ""),
            "held": report.steering.holds(row),
        }
        folder = site.root / "videos" / batch / row
        files = {name: site.delivered(batch, found, f"{row}.{name}") for name in ("mp4", "vtt", "words.json")}
        chapters = site.delivered(batch, found, f"{row}.chapters.txt")
    return page(
        request,
        "video.html",
        files=files,
        urls=_file_urls(line.url, found),
        script=video_view.script_of(files["words.json"]),
        chapters=video_view.chapters_of(chapters),
        parts=video_view.parts_of(ended, attempts, working, found.segments, checks),
        verdicts=checks.get(VIDEO, ()),
        lineage=video_view.lineage_of(found.video, folder) if found.video else None,
        reviewed=Decision(reviewed) if reviewed in set(Decision) else "",
        **context,
    )


def _file_urls(url: str, row: RowReport) -> dict[str, str]:
    """The addresses of a row's files: each holds the file's digest, so that a browser asks for it once."""
    files = row.video.files if row.video else {}
    return {name: f"{url}/files/{quote(name)}?v={digest[:12]}" for name, digest in files.items()}


@router.api_route("/batches/{batch}/rows/{row}/files/{name}", methods=["GET", "HEAD"])
def file(request: Request, batch: str, row: str, name: str, v: str = "", download: bool = False) -> Response:
    """A delivered file; a part of it, where the browser asks for a range."""
    site = site_of(request)
    with site.batch(batch) as followed:
        found = row_of(followed.report(), row)
        path = site.delivered(batch, found, name)
    if path is None or found.video is None:
        raise NotHere(f"{row} has no file {name!r}", "Submit the manifest again: files that are missing are restored.")
    kind = "attachment" if download else "inline"
    answer = FileResponse(path, filename=name, content_disposition_type=kind)
    answer.headers["cache-control"] = FOREVER if v and found.video.files[name].startswith(v) else "private, no-cache"
    return answer


@router.get("/workers")
def workers(request: Request) -> Response:
    """What workers do: of every batch that runs, and of the newest."""
    return page(request, "workers.html", groups=_workers(site_of(request)))


@router.get("/workers/live")
def workers_live(request: Request) -> Response:
    """The part of the page that changes."""
    return page(request, "part_workers.html", groups=_workers(site_of(request)))


def _workers(site: Site) -> list[tuple[Figures, list[WorkerLine]]]:
    groups = []
    for place, name in enumerate(site.names()[:BATCHES]):
        with site.batch(name) as followed:
            if followed.report().running or place == 0:
                lines = attempts_view.workers(followed.report(), followed.details().attempts)
                groups.append((_figures(followed), lines))
    return sorted(groups, key=lambda group: not group[0].running)


@router.get("/schedule")
def schedule(request: Request) -> Response:
    """What lies in the inbox, what was done or refused, and what the last nights made."""
    site = site_of(request)
    nights: dict[str, list[Figures]] = defaultdict(list)
    for figures in _all(site):
        if figures.started_ms:
            nights[f"{datetime.fromtimestamp(figures.started_ms / 1000).astimezone():%A, %Y-%m-%d}"].append(figures)
    return page(
        request,
        "schedule.html",
        inbox=site.inbox,
        waiting=manifests_of(site.inbox),
        done=moved_to(site.inbox, DONE),
        refused=moved_to(site.inbox, REFUSED),
        nights=list(nights.items())[:7],
    )


@router.get("/healthz")
def health() -> Response:
    """That the page answers."""
    return Response(status_code=HTTPStatus.NO_CONTENT)
