"""The record of what is done, as Parquet: a Hive data set that DuckDB, polars and pandas read as it is.

    DIR/ledger/{videos,segments,attempts,checks,batches,reviews}/batch_date=YYYY-MM-DD/batch_id=.../part-0.parquet

A batch's tables are written whole from its journal, with page checksums, read back, and only then given their name.
docs/ledger.md describes every column, schema.py has their types.
"""

import json
import logging
import os
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from tasks.records import journal, review_log, schema
from tasks.records.journal import BatchEnded, BatchStarted
from tasks.records.schema import SCHEMAS
from tasks.records.store import digest_file, publish, write_text
from tasks.records.tables import Columns, Tables, review_columns, setting

log = logging.getLogger(__name__)

__all__ = ["SCHEMAS", "Tables", "files", "read", "scan", "snapshot", "write", "write_reviews"]


def snapshot(ledger: Path, batch_id: str, ending: BatchEnded | None = None) -> tuple[Path, ...]:
    """Write a batch's tables from its journal and its reviews, replacing what was there. Returns the files.

    Args:
        ending: How the batch ends, where the journal does not have it yet.
    """
    tables = Tables()
    for event in journal.replay(journal.path_of(ledger, batch_id)):
        tables.add(event)
    if ending:
        tables.add(ending)
    return (*write(ledger, batch_id, tables), write_reviews(ledger, batch_id))


def write(ledger: Path, batch_id: str, tables: Tables) -> tuple[Path, ...]:
    """Write what a batch's events say, whole. Returns the files."""
    date = _date(tables.started_ms)
    columns = tables.columns()
    return tuple(_write(_path(ledger, name, date, batch_id), name, columns[name]) for name in columns)


def write_reviews(ledger: Path, batch_id: str, review: review_log.Review | None = None) -> Path:
    """Write the table of a batch's reviews, whole. It has many writers: each holds the lock of the reviews meanwhile.

    Args:
        review: Is added first.
    """
    path = review_log.path_of(ledger, batch_id)
    events = journal.replay(journal.path_of(ledger, batch_id), lambda problem: None)
    started_ms = next((event.started_ms for event in events if isinstance(event, BatchStarted)), 0)
    with review_log.locked(path) as handle:
        if review:
            review_log.append(handle, review)
        columns = review_columns(review_log.read(path, log.warning))
        return _write(_path(ledger, "reviews", _date(started_ms), batch_id), "reviews", columns)


def _date(started_ms: int) -> str:
    return datetime.fromtimestamp(started_ms / 1000, UTC).date().isoformat()


def _path(ledger: Path, name: str, date: str, batch_id: str) -> Path:
    return ledger / name / f"batch_date={date}" / f"batch_id={batch_id}" / "part-0.parquet"


def _write(path: Path, name: str, columns: Columns) -> Path:
    table = _table(name, columns)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*"):  # by a process that was killed: a table has one writer at a time
        left.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
        if not _parquet(temporary).equals(table):
            raise OSError(f"{path}: what was read back is not what was written")
        digest = digest_file(temporary)
        published = publish(temporary, path)
        write_text(digest_path(path), f"{digest}  {path.name}\n")  # what sha256sum writes and checks
        return published
    finally:
        temporary.unlink(missing_ok=True)


def _table(name: str, columns: Columns) -> pa.Table:
    if name == "videos":
        columns = {**columns, **_setting_columns(columns["settings"])}
    metadata = {"actalker.schema": name, "actalker.schema_version": schema.VERSION}
    plain = {column: [_plain(value) for value in columns[column]] for column in SCHEMAS[name].names}
    return pa.table(plain, schema=SCHEMAS[name].with_metadata(metadata))


def _setting_columns(settings: Iterable[object]) -> Columns:
    parsed = [json.loads(str(text)) for text in settings]
    return {column: [setting(one, path) for one in parsed] for column, path in schema.SETTINGS.items()}


def files(ledger: Path, name: str) -> list[Path]:
    """The files of a table, in the order of dates and batches."""
    return sorted((ledger / name).glob("batch_date=*/batch_id=*/part-*.parquet"))


