"""The manifest comes back with what became of each row, in its own columns, order and spelling."""

import csv
import io
import json
from pathlib import Path

import openpyxl
import pytest

from tasks.errors import ManifestRefused
from tasks.job import Outcome
from tasks.manifest import form
from tasks.manifest.intake import check_manifest
from tasks.manifest.results import results, write_results
from tasks.records.journal import VideoEnded
from tests.course import write_manifest

HEADER = ("First Name", "ID", "Portrait", "script", "e-mail", "Status")
ROWS = (("Zoë", "b", "p.png", "b.md", "=zoe@example.org", "new"), ("+49 30", "a", "p.png", "a.md", 'x,"y"', ""))
DONE = VideoEnded(
    *("b", 1, "", Outcome.DONE, 1, 2), frames=123, path="videos/night/b/b.mp4", files={"poster.jpg": "", "b.mp4": ""}
)
FAILED = VideoEnded("a", 2, "", Outcome.FAILED, 1, 2, error="=cmd broke\nTraceback")


def as_csv(path: Path) -> Path:
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows([HEADER, *ROWS])
    path.write_text(text.getvalue(), "utf-8-sig", newline="")
    return path


def as_workbook(path: Path) -> Path:
    book = openpyxl.Workbook()
    for place, row in enumerate((HEADER, *ROWS), 1):
        for column, value in enumerate(row, 1):
            book.active.cell(place, column).value = value
            book.active.cell(place, column).data_type = "s"
    book.save(path)
    return path


def as_json_lines(path: Path) -> Path:
    lines = [json.dumps(dict(zip(HEADER, row, strict=True))) for row in ROWS]
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize(("write", "name"), [(as_csv, "m.csv"), (as_workbook, "m.xlsx"), (as_json_lines, "m.jsonl")])
def test_columns_order_and_spelling_are_the_manifests(write, name: str, tmp_path: Path) -> None:
    table = form.read(write(tmp_path / name))
    text = results(table, [DONE, FAILED])
    assert text.count("\r\n") == text.count("\n") == 3
    header, first, second = csv.reader(io.StringIO(text, newline=""))
    assert header == [*HEADER, "actalker_status", "video", "poster", "seconds", "error"]
    assert first == [*ROWS[0], "done", "./b/b.mp4", "./b/poster.jpg", "4.92", ""]
    assert second == [*ROWS[1], "failed", "", "", "", "'=cmd broke"]


def test_rows_that_have_not_ended_wait(tmp_path: Path) -> None:
    text = results(form.read(as_csv(tmp_path / "m.csv")), [None, DONE])
    assert [row[-5:-3] for row in csv.reader(io.StringIO(text))][1:] == [["waiting", ""], ["done", "./b/b.mp4"]]


def test_a_prefix_is_repeated_until_the_name_is_free(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("id,portrait,script,VIDEO,actalker_video,\na,p,s,1,2,\n")
    header, row = csv.reader(io.StringIO(results(form.read(tmp_path / "m.csv"), [None])))
    assert header[3:7] == ["VIDEO", "actalker_video", "status", "actalker_actalker_video"]
    assert row[3:6] == ["1", "2", "waiting"]


def test_fields_that_only_some_json_objects_have(tmp_path: Path) -> None:
    lines = ('{"Id": "a", "portrait": "p", "script": "s"}', '{"id": "b", "portrait": "p", "script": "s", "Team": 7}')
    (tmp_path / "m.jsonl").write_text("\n".join(lines))
    header, *rows = csv.reader(io.StringIO(results(form.read(tmp_path / "m.jsonl"), [None, None])))
    assert header[:4] == ["Id", "portrait", "script", "Team"]
    assert [row[:4] for row in rows] == [["a", "p", "s", ""], ["b", "p", "s", "7"]]


def test_the_cells_are_those_that_were_checked(tmp_path: Path) -> None:
    """The manifest may be edited while its batch runs. What is written can be submitted like the manifest."""
    manifest = write_manifest(tmp_path, {"a": "One.", "b": "Two."})
    checked = check_manifest(manifest)
    before = manifest.read_text()
    manifest.write_text("gone")
    path = write_results(tmp_path / "videos" / "night", checked, {"b": DONE})
    assert path == tmp_path / "videos" / "night" / "results.csv"
    lines = [line.split(",") for line in path.read_text().splitlines()]
    assert "\n".join(",".join(line[:4]) for line in lines) == before
    assert [line[4] for line in lines] == ["status", "waiting", "done"]
    assert [row.cells["id"] for row in form.read(path).rows] == ["a", "b"]
    assert [path.name for path in path.parent.iterdir()] == ["results.csv"]


def test_a_row_cannot_be_called_like_the_file(tmp_path: Path) -> None:
    with pytest.raises(ManifestRefused, match="a file of that name is written beside the videos"):
        check_manifest(write_manifest(tmp_path, {"Results.csv": "One."}))
