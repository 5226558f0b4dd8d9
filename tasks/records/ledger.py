"""The record of what is done, as Parquet: a Hive data set that DuckDB, polars and pandas read as it is.

    DIR/ledger/{videos,segments,attempts}/batch_date=YYYY-MM-DD/batch_id=.../part-0.parquet

A batch's tables are written whole from its journal, with page checksums, read back, and only then given their name.
docs/ledger.md describes every column. This is the only file that imports pyarrow.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.job import Attempt
from tasks.records import journal
from tasks.records.journal import BatchStarted, SegmentEnded, VideoEnded
from tasks.records.store import digest_file, publish, write_text

SCHEMA_VERSION = "1"

TEXT, WHOLE, TIME = pa.string(), pa.int64(), pa.timestamp("ms", tz="UTC")

VIDEOS = pa.schema(
    [
        ("job_id", TEXT),
        ("row", WHOLE),
        ("title", TEXT),
        ("outcome", TEXT),
        ("started_ms", TIME),
        ("ended_ms", TIME),
        ("portrait_sha256", TEXT),
        ("script_sha256", TEXT),
        ("audio_sha256", TEXT),
        ("driving_sha256", TEXT),
        ("consent", TEXT),
        ("renderer", TEXT),
        ("settings", TEXT),
        ("seed", WHOLE),
        ("language", TEXT),
        ("words_from", TEXT),
        ("width", WHOLE),
        ("height", WHOLE),
        ("frames", WHOLE),
        ("segments", WHOLE),
        ("segments_rendered", WHOLE),
        ("render_ms", WHOLE),
        ("stages_ms", pa.map_(TEXT, WHOLE)),
        ("measured", pa.map_(TEXT, pa.float64())),
        ("notes", pa.list_(TEXT)),
        ("path", TEXT),
        ("sha256", TEXT),
        ("error_class", TEXT),
        ("error", TEXT),
        ("files", pa.map_(TEXT, TEXT)),
    ]
)

SEGMENTS = pa.schema(
    [
        ("job_id", TEXT),
        ("index", WHOLE),
        ("key", TEXT),
        ("start_frame", WHOLE),
        ("end_frame", WHOLE),
        ("seed", WHOLE),
        ("joint_seed", WHOLE),
        ("outcome", TEXT),
        ("path", TEXT),
        ("sha256", TEXT),
        ("render_ms", WHOLE),
        ("worker", TEXT),
        ("error", TEXT),
    ]
)

ATTEMPTS = pa.schema(
    [
        ("id", TEXT),
        ("key", TEXT),
        ("job_id", TEXT),
        ("index", WHOLE),
        ("worker", TEXT),
        ("started_ms", TIME),
        ("ended_ms", TIME),
        ("outcome", TEXT),
        ("error", TEXT),
    ]
)

Row = VideoEnded | SegmentEnded | Attempt
SCHEMAS = {"videos": VIDEOS, "segments": SEGMENTS, "attempts": ATTEMPTS}


@dataclass
class Tables:
    """A batch's events, sorted into the rows of the three tables. The latest event of a video or a segment counts."""

    started_ms: int = 0
    videos: dict[str, VideoEnded] = field(default_factory=dict)
    segments: dict[tuple[str, int], SegmentEnded] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)

    def add(self, event: journal.Event) -> None:
        """Take one event in."""
        match event:
            case BatchStarted():
                self.started_ms = self.started_ms or event.started_ms
            case VideoEnded():
                self.videos[event.job_id] = event
            case SegmentEnded():
                self.segments[event.job_id, event.index] = event
            case Attempt():
                self.attempts.append(event)
            case _:
                pass


def snapshot(ledger: Path, batch_id: str) -> tuple[Path, ...]:
    """Write a batch's tables from its journal, replacing what was there. Returns the three files."""
    tables = Tables()
    for event in journal.replay(journal.path_of(ledger, batch_id)):
        tables.add(event)
    return write(ledger, batch_id, tables)


def write(ledger: Path, batch_id: str, tables: Tables) -> tuple[Path, ...]:
    """Write a batch's tables whole. Returns the three files."""
    date = datetime.fromtimestamp(tables.started_ms / 1000, UTC).date().isoformat()
    rows: dict[str, Iterable[Row]] = {
        "videos": tables.videos.values(),
        "segments": tables.segments.values(),
        "attempts": tables.attempts,
    }
    return tuple(
        _write(ledger / name / f"batch_date={date}" / f"batch_id={batch_id}" / "part-0.parquet", name, rows[name])
        for name in SCHEMAS
    )


def _write(path: Path, name: str, rows: Iterable[Row]) -> Path:
    schema = SCHEMAS[name].with_metadata({"actalker.schema": name, "actalker.schema_version": SCHEMA_VERSION})
    rows = tuple(rows)
    table = pa.table({column: [_plain(getattr(row, column)) for row in rows] for column in schema.names}, schema=schema)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*"):  # by a driver that was killed: a batch has one at a time
        left.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
        if not read(temporary).equals(table):
            raise OSError(f"{path}: what was read back is not what was written")
        digest = digest_file(temporary)
        published = publish(temporary, path)
        write_text(_digest_path(path), f"{digest}  {path.name}\n")  # what sha256sum writes and checks
        return published
    finally:
        temporary.unlink(missing_ok=True)


def read(path: Path) -> pa.Table:
    """Read one file of the ledger.

    Raises:
        OSError: The file is damaged. Parquet readers check the checksums of pages only if they are asked to, and the
            footer has none: so the digest of the whole file stands beside it.
    """
    digest = _digest_path(path)
    if digest.exists() and digest.read_text().split()[:1] != [digest_file(path)]:
        raise OSError(f"{path} is damaged: it is not what {digest.name} says")
    try:
        return pq.ParquetFile(path, page_checksum_verification=True).read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise OSError(f"{path} is damaged: {error}") from error


def _digest_path(path: Path) -> Path:
    """Readers of a data set pass over names that begin with an underscore."""
    return path.with_name(f"_{path.name}.sha256")


def _plain(cell: object) -> object:
    """A map as the pairs that Arrow wants."""
    return list(cell.items()) if isinstance(cell, dict) else cell
