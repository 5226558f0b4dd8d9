"""Folders of manifests: what waits in an inbox, and what the nights have made of it."""

from dataclasses import dataclass
from pathlib import Path

from flows.inbox import Inbox

SHOWN_BYTES = 16 << 10
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Waiting:
    """A manifest in a folder."""

    name: str
    bytes: int
    changed_ms: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A manifest that a night has moved to `done` or to `refused`, and what is written beside it."""

    name: str
    text: str
    at_ms: int


def manifests_of(folder: Path | None) -> list[Waiting]:
    """The manifests in a folder, newest first; none where there is no folder."""
    if folder is None or not folder.is_dir():
        return []
    stats = [(path.name, path.stat()) for path in Inbox(folder).manifests() if path.is_file()]
    found = [Waiting(name, stat.st_size, stat.st_mtime_ns // 1_000_000) for name, stat in stats]
    return sorted(found, key=lambda one: -one.changed_ms)


def moved_to(inbox: Path | None, name: str) -> list[Moved]:
    """What lies in a folder of an inbox, newest first.

    Args:
        name: See `flows.inbox`: `DONE` or `REFUSED`.
    """
    if inbox is None:
        return []
    found = []
    for path in (inbox / name).glob("*.txt"):
        text = path.read_bytes()[:SHOWN_BYTES].decode("utf-8", "replace")
        found.append(Moved(path.name.removesuffix(".txt"), text, path.stat().st_mtime_ns // 1_000_000))
    return sorted(found, key=lambda one: -one.at_ms)[:SHOWN]
