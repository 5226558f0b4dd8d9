"""Manifests of every form are read alike, and what has no form is refused in words."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.errors import ManifestRefused
from tasks.manifest import form
from tests.course import ROOT

HEADER = "id,portrait,script,first_name"


def read(folder: Path, data: str | bytes, name: str = "m.csv") -> tuple[form.Row, ...]:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return form.read(path).rows


def refusal(folder: Path, data: str | bytes, name: str = "m.csv") -> str:
    with pytest.raises(ManifestRefused) as caught:
        read(folder, data, name)
    return str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        f"{HEADER}\na,p.png,s.md,Zoë\n",
        f"{HEADER}\na,p.png,s.md,Zoë",
        f"\ufeff{HEADER}\r\na,p.png,s.md,Zoë\r\n",
        f"{HEADER}\n\n ,,,\na , p.png ,s.md, Zoë\n".replace(",", ";"),
        f"{HEADER}\na,p.png,s.md,Zoë\n".replace(",", "\t"),
        '"id","portrait","script","first_name"\n"a","p.png","s.md","Zoë"\n',
        f"{HEADER}\ra,p.png,s.md,Zoë\r",
        f"{HEADER}\na,p.png,s.md,Zoë\n".replace(",", "\t").encode("utf-16"),
        f"{HEADER}\r\na,p.png,s.md,Zoë\r\n".encode("utf-16-be").join([b"\xfe\xff", b""]),
        f"{HEADER}\na,p.png,s.md,Zoë\n".encode("utf-32"),
        f"sep=;\r\n{HEADER}\r\na,p.png,s.md,Zoë\r\n".replace(",", ";"),
        f'"sep=\t"\n{HEADER}\na,p.png,s.md,Zoë\n'.replace(",", "\t"),
        "id;portrait;script;first_name;a, b, c, d\na;p.png;s.md;Zoë;x",
    ],
)
def test_dialects_give_the_same_row(tmp_path: Path, data: str | bytes) -> None:
    (row,) = read(tmp_path, data)
    assert (row.place, row.cells["id"], row.cells["portrait"], row.cells["script"]) == (1, "a", "p.png", "s.md")
    assert row.cells["audio"] == ""
    assert row.variables["first_name"] == "Zoë"


def test_json_lines_give_the_same_row(tmp_path: Path) -> None:
    line = json.dumps({"id": "a", "portrait": "p.png", "script": "s.md", "first_name": "Zoë", "seed": 7, "audio": None})
    (row,) = read(tmp_path, line, "m.jsonl")
    assert (row.cells["id"], row.cells["seed"], row.cells["audio"]) == ("a", "7", "")
    assert dict(row.variables) == {"first_name": "Zoë"}


def test_quoted_line_breaks_and_delimiters_stay_in_their_cell(tmp_path: Path) -> None:
    rows = read(tmp_path, f'{HEADER}\na,p,s,"one\ntwo, three"\nb,p,s,x\n')
    assert [row.variables["first_name"] for row in rows] == ["one\ntwo, three", "x"]
    assert [row.place for row in rows] == [1, 2]
    assert [row.number for row in rows] == [2, 3]


@pytest.mark.parametrize(
    ("data", "name", "numbers"),
    [
        (f"{HEADER}\na,p,s,x\nb,p,s,x\n", "m.csv", [2, 3]),
        (f"{HEADER}\n\na,p,s,x\n,,,\n\nb,p,s,x\n", "m.csv", [3, 6]),
        (f"\n,,,\n{HEADER}\na,p,s,x\nb,p,s,x\n", "m.csv", [4, 5]),
        (f'{HEADER}\na,p,s,"x\n\n\ny"\nb,p,s,x\n', "m.csv", [2, 3]),
        (f"{HEADER}\r\na,p,s,x\r\n\r\nb,p,s,x", "m.csv", [2, 4]),
        (f"sep=,\n{HEADER}\na,p,s,x\nb,p,s,x", "m.csv", [2, 3]),
        ('{"id":"a","portrait":"p","script":"s"}\n\n{"id":"b","portrait":"p","script":"s"}', "m.jsonl", [1, 3]),
    ],
)
def test_rows_are_numbered_as_a_spreadsheet_numbers_them(
    tmp_path: Path, data: str, name: str, numbers: list[int]
) -> None:
    rows = read(tmp_path, data, name)
    assert [row.number for row in rows] == numbers
    assert [(row.place, row.cells["id"]) for row in rows] == [(1, "a"), (2, "b")]


@pytest.mark.parametrize(
    "data",
    [
        f"{HEADER},,\r\na,p,s,x,,\r\nb,p,s,x,,\r\n,,,,,\r\n",
        f"{HEADER}, ,\u00a0\na,p,s,x\nb,p,s,x",
        f"{HEADER}\na,p,s,x,,,\nb,p,s,x,\n",
        "id,portrait,,script,first_name\na,p,,s,x\nb,p, ,s,x",
        ",id,portrait,script,first_name\n,a,p,s,x\n,b,p,s,x",
        f"{HEADER}{',' * 5000}\na,p,s,x{',' * 5000}\nb,p,s,x",
    ],
)
def test_empty_columns_are_passed_over(tmp_path: Path, data: str) -> None:
    rows = read(tmp_path, data)
    assert [(row.cells["id"], row.cells["script"], row.variables) for row in rows] == [
        ("a", "s", {"first_name": "x"}),
        ("b", "s", {"first_name": "x"}),
    ]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (f"{HEADER},,\na,p,s,x\nb,p,s,x,,stray\n", "row 3, cell F3 'stray': its column has no name"),
        (f"{HEADER},,\na,p,s,x,1,2\nb,p,s,x,3,4\n", "row 2, cell E2 '1'"),
        (f"{HEADER},,\na,p,s,x,1,2\nb,p,s,x,3,4\n", "row 2, cell F2 '2'"),
        ("id,portrait,,script\n\na,p,note,s", "row 3, cell C3 'note'"),
        (",id,portrait,script\n1,a,p,s", "row 2, cell A2 '1'"),
        (f"{HEADER}{',' * 30}\na,p,s,x{',' * 30}y", "row 2, cell AH2 'y'"),
        (f"{HEADER}\na,p,s,x,y,z", "row 2, cell E2 'y': the row has 6 cells, the header 4"),
    ],
)
def test_a_cell_without_a_column_is_named(tmp_path: Path, data: str, says: str) -> None:
    assert says in refusal(tmp_path, data)


def test_cells_of_a_nameless_column_are_one_fault(tmp_path: Path) -> None:
    assert len(refusal(tmp_path, f"{HEADER},\n" + "a,p,s,x,stray\n" * 50).splitlines()) == 1
    assert len(refusal(tmp_path, f"{HEADER}\n" + "a,p,s,x,stray\n" * 50).splitlines()) == 50


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        ("", "m.csv", "it has no rows"),
        (HEADER, "m.csv", "it has no rows"),
        (f"{HEADER},id\na,p,s,x,b", "m.csv", "stands twice"),
        ("id,portrait,script\nä,p,s".encode("cp1252"), "m.csv", "not UTF-8 (byte 19). Save it as 'CSV UTF-8'"),
        ("id,portrait,script\na,p,s".encode("utf-16-le"), "m.csv", "UTF-16 without a byte order mark"),
        ("id,portrait,script\na,p,s".encode("utf-16-be"), "m.csv", "UTF-16 without a byte order mark"),
        (b"\xff\xfei\0d\0,", "m.csv", "not UTF-16 (byte 6)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "m.xls", "an Excel file of the old kind, or has a password"),
        (b"PK\x03\x04", "m.csv", "a damaged workbook"),
        (f"{HEADER}\n" + "a,p,s,x\n" * 100_001, "m.csv", "more than 100,000 rows"),
        (HEADER + "\n" * 1_100_000, "m.csv", "1,048,576 with empty ones"),
        (" " * (16 << 20) + HEADER, "m.csv", "larger than 16 MiB"),
        (f"{HEADER}\na,p,s,{'x' * 140_000}", "m.csv", "field larger than field limit"),
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
        ('{"id": NaN}', "m.jsonl", "NaN is not JSON"),
        ('{"seed": 1' + "0" * 5000 + "}", "m.jsonl", "digits"),
        ('{"id": "a", "ID": "b"}', "m.jsonl", "the field 'id' stands twice"),
        ('{"id": "a", "x": "b", "x": "c"}', "m.jsonl", "the field 'x' stands twice"),
        ('{"": "a"}', "m.jsonl", "'' is no name of a field"),
        ('{"a\\u0000": "a"}', "m.jsonl", "is no name of a field"),
        ('{"id": "' + "x" * (1 << 20) + '"}', "m.jsonl", "longer than 1 MiB"),
        ("\n".join(f'{{"x{number}": 1}}' for number in range(1001)), "m.jsonl", "more than 1000 different fields"),
        ("x\n" * 100_002, "m.jsonl", "more than 100,000 rows"),
    ],
)
def test_what_has_no_form_is_refused_in_words(tmp_path: Path, data: str | bytes, name: str, says: str) -> None:
    assert says in refusal(tmp_path, data, name)


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    for path, says in (
        (tmp_path / "none.csv", "manifest 'none.csv': it cannot be read (No such file or directory)"),
        (tmp_path, "it is not a file. Give the path of a CSV, Excel (.xlsx) or JSON Lines file."),
        (tmp_path / "pipe.csv", "manifest 'pipe.csv': it is not a file"),
        (tmp_path / "loop.csv", "it cannot be read (Too many levels of symbolic links)"),
        (tmp_path / ("x" * 300), "it cannot be read (File name too long)"),
        (tmp_path / "a\0.csv", "it cannot be read"),
        (Path("/dev/zero"), "manifest 'zero': it is not a file"),
    ):
        with pytest.raises(ManifestRefused) as caught:
            form.read(path)
        assert says in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.csv").touch(mode=0)
    with pytest.raises(ManifestRefused, match="Permission denied"):
        form.read(tmp_path / "m.csv")


def test_what_one_json_line_has_is_empty_in_the_others(tmp_path: Path) -> None:
    lines = '{"id":"a","portrait":"p","script":"s","x":"1"}\n{"id":"b","portrait":"p","audio":"r","y":2.5}'
    one, two = read(tmp_path, lines, "m.jsonl")
    assert (dict(one.variables), dict(two.variables)) == ({"x": "1", "y": ""}, {"x": "", "y": "2.5"})
    assert (one.cells["audio"], two.cells["audio"]) == ("", "r")


MANY = {
    "commas": "id,portrait,script\n" + "," * (15 << 20),
    "commas of another script": "id,portrait,script\n" + "ж," * (5 << 20),
    "line breaks": "id,portrait,script\n" + "\n" * (15 << 20),
    "short rows": "id,portrait,script\n" + "a,b\n" * (3 << 20),
    "blanks": " " * (15 << 20) + "\n",
    "quotes": 'id,portrait,script\n"' + '""' * (7 << 20),
    "columns": ",".join(f"x{number}" for number in range(1 << 20)),
    "JSON objects": ('{"a":' * 100 + "1" + "}" * 100 + "\n") * 20_000,
    "JSON lines": "{}\n" * (5 << 20),
    "JSON fields": "\n".join(
        "{" + ",".join(f'"{line}x{number}":1' for number in range(900)) + "}" for line in range(1000)
    ),
}
READ = """
import sys, time
from pathlib import Path
from tasks.errors import ManifestRefused
from tasks.manifest import form
began = time.process_time()
try:
    form.read(Path(sys.argv[1]))
except ManifestRefused as refused:
    assert str(refused)
print(time.process_time() - began, int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) >> 10)
"""


@pytest.mark.parametrize("name", MANY)
def test_the_largest_manifests_are_read_in_seconds_and_in_less_than_a_gigabyte(tmp_path: Path, name: str) -> None:
    path = tmp_path / ("m.jsonl" if "JSON" in name else "m.csv")
    path.write_text(MANY[name])
    result = subprocess.run([sys.executable, "-c", READ, path], cwd=ROOT, check=True, capture_output=True, text=True)
    seconds, peak_mb = map(float, result.stdout.split())
    assert seconds < 5
    assert peak_mb < 1000
