"""The command's edges: what it refuses and how, and what it prints without rendering anything."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from prefect.client.schemas.objects import State
from prefect.states import Completed

from actalker.training import evaluation
from actalker.training.scores import ClipScores, Table
from flows import observer
from flows.cli import main
from flows.options import DEMO_CHECKPOINT, RenderOptions
from tasks.job import Preset
from tasks.manifest.intake import CheckedManifest
from tasks.picture import inspection
from tasks.records.journal import BatchEnded, BatchStarted
from tests.course import write_manifest, write_portrait
from tests.photographs import GRACE


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    monkeypatch.setattr("sys.argv", ["actalker", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    printed = capsys.readouterr()
    return int(end.value.code or 0), printed.out + printed.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("check", "none.csv"), "cannot be read"),
        (("status", "--workspace", "nowhere"), "nowhere holds no batches yet"),
        (("status", "b", "--workspace", "nowhere"), "nowhere holds no batches yet"),
        (("pause", "b", "--workspace", "nowhere"), "nowhere holds no batches yet"),
        (("retry", "b", "--failed", "row1", "--workspace", "nowhere"), "Give --failed or rows"),
        (("retry", "b", "--segment", "1", "--workspace", "nowhere"), "a segment belongs to one row"),
        (("retry", "b", "--seed", "1", "--workspace", "nowhere"), "a seed is for named rows"),
        (("priority", "b", "row1", "high", "--workspace", "nowhere"), "'high' is no priority"),
        (("drain", "n/1", "--workspace", "nowhere"), "no batch of nowhere runs"),
        (("serve", "--workspace", "nowhere"), "there is no workspace nowhere"),
        (("serve", "--workspace", ".", "--host", "0.0.0.0"), "--public-url"),
        (("report", "b", "--workspace", "nowhere"), "nowhere holds no batches yet"),
        (("submit", "none.csv", "--captions", "nope"), "caption profile 'nope'"),
        (("nightly", ".",), "prefect server start"),
    ],
)  # fmt: skip
def test_refusals_are_printed_in_words_and_end_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    code, output = run(monkeypatch, capsys, *arguments)
    assert code == 2
    assert says in output
    assert "Traceback" not in output


def test_a_ledger_that_cannot_be_read_is_named_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "ledger" / "journal" / "night.jsonl").mkdir(parents=True)
    code, output = run(monkeypatch, capsys, "status", "--workspace", tmp_path)
    assert code == 2
    assert "night.jsonl: Is a directory" in output


def test_conversion_names_every_file_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, output = run(monkeypatch, capsys, "weights", "convert", "--from", tmp_path, "--to", tmp_path / "out")
    assert code == 2
    assert "0 files match unet-*.pth" in output
    assert not (tmp_path / "out").exists()


def test_the_bundled_checkpoint_is_whole(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, output = run(monkeypatch, capsys, "weights", "verify", DEMO_CHECKPOINT)
    assert code == 0
    assert "unet.safetensors" in output


def test_scores_of_a_few_clips_are_shown_and_do_not_replace_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Judged already: tests/actalker/test_demo_checkpoint.py does it, test_evaluation.py in processes of their own."""

    def evaluate(checkpoint: Path, clips: int, frames: int, on_clip: Callable[[ClipScores], None]) -> Table:
        row = ClipScores(**dict.fromkeys(ClipScores.__dataclass_fields__, 0.75))  # type: ignore[arg-type]
        on_clip(row)
        return Table((row,) * clips)

    monkeypatch.setattr(evaluation, "evaluate", evaluate)
    table = (DEMO_CHECKPOINT / "evaluation.md").read_text()
    code, output = run(monkeypatch, capsys, "evaluate", "--clips", "2", "--frames", "30")
    assert code == 0
    assert "| audio_open | 0.750 | " in output
    assert (DEMO_CHECKPOINT / "evaluation.md").read_text() == table


