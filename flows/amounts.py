"""Times and sizes as people write them."""

import re

from tasks.errors import BadInput

SECONDS = {"h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}
BYTES = {"M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def seconds_of(text: str) -> float:
    """The seconds of `12h`, `30d`, `8w`.

    Raises:
        BadInput: It is no such time.
    """
    return _amount(text, SECONDS, "a time", "Write it like 12h, 30d or 8w.")


def bytes_of(text: str) -> int:
    """The bytes of `500M`, `200G`, `1.5T`: binary units, as `du` and `df` count.

    Raises:
        BadInput: It is no such size.
    """
    return int(
        _amount(text.upper().removesuffix("B").removesuffix("I"), BYTES, "a size", "Write it like 500M or 200G.")
    )


def size(count: int) -> str:
    """A number of bytes, for people."""
    unit = next((unit for unit in ("T", "G") if count >= BYTES[unit]), "M")
    return f"{count / BYTES[unit]:.1f} {unit}iB"


def _amount(text: str, units: dict[str, int], what: str, remedy: str) -> float:
    found = re.fullmatch(rf"(\d+(?:\.\d+)?) ?([{''.join(units)}])", text)
    if found is None:
        raise BadInput(f"{text!r} is not {what}", remedy)
    return float(found[1]) * units[found[2]]
