"""SQL over the ledger, by DuckDB, an extra: `actalker-batch[sql]`.

DuckDB gets the tables from Arrow, which checks their digests and checksums. It itself reads and writes no file, and
reaches no network.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from tasks.errors import BadInput
from tasks.records import ledger

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SHUT_IN: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",  # else a query could name variables of this program
}
_QUERIES = {"SELECT", "EXPLAIN", "MULTI"}
"""DuckDB's names: `describe`, `summarize` and `show` are SELECT, `pivot` is MULTI."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query returned: the columns' names, and its rows as they come."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[object, ...]]


def ask(folder: Path, query: str) -> Answer:
    """Ask the ledger: a view for each table, with the rows of all batches and the columns `batch_date` and `batch_id`.

    Args:
        folder: The ledger's.
        query: One statement that only reads.

    Raises:
        BadInput: DuckDB is not installed, the query cannot be answered, or a table is damaged.
    """
    if find_spec("duckdb") is None:
        raise BadInput("DuckDB is not installed", "Install it: pip install 'actalker-batch[sql]'.")
    import duckdb  # noqa: PLC0415 - an extra

    try:
        database = duckdb.connect(":memory:", config=_SHUT_IN)
        kinds = [statement.type.name for statement in database.extract_statements(query)]
        if len(kinds) != 1 or kinds[0] not in _QUERIES:
            raise BadInput("it is not one statement that only reads", 'Ask like "select * from videos".')
        for name in ledger.SCHEMAS:
            _view(database, folder, name, read=re.search(rf"\b{name}\b", query, re.IGNORECASE) is not None)
        database.execute("set TimeZone = 'UTC'; set lock_configuration = true")
        answer = database.sql(query).to_arrow_reader()
        return Answer(tuple(answer.schema.names), _rows(answer))
    except (duckdb.Error, pa.ArrowException) as error:
        remedy = f"The tables are {', '.join(ledger.SCHEMAS)}."
        raise BadInput(f"DuckDB: {str(error).splitlines()[0]}", remedy) from error
    except OSError as error:
        raise BadInput(str(error), "`actalker ledger snapshot` writes the tables again.") from error


def _view(database: "DuckDBPyConnection", folder: Path, name: str, *, read: bool) -> None:
    """Make the view of a table, which is empty where the query does not name it."""
    parts = list(ledger.scan(folder, name)) if read else [ledger.empty(name)]
    for number, part in enumerate(parts):
        database.register(f"{name}_{number}", part)
    selects = (f"select * from {name}_{number}" for number in range(len(parts)))  # noqa: S608 - our own names
    database.execute(f"create view {name} as {' union all by name '.join(selects)}")


def _rows(answer: pa.RecordBatchReader) -> Iterator[tuple[object, ...]]:
    for batch in answer:
        columns = [column.to_pylist(maps_as_pydicts="lossy") for column in batch.columns]
        yield from zip(*columns, strict=True)