def test_a_checkpoint_with_other_weights_than_its_config_says_is_not_scored(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shutil.copytree(DEMO_CHECKPOINT, tmp_path / "changed")
    with (tmp_path / "changed" / "encoders.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"?")
    code, output = run(monkeypatch, capsys, "evaluate", "--clips", "1", tmp_path / "changed")
    assert code == 2
    assert "encoders.safetensors has sha256" in output


def test_what_draws_by_default(tmp_path: Path) -> None:
    assert RenderOptions().default_preset is None
    assert RenderOptions(weights=tmp_path).default_preset is Preset.ACTALKER
    assert RenderOptions(Preset.DEMO, tmp_path).default_preset is Preset.DEMO


def test_a_photograph_for_the_demo_network_is_warned_of_but_not_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shutil.copy(GRACE, tmp_path / "grace.jpg")
    manifest = tmp_path / "night.csv"
    manifest.write_text("id,portrait,script,consent\ngrace,grace.jpg,text.md,given\n")
    (tmp_path / "text.md").write_text("Good evening.")
    code, output = run(monkeypatch, capsys, "check", manifest, "--preset", "demo")
    assert code == 0
    assert "row 2 (grace): the portrait looks like a photograph" in output
    for preset in ((), ("--preset", "still"), ("--preset", "draft")):
        assert "looks like" not in run(monkeypatch, capsys, "check", manifest, *preset)[1]


def test_a_photograph_without_a_consent_is_warned_of_or_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    shutil.copy(GRACE, tmp_path / "grace.jpg")
    manifest = tmp_path / "night.csv"
    manifest.write_text("id,portrait,script\ngrace,grace.jpg,text.md\n")
    (tmp_path / "text.md").write_text("Good evening.")
    code, output = run(monkeypatch, capsys, "check", manifest)
    assert code == 0
    assert "row 2 (grace): the portrait is a photograph, and the row has no reference to the person's consent" in output
    code, output = run(monkeypatch, capsys, "check", manifest, "--require-consent")
    assert code == 2
    assert "Give one in the column consent." in output


def test_a_script_that_is_hardly_in_the_named_language_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write_portrait(tmp_path / "p.png")
    (tmp_path / "m.csv").write_text("id,portrait,script,language\na,p.png,a.md,en\nb,p.png,a.md,\n")
    (tmp_path / "a.md").write_text("Guten Morgen. Heute lernen wir, was ein Haushaltsplan ist.")
    code, output = run(monkeypatch, capsys, "check", tmp_path / "m.csv", "--preset", "still")
    assert code == 0
    assert output == "row 2 (a): its script is far more probably in 'de' than in 'en'\n2 rows, no fault.\n"


def test_a_submitted_manifest_and_its_files_are_read_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    given: list[CheckedManifest] = []

    def render_batch(manifest: CheckedManifest, *_: object, **__: object) -> State[None]:
        given.append(manifest)
        observer.current.get().on_event(BatchStarted("night-1", "night.csv", 0, 0, ()))
        observer.current.get().on_event(BatchEnded(0, 2, 0))
        return Completed()

    opened: list[Path] = []
    look = inspection.read_image
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(inspection, "read_image", lambda path: (opened.append(path), look(path))[1])
    monkeypatch.setattr("flows.submit.render_batch", render_batch)
    monkeypatch.setattr("flows.cli.atexit.register", lambda function: None)
    monkeypatch.setattr("flows.submit.end_in_any_case", lambda *_: None)  # it would end this process
    monkeypatch.setattr("flows.submit.signal.signal", lambda number, handler: None)
    write_manifest(tmp_path, {"a": "One.", "b": "Two."})
    code, output = run(monkeypatch, capsys, "submit", tmp_path / "course.csv", "--preset", "still")
    assert code == 0, output
    assert [job.id for job in given[0].jobs] == ["a", "b"]
    assert opened == [tmp_path / "p.png"]


def test_a_check_as_json_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = write_manifest(tmp_path, {"a": "One."})
    code, output = run(monkeypatch, capsys, "check", manifest, "--preset", "still", "--json")
    assert (code, json.loads(output)) == (0, {"rows": 1, "faults": [], "warnings": []})
    manifest.write_text(manifest.read_text().replace("p.png", "q.png"))
    code, output = run(monkeypatch, capsys, "check", manifest, "--json")
    (fault,) = json.loads(output)["faults"]
    assert (code, fault["row"], fault["id"], fault["column"]) == (2, 2, "a", "portrait")


def test_voices_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, output = run(monkeypatch, capsys, "voices", "de", "--json")
    assert code == 0
    assert "de" in {voice["name"] for voice in json.loads(output)}
