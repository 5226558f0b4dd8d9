"""The command's edges: what it refuses and how, and what it tells without rendering anything."""

import shutil
from pathlib import Path

import pytest

from flows.cli import main
from flows.options import DEMO_CHECKPOINT, Rendering
from tasks.job import Preset
from tests.tasks.picture.test_photograph import PHOTOGRAPH


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    monkeypatch.setattr("sys.argv", ["actalker", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    told = capsys.readouterr()
    return int(end.value.code or 0), told.out + told.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("check", "none.csv"), "cannot be read"),
        (("status", "--workspace", "nowhere"), "nowhere holds no batches yet"),
        (("status", "b", "--workspace", "nowhere"), "there is no batch 'b'"),
        (("submit", "none.csv", "--captions", "nope"), "caption profile 'nope'"),
        (("nightly", ".",), "prefect server start"),
    ],
)  # fmt: skip
def test_refusals_are_told_in_words_and_end_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    code, told = run(monkeypatch, capsys, *arguments)
    assert code == 2
    assert says in told
    assert "Traceback" not in told


def test_conversion_names_every_file_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, told = run(monkeypatch, capsys, "weights", "convert", "--from", tmp_path, "--to", tmp_path / "out")
    assert code == 2
    assert "0 files match unet-*.pth" in told
    assert not (tmp_path / "out").exists()


def test_the_bundled_checkpoint_is_whole(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = run(monkeypatch, capsys, "weights", "verify", DEMO_CHECKPOINT)
    assert code == 0
    assert "unet.safetensors" in told


def test_scores_of_a_few_clips_are_shown_and_do_not_replace_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = (DEMO_CHECKPOINT / "evaluation.md").read_text()
    code, told = run(monkeypatch, capsys, "evaluate", "--clips", "1", "--frames", "30")
    assert code == 0
    assert "| audio_open | " in told
    assert (DEMO_CHECKPOINT / "evaluation.md").read_text() == table


def test_voices_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = run(monkeypatch, capsys, "voices")
    assert code == 0
    assert {"en-us", "de", "ar"} <= set(told.split())


def test_what_draws_by_default(tmp_path: Path) -> None:
    assert Rendering().default_preset is Preset.DEMO
    assert Rendering(weights=tmp_path).default_preset is Preset.ACTALKER
    assert Rendering(Preset.DEMO, tmp_path).default_preset is Preset.DEMO


def test_a_photograph_for_the_demo_network_is_told_but_not_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shutil.copy(PHOTOGRAPH, tmp_path / "grace.jpg")
    manifest = tmp_path / "night.csv"
    manifest.write_text("id,portrait,script,consent\ngrace,grace.jpg,text.md,given\n")
    (tmp_path / "text.md").write_text("Good evening.")
    code, told = run(monkeypatch, capsys, "check", manifest)
    assert code == 0
    assert "grace: the portrait looks like a photograph" in told
    assert "looks like" not in run(monkeypatch, capsys, "check", manifest, "--preset", "still")[1]
