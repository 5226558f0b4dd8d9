"""What the cells of a manifest mean: text in, checked values out. tasks/media/inputs.py looks at files."""

import difflib
import re
import unicodedata
from pathlib import Path
from typing import TypeVar

from tasks.errors import BadInput
from tasks.job import Preset, Quality
from tasks.records.store import RESULTS

Name = TypeVar("Name", Preset, Quality)

YES, NO = frozenset({"1", "true", "yes", "on", "open"}), frozenset({"0", "false", "no", "off", "closed"})
MAX_ID_BYTES = 120
SIDES = (64, 2160)
MAX_SEED = 2**63 - 1
MAX_TITLE = 500
MAX_CONSENT = 1000
MAX_PATH = 4096
MAX_FILE_NAME = 255
FORBIDDEN_IN_NAMES = set('/\\<>:"|?*')

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Control characters other than tabs and line breaks."""
_ERROR_VALUE = re.compile(r"#N/A|#NV|#N/D!?|#N/B|#Н/Д|#GETTING_DATA|#[¡¿]?[^\W\d_]+(?:/0)?[!?]|#{3,}|ERR:[0-9]{3}")
"""Of Excel, Google Sheets and LibreOffice, in their languages: `#N/A`, `#REF!`, `#BEZUG!`, `#¿NOMBRE?`, `Err:502`."""
_LINE_BREAKS = re.compile(r"[\t\n\r\u2028\u2029]+")
_PROSE = re.compile(r"\w[.!?…。！？][\"'”’»)]*\Z|\s(?!.*\.\w{1,8}\Z)", re.DOTALL)
"""A sentence's end; or a blank, and no file's ending."""


def readable(text: str) -> str:
    """The text of any cell.

    Raises:
        BadInput: It holds a control character, or is what a spreadsheet shows in place of a value.
    """
    if control := _CONTROL.search(text):
        raise BadInput(f"it holds the control character {control[0]!r}", "Delete it.")
    if _ERROR_VALUE.fullmatch(text.upper()) and (text.isupper() or text[-1] not in "!?"):
        raise BadInput("it is an error value of a spreadsheet", "Mend the formula, or widen the column.")
    return text


def one_line(text: str) -> str:
    """A title, which has no lines: breaks become blanks."""
    return _LINE_BREAKS.sub(" ", text)


def consent(text: str) -> str:
    """A reference to the portrayed person's consent."""
    if len(text) > MAX_CONSENT:
        raise BadInput(f"it is longer than {MAX_CONSENT} characters", "Give a reference to the document.")
    return text


