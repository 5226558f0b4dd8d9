"""What a command reports, for programs: as JSON or CSV. What SQL returned, for people too."""

import csv
import json
import math
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Annotated, TextIO

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from tasks.records.query import Answer

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

ROWS_SHOWN = 200
"""A longer answer is read by a program: as CSV or as JSON."""


def print_json(report: object) -> None:
    """A report on standard output: dataclasses are objects, what is no number is null."""
    typer.echo(json.dumps(_plain(report), indent=1, ensure_ascii=False, allow_nan=False))


def console_of(as_json: bool) -> Console:
    """Where a command says what it does: on standard error, where standard output is for a program."""
    return Console(highlight=False, stderr=as_json)


def print_table(answer: "Answer", console: Console) -> None:
    """The first rows, for people."""
    shown = Table(box=None, pad_edge=False)
    for name in answer.columns:
        shown.add_column(escape(name), overflow="fold")
    for row in islice(answer.rows, ROWS_SHOWN):
        shown.add_row(*(escape(_text(value)) for value in row))
    console.print(shown)
    if more := sum(1 for _ in answer.rows):
        console.print(f"... and {more:,} more rows: --csv and --json print all.")


def write_csv(answer: "Answer", file: TextIO) -> None:
    """All rows, with a header; null is empty, lists and maps are JSON."""
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(answer.columns)
    lines.writerows(map(_text, row) for row in answer.rows)


def write_json(answer: "Answer", file: TextIO) -> None:
    """All rows: a list of objects, one a line."""
    separator = "["
    for row in answer.rows:
        values = map(_plain, row)
        file.write(f"{separator}\n{json.dumps(dict(zip(answer.columns, values, strict=True)), ensure_ascii=False)}")
        separator = ","
    file.write("\n]\n" if separator == "," else "[]\n")


def _text(value: object) -> str:
    plain = _plain(value)
    if plain is None:
        return ""
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _plain(value: object) -> object:
    """The value as JSON has it: times are ISO 8601, what is no number is null."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, dict):
        return {_text(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")  # as the ledger has them
    if isinstance(value, date | time):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
