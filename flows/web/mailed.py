"""A batch as one HTML file: it needs no server, no script and no network."""

import os
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

from flows.web import batch_view
from flows.web.guard import Access
from flows.web.render import STATIC, html
from flows.web.site import Followed, Site, decisions
from tasks.errors import BadInput
from tasks.picture.stills import thumbnail
from tasks.records.report import DONE, BatchReport, RowReport
from tasks.records.store import write_text

POSTER_WIDTH = 240


def write_report(root: Path, batch: str, output: Path | None = None) -> Path:
    """Write a batch as one file. Its posters are inside; its videos are linked from where the file lies.

    Args:
        output: Default: `report.html` in the folder of the batch's videos.
    """
    site = Site(root.resolve(), Access("", 0))
    target = (output or site.root / "videos" / batch / "report.html").resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with site.batch(batch) as followed:
        return write_text(target, _text(site, followed, target.parent))


def _text(site: Site, followed: Followed, beside: Path) -> str:
    report = followed.report()
    decided = decisions(report, followed.reviews())
    lines = [batch_view.row_line(report, row, decided, place) for place, row in enumerate(report.rows.values(), 1)]
    return html(
        "mailed.html",
        style=(STATIC / "page.css").read_text(encoding="utf-8"),
        batch=batch_view.figures(report, decided),
        timeline=followed.timeline(),
        lines=batch_view.chosen(lines, "all", "attention", ""),
        posters={row.id: poster for row in report.rows.values() if (poster := _poster(site, report, row))},
        videos={row.id: link for row in report.rows.values() if (link := _link(site, row, beside))},
    )


def _poster(site: Site, report: BatchReport, row: RowReport) -> str:
    """A row's poster as a data URI; empty where there is none that can be read."""
    path = site.delivered(report.id, row, "poster.jpg")
    try:
        return f"data:image/jpeg;base64,{b64encode(thumbnail(path, POSTER_WIDTH)).decode()}" if path else ""
    except BadInput:
        return ""


def _link(site: Site, row: RowReport, beside: Path) -> str:
    """Where a row's video is, from a folder; empty where there is none."""
    video = row.video
    if video is None or video.outcome not in DONE or not video.path:
        return ""
    return quote(os.path.relpath(site.root / video.path, beside))
