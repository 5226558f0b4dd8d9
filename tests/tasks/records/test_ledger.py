"""The journal survives crashes, the tables survive reading back, and others can read them."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import duckdb
import pytest

from tasks.errors import BadInput
from tasks.job import Attempt, Outcome
from tasks.records import journal, ledger
from tasks.records.journal import BatchEnded, BatchStarted, Event, Journal, SegmentEnded, VideoEnded, VideoPlanned

STARTED_MS = 1_795_000_000_000
EVENTS: tuple[Event, ...] = (
    BatchStarted("night-1", "night.csv", STARTED_MS, 1, (("a", "Über uns"), ("b", ""))),
    VideoPlanned("a", 1, 100),
    Attempt("x1", "ab", "a", 0, "n/1", STARTED_MS, STARTED_MS + 9, Outcome.FAILED, "boom"),
    SegmentEnded("a", 0, "ab", 0, 100, 1, 2, Outcome.DONE, "p", "ff", 5, "n/1"),
    VideoEnded("a", 1, "Über uns", Outcome.FAILED, STARTED_MS, STARTED_MS + 5, error="first try"),
    VideoEnded("a", 1, "Über uns", Outcome.DONE, STARTED_MS, STARTED_MS + 9, stages_ms={"plan": 3}, notes=("Look.",)),
    BatchEnded(STARTED_MS + 10, 1, 0),
)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    with Journal(tmp_path, "night-1") as pen:
        for event in EVENTS:
            pen.write(event)
    return tmp_path


def test_a_journal_gives_back_what_was_written(written: Path) -> None:
    assert tuple(journal.replay(journal.path_of(written, "night-1"))) == EVENTS


def test_a_torn_last_line_is_dropped_and_written_over(written: Path) -> None:
    path = journal.path_of(written, "night-1")
    with path.open("ab") as file:
        file.write(b'{"event": "Batc')
    assert tuple(journal.replay(path)) == EVENTS
    with Journal(written, "night-1") as pen:
        pen.write(EVENTS[1])
    assert tuple(journal.replay(path)) == (*EVENTS, EVENTS[1])


def test_a_batch_has_one_writer(written: Path) -> None:
    path = journal.path_of(written, "night-1")
    script = "import sys; from pathlib import Path; from tasks.records.journal import Journal;"
    script += "Journal(Path(sys.argv[1]), 'night-1')"
    with Journal(written, "night-1"):
        assert journal.is_being_written(path)
        root = Path(__file__).parents[3]
        other = subprocess.run(
            [sys.executable, "-c", script, written], check=False, capture_output=True, text=True, cwd=root
        )
        assert "is being rendered by another process" in other.stderr
        with pytest.raises(BadInput, match="night-1"):
            Journal(written, "night-1")
    assert not journal.is_being_written(path)


def test_listeners_hear_what_is_already_on_the_disk(tmp_path: Path) -> None:
    heard = []
    path = journal.path_of(tmp_path, "n")
    with Journal(tmp_path, "n", lambda event: heard.append((event, path.read_bytes().count(b"\n")))) as pen:
        pen.write(EVENTS[0])
        pen.write(EVENTS[1])
    assert heard == [(EVENTS[0], 1), (EVENTS[1], 2)]


def test_duckdb_reads_the_tables_as_a_hive_data_set(written: Path) -> None:
    files = ledger.snapshot(written, "night-1")
    assert [path.relative_to(written).parts[0] for path in files] == ["videos", "segments", "attempts"]
    columns = "job_id, outcome, title, batch_id, batch_date::text, stages_ms['plan']"
    query = f"select {columns} from '{written}/videos/**/*.parquet'"
    assert duckdb.sql(query).fetchall() == [("a", "done", "Über uns", "night-1", "2026-11-18", 3)]
    query = f"select key, error, started_ms < ended_ms from '{written}/attempts/**/*.parquet'"
    assert duckdb.sql(query).fetchall() == [("ab", "boom", True)]


def test_a_snapshot_replaces_the_one_before_and_leaves_nothing_else(written: Path) -> None:
    first = ledger.snapshot(written, "night-1")
    assert ledger.snapshot(written, "night-1") == first
    assert all({path, ledger._digest_path(path)} == set(path.parent.iterdir()) for path in first)


def test_what_a_killed_driver_left_of_a_table_is_removed(written: Path) -> None:
    path = ledger.snapshot(written, "night-1")[0]
    path.with_name(f".{path.name}.4711").write_bytes(b"PAR1")
    assert ledger.snapshot(written, "night-1")[0] == path
    assert {path, ledger._digest_path(path)} == set(path.parent.iterdir())


def test_a_flipped_bit_is_never_read_as_something_else(written: Path) -> None:
    path = ledger.snapshot(written, "night-1")[1]
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(OSError, match="is damaged"):
            ledger.read(path)


def test_a_table_of_an_older_version_has_no_digest_beside_it(written: Path) -> None:
    path = ledger.snapshot(written, "night-1")[1]
    table, whole = ledger.read(path), path.read_bytes()
    ledger._digest_path(path).unlink()
    footer_bytes = int.from_bytes(whole[-8:-4], "little") + 8
    for position in range(4, len(whole) - footer_bytes):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        try:
            assert ledger.read(path).equals(table)  # some bytes of a page's header mean nothing
        except OSError as error:
            assert "is damaged" in str(error)


@pytest.mark.parametrize(("name", "kind"), [("videos", VideoEnded), ("segments", SegmentEnded), ("attempts", Attempt)])
def test_schemas_have_the_fields_of_their_events_and_are_documented(name: str, kind: type) -> None:
    assert ledger.SCHEMAS[name].names == [field.name for field in fields(kind)]
    page = (Path(__file__).parents[3] / "docs" / "ledger.md").read_text()
    missing = [column for column in ledger.SCHEMAS[name].names if f"`{column}`" not in page]
    assert not missing
