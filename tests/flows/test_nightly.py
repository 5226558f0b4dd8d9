"""The schedule's own decisions: which manifests, in which order, until when, and on which server."""

import os
from datetime import datetime
from pathlib import Path

import cloudpickle
import pytest

from flows import nightly
from flows.nightly import MAX_NIGHTS, Nights, check_roots, manifests, render_night, serve, settled, window_end
from flows.options import BatchOptions
from tasks.errors import BadInput
from tasks.records.store import Store


def test_manifests_come_oldest_first_and_nothing_else_does(tmp_path: Path) -> None:
    for age, name in enumerate(["b.csv", "a.jsonl", "c.TSV", "d.xlsx", "notes.md", ".hidden.csv", "~$d.xlsx"]):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    (tmp_path / "e.csv").symlink_to(tmp_path / "gone.csv")  # which the check refuses
    assert [path.name for path in manifests(tmp_path)] == ["d.xlsx", "c.TSV", "a.jsonl", "b.csv", "e.csv"]


@pytest.mark.parametrize(
    ("now", "until", "end"),
    [
        ("2026-11-22T20:00:00+01:00", "06:00", "2026-11-23T06:00:00+01:00"),
        ("2026-11-22T05:59:00+01:00", "06:00", "2026-11-22T06:00:00+01:00"),
        ("2026-11-22T06:00:00+01:00", "06:00", "2026-11-23T06:00:00+01:00"),
    ],
)
def test_the_window_ends_when_the_clock_shows_it_next(now: str, until: str, end: str) -> None:
    assert window_end(datetime.fromisoformat(now), until) == datetime.fromisoformat(end)


def test_a_window_that_is_no_time_is_refused() -> None:
    with pytest.raises(BadInput, match="'six' is not a time of the day"):
        window_end(datetime(2026, 1, 1), "six")


def test_a_schedule_without_a_server_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="prefect server start"):
        serve(tmp_path, tmp_path / "w", "0 20 * * *", "06:00", BatchOptions())


def test_the_flow_can_be_sent_to_the_process_that_runs_it() -> None:
    """Prefect starts a scheduled run in a process of its own and pickles the flow, with all that it names, into it."""
    assert cloudpickle.loads(cloudpickle.dumps(render_night)).name == "nightly"


def test_a_manifest_that_is_still_being_copied_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, growing, gone = tmp_path / "whole.csv", tmp_path / "growing.csv", tmp_path / "gone.csv"
    for path in (whole, growing, gone):
        path.write_text("id,portrait\n")

    def meanwhile(seconds: float) -> None:
        assert seconds == nightly.SETTLE_S
        growing.write_text("id,portrait\na,p.png\n")
        gone.unlink()

    monkeypatch.setattr("flows.nightly.clock.sleep", meanwhile)
    assert settled([whole, growing, gone]) == {whole: True, growing: False, gone: False}


def test_a_refused_manifest_leaves_its_faults_and_is_not_tried_for_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest, workspace = tmp_path / "bad.csv", tmp_path / "w"
    manifest.write_text("id,portrait,script\na,none.png,none.md\n")
    for _ in range(MAX_NIGHTS):
        assert not Nights(Store(workspace)).render(manifest, workspace, BatchOptions())
    faults = (workspace / "refused" / "bad.csv.txt").read_text()
    assert faults.count("there is no such file") == 2
    assert "bad.csv: row" in caplog.text
    caplog.clear()
    assert not Nights(Store(workspace)).render(manifest, workspace, BatchOptions())
    assert "is not tried again until it is edited" in caplog.text
    manifest.write_text("id,portrait,script\nb,none.png,none.md\n")
    caplog.clear()
    assert not Nights(Store(workspace)).render(manifest, workspace, BatchOptions())
    assert "there is no such file" in caplog.text


@pytest.mark.parametrize("text", ["", "{}", '{"bad.csv 00": 3, "crc32": "00000000"}'])
def test_a_damaged_count_of_nights_costs_a_try_and_nothing_else(tmp_path: Path, text: str) -> None:
    manifest, store = tmp_path / "bad.csv", Store(tmp_path / "w")
    manifest.write_text("nothing")
    (store.ledger / "nights.json").write_text(text)
    assert not Nights(store).render(manifest, store.root, BatchOptions())


def test_a_run_stays_below_the_folders_that_its_operator_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_roots([tmp_path])
    monkeypatch.setenv(nightly.ROOTS, f"{tmp_path / 'inbox'}:{tmp_path / 'w'}")
    check_roots([tmp_path / "inbox", tmp_path / "w" / "a"])
    for outside in (tmp_path, tmp_path / "inbox" / ".." / "secret", Path("/etc")):
        with pytest.raises(BadInput, match="is outside of the folders that ACTALKER_ROOTS names"):
            check_roots([outside])


def test_a_night_that_begins_after_its_window_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = datetime.fromisoformat("2026-11-23T09:00:00+01:00")
    monkeypatch.setattr(nightly, "_now", lambda: late)
    monkeypatch.setattr(nightly, "_scheduled_start", lambda: datetime.fromisoformat("2026-11-22T20:00:00+01:00"))
    state = render_night.fn(tmp_path, tmp_path / "w", "06:00")
    assert state.is_completed()
    assert state.message == "Missed: the window of this run was over at 2026-11-23 06:00."


def test_an_option_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BadInput, match="'colour' is no option of a batch"):
        BatchOptions.of({"colour": "blue"})
    with pytest.raises(BadInput, match="there is no preset 'movie'"):
        assert BatchOptions(preset="movie").rendering
    with pytest.raises(BadInput, match="loud is not a valid Sound"):
        assert BatchOptions(sound="loud").finishing
