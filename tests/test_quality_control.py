"""Quality control of a whole batch: what fails is rendered again, what fails again is delivered and needs a look."""

import json
from pathlib import Path

import duckdb
import pytest

from tests.blackened import BLACK, INDEX
from tests.course import actalker, events, finished, rendered, write_manifest

SCRIPTS = {
    "cured": "One. Two and a half. Three or more.",
    "ill": "Four of them. Five and a half. Six or more.",
    "well": "Seven. Eight and a half. Nine or more.",
}


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_manifest(tmp_path_factory.mktemp("course"), SCRIPTS)


@pytest.fixture(scope="module")
def workspace(course: Path, prefect_server: str) -> Path:
    folder = course.parent / "workspace"
    submit(course, folder, prefect_server)
    return folder


def submit(course: Path, workspace: Path, api: str, *options: str) -> None:
    arguments = ("submit", course, "--workspace", workspace, "--preset", "still", *options)
    code, output = finished(actalker(*arguments, api=api, program=("-m", "tests.blackened")))
    assert code == 0, output


def notes(workspace: Path) -> dict[str, list[str]]:
    return {str(event["job_id"]): list(event["notes"]) for event in events(workspace, "VideoEnded")}  # type: ignore[call-overload]


def place(workspace: Path, job_id: str) -> int:
    """The frame of the video that is the first to be blackened."""
    starts = {
        event["index"]: int(str(event["start_frame"]))
        for event in events(workspace, "SegmentEnded")
        if event["job_id"] == job_id
    }
    return starts[INDEX] + BLACK.start


def test_a_segment_that_fails_is_rendered_once_more_with_another_seed(workspace: Path) -> None:
    for job_id in SCRIPTS:
        done = [event for event in events(workspace, "Attempt") if event["job_id"] == job_id]
        tries = sorted(int(str(event["index"])) for event in done)
        assert tries == sorted([0, 1, 2] + [INDEX] * (job_id != "well"))
    seeds = {(event["job_id"], event["index"]): event["seed"] for event in events(workspace, "SegmentEnded")}
    assert len(set(seeds.values())) == len(seeds)


def test_a_row_that_fails_again_is_delivered_and_says_where_to_look(workspace: Path) -> None:
    found = notes(workspace)
    assert found["cured"] == found["well"] == []
    (note,) = found["ill"]
    assert note.startswith("needs a look: 3 frames are black at 0:0")
    assert f"(frame {place(workspace, 'ill')})" in note
    (record,) = workspace.glob("videos/*/ill/ill.record.json")
    assert json.loads(record.read_text())["notes"] == [note]
    assert "needs a look" in finished(actalker("status", "--workspace", workspace))[1]


def test_the_ledger_has_every_score_of_every_segment_and_video(workspace: Path) -> None:
    table = f"'{workspace}/ledger/checks/**/*.parquet'"
    query = f'select job_id, "index", frame, message from {table} where not ok and "check" = \'black_frames\''
    failed = {(job_id, index): (frame, message) for job_id, index, frame, message in duckdb.sql(query).fetchall()}
    assert failed.keys() == {("ill", INDEX), ("ill", -1)}
    assert {frame for frame, _ in failed.values()} == {place(workspace, "ill")}
    query = (
        f'select job_id, "index", count(*) from {table} where value is not null and "limit" is not null group by all'
    )
    counts = {(job_id, index): count for job_id, index, count in duckdb.sql(query).fetchall()}
    assert counts.keys() == {(job_id, index) for job_id in SCRIPTS for index in (-1, 0, 1, 2)}
    assert min(counts.values()) >= 3


def test_a_batch_that_finds_finished_videos_has_their_scores(
    workspace: Path, course: Path, prefect_server: str
) -> None:
    again = course.with_name("again.csv")
    again.write_text(course.read_text())
    submit(again, workspace, prefect_server)
    (journal,) = workspace.glob("ledger/journal/again-*.jsonl")
    ended = [event for event in map(json.loads, journal.read_text().splitlines()) if event["event"] == "VideoEnded"]
    assert [event["outcome"] for event in ended] == ["reused"] * 3
    table = f"'{workspace}/ledger/checks/**/*.parquet'"
    query = (
        f'select job_id, "index", "check", value, ok, message, frame from {table} where batch_id {{}} ? order by all'
    )
    found, made = (duckdb.execute(query.format(how), [journal.stem]).fetchall() for how in ("=", "<>"))
    assert found == made
    assert len(found) > 30


def test_another_batch_of_the_same_clips_says_the_same_and_renders_nothing(
    workspace: Path, course: Path, prefect_server: str
) -> None:
    before, said = rendered(workspace), notes(workspace)
    submit(course, workspace, prefect_server, "--sound", "web")
    assert rendered(workspace) == before
    assert notes(workspace) == said


def test_nothing_is_measured_where_it_is_not_wanted(course: Path, tmp_path: Path, prefect_server: str) -> None:
    submit(course, tmp_path / "w", prefect_server, "--no-check-quality")
    assert not events(tmp_path / "w", "Checked")
    assert len(rendered(tmp_path / "w")) == 9
    assert not notes(tmp_path / "w")["ill"]


def test_limits_are_changed_on_the_command_line(course: Path, tmp_path: Path, prefect_server: str) -> None:
    submit(course, tmp_path / "w", prefect_server, "--quality-control", "black_frames.most=3")
    assert len(rendered(tmp_path / "w")) == 9
    code, output = finished(actalker("submit", course, "--workspace", tmp_path / "v", "--quality-control", "x.most=3"))
    assert code == 2
    assert "there is no check 'x'" in output
