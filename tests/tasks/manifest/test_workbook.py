"""Excel workbooks are read as they look, and hostile ones are refused in words, in seconds and in little memory."""

import datetime as dt
import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import BadInput, ManifestRefused
from tasks.manifest import form, workbook

HEADER = ("id", "portrait", "script", "value")
SHEET = "xl/worksheets/sheet1.xml"
NAMESPACE = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def book(*rows: tuple[object, ...], number_format: str = "") -> bytes:
    """A workbook with those rows on its first sheet, and another sheet."""
    made = openpyxl.Workbook()
    sheet = made.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    if number_format:
        sheet.cell(sheet.max_row, len(rows[-1])).number_format = number_format
    made.create_sheet("other").append(["not", "read"])
    buffer = io.BytesIO()
    made.save(buffer)
    return buffer.getvalue()


def changed(data: bytes, change: Callable[[str], str], name: str = SHEET) -> bytes:
    """The workbook with one of its files changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for item in old.namelist():
            text = old.read(item)
            new.writestr(item, change(text.decode()) if item == name else text)
    return buffer.getvalue()


def with_cells(cells: str) -> bytes:
    """A workbook whose sheet holds this XML."""
    return changed(book(HEADER), lambda _: f"<worksheet {NAMESPACE}><sheetData>{cells}</sheetData></worksheet>")


def read(folder: Path, data: bytes) -> form.Table:
    (folder / "m.xlsx").write_bytes(data)
    return form.read(folder / "m.xlsx")


def refusal(folder: Path, data: bytes) -> str:
    with pytest.raises(ManifestRefused) as caught:
        read(folder, data)
    return str(caught.value)


def test_a_workbook_is_read_like_csv(tmp_path: Path) -> None:
    data = book(
        ("ID", "Portrait ", "script", "Driving Video", None, "first name"),
        (),
        ("a", "p.png", "s.md", None, None, "Zoë"),
        (1, "p.png", "s.md"),
    )
    one, two = read(tmp_path, data).rows
    assert (one.place, one.number, two.place, two.number) == (1, 3, 2, 4)
    assert (one.cells["id"], one.cells["portrait"], one.cells["driving_video"]) == ("a", "p.png", "")
    assert (one.variables, two.variables) == ({"first name": "Zoë"}, {"first name": ""})
    assert two.cells["id"] == "1"


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (7, "", "7"),
        (7.0, "", "7"),
        (0.1 + 0.2, "", "0.3"),
        (-2.5, "", "-2.5"),
        (123456789012345, "0", "123456789012345"),
        (7, "000", "007"),
        (5, "0.00", "5.00"),
        (1234.5, "#,##0.00", "1234.50"),
        (0.5, "0%", "50%"),
        (0.125, "0.0%", "12.5%"),
        (5, '"$"#,##0.00', "$5.00"),
        (5, '#,##0.00\\ "€"', "5.00 €"),
        (5, "[$€-407] #,##0.00", "€ 5.00"),
        (-5, '_("$"* #,##0.00_);_("$"* \\(#,##0.00\\)', "-$5.00"),
        (5, "# ?/?", "5"),
        (5, "0" * 100_000, "0" * 99 + "5"),
        (dt.date(2026, 5, 1), "", "2026-05-01"),
        (dt.datetime(2026, 5, 1), "", "2026-05-01"),
        (dt.datetime(2026, 5, 1, 14, 30), "", "2026-05-01 14:30:00"),
        (dt.time(14, 30), "", "14:30:00"),
        (True, "", "TRUE"),
        ("one\ntwo, three", "", "one\ntwo, three"),
        ("  blanks ", "", "blanks"),
        ("#N/A", "", "#N/A"),
        ("001", "", "001"),
        ("1_x000D_\n2", "", "1\n2"),
    ],
)
def test_cells_are_the_text_that_is_shown(tmp_path: Path, value: object, number_format: str, text: str) -> None:
    (row,) = read(tmp_path, book(HEADER, ("a", "p", "s", value), number_format=number_format)).rows
    assert row.variables == {"value": text}


def test_a_formula_has_the_value_that_is_stored(tmp_path: Path) -> None:
    cells = '<c r="D2"><f>1+1</f><v>2</v></c>'
    data = book(HEADER, ("a", "p", "s", 0))
    assert read(tmp_path, changed(data, lambda text: text.replace('<c r="D2" t="n"><v>0</v></c>', cells))).rows[
        0
    ].variables == {"value": "2"}
    cells = '<c r="D2" t="str"><f>""</f><v></v></c>'
    assert read(tmp_path, changed(data, lambda text: text.replace('<c r="D2" t="n"><v>0</v></c>', cells))).rows[
        0
    ].variables == {"value": ""}


def test_a_formula_without_a_value_is_a_fault(tmp_path: Path) -> None:
    assert "cell D2 has a formula whose value is not stored" in refusal(tmp_path, book(HEADER, ("a", "p", "s", "=1+1")))


def test_a_wrong_dimension_hides_nothing(tmp_path: Path) -> None:
    data = changed(book(HEADER, ("a", "p", "s", 1)), lambda text: text.replace('ref="A1:D2"', 'ref="A1:A1"'))
    assert read(tmp_path, data).rows[0].variables == {"value": "1"}


def test_formats_far_out_are_no_columns_and_no_rows(tmp_path: Path) -> None:
    styled = '<row r="1048576"><c r="XFD1048576" s="0"/></row></sheetData>'
    data = changed(book(HEADER, ("a", "p", "s", 1)), lambda text: text.replace("</sheetData>", styled))
    assert len(read(tmp_path, data).rows) == 1


def test_cells_without_a_column_are_named(tmp_path: Path) -> None:
    assert "row 3, cell F3 'stray': its column has no name" in refusal(
        tmp_path, book(HEADER, (), ("a", "p", "s", 1, None, "stray"))
    )


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


ENTITIES = '<!DOCTYPE x [<!ENTITY a "' + "b" * 1000 + '">]>'
HOSTILE = {
    "a Word document": (zipped(**{"word/document.xml": b"<a/>"}), "a zip file, and no Excel workbook"),
    "an OpenDocument sheet": (zipped(mimetype=b"application/vnd.oasis.opendocument.spreadsheet"), "a zip file, and no"),
    "a bomb": (zipped(**{"[Content_Types].xml": bytes(200 << 20)}), "larger than 64 MiB when it is unpacked"),
    "many bombs": (
        zipped(**{"[Content_Types].xml": b""} | {f"{n}.xml": bytes(30 << 20) for n in range(3)}),
        "larger than 64",
    ),
    "entities": (changed(book(HEADER), lambda text: ENTITIES + text), "defines XML entities"),
    "entities in UTF-16": (
        zipped(**{"[Content_Types].xml": (ENTITIES + "<a>&a;</a>").encode("utf-16")}),
        "defines XML entities",
    ),
    "many cells": (with_cells("<row>" + "<c/>" * 2_100_000 + "</row>"), "too many cells"),
    "a row far away": (with_cells('<row r="99999999999"><c t="str"><v>x</v></c></row>'), "1,048,576 with empty ones"),
    "columns far away": (with_cells('<row><c r="XFD1" t="str"><v>x</v></c></row>'), "farther right than 1000 columns"),
    "depth": (with_cells("<row>" * 300_000), "damaged"),
    "a long cell": (with_cells(f'<row><c t="str"><v>{"x" * 40_000}</v></c></row>'), "more than 32,767 characters"),
    "no cells": (with_cells(""), "it has no rows"),
    "no string of that number": (with_cells('<row><c t="s"><v>7</v></c></row>'), "damaged workbook"),
    "no number": (with_cells("<row><c><v>x</v></c></row>"), "damaged workbook"),
    "a number without end": (with_cells(f"<row><c><v>{'9' * 5000}</v></c></row>"), "damaged workbook"),
    "not a number": (with_cells('<row><c t="n"><v>nan</v></c></row>'), "damaged workbook"),
    "not XML": (changed(book(HEADER), lambda text: text[:200]), "damaged workbook"),
    "no sheet": (changed(book(HEADER), lambda text: text.replace("worksheet", "x"), "xl/_rels/workbook.xml.rels"), ""),
    "cut off": (book(HEADER)[:3000], "damaged workbook"),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_workbooks_are_refused_in_words(tmp_path: Path, name: str) -> None:
    data, says = HOSTILE[name]
    tracemalloc.start()
    assert says in refusal(tmp_path, data)
    assert tracemalloc.get_traced_memory()[1] < 400_000_000
    tracemalloc.stop()


def test_many_rows_are_read_in_seconds(tmp_path: Path) -> None:
    data = book(HEADER, *((f"lesson-{number}", "p.png", "s.md", number) for number in range(10_000)))
    assert len(read(tmp_path, data).rows) == 10_000


WHOLE = book(HEADER, ("a", "p", "s", 1.5), ("b", "p", "s", "=1"), ("c", "p", "s", dt.date(2026, 5, 1)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    name=st.sampled_from([SHEET, "xl/workbook.xml", "xl/sharedStrings.xml", "xl/styles.xml", "[Content_Types].xml"]),
    old=st.sampled_from(['"1"', "<v>", "<c", "<row", "sheet", "1", "t=", "</", "xl/", "main", '"']),
    new=st.sampled_from(["", '"-1"', "<v", "99999", "x", "<!--", "é", "\0", "</x>", "&a;", '=""']),
)
def test_damaged_workbooks_are_read_or_refused(name: str, old: str, new: str) -> None:
    try:
        rows = workbook.rows(changed(WHOLE, lambda text: text.replace(old, new), name), 100)
        assert all(isinstance(cell, str) for _, cells in rows for cell in cells.values())
    except BadInput as refused:
        assert refused.problem and refused.remedy
