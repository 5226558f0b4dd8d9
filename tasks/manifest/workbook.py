"""Excel workbooks: the cells of the first sheet as text, about as they are shown.

A workbook is a zip file of XML, from strangers too. How much is in it is found out before anything is parsed.
"""

import re
import warnings
import zipfile
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import Element

from openpyxl import load_workbook
from openpyxl.cell.read_only import ReadOnlyCell
from openpyxl.worksheet._reader import FORMULA_TAG, VALUE_TAG, WorkSheetParser

from tasks.errors import BadInput

MAX_BYTES = 64 << 20
"""Of all files in the zip file, unpacked."""
MAX_TAGS = 1_500_000
"""Time and memory go with the number of XML tags: a cell has up to four. 20,000 rows of 16 cells have as many."""

MAX_CELL = 32_767
"""Characters: what Excel allows."""
MAX_FORMAT = 100
"""Of a number format so much is read."""

_AS_CSV = "Save it as 'CSV UTF-8'."
_LAYOUT = re.compile(r"_.|\*.|\[(?!\$)[^\]]*\]")
"""What of a number format is room, filling, colour or condition."""
_LITERAL = re.compile(r'"([^"]*)"|\\(.)|\[\$([^\]-]*)[^\]]*\]')
_NUMBER = re.compile(r"([^#0?.,%]*)([#,?]*0*)(?:\.(0+))?([^#0?.,]*)")


def rows(data: bytes, width: int) -> list[tuple[int, dict[int, str]]]:
    """The rows of a workbook's first sheet that hold anything.

    Args:
        data: The file.
        width: How many columns there may be.

    Returns:
        The number of each row, from 1, and its cells that are not empty, by their column, from 0.

    Raises:
        BadInput: It is no Excel workbook, is damaged or too large, or holds a formula whose value is not known.
    """
    try:
        with warnings.catch_warnings(), zipfile.ZipFile(BytesIO(data)) as archive:
            warnings.simplefilter("ignore")  # about parts of the workbook that are not read here
            _check(archive)
            return list(_rows(data, archive, width))
    except BadInput:
        raise
    except Exception as error:  # on damaged files openpyxl raises whatever it stumbles over
        raise BadInput(f"it is a damaged workbook ({error or type(error).__name__})", _AS_CSV) from error


def _check(archive: zipfile.ZipFile) -> None:
    """Refuse, before anything is parsed, what is too large. A file in a zip never yields more than it declares."""
    files = archive.infolist()
    if "[Content_Types].xml" not in archive.namelist():
        raise BadInput("it is a zip file, and no Excel workbook", "Save it as .xlsx, or as 'CSV UTF-8'.")
    if sum(file.file_size for file in files) > MAX_BYTES:
        raise BadInput(f"it is larger than {MAX_BYTES >> 20} MiB when it is unpacked", f"Split it. {_AS_CSV}")
    tags = 0
    for file in files:
        data = archive.read(file).replace(b"\0", b"")  # UTF-16, which XML may be in, is looked through alike
        if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            raise BadInput("it defines XML entities, which no spreadsheet program does", _AS_CSV)
        tags += data.count(b"<")
    if tags > MAX_TAGS:
        raise BadInput("it has too many cells", f"Split it. {_AS_CSV}")


class _Parser(WorkSheetParser):  # type: ignore[misc]  # openpyxl has no types
    """openpyxl's own parser. Its sheets make every row as wide as the cell farthest right, which may be very far."""

    def parse_cell(self, element: Element) -> dict[str, Any]:
        """A cell. A formula without a value was written by a program that computes nothing; an empty text is a value.

        Raises:
            BadInput: It is such a formula.
        """
        computed = element.get("t") == "str" or element.findtext(VALUE_TAG) or element.find(FORMULA_TAG) is None
        if not computed:
            problem = f"cell {element.get('r')} has a formula whose value is not stored"
            raise BadInput(problem, "Open it in a spreadsheet program and save it.")
        cell: dict[str, Any] = super().parse_cell(element)
        return cell


def _rows(data: bytes, archive: zipfile.ZipFile, width: int) -> Iterator[tuple[int, dict[int, str]]]:
    book = load_workbook(BytesIO(data), read_only=True, data_only=True, keep_links=False)
    if not book.worksheets:
        raise BadInput("it has no sheet with cells", _AS_CSV)
    sheet = book.worksheets[0]
    dates, spans = book._date_formats, book._timedelta_formats
    with archive.open(sheet._worksheet_path) as xml:
        for number, parsed in _Parser(xml, sheet._shared_strings, True, book.epoch, dates, spans).parse():
            cells = (ReadOnlyCell(sheet, **cell) for cell in parsed if cell["value"] is not None)
            texts = {cell.column - 1: text for cell in cells if (text := _text(cell.value, cell)).strip()}
            if texts and max(texts) >= width:
                raise BadInput(f"row {number} has a cell farther right than {width} columns", "Empty it.")
            if texts:
                yield number, texts


def _text(value: object, cell: Any) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return number(value, cell.number_format)
    text = str(value)  # dates and times are ISO 8601 then
    if isinstance(value, datetime):
        return text.removesuffix(" 00:00:00")
    if len(text) > MAX_CELL:
        raise BadInput(f"a cell in row {cell.row} has more than {MAX_CELL:,} characters", "Shorten it.")
    return text.replace("_x000D_", "")  # how XML carries a carriage return


def number(value: float, number_format: str) -> str:
    """A number as a sheet shows it: its decimals, leading zeros, percent sign and currency, without thousands' commas.

    What other formats make of a number is not known here: it is given in full.
    """
    plain = _LITERAL.sub(r"\1\2\3", _LAYOUT.sub("", number_format[:MAX_FORMAT].partition(";")[0]))
    match = _NUMBER.fullmatch(plain.strip())
    if not match or not (match[2] or match[3]):
        return f"{value:.15g}" if abs(value) >= 1e15 or value != int(value) else str(int(value))
    before, whole, decimals, after = match.groups()
    exact = abs(Decimal(str(value))) * (100 if "%" in after else 1)
    shown = f"{exact:0{whole.count('0')}.{len(decimals or '')}f}"
    return f"{'-' * (value < 0)}{before}{shown}{after}"
