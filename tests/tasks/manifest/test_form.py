"""Manifests of every form are read alike, and what has no form is refused in words."""

import json
from pathlib import Path

import pytest

from tasks.errors import ManifestRefused
from tasks.manifest import form

HEADER = "id,portrait,script,first_name"


def read(folder: Path, data: str | bytes, name: str = "m.csv") -> tuple[form.Row, ...]:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return form.read(path)


@pytest.mark.parametrize(
    "data",
    [
        f"{HEADER}\na,p.png,s.md,Zoë\n",
        f"{HEADER}\na,p.png,s.md,Zoë",
        f"\ufeff{HEADER}\r\na,p.png,s.md,Zoë\r\n",
        f"{HEADER}\n\n ,,,\na , p.png ,s.md, Zoë\n".replace(",", ";"),
        f"{HEADER}\na,p.png,s.md,Zoë\n".replace(",", "\t"),
        '"id","portrait","script","first_name"\n"a","p.png","s.md","Zoë"\n',
    ],
)
def test_dialects_give_the_same_row(tmp_path: Path, data: str) -> None:
    (row,) = read(tmp_path, data)
    assert (row.number, row.cells["id"], row.cells["portrait"], row.cells["script"]) == (1, "a", "p.png", "s.md")
    assert row.cells["audio"] == ""
    assert row.variables == {"first_name": "Zoë"}


def test_json_lines_give_the_same_row(tmp_path: Path) -> None:
    line = json.dumps({"id": "a", "portrait": "p.png", "script": "s.md", "first_name": "Zoë", "seed": 7, "audio": None})
    (row,) = read(tmp_path, line, "m.jsonl")
    assert (row.cells["id"], row.cells["seed"], row.cells["audio"]) == ("a", "7", "")
    assert row.variables == {"first_name": "Zoë"}


def test_quoted_line_breaks_and_delimiters_stay_in_their_cell(tmp_path: Path) -> None:
    rows = read(tmp_path, f'{HEADER}\na,p,s,"one\ntwo, three"\nb,p,s,x\n')
    assert [row.variables["first_name"] for row in rows] == ["one\ntwo, three", "x"]
    assert [row.number for row in rows] == [1, 2]


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        ("", "m.csv", "it has no rows"),
        (HEADER, "m.csv", "it has no rows"),
        (f"{HEADER},id\na,p,s,x,b", "m.csv", "stands twice"),
        ("id,portrait,script,\na,p,s,x", "m.csv", "has no name"),
        ("id,potrait,script\na,p,s", "m.csv", "Did you mean 'portrait' by 'potrait'?"),
        ("id,portrait\na,p", "m.csv", "nor is there one for audio"),
        (f"{HEADER}\na,p,s,x,surplus", "m.csv", "5 cells, the header 4"),
        (f'{HEADER}\na,p,s,"x', "m.csv", "is not CSV"),
        ("id,portrait,script\nä,p,s".encode("latin-1"), "m.csv", "not UTF-8 (byte 19)"),
        ("[1]", "m.jsonl", "it is a list, not an object"),
        ('{"id": "a", "portrait": {"x": 1}, "script": "s"}', "m.jsonl", "'portrait' is nested"),
        ('{"id": "\\ud800", "portrait": "p", "script": "s"}', "m.jsonl", "surrogates not allowed"),
        ('{"id": ', "m.jsonl", "Expecting value"),
        ("[" * 100_000, "m.jsonl", "nested too deeply"),
    ],
)
def test_what_has_no_form_is_refused_in_words(tmp_path: Path, data: str | bytes, name: str, says: str) -> None:
    with pytest.raises(ManifestRefused) as caught:
        read(tmp_path, data, name)
    assert says in str(caught.value)


def test_a_missing_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestRefused, match="cannot be read"):
        form.read(tmp_path / "none.csv")