def read(path: Path) -> pa.Table:
    """Read one file of the ledger, in today's schema.

    Raises:
        OSError: The file is damaged. Parquet readers check the checksums of pages only if they are asked to, and the
            footer has none: so the digest of the whole file stands beside it.
    """
    check_digest_beside(path)
    try:
        return _upgraded(_parquet(path))
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise OSError(f"{path} is damaged: {error}") from error


def scan(ledger: Path, name: str) -> Iterator[ds.Dataset | pa.Table]:
    """A table of all batches, with its partition columns, in parts that a query can read: today's files are streamed.

    Raises:
        OSError: A file is damaged.
    """
    nothing = empty(name)
    today: list[str] = []
    for path in files(ledger, name):
        check_digest_beside(path)
        if _version(pq.read_schema(path).metadata) == schema.VERSION:
            today.append(str(path))
        else:
            yield _with_partitions(read(path), path)
    verified = ds.ParquetFileFormat(
        default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    )
    partitioning = ds.HivePartitioning(schema.PARTITIONS)
    yield ds.dataset(today, nothing.schema, format=verified, partitioning=partitioning) if today else nothing


def empty(name: str) -> pa.Table:
    """A table of no batch, with its partition columns."""
    return pa.unify_schemas([SCHEMAS[name], schema.PARTITIONS]).empty_table()


def _with_partitions(table: pa.Table, path: Path) -> pa.Table:
    values = dict(part.split("=", 1) for part in path.parts[-3:-1])
    for column in schema.PARTITIONS:
        value = pa.scalar(values[column.name]).cast(column.type)
        table = table.append_column(column, pa.repeat(value, table.num_rows))
    return table


def _parquet(path: Path) -> pa.Table:
    return pq.ParquetFile(path, page_checksum_verification=True).read()


def _version(metadata: dict[bytes, bytes] | None) -> str:
    return (metadata or {}).get(b"actalker.schema_version", b"").decode()


def _upgraded(table: pa.Table) -> pa.Table:
    """A table of an older schema in today's: what it does not know is null."""
    if _version(table.schema.metadata) != "1":
        return table
    name = table.schema.metadata[b"actalker.schema"].decode()
    renamed = schema.RENAMED.get(name, {})
    table = table.rename_columns([renamed.get(column, column) for column in table.column_names])
    columns = {column: table[column] for column in table.column_names}
    if name == "videos":
        columns.update(_setting_columns(table["settings"].to_pylist()))
    wanted = SCHEMAS[name]
    return pa.table({column: columns.get(column, [None] * table.num_rows) for column in wanted.names}, schema=wanted)


def check(path: Path) -> None:
    """See that a file is what was written, as far as its digest and the checksums of its pages tell.

    Raises:
        OSError: It is not.
    """
    try:
        check_digest(path)
    except OSError:
        pass  # it is the digest that is damaged
    else:
        check_digest_beside(path)
    try:
        _parquet(path)
    except (pa.ArrowException, ValueError) as error:
        raise OSError(f"{path} is damaged: {error}") from error


def check_digest(path: Path) -> None:
    """See that the file beside a table holds a digest. Tables of schema 1 may have none.

    Raises:
        OSError: It does not.
    """
    digest = digest_path(path)
    if digest.exists():
        if not re.fullmatch(rb"[0-9a-f]{64}  part-0\.parquet\n", digest.read_bytes()):
            raise OSError(f"{digest} is damaged: it holds no digest")
    elif path.exists() and _version(pq.read_schema(path).metadata) != "1":
        raise FileNotFoundError


def check_digest_beside(path: Path) -> None:
    """See that a file is what the digest beside it says; files of older versions have none.

    Raises:
        OSError: It is not.
    """
    digest = digest_path(path)
    if digest.exists() and digest.read_bytes().split()[:1] != [digest_file(path).encode()]:
        raise OSError(f"{path} is damaged: it is not what {digest.name} says")


def digest_path(path: Path) -> Path:
    """Readers of a data set pass over names that begin with an underscore."""
    return path.with_name(f"_{path.name}.sha256")


def _plain(cell: object) -> object:
    """A map as the pairs that Arrow wants."""
    return list(cell.items()) if isinstance(cell, dict) else cell
