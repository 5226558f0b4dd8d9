"""JSON objects that carry a checksum of their content, so that a damaged file is found and not used.

The checksum is of the content and not of its layout: the field `crc32`, eight hexadecimal digits, stands last.
"""

import json
import zlib
from collections.abc import Mapping

CHECKSUM = "crc32"


class DamagedJson(ValueError):
    """The text is not a JSON object, or its content is not what its checksum says."""


def dumps(facts: Mapping[str, object], indent: int | None = None) -> str:
    """The object as text, its checksum last."""
    return json.dumps({**facts, CHECKSUM: _checksum(facts)}, indent=indent, ensure_ascii=False)


def loads(text: str | bytes, required: bool = False) -> dict[str, object]:
    """The object, without its checksum.

    Args:
        required: Whether it must have a checksum. One that has none was written by an older version.

    Raises:
        DamagedJson: It is no JSON object, or its checksum does not match.
    """
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise DamagedJson(f"it is not JSON: {error}") from error
    if not isinstance(facts, dict):
        raise DamagedJson(f"it is a {type(facts).__name__}, not an object")
    if CHECKSUM not in facts:
        if required:
            raise DamagedJson("its checksum is missing")
    elif facts.pop(CHECKSUM) != _checksum(facts):
        raise DamagedJson("its checksum does not match its content")
    return facts


def check(text: str | bytes, indent: int | None = None) -> dict[str, object]:
    """The object, without its checksum, if the text is what `dumps` has written, to the last byte.

    Raises:
        DamagedJson: It is not; also where `loads` would read the same.
    """
    facts = loads(text, required=True)
    data = text if isinstance(text, bytes) else text.encode()
    if dumps(facts, indent).encode() != data:
        raise DamagedJson("it is not what was written, though it reads the same")
    return facts


def _checksum(facts: Mapping[str, object]) -> str:
    """As it would be after reading the text back: tuples are lists there, and keys are text."""
    canonical = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return f"{zlib.crc32(canonical.encode()):08x}"
