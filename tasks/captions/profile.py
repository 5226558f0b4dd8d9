"""The norm that captions are made to: a named profile, or a TOML file of the user's.

A file gives only what differs from `netflix`:

    line_width = 37
    characters_per_second = 13    # children

    [style]
    size = 6.0
"""

import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Final, get_type_hints

from tasks.errors import BadInput
from tasks.job import FPS

BASE: Final = "netflix"
_SUFFIX: Final = ".toml"


@dataclass(frozen=True, slots=True)
class Style:
    """How captions look when they are burnt in. Sizes are percent of the picture's height.

    Attributes:
        bottom: Distance of the text from the lower edge.
        outline: Width of the dark edge around the letters; without effect with a box.
        box: A dark box behind the text.
        colour, highlight: `#RRGGBB` of the text, and of the word that is being spoken.
    """

    font: str
    size: float
    bottom: float
    outline: float
    box: bool
    colour: str
    highlight: str


@dataclass(frozen=True)
class Profile:
    """What captions must satisfy.

    Attributes:
        line_width, wide_line_width: Characters per line, of narrow letters and of wide ones (Chinese and the like).
        min_ms, max_ms: How long a caption is shown.
        gap_frames: At least this much between two captions.
        tail_frames: A caption stays at most this long after its last word.
    """

    name: str
    lines: int
    line_width: int
    wide_line_width: int
    characters_per_second: float
    wide_characters_per_second: float
    min_ms: int
    max_ms: int
    gap_frames: int
    tail_frames: int
    style: Style = field(hash=False)

    @cached_property
    def gap_ms(self) -> int:
        """`gap_frames` in milliseconds."""
        return self.gap_frames * 1000 // FPS

    @cached_property
    def tail_ms(self) -> int:
        """`tail_frames` in milliseconds."""
        return self.tail_frames * 1000 // FPS


def names() -> tuple[str, ...]:
    """The profiles that come with the program."""
    folder = resources.files("tasks.captions") / "profiles"
    return tuple(sorted(file.name.removesuffix(_SUFFIX) for file in folder.iterdir() if file.name.endswith(_SUFFIX)))


def load(name: str) -> Profile:
    """The profile of a name, or of a TOML file's path.

    Raises:
        BadInput: There is none, or it holds something that is no setting, or a value that makes no sense.
    """
    base = _parse(_packaged(BASE), BASE)
    settings = _parse(_packaged(name) if name in names() else _own(Path(name)), name)
    style = Style(**_checked(Style, base.pop("style") | settings.pop("style", {}), name))
    profile = Profile(**_checked(Profile, base | settings | {"name": Path(name).stem, "style": style}, name))
    limits = [value for value in vars(profile).values() if isinstance(value, int | float)]
    if min(limits) < 0 or profile.min_ms >= profile.max_ms or min(profile.lines, profile.line_width) < 1:
        raise BadInput(f"caption profile {name!r} makes no sense: every limit is positive, and min_ms below max_ms")
    return profile


def _checked(kind: type[Profile | Style], settings: dict[str, Any], name: str) -> dict[str, Any]:
    """Parsed TOML as arguments of a dataclass, checked key by key and type by type."""
    types = get_type_hints(kind)
    for key, value in settings.items():
        if key not in types:
            raise BadInput(f"caption profile {name!r}: {key!r} is no setting; there are {', '.join(sorted(types))}")
        allowed = (int, float) if types[key] is float else (types[key],)
        if type(value) not in allowed:
            raise BadInput(f"caption profile {name!r}: {key} = {value!r} is not of type {types[key].__name__}")
    return settings


def _packaged(name: str) -> str:
    return (resources.files("tasks.captions") / "profiles" / f"{name}{_SUFFIX}").read_text(encoding="utf-8")


def _own(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        known = ", ".join(names())
        raise BadInput(f"caption profile {str(path)!r} cannot be read; give {known}, or a TOML file") from error


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"caption profile {name!r} is not TOML: {error}") from error
