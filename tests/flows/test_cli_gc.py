"""`actalker gc` says how much it would remove, and removes it when it is told to."""

import json
import shutil
from pathlib import Path

import pytest

from flows.amounts import bytes_of, seconds_of, size
from tasks.errors import BadInput
from tasks.records.journal import Journal
from tests.flows.test_cli_ledger import Command, command, workspace  # noqa: F401 - fixtures


def test_nothing_goes_without_a_yes(command: Command, workspace: Path) -> None:  # noqa: F811
    assert command("gc") == (0, "Of 0.0 MiB in the store, nothing can be removed.\n")
    shutil.rmtree(workspace / "videos" / "night")
    code, output = command("gc")
    assert code == 0
    lines = [line.split() for line in output.splitlines()]
    assert [(line[0], line[1]) for line in lines[1:3]] == [("clip", "4"), ("input", "2")]
    assert lines[3][:3] == ["finished", "video", "2"]
    assert output.endswith("Nothing was removed. To remove them: --yes.\n")
    code, output = command("gc", "--json")
    told = json.loads(output)
    assert (told["removed"], told["kinds"]["clip"]["number"]) == (False, 4)
    assert list(workspace.glob("store/clips/*/*.avi"))
    assert json.loads(command("gc", "--older-than", "1d", "--json")[1])["kinds"] == {}
    assert json.loads(command("gc", "--keep-size", "1M", "--json")[1])["kinds"] == {}
    assert json.loads(command("gc", "--yes", "--json")[1]) == {**told, "removed": True}
    assert not list(workspace.glob("store/clips/*/*.avi"))
    assert command("ledger", "verify")[0] == 0


def test_on_a_terminal_it_asks(command: Command, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    shutil.rmtree(workspace / "videos" / "night")
    monkeypatch.setattr("flows.cli_gc.sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("flows.cli_gc.typer.confirm", lambda question: False)
    assert "Nothing was removed." in command("gc")[1]
    monkeypatch.setattr("flows.cli_gc.typer.confirm", lambda question: True)
    assert "Removed: 0.0 MiB." in command("gc")[1]


def test_it_is_refused_while_a_batch_runs(command: Command, workspace: Path) -> None:  # noqa: F811
    shutil.rmtree(workspace / "videos" / "night")
    with Journal(workspace / "ledger", "other"):
        assert command("gc", "--yes")[0] == 2
    assert list(workspace.glob("store/clips/*/*.avi"))


@pytest.mark.parametrize(("text", "seconds"), [("12h", 43_200), ("30d", 2_592_000), ("1.5 w", 907_200)])
def test_times(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"), [("500M", 500 << 20), ("1.5g", 3 << 29), ("2TiB", 2 << 40), ("1 GB", 1 << 30)]
)
def test_sizes(text: str, count: int) -> None:
    assert bytes_of(text) == count


@pytest.mark.parametrize("text", ["", "3", "d", "-1d", "3 days", "1e3d"])
def test_what_is_neither(text: str) -> None:
    for read in (seconds_of, bytes_of):
        with pytest.raises(BadInput, match="is not a"):
            read(text)


def test_sizes_are_shown_in_binary_units() -> None:
    assert [size(count) for count in (0, 3 << 19, 5 << 30, 3 << 39)] == ["0.0 MiB", "1.5 MiB", "5.0 GiB", "1.5 TiB"]
