"""SQL sees the tables of all batches, as they are meant today, and nothing else in the world."""

import shutil
import sys
from datetime import date
from pathlib import Path

import pytest

from tasks.errors import BadInput
from tasks.records import ledger
from tasks.records.query import ask
from tasks.records.review_log import Decision
from tasks.records.reviews import add_review
from tests.made_workspace import make_batch


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ledger of two batches of today, and of one of schema 1."""
    workspace = tmp_path_factory.mktemp("asked") / "w"
    make_batch(workspace)
    make_batch(workspace, "morning", rows=["b", "c"])
    add_review(workspace, "night", "a", Decision.APPROVE)
    shutil.copytree(Path(__file__).parent / "schema_1", workspace / "ledger", dirs_exist_ok=True)
    return workspace / "ledger"


def answer(folder: Path, query: str) -> list[tuple[object, ...]]:
    return list(ask(folder, query).rows)


def test_every_table_has_a_view_of_all_batches(folder: Path) -> None:
    found = ask(folder, "select batch_id, count(*) as rows from videos group by 1 order by 1")
    assert found.columns == ("batch_id", "rows")
    assert list(found.rows) == [("course-1", 4), ("morning", 2), ("night", 2)]
    assert answer(folder, "select count(*) from segments") == [(13 + 4 + 4,)]
    assert answer(folder, "select device, count(*) from attempts group by 1 order by 2") == [("A card", 6), (None, 11)]
    assert answer(folder, "select batch_id, segments_reused from batches order by 1") == [("morning", 2), ("night", 0)]
    assert answer(folder, "select job_id, decision from reviews") == [("a", "approve")]
    assert [name for (name,) in answer(folder, "show tables") if name in ledger.SCHEMAS] == sorted(ledger.SCHEMAS)


def test_which_videos_show_a_file(folder: Path) -> None:
    query = "select batch_id, job_id from videos where parse_filename(portrait) = 'b.png' order by 1"
    assert answer(folder, query) == [("morning", "b"), ("night", "b")]


def test_older_tables_have_todays_columns(folder: Path) -> None:
    query = "select distinct preset, sound, started < finished, batch_date from videos where batch_id = 'course-1'"
    assert answer(folder, query) == [("still", "course", True, date(2026, 11, 26))]


def test_a_ledger_without_batches_has_empty_tables(tmp_path: Path) -> None:
    assert answer(tmp_path, "select count(*) from videos") == [(0,)]


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_text('/etc/passwd')",
        "select * from glob('/*')",
        "select * from '{folder}/videos/**/*.parquet'",
        "select * from 'https://localhost/x.csv'",
        "select * from folder",  # a variable of this program
    ],
)
def test_nothing_else_can_be_read(folder: Path, query: str) -> None:
    with pytest.raises(BadInput, match=r"^DuckDB: .*(disabled by configuration|does not exist)"):
        answer(folder, query.format(folder=folder))


@pytest.mark.parametrize(
    "query",
    [
        "copy videos to '{path}'",
        "attach '{path}'",
        "export database '{path}'",
        "set enable_external_access = true",
        "install httpfs",
        "create table x as select 1",
        "select 1; select 2",
        "",
    ],
)
def test_nothing_can_be_written_or_set(folder: Path, tmp_path: Path, query: str) -> None:
    with pytest.raises(BadInput, match="it is not one statement that only reads"):
        answer(folder, query.format(path=tmp_path / "x"))
    assert not list(tmp_path.iterdir())


def test_what_duckdb_does_not_understand_is_said_in_one_line(folder: Path) -> None:
    with pytest.raises(BadInput) as refused:
        answer(folder, "select * from vidoes")
    assert str(refused.value).startswith("DuckDB: Catalog Error: Table with name vidoes does not exist!")
    assert str(refused.value).endswith("The tables are videos, segments, attempts, checks, batches, reviews.")
    with pytest.raises(BadInput, match="DuckDB: Parser Error"):
        answer(folder, "selct 1")


def test_a_damaged_table_is_named_only_if_it_is_asked(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "ledger")
    path = ledger.files(tmp_path / "ledger", "videos")[0]
    path.write_bytes(path.read_bytes()[:-9] + b"x" + path.read_bytes()[-8:])
    with pytest.raises(BadInput, match=r"part-0\.parquet is damaged.*`actalker ledger snapshot`"):
        answer(tmp_path / "ledger", "select count(*) from videos")
    assert answer(tmp_path / "ledger", "select count(*) from segments") == [(21,)]


def test_without_duckdb_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(BadInput, match=r"pip install 'actalker-batch\[sql\]'"):
        answer(folder, "select 1")
