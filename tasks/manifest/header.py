"""The names of the columns: which are known, however people write them, and which look like a slip."""

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache

from tasks.errors import Fault

COLUMNS = (
    "id",
    "portrait",
    "script",
    "audio",
    "driving_video",
    "voice",
    "language",
    "lexicon",
    "title",
    "seed",
    "audio_gate",
    "denoise",
    "head_movement",
    "motion_gate",
    "preset",
    "quality",
    "size",
    "face_box",
    "priority",
    "consent",
)
"""The columns with a meaning. Any other is a variable of the script."""

REQUIRED = ("id", "portrait")
MAX_COLUMNS = 1000
MAX_NAME = 200
_SIMILARITY = 0.8
"""As difflib counts them. `langauge` and `language` have 0.88, `name` and `language` 0.5."""


@lru_cache(maxsize=4096)
def column(written: str) -> str:
    """The column that is meant by a name as it is written: `driving_video` by "Driving-Video", else the name itself.

    Blanks around it, and characters that nobody sees, are dropped; a line break in it is a blank.
    """
    if len(written) > MAX_NAME:
        return written
    seen = "".join(letter for letter in written if unicodedata.category(letter) != "Cf")
    return _KNOWN.get(_folded(seen), " ".join(seen.split()))


def is_name(name: str) -> bool:
    """Whether a column can be called that."""
    return 0 < len(name) <= MAX_NAME and name.isprintable()


def _folded(name: str) -> str:
    """Letters and digits alone, all in one case."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", name).casefold())


_KNOWN = {_folded(name): name for name in COLUMNS}


def faults(written: Sequence[str]) -> Iterator[Fault]:
    """What is wrong with a header: a column that stands twice or is missing, or a name that cannot be one."""
    width = max((place for place, name in enumerate(written, 1) if name.strip()), default=0)
    if width > MAX_COLUMNS:
        yield Fault(0, "columns", "", f"there are {width}", f"Keep to {MAX_COLUMNS}.")
        return
    first: dict[str, str] = {}
    for place, name in enumerate(written[:width], 1):
        meant = column(name)
        if meant and not is_name(meant):
            problem = "it cannot be the name of a column"
            yield Fault(
                0, f"column {letters(place)}", name[:20], problem, "Write the columns' names into the first row."
            )
        elif meant in first:
            both = "" if first[meant] == name else f", as {first[meant]!r} and as {name!r}"
            yield Fault(0, meant, "", f"the column stands twice{both}", "Remove or rename one.")
        elif meant:
            first[meant] = name
    yield from missing(first)


def missing(names: Collection[str]) -> Iterator[Fault]:
    """The columns that have to be there and are not."""
    absent = [name for name in REQUIRED if name not in names]
    if not {"script", "audio"} & set(names):
        absent.append("script")
    for name in absent:
        near = [other for other in names if other not in COLUMNS and _similar(other, name)]
        remedy = f"Did you mean {name!r} by {near[0]!r}?" if near else f"Add the column {name!r}."
        extra = " (nor is there one for audio)" if name == "script" else ""
        yield Fault(0, name, "", f"the column is missing{extra}", remedy)


def slips(names: Collection[str], used: Collection[str]) -> Iterator[Fault]:
    """Columns that no script and no title uses as a variable, and that look like a known one that is not there."""
    absent = [name for name in COLUMNS if name not in names]
    for name in dict.fromkeys(names):
        meant = next((known for known in absent if _similar(name, known)), None)
        if meant and name not in COLUMNS and name not in used:
            problem = "no script and no title uses this variable"
            yield Fault(0, name, "", problem, f"Did you mean the column {meant!r}?")


def _similar(name: str, known: str) -> bool:
    """Whether it looks like a slip: letters exchanged, or one or two too many, missing or wrong."""
    one, other = _folded(name), _folded(known)
    return sorted(one) == sorted(other) or difflib.SequenceMatcher(None, one, other).ratio() >= _SIMILARITY


def letters(place: int) -> str:
    """How a spreadsheet names a column, counted from 1: A, B, ..., Z, AA."""
    name = ""
    while place:
        place, letter = divmod(place - 1, 26)
        name = chr(ord("A") + letter) + name
    return name
