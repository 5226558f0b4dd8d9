"""The command that is kept with a batch means what was meant."""

from dataclasses import fields
from pathlib import Path

import pytest
import typer

from flows import cli, command
from flows.options import BatchOptions


def options_of(words: list[str]) -> BatchOptions:
    """What the command line makes of them."""
    submit = typer.main.get_command(cli.app).commands["submit"]  # type: ignore[attr-defined]
    return cli._options_of(submit.make_context("submit", words).params)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"preset": "draft", "quality": "fast", "head_movement": False, "denoise": True, "compiled": False, "actors": 3},
        {
            "captions": "bbc",
            "highlight": True,
            "burn_in": True,
            "sound": "web",
            "aspect": "9:16",
            "backdrop": "#102030",
        },
        {"label": "It's 'AI'", "mark_drafts": False, "max_failures": 2, "require_consent": True, "ray": "head:6379"},
        {"weights": "/w", "music": "/m.ogg", "lexicon": "/l.csv"},
    ],
)
def test_options_are_written_as_the_command_line_reads_them(
    options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ACTALKER_WEIGHTS", "ACTALKER_RAY"):
        monkeypatch.delenv(name, raising=False)
    wanted = BatchOptions.of(options)
    assert options_of(["night.csv", *wanted.arguments()]) == wanted
    assert set(options) <= {option.name for option in fields(BatchOptions)}


def test_a_command_is_typed_again_from_any_folder() -> None:
    argv = ["/venv/bin/actalker", "submit", "night 1.csv", "--sound", "web"]
    assert command.typed(argv, Path("/srv/my courses")) == (
        "cd '/srv/my courses' && actalker submit 'night 1.csv' --sound web"
    )
    assert command.typed(["-c"], Path("/")) == ""
    assert command.typed(["/venv/bin/actalker", "nightly", "in"], Path("/")) == ""


def test_a_schedule_names_the_manifest_and_its_options(tmp_path: Path) -> None:
    written = command.submit(tmp_path / "a.csv", tmp_path / "w", BatchOptions(burn_in=True))
    assert written == f"actalker submit {tmp_path}/a.csv --workspace {tmp_path}/w --burn-in"
