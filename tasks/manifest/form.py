"""A manifest's form: CSV or JSON Lines in, rows of named cells out. cells.py says what the cells mean."""

import csv
import difflib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import Fault, ManifestRefused

COLUMNS = (
    "id",
    "portrait",
    "script",
    "audio",
    "driving_video",
    "voice",
    "language",
    "title",
    "seed",
    "audio_gate",
    "motion_gate",
    "preset",
    "size",
    "face_box",
    "priority",
    "consent",
)
"""The columns with a meaning. Any other is a variable of the script."""

REQUIRED = ("id", "portrait")
DELIMITERS = ",;\t"
MAX_MANIFEST_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """One data row: its place from 1, the cells of the known columns, and the variables of the script."""

    number: int
    cells: dict[str, str]
    variables: dict[str, str]


def read(path: Path) -> tuple[Row, ...]:
    """Read a manifest: `.jsonl` or `.ndjson` as JSON Lines, anything else as CSV with a header.

    A byte order mark, CRLF, quoted line breaks, and semicolons or tabs between the cells are all fine.

    Raises:
        ManifestRefused: With every fault of form: not text, no header, a column twice, too many cells, not JSON.
    """
    text = _decode(path)
    rows = _json_rows(text) if path.suffix.lower() in {".jsonl", ".ndjson"} else _csv_rows(text)
    if not rows:
        raise ManifestRefused((Fault(0, "manifest", path.name, "it has no rows", "Give at least one row."),))
    return rows


def _decode(path: Path) -> str:
    def refuse(problem: str, remedy: str) -> ManifestRefused:
        return ManifestRefused((Fault(0, "manifest", path.name, problem, remedy),))

    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise refuse(f"it is larger than {MAX_MANIFEST_BYTES >> 20} MiB", "Split it.")
        data = path.read_bytes()
    except OSError as error:
        raise refuse(f"it cannot be read ({error.strerror})", "Give the path of a CSV or JSON Lines file.") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refuse(f"it is not UTF-8 (byte {error.start})", "Save it as 'CSV UTF-8'.") from error


def _csv_rows(text: str) -> tuple[Row, ...]:
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        lines = [line for line in reader if any(cell.strip() for cell in line)]
    except csv.Error as error:
        problem = f"line {reader.line_num} is not CSV ({error})"
        raise ManifestRefused((Fault(0, "manifest", "", problem, "Check the quotes there."),)) from error
    if not lines:
        return ()
    header = [name.strip() for name in lines[0]]
    faults = [*_header_faults(header), *_width_faults(lines, len(header))]
    if faults:
        raise ManifestRefused(tuple(faults))
    return tuple(_row(number, dict(zip(header, line, strict=False))) for number, line in enumerate(lines[1:], 1))


def _delimiter(text: str) -> str:
    """The delimiter that the header uses most: a header has no reason to hold the others."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(DELIMITERS, key=header.count)


def _header_faults(header: list[str]) -> Iterator[Fault]:
    for name in sorted({name for name in header if header.count(name) > 1 and name}):
        yield Fault(0, name, "", "the column stands twice", "Remove one.")
    for position, name in enumerate(header, 1):
        if not name:
            yield Fault(0, f"column {position}", "", "it has no name", "Name it or remove it.")
    yield from _missing_columns(header)


def _missing_columns(names: list[str]) -> Iterator[Fault]:
    missing = [name for name in REQUIRED if name not in names]
    if not {"script", "audio"} & set(names):
        missing.append("script")
    for name in missing:
        near = difflib.get_close_matches(name, [n for n in names if n not in COLUMNS], n=1, cutoff=0.7)
        remedy = f"Did you mean {name!r} by {near[0]!r}?" if near else f"Add the column {name!r}."
        extra = " (nor is there one for audio)" if name == "script" else ""
        yield Fault(0, name, "", f"the column is missing{extra}", remedy)


def _width_faults(lines: list[list[str]], width: int) -> Iterator[Fault]:
    for number, line in enumerate(lines[1:], 1):
        surplus = [cell for cell in line[width:] if cell.strip()]
        if surplus:
            problem = f"the row has {len(line)} cells, the header {width}"
            yield Fault(number, f"column {width + 1}", surplus[0], problem, "Quote cells that hold the delimiter.")


def _json_rows(text: str) -> tuple[Row, ...]:
    faults: list[Fault] = []
    rows: list[Row] = []
    lines = [line for line in text.split("\n") if line.strip()]
    for number, line in enumerate(lines, 1):
        try:
            rows.append(_row(number, _json_cells(line)))
        except ValueError as error:
            faults.append(Fault(number, "line", line.strip()[:40], str(error), "Write one JSON object a line."))
    if not faults and rows:
        faults.extend(_missing_columns(sorted({name for row in rows for name in (*row.cells, *row.variables)})))
    if faults:
        raise ManifestRefused(tuple(faults))
    return tuple(rows)


def _json_cells(line: str) -> dict[str, str]:
    try:
        value = json.loads(line)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError(f"it is a {type(value).__name__}, not an object")
    nested = [name for name, cell in value.items() if isinstance(cell, dict | list)]
    if nested:
        raise ValueError(f"the field {nested[0]!r} is nested")
    cells = {name: _json_text(cell) for name, cell in value.items()}
    "".join([*cells, *cells.values()]).encode()  # a lone surrogate is no text: it raises here, a ValueError
    return cells


def _json_text(cell: object) -> str:
    if cell is None:
        return ""
    return json.dumps(cell) if isinstance(cell, bool) else str(cell)


def _row(number: int, cells: dict[str, str]) -> Row:
    known = {name: cells.get(name, "").strip() for name in COLUMNS}
    return Row(number, known, {name: cell.strip() for name, cell in cells.items() if name not in COLUMNS})
