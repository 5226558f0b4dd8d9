"""Dataclasses to dictionaries of JSON values and back. Unknown or missing names and wrong types are errors."""

import types
from dataclasses import Field, field, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def added(default: T) -> T:
    """A field that was added after files had been written: it is left out at its default, and may be missing."""
    made: T = field(default=default, metadata={"added": True})
    return made


def to_dict(value: Any) -> dict[str, object]:
    """A dataclass as nested dictionaries of JSON values."""
    values = {entry.name: getattr(value, entry.name) for entry in fields(value) if not _at_default(entry, value)}
    return {name: _plain(content) for name, content in values.items()}


def _plain(value: Any) -> object:
    if is_dataclass(value):
        return to_dict(value)
    return tuple(_plain(item) for item in value) if isinstance(value, tuple) else value


def _at_default(entry: Field[Any], value: Any) -> bool:
    return bool(entry.metadata.get("added")) and getattr(value, entry.name) == entry.default


def from_dict(kind: type[T], values: object, place: str = "") -> T:
    """Inverse of `to_dict`. Raises ValueError with the path (`network.branches[0].tokens`) and the value.

    place: Path of the root in error messages; default: the name of the class.
    """
    result: T = _read(kind, values, place or kind.__name__)
    return result


def _read(kind: Any, value: object, place: str) -> Any:
    if is_dataclass(kind):
        return _read_dataclass(kind, value, place)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{place} must be a list, not {value!r}")
        return tuple(_read(arguments[0], item, f"{place}[{i}]") for i, item in enumerate(value))
    if origin in (types.UnionType, Union):
        return None if value is None else _read(arguments[0], value, place)
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f"{place} must be one of {', '.join(map(repr, arguments))}, not {value!r}")
        return value
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"{place} must be {kind.__name__}, not {value!r}")
    return value


def _read_dataclass(kind: Any, values: object, place: str) -> Any:
    if not isinstance(values, dict):
        raise ValueError(f"{place} must be a table of values, not {values!r}")
    names = {entry.name for entry in fields(kind)}
    required = {entry.name for entry in fields(kind) if not entry.metadata.get("added")}
    for problem, found in (("unknown", set(values) - names), ("missing", required - set(values))):
        if found:
            raise ValueError(f"{place}: {problem} {', '.join(sorted(found))}")
    hints = get_type_hints(kind)
    return kind(**{name: _read(hints[name], values[name], f"{place}.{name}") for name in names & set(values)})
