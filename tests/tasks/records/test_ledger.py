"""The journal survives crashes, the tables survive reading back, and others can read them."""

import shutil
import subprocess
import sys
from dataclasses import astuple, replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from tasks.errors import BadInput
from tasks.job import Attempt, Outcome, Verdict
from tasks.records import journal, ledger
from tasks.records.journal import (
    BatchEnded,
    BatchStarted,
    Checked,
    Event,
    Journal,
    SegmentEnded,
    VideoEnded,
    VideoPlanned,
    WorkerStarted,
)

STARTED_MS = 1_795_000_000_000
SETTINGS = '{"preset": "still", "denoise": false, "face_box": [1, 2, 3, 4], "finish": {"framing": {"aspect": "9:16"}}}'
SCHEMA_1 = Path(__file__).parent / "schema_1"
BLACK = Verdict("black_frames", 3.0, 0.0, False, 8, "They are black.")
SEGMENT = SegmentEnded("a", 0, "ab", 0, 100, 1, 2, Outcome.DONE, "p", "ff", 5, "n/2")
EVENTS: tuple[Event, ...] = (
    BatchStarted("night-1", "night.csv", STARTED_MS, 1, (("a", "Über uns"), ("b", ""))),
    VideoPlanned("a", 1, 100),
    Attempt("x1", "ab", "a", 0, "n/1", STARTED_MS, STARTED_MS + 9, Outcome.FAILED, "boom"),
    WorkerStarted("n/2", "n", "A card", {"torch": "2"}, STARTED_MS),
    Attempt("x2", "ab", "a", 0, "n/2", STARTED_MS, STARTED_MS + 7, Outcome.DONE),
    SEGMENT,
    Checked("a", 0, (Verdict("jump", 9.0, 7.0, False, 3, "It jumps."),)),
    Checked("a", 0, (Verdict("jump", 2.0, 7.0, True, 9), BLACK)),
    VideoEnded("a", 1, "Über uns", Outcome.FAILED, STARTED_MS, STARTED_MS + 5, error="first try"),
    VideoEnded(
        *("a", 1, "Über uns", Outcome.DONE, STARTED_MS + 1, STARTED_MS + 9),
        **{"stages_ms": {"plan": 3}, "notes": ("Look.",), "settings": SETTINGS, "portrait": "/in/mara.png"},
        **{"frames": 100, "segments": 1, "segments_rendered": 1, "render_ms": 5, "files": {"a.mp4": "ff"}},
    ),
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
    assert [path.relative_to(written).parts[0] for path in files] == list(ledger.SCHEMAS)
    columns = "job_id, outcome, title, batch_id, batch_date::text, stages_ms['plan']"
    query = f"select {columns} from '{written}/videos/**/*.parquet'"
    assert duckdb.sql(query).fetchall() == [("a", "done", "Über uns", "night-1", "2026-11-18", 3)]
    query = f"select error, started < ended, host, device, versions['torch'] from '{written}/attempts/**/*.parquet'"
    assert duckdb.sql(query).fetchall() == [("boom", True, None, None, None), ("", True, "n", "A card", "2")]
    query = f'select "check", value, "limit", ok, frame, message from \'{written}/checks/**/*.parquet\''
    assert duckdb.sql(query).fetchall() == [("jump", 2.0, 7.0, True, 9, ""), astuple(BLACK)]


def test_files_settings_and_times_are_columns(written: Path) -> None:
    ledger.snapshot(written, "night-1")
    videos = f"'{written}/videos/**/*.parquet'"
    query = f"select job_id from {videos} where parse_filename(portrait) = 'mara.png'"
    assert duckdb.sql(query).fetchall() == [("a",)]
    query = f"select preset, denoise, face_box, aspect, music, settings from {videos}"
    assert duckdb.sql(query).fetchall() == [("still", False, [1, 2, 3, 4], "9:16", None, SETTINGS)]
    times = ("created", "started", "rendered", "finished")
    query = f"select {', '.join(f'epoch_ms({name}) - {STARTED_MS}' for name in times)} from {videos}"
    assert duckdb.sql(query).fetchall() == [(0, 1, 7, 9)]


def test_a_batch_has_its_totals(written: Path) -> None:
    ledger.snapshot(written, "night-1")
    (path,) = ledger.files(written, "batches")
    (totals,) = ledger.read(path).to_pylist()
    counts = {name: value for name, value in totals.items() if value and isinstance(value, int | float)}
    assert counts == {
        **{"rows": 2, "done": 1, "needs_a_look": 1, "frames": 100, "video_seconds": 4.0, "render_ms": 5, "runs": 1},
        **{"segments": 1, "segments_rendered": 1, "attempts": 2, "attempts_failed": 1},
    }
    assert (totals["manifest"], totals["state"]) == ("night.csv", "done")
    assert (totals["ended"] - totals["created"]).total_seconds() == 0.01


def test_a_batch_that_is_taken_up_again_was_interrupted_until_it_ends(tmp_path: Path) -> None:
    tables = ledger.Tables()
    for event in (*EVENTS, EVENTS[0]):
        tables.add(event)
    totals = tables.columns()["batches"]
    assert (totals["state"], totals["ended"], totals["runs"]) == (["interrupted"], [None], [2])
    tables.add(BatchEnded(STARTED_MS + 20, 0, 0, "all failed alike"))
    assert tables.columns()["batches"]["state"] == ["failed"]


def test_the_segments_of_an_earlier_plan_are_gone(tmp_path: Path) -> None:
    tables = ledger.Tables()
    for event in (*EVENTS, VideoPlanned("a", 1, 50), replace(SEGMENT, key="cd", outcome=Outcome.REUSED)):
        tables.add(event)
    assert tables.columns()["segments"]["key"] == ["cd"]
    assert tables.columns()["videos"]["rendered"] == [None]  # nothing of it was rendered by this batch


@pytest.fixture
def both(written: Path) -> Path:
    """A ledger with a batch of schema 1, as that version left it, beside one of today."""
    shutil.copytree(SCHEMA_1, written, dirs_exist_ok=True)
    ledger.snapshot(written, "night-1")
    return written


def test_tables_of_schema_1_are_read_in_todays_columns(both: Path) -> None:
    for name in ("videos", "segments", "attempts"):
        new, old = (ledger.read(path) for path in ledger.files(both, name))
        assert new.num_rows <= 2 < old.num_rows
        assert old.schema.equals(new.schema)
    videos = ledger.read(ledger.files(both, "videos")[1]).to_pylist()
    old = next(video for video in videos if video["job_id"] == "lesson-2")
    assert (old["preset"], old["sound"], old["aspect"], old["denoise"]) == ("still", "course", "source", False)
    assert old["started"] < old["finished"]
    assert (old["created"], old["portrait"]) == (None, None)


def test_tables_of_schema_1_are_one_data_set_with_todays(both: Path) -> None:
    query = "select batch_id, count(*) from read_parquet('{}/videos/**/*.parquet', union_by_name=true) group by 1"
    assert sorted(duckdb.sql(query.format(both)).fetchall()) == [("course-1", 4), ("night-1", 1)]
    query = "select outcome from read_parquet('{}/videos/**/*.parquet', union_by_name=true) where preset = 'still'"
    assert duckdb.sql(query.format(both)).fetchall() == [("done",)]  # of today's; the older row has it in `settings`
    schema = pa.unify_schemas([pq.read_schema(path) for path in ledger.files(both, "videos")])
    rows = ds.dataset(both / "videos", schema, partitioning="hive").to_table(
        columns=["job_id", "started", "started_ms"]
    )
    assert rows.num_rows == 5
    assert sum(row["started"] is None for row in rows.to_pylist()) == 4
    parts = [part if isinstance(part, pa.Table) else part.to_table() for part in ledger.scan(both, "videos")]
    whole = pa.concat_tables(parts).to_pylist()
    assert {(row["batch_id"], str(row["batch_date"])) for row in whole} == {
        ("course-1", "2026-11-26"),
        ("night-1", "2026-11-18"),
    }
    assert all(row["started"] and row["preset"] == "still" for row in whole)


def test_a_journal_of_schema_1_gives_todays_tables(tmp_path: Path) -> None:
    shutil.copytree(SCHEMA_1 / "journal", tmp_path / "journal")
    ledger.snapshot(tmp_path, "course-1")
    (path,) = ledger.files(tmp_path, "videos")
    video = ledger.read(path).to_pylist()[0]
    assert video["preset"] == "still"
    assert video["created"] < video["started"] < video["rendered"] < video["finished"]
    (path,) = ledger.files(tmp_path, "batches")
    assert ledger.read(path).to_pylist()[0]["state"] == "done"


def test_a_snapshot_replaces_the_one_before_and_leaves_nothing_else(written: Path) -> None:
    first = ledger.snapshot(written, "night-1")
    assert ledger.snapshot(written, "night-1") == first
    assert all({path, ledger.digest_path(path)} == set(path.parent.iterdir()) for path in first)


def test_what_a_killed_driver_left_of_a_table_is_removed(written: Path) -> None:
    path = ledger.snapshot(written, "night-1")[0]
    path.with_name(f".{path.name}.4711").write_bytes(b"PAR1")
    assert ledger.snapshot(written, "night-1")[0] == path
    assert {path, ledger.digest_path(path)} == set(path.parent.iterdir())


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
    ledger.digest_path(path).unlink()
    footer_bytes = int.from_bytes(whole[-8:-4], "little") + 8
    for position in range(4, len(whole) - footer_bytes):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        try:
            assert ledger.read(path).equals(table)  # some bytes of a page's header mean nothing
        except OSError as error:
            assert "is damaged" in str(error)


@pytest.mark.parametrize("name", ledger.SCHEMAS)
def test_every_column_is_documented(name: str) -> None:
    page = (Path(__file__).parents[3] / "docs" / "ledger.md").read_text()
    table = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
    assert not [column for column in ledger.SCHEMAS[name].names if f"`{column}`" not in table]
