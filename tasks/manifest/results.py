"""The manifest as it was given, and what became of each row: a CSV file for the system that the manifest came from."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from tasks.job import FPS, Outcome
from tasks.manifest.form import Table
from tasks.manifest.intake import CheckedManifest
from tasks.records.journal import VideoEnded
from tasks.records.store import RESULTS, write_text

COLUMNS = ("status", "video", "poster", "seconds", "error")
PREFIX = "actalker_"
"""Before the name of a column of ours that the manifest has, too."""

_POSTER = "poster.jpg"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula begins so."""


def write_results(folder: Path, manifest: CheckedManifest, videos: Mapping[str, VideoEnded]) -> Path:
    """Write the file into a batch's folder of videos, atomically.

    Args:
        videos: The rows that have ended, by id.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = [job.id for job in manifest.jobs]
    return write_text(folder / RESULTS, results(manifest.table, [videos.get(name) for name in names]))


def results(table: Table, videos: Sequence[VideoEnded | None]) -> str:
    """The text of the file: commas, line ends CR LF (RFC 4180).

    The manifest's cells are what they were, also those that a spreadsheet takes for a formula: a telephone number has
    to fit what it is compared with. No cell of ours begins like a formula.

    Args:
        videos: How each row of the table ended; None for one that has not.
    """
    places = [place for place, name in enumerate(table.columns) if name]
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow([*(table.written[place] for place in places), *_our_names(table.written)])
    for row, video in zip(table.rows, videos, strict=True):
        lines.writerow([*(row.cell(table.columns[place]) for place in places), *_our_cells(video)])
    return text.getvalue()


def _our_names(theirs: Iterable[str]) -> Iterator[str]:
    taken = {name.strip().casefold() for name in theirs}
    for name in COLUMNS:
        while name.casefold() in taken:
            name = f"{PREFIX}{name}"  # noqa: PLW2901 - until nobody has it
        yield name


def _our_cells(video: VideoEnded | None) -> tuple[str, ...]:
    if video is None:
        return ("waiting", "", "", "", "")
    if video.outcome not in {Outcome.DONE, Outcome.REUSED}:
        reason = video.error.strip().partition("\n")[0]
        return (str(video.outcome), "", "", "", f"'{reason}" if reason.startswith(_FORMULA) else reason)
    file = PurePosixPath(video.path)
    row = f"./{file.parent.name}"  # an id may begin like a formula
    poster = f"{row}/{_POSTER}" if _POSTER in video.files else ""
    return ("done", f"{row}/{file.name}", poster, f"{video.frames / FPS:.2f}", "")
