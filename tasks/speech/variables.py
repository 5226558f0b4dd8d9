"""Variables in scripts and titles: `{{first_name}}` is filled in from a column of the manifest.

`{{first_name|there}}` says what stands there when the cell is empty; `{{first_name|}}`, that nothing does.
"""

import difflib
import re
from collections.abc import Iterable, Mapping

from tasks.errors import BadInput

_VARIABLE = re.compile(r"\{\{([^{}|]*)(?:\|([^{}]*))?\}\}")
_SHOWN_NAMES = 10


def names_in(text: str) -> tuple[str, ...]:
    """The variables of a text, each once, in order."""
    return tuple(dict.fromkeys(_name(match) for match in _VARIABLE.finditer(text)))


def fill(text: str, values: Mapping[str, str], limit: int) -> str:
    """Put values in the place of variables.

    Args:
        text: The script or the title.
        values: For each column its cell.
        limit: How many characters the result may have.

    Raises:
        BadInput: A variable has no column, or an empty cell and nothing to say instead; or the result is too long.
    """
    parts: list[str] = []
    length, end = len(text), 0
    for match in _VARIABLE.finditer(text):
        value = _value(match, values)
        parts += [text[end : match.start()], value]
        end = match.end()
        length += len(value) - len(match[0])
        if length > limit + len(text):  # what follows cannot make up for it: do not go on to fill the memory
            break
    if length > limit:
        raise BadInput(f"it is longer than {limit} characters with its variables filled in", "Shorten it.")
    return "".join([*parts, text[end:]])


def _name(match: re.Match[str]) -> str:
    return " ".join(match[1].split())


def _value(match: re.Match[str], values: Mapping[str, str]) -> str:
    name, instead = _name(match), match[2]
    if name not in values:
        near = difflib.get_close_matches(name, list(values), n=1)
        remedy = f"Did you mean {{{{{near[0]}}}}}?" if near else f"Add it; the manifest has {_some(values)}."
        raise BadInput(f"there is no column for {{{{{name}}}}}", remedy)
    if not values[name] and instead is None:
        remedy = f"Fill it in, or write what to say instead: {{{{{name}|there}}}}, or {{{{{name}|}}}} for nothing."
        raise BadInput(f"{{{{{name}}}}} is empty in this row", remedy)
    return values[name] or instead or ""


def _some(names: Iterable[str]) -> str:
    shown = sorted(names)
    more = f" and {len(shown) - _SHOWN_NAMES} more" if len(shown) > _SHOWN_NAMES else ""
    return ", ".join(shown[:_SHOWN_NAMES]) + more if shown else "no variables"
