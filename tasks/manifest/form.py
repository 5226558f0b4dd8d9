"""A manifest's form: CSV, an Excel workbook or JSON Lines in, rows of named cells out.

header.py says which columns are meant, cells.py what is in their cells.
"""

import csv
import io
import json
import re
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat
from pathlib import Path
from typing import Never, TypeVar

from tasks.errors import BadInput, Fault, ManifestRefused
from tasks.manifest import header
from tasks.manifest.header import COLUMNS, MAX_COLUMNS

R = TypeVar("R", list[str], str)

DELIMITERS = ",;\t"
JSON_LINES = frozenset({".jsonl", ".ndjson"})
SUFFIXES = JSON_LINES | {".csv", ".tsv", ".xlsx"}
"""How the names of manifests end."""

MAX_BYTES = 16 << 20
MAX_ROWS = 100_000
MAX_RECORDS = 1_048_576
"""What a spreadsheet can hold, empty rows included."""
MAX_JSON_LINE = 1 << 20
SHOWN_CHARACTERS = 60

_ZIP = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_BYTE_ORDER_MARKS = {
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
_SEPARATOR = re.compile(r'\A"?sep=([,;\t])"?\r?\n')
"""A first line of Excel's own, which it does not show."""
_AS_UTF_8 = "Save it as 'CSV UTF-8'."


@dataclass(frozen=True, slots=True)
class Row:
    """One data row.

    Attributes:
        place: Among the data rows, from 1.
        number: As a spreadsheet numbers it: the header is row 1. In JSON Lines it is the number of the line.
        cells: Of the known columns, of all of them.
        variables: Of the other columns.
    """

    place: int
    number: int
    cells: dict[str, str]
    variables: Mapping[str, str]

    def cell(self, name: str) -> str:
        """The cell of a column."""
        return self.cells[name] if name in self.cells else self.variables[name]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a manifest, at least one, and the names of its columns.

    Attributes:
        columns: As they are meant; empty for a column without a name, which has no cells.
        written: The same, as the manifest writes them.
    """

    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    written: tuple[str, ...]


def read(path: Path) -> Table:
    """Read a manifest.

    JSON Lines are known by their name (`.jsonl`, `.ndjson`), Excel workbooks by their first bytes. Anything else is
    CSV with a header, in UTF-8, or in UTF-16 with a byte order mark, with commas, semicolons or tabs between the cells.

    Raises:
        ManifestRefused: With every fault of form: not text, no header, a column twice, too many cells, not JSON.
    """
    try:
        data = bytes_of(path)
        if path.suffix.lower() in JSON_LINES:
            table = _json_table(text_of(data))
        elif data.startswith(_ZIP):
            table = _workbook_table(data)
        else:
            table = _csv_table(text_of(data))
        if not table.rows:
            raise BadInput("it has no rows", "Give at least one row.")
    except ManifestRefused:
        raise
    except BadInput as error:
        raise ManifestRefused((Fault(0, "manifest", path.name, error.problem, error.remedy),)) from error
    return table


def bytes_of(path: Path) -> bytes:
    """A manifest's bytes.

    Raises:
        BadInput: It is not a file, cannot be read, is too large, or a kind of file that is not read here.
    """
    remedy = "Give the path of a CSV, Excel (.xlsx) or JSON Lines file."
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for, a device may have no end
            raise BadInput("it is not a file", remedy)
        if path.stat().st_size > MAX_BYTES:
            raise BadInput(f"it is larger than {MAX_BYTES >> 20} MiB", "Split it.")
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise BadInput(f"it cannot be read ({getattr(error, 'strerror', None) or error})", remedy) from error
    if data.startswith(_OLD_EXCEL):
        problem = "it is an Excel file of the old kind, or has a password"
        raise BadInput(problem, "Save it as .xlsx without a password, or as 'CSV UTF-8'.")
    return data


def text_of(data: bytes) -> str:
    """A manifest's text. Without a byte order mark it has to be UTF-8: other encodings cannot be distinguished.

    Raises:
        BadInput: It is in another encoding.
    """
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8-sig")
    if encoding == "utf-8-sig" and b"\0" in data[:2]:
        raise BadInput("it is UTF-16 without a byte order mark", _AS_UTF_8)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        raise BadInput(f"it is not {name} (byte {error.start})", _AS_UTF_8) from error


def _csv_table(text: str) -> Table:
    separator = _SEPARATOR.match(text)
    text = text[separator.end() :] if separator else text
    delimiter = separator[1] if separator else _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        return _table(enumerate(reader, 1))
    except csv.Error as error:
        raise BadInput(f"line {reader.line_num} is not CSV ({error})", "Check the quotes there.") from error


def _delimiter(text: str) -> str:
    """The delimiter that the header uses most: a header has no reason to hold the others."""
    first = next((line for line in io.StringIO(text, newline=None) if line.strip()), "")
    return max(DELIMITERS, key=first.count)


def _workbook_table(data: bytes) -> Table:
    from tasks.manifest import workbook  # noqa: PLC0415  openpyxl takes half a second

    rows = workbook.rows(data, MAX_COLUMNS)
    dense = ((number, [cells.get(place, "") for place in range(max(cells) + 1)]) for number, cells in rows)
    return _table(dense, max((max(cells) + 1 for _, cells in rows), default=0))


def _table(records: Iterable[tuple[int, list[str]]], width: int = 0) -> Table:
    """Rows from records of cells and their numbers. The first record that is not empty is the header.

    Args:
        records: A spreadsheet shows a record as one row, whether it has several lines or is empty.
        width: How many cells the header has at least, with those that are empty.
    """
    filled = _filled(records)
    _, written = next(filled, (0, []))
    written = written + [""] * (width - len(written))
    faults = list(header.faults(written)) if written else []
    names = [header.column(name) for name in written]
    nameless: set[int] = set()
    rows: list[Row] = []
    for number, cells in filled:
        faults += _strays(number, cells, names, nameless)
        rows.append(_row(len(rows) + 1, number, dict(zip(names, chain(cells, repeat("")), strict=False))))
    if faults:
        raise ManifestRefused(tuple(faults))
    return Table(tuple(rows), tuple(names), tuple(written))


def _filled(records: Iterable[tuple[int, R]]) -> Iterator[tuple[int, R]]:
    """The numbered records, or lines, that hold anything. They are no more than can be checked."""
    found = 0
    for number, record in records:
        if number > MAX_RECORDS or found > MAX_ROWS:
            problem = f"it has more than {MAX_ROWS:,} rows, or {MAX_RECORDS:,} with empty ones"
            raise BadInput(problem, "Split it.")
        if any(part.strip() for part in record):
            found += 1
            yield number, record


def _strays(number: int, cells: Sequence[str], names: Sequence[str], nameless: set[int]) -> Iterator[Fault]:
    """Cells that belong to no column: the first of each column without a name, and what the header is too short for."""
    for place, cell in enumerate(cells):
        if not cell.strip() or place in nameless or (place < len(names) and names[place]):
            continue
        where = f"cell {header.letters(place + 1)}{number}"
        if place >= len(names):
            problem = f"the row has {len(cells)} cells, the header {len(names)}"
            yield Fault(number, where, shown(cell), problem, "Quote cells that hold the delimiter.")
            return
        nameless.add(place)
        yield Fault(number, where, shown(cell), "its column has no name", "Name the column, or empty the cell.")


def _json_table(text: str) -> Table:
    """Rows from objects, one a line. What one of them has, is empty in those that lack it."""
    names: dict[str, str] = {}
    empty: dict[str, str] = {}
    rows: list[Row] = []
    faults: list[Fault] = []
    for number, line in _filled(enumerate(io.StringIO(text), 1)):
        try:
            cells, written = _json_cells(line)
        except ValueError as error:
            faults.append(Fault(number, "line", shown(line.strip()), str(error), "Write one JSON object a line."))
            continue
        for name, spelling in written.items():
            names.setdefault(name, spelling)
        if len(names) > MAX_COLUMNS:
            raise BadInput(f"there are more than {MAX_COLUMNS} different fields", "Remove those without use.")
        row = _row(len(rows) + 1, number, cells)
        empty |= dict.fromkeys(row.variables, "")
        rows.append(replace(row, variables=ChainMap(dict(row.variables), empty)))
    if rows and not faults:
        faults += header.missing(names)
    if faults:
        raise ManifestRefused(tuple(faults))
    return Table(tuple(rows), tuple(names), tuple(names.values()))


def _json_cells(line: str) -> tuple[dict[str, str], dict[str, str]]:
    """The cells of a line by their columns, and how it writes the columns' names.

    Raises:
        ValueError: It is no JSON object of plain values.
    """
    if len(line) > MAX_JSON_LINE:
        raise ValueError(f"it is longer than {MAX_JSON_LINE >> 20} MiB")
    try:
        value = json.loads(line, object_pairs_hook=_JsonFields, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(value, _JsonFields):
        raise ValueError(f"it is a {type(value).__name__}, not an object")
    written: dict[str, str] = {}
    for spelling, cell in value:
        name = header.column(spelling)
        if not header.is_name(name):
            raise ValueError(f"{spelling[:20]!r} is no name of a field")
        if name in written:
            raise ValueError(f"the field {name!r} stands twice")
        if isinstance(cell, list):  # an object, too
            raise ValueError(f"the field {name!r} is nested")
        written[name] = spelling
    cells = {header.column(spelling): _json_text(cell) for spelling, cell in value}
    "".join([*written.values(), *cells, *cells.values()]).encode()  # a lone surrogate is no text: it raises here
    return cells, written


class _JsonFields(list[tuple[str, object]]):
    """The fields of a JSON object as they stand there."""


def _no_number(text: str) -> Never:
    raise ValueError(f"{text} is not JSON")


def _json_text(cell: object) -> str:
    if cell is None:
        return ""
    return json.dumps(cell) if isinstance(cell, bool) else str(cell)


def _row(place: int, number: int, cells: Mapping[str, str]) -> Row:
    known = {name: cells.get(name, "").strip() for name in COLUMNS}
    variables = {name: cell.strip() for name, cell in cells.items() if name and name not in COLUMNS}
    return Row(place, number, known, variables)


def shown(cell: str) -> str:
    """A cell as it is quoted in a fault."""
    return cell if len(cell) <= SHOWN_CHARACTERS else f"{cell[:SHOWN_CHARACTERS]}…"
