"""The commands about what has been made: what they print, for people and for programs, and their exit codes."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.records import ledger
from tasks.records.journal import Journal
from tests.flows.test_cli import run
from tests.made_workspace import command_of, make_batch

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    make_batch(tmp_path / "w")
    return tmp_path / "w"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], workspace: Path) -> Command:
    """With `--workspace`. Its exit code, and what it printed."""

    def call(*arguments: str) -> tuple[int, str]:
        return run(monkeypatch, capsys, *arguments, "--workspace", workspace)

    monkeypatch.setenv("COLUMNS", "200")
    return call


def test_a_review_is_kept_and_can_be_asked_for(command: Command) -> None:
    code, output = command("review", "night", "a", "reject", "--reason", "The name is wrong.", "--who", "eva")
    assert (code, output) == (0, "reject: a of night, by eva.\n")
    code, output = command("review", "night", "b", "approve", "--who", "eva", "--json")
    assert code == 0
    assert {**json.loads(output), "at_ms": 0, "sha256": ""} == {
        **{"batch_id": "night", "job_id": "b", "decision": "approve", "reason": ""},
        **{"who": "eva", "at_ms": 0, "sha256": ""},
    }
    code, output = command("review", "night", "b", "reject")
    assert (code, output) == (2, "reject needs a reason. Give one with --reason.\n")
    query = "select job_id, decision, reason from reviews join videos using (batch_id, job_id, sha256) order by 1"
    code, output = command("ledger", "sql", query, "--csv")
    assert (code, output) == (0, "job_id,decision,reason\na,reject,The name is wrong.\nb,approve,\n")


def test_what_is_damaged_is_named_with_the_command_that_makes_it_again(command: Command, workspace: Path) -> None:
    assert command("ledger", "verify") == (0, "40 files, none damaged.\n")
    (workspace / "videos" / "night" / "a" / "poster.jpg").unlink()
    code, output = command("ledger", "verify")
    assert code == 3
    assert output.splitlines() == [
        "videos/night/a/poster.jpg: it is missing",
        "    Submit the manifest again, by:",
        f"    {command_of('night')}",
        "40 files, 1 damaged.",
    ]
    code, output = command("ledger", "verify", "--json")
    assert code == 3
    found = json.loads(output)
    assert found["files"] == 40
    assert found["damaged"] == [
        {
            **{"kind": "delivered file", "path": "videos/night/a/poster.jpg", "problem": "it is missing"},
            **{"remedy": "Submit the manifest again, by:", "command": command_of("night")},
        }
    ]


def test_a_folder_that_is_no_workspace_is_refused_and_left_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for words in (("verify",), ("snapshot",), ("sql", "select 1")):
        code, output = run(monkeypatch, capsys, "ledger", *words, "--workspace", tmp_path)
        assert (code, output) == (2, f"{tmp_path} is no workspace. Name one with --workspace.\n")
    assert not list(tmp_path.iterdir())


def test_tables_are_written_again(command: Command, workspace: Path) -> None:
    make_batch(workspace, "morning")
    for path in ledger.files(workspace / "ledger", "videos"):
        path.unlink()
    with Journal(workspace / "ledger", "morning"):
        code, output = command("ledger", "snapshot")
    assert code == 0
    assert sorted(output.splitlines()) == [
        "morning: batch morning is being rendered by another process",
        "night: 6 tables",
    ]
    assert [path.parent.name for path in ledger.files(workspace / "ledger", "videos")] == ["batch_id=night"]
    assert command("ledger", "snapshot", "evening")[0] == 2


def test_answers_as_a_table_as_csv_and_as_json(command: Command) -> None:
    query = (
        "select job_id, frames, 'ü, \"x\"' as text, null as nothing, files['a.vtt'] is null as lacks, [1.5] as list,"
    )
    query += " map {'x': 2} as map, started from videos order by 1"
    code, output = command("ledger", "sql", query)
    assert code == 0
    header, first, _ = output.splitlines()
    assert header.split() == ["job_id", "frames", "text", "nothing", "lacks", "list", "map", "started"]
    assert first.split()[:4] == ["a", "108", "ü,", '"x"']
    rows = list(csv.DictReader(io.StringIO(command("ledger", "sql", query, "--csv")[1])))
    assert [(row["job_id"], row["text"], row["nothing"], row["lacks"], row["list"], row["map"]) for row in rows] == [
        ("a", 'ü, "x"', "", "false", "[1.5]", '{"x": 2}'),
        ("b", 'ü, "x"', "", "true", "[1.5]", '{"x": 2}'),
    ]
    first, _ = json.loads(command("ledger", "sql", query, "--json")[1])
    assert first.pop("started").endswith("+00:00")
    assert first == {
        **{"job_id": "a", "frames": 108, "text": 'ü, "x"', "nothing": None},
        **{"lacks": False, "list": [1.5], "map": {"x": 2}},
    }
    assert json.loads(command("ledger", "sql", "select 1 from videos where false", "--json")[1]) == []
    assert json.loads(command("ledger", "sql", "select 'nan'::double as x", "--json")[1]) == [{"x": None}]


def test_a_long_answer_says_how_much_is_not_shown(command: Command) -> None:
    _, output = command("ledger", "sql", "select range as r from range(1500)")
    assert output.splitlines()[-2].strip() == "199"
    assert "... and 1,300 more rows: --csv and --json print all." in output
    assert command("ledger", "sql", "select 1", "--csv", "--json")[0] == 2