def identifier(text: str) -> str:
    """A row's name, which also names its folder and files.

    Raises:
        BadInput: When it is empty, too long for a file name, or holds what some file system refuses.
    """
    if not text:
        raise BadInput("it is empty", "Give every row a name of its own.")
    name = unicodedata.normalize("NFC", text[: MAX_ID_BYTES + 1])  # which takes long where accents pile up
    if len(text) > MAX_ID_BYTES or len(name.encode()) > MAX_ID_BYTES:
        raise BadInput(f"it is longer than {MAX_ID_BYTES} bytes", "Shorten it: it names files.")
    bad = sorted(
        {c for c in name if c in FORBIDDEN_IN_NAMES or unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    )
    if bad:
        raise BadInput(f"it holds {bad[0]!r}, which file names cannot", "Remove it.")
    if name[0] in ".- " or name[-1] in ". ":
        raise BadInput("it begins or ends with a character that file names should not", "Begin it with a letter.")
    if name.casefold() == RESULTS:
        raise BadInput("a file of that name is written beside the videos", "Choose another.")
    return name


def gate(text: str, default: bool) -> bool:
    """Open or closed; an empty cell has the default."""
    word = text.lower()
    if not word:
        return default
    if word in YES | NO:
        return word in YES
    raise BadInput("it is neither open nor closed", "Write one of: open, closed, yes, no, 1, 0.")


def yes_no(text: str, default: bool) -> bool:
    """Yes or no; an empty cell has the default."""
    if text and text.lower() not in YES | NO:
        raise BadInput("it is neither yes nor no", "Write one of: yes, no, 1, 0.")
    return text.lower() in YES if text else default


def whole(text: str, default: int, low: int, high: int) -> int:
    """A whole number in [low, high]; an empty cell has the default."""
    if not text:
        return default
    if not re.fullmatch(r"[+-]?[0-9]{1,19}", text):
        raise BadInput("it is not a whole number", f"Give one from {low} to {high}.")
    number = int(text)
    if not low <= number <= high:
        raise BadInput("it is out of range", f"Give a number from {low} to {high}.")
    return number


def language(text: str) -> str:
    """A language tag (BCP 47: `en`, `pt-BR`), in lower case; an empty cell stays empty."""
    if text and not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", text):
        raise BadInput("it is not a language tag", "Write it like en, de or pt-BR.")
    return text.lower()


def preset(text: str, default: Preset) -> Preset:
    """The renderer's name; an empty cell has the default."""
    return _one_of(Preset, text, default)


def quality(text: str, default: Quality) -> Quality:
    """The name of a quality; an empty cell has the default."""
    return _one_of(Quality, text, default)


def _one_of(kind: type[Name], text: str, default: Name) -> Name:
    if not text:
        return default
    if text.lower() in list(kind):
        return kind(text.lower())
    near = difflib.get_close_matches(text.lower(), [str(name) for name in kind], n=1)
    meant = f"Did you mean {near[0]!r}?" if near else f"Write one of: {', '.join(kind)}."
    raise BadInput(f"there is no such {kind.__name__.lower()}", meant)


def size(text: str, default: tuple[int, int], multiple: int) -> tuple[int, int]:
    """Width and height in pixels, from `512x768` or `512`; an empty cell has the default."""
    if not text:
        return default
    match = re.fullmatch(r"([0-9]{1,5})(?:\s*[x×*]\s*([0-9]{1,5}))?", text.lower())
    if not match:
        raise BadInput("it is not a size in pixels", "Write it like 512x768.")
    width = int(match[1])
    height = int(match[2] or width)
    if not all(SIDES[0] <= side <= SIDES[1] for side in (width, height)):
        raise BadInput("it is out of range", f"Give sides from {SIDES[0]} to {SIDES[1]} pixels.")
    if width % multiple or height % multiple:
        fit = "x".join(str(max(SIDES[0], round(side / multiple) * multiple)) for side in (width, height))
        raise BadInput(f"its sides are not multiples of {multiple}", f"Take {fit}.")
    return width, height


def face_box(text: str) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom in pixels, from `120 80 360 400` or with commas; an empty cell has none."""
    if not text:
        return None
    numbers = re.findall(r"[0-9]{1,6}", text)
    if len(numbers) != 4 or re.search(r"[^0-9,;\s]", text):
        raise BadInput("it is not a box", "Give left, top, right and bottom in pixels, such as 120 80 360 400.")
    left, top, right, bottom = (int(number) for number in numbers)
    if left >= right or top >= bottom:
        raise BadInput("it is empty", "Give left < right and top < bottom.")
    return left, top, right, bottom


def script_path(text: str, home: Path, allowed: tuple[Path, ...]) -> Path:
    """The file of a script, as `path`. A script that was typed into the cell is recognised as one."""
    try:
        return path(text, home, allowed)
    except BadInput as error:
        if len(text) <= MAX_FILE_NAME and not _PROSE.search(text):
            raise
        remedy = "Write it into a text file (.md), and give the path of that."
        raise BadInput("it is the script itself, not the path of its file", remedy) from error


def path(text: str, home: Path, allowed: tuple[Path, ...]) -> Path:
    """A file of the customer's, relative to the manifest's folder `home`, links resolved.

    Raises:
        BadInput: When it is not a file, cannot be read, or lies outside the allowed folders.
    """
    try:
        if len(text) > MAX_PATH:
            raise BadInput("it is longer than a path can be", "Give the path of a file.")
        resolved = (home / text).resolve()
        inside = any(resolved.is_relative_to(folder) for folder in allowed)
        if not inside:
            raise BadInput("it leaves the allowed folders", f"Move it below {home}, or allow its folder with --allow.")
        if not resolved.exists():
            backslash = " Write / between folders." if "\\" in text else ""
            raise BadInput("there is no such file", f"Paths are relative to the manifest.{backslash}")
        if not resolved.is_file():
            raise BadInput("it is not a file", "Give the path of a file.")
        with resolved.open("rb"):
            return resolved
    except (OSError, ValueError, RuntimeError) as error:  # no permission; NUL or too long; a loop of links
        raise BadInput(f"it cannot be read ({getattr(error, 'strerror', None) or error})", "Check the path.") from error
