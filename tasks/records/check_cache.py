"""What checks found out about files, by content, kept in the user's cache folder for the next command.

One SQLite file. It may be deleted at any time, and nothing depends on it but speed: where it cannot be read or written,
files are looked at again.
"""

import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

from tasks.records import checked_json

T = TypeVar("T")

MAX_ENTRIES = 200_000
"""About 80 MB. The oldest make room for new ones."""

_BUSY_LIMIT_S = 5.0
_SCHEMA = "CREATE TABLE IF NOT EXISTS checks (key TEXT PRIMARY KEY, facts TEXT NOT NULL)"

log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/actalker`, by default `~/.cache/actalker`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "actalker"


class CheckCache:
    """Facts by key. A key is a digest of what the facts depend on: a file's content and the code that looks at it.

    Args:
        file: Where they are kept. Default: `checks.sqlite` in `cache_folder()`.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.file = file

    def find(self, keys: Iterable[str]) -> dict[str, dict[str, object]]:
        """Those of the keys that are known, with their facts. What is damaged is not known."""

        def read(database: sqlite3.Connection) -> dict[str, dict[str, object]]:
            query = "SELECT facts FROM checks WHERE key = ?"
            rows = ((key, database.execute(query, (key,)).fetchone()) for key in keys)
            known = ((key, _read(key, row[0])) for key, row in rows if row)
            return {key: facts for key, facts in known if facts is not None}

        return self._with_database(read) or {}

    def keep(self, facts: Mapping[str, Mapping[str, object]]) -> None:
        """Add facts by their keys."""

        def write(database: sqlite3.Connection) -> None:
            rows = ((key, checked_json.dumps({**value, "key": key})) for key, value in facts.items())
            database.executemany("INSERT OR REPLACE INTO checks VALUES (?, ?)", rows)
            newest = "SELECT rowid FROM checks ORDER BY rowid DESC LIMIT ?"
            database.execute(f"DELETE FROM checks WHERE rowid NOT IN ({newest})", (MAX_ENTRIES,))  # noqa: S608

        self._with_database(write)

    def _with_database(self, use: Callable[[sqlite3.Connection], T]) -> T | None:
        """What `use` returns, in one transaction; None where there is no database. A damaged one is deleted."""
        file = self.file
        try:
            file = file or cache_folder() / "checks.sqlite"
            file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(file, timeout=_BUSY_LIMIT_S)) as database, database:
                database.execute(_SCHEMA)
                return use(database)
        except (sqlite3.Error, OSError, RuntimeError) as error:  # RuntimeError: there is no home folder
            log.info("What checks found is not kept in %s: %s", file, error)
            if file and isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                with suppress(OSError):
                    file.unlink(missing_ok=True)
            return None


def _read(key: str, text: object) -> dict[str, object] | None:
    try:
        facts = checked_json.loads(str(text), required=True)
    except checked_json.DamagedJson:
        return None
    return facts if facts.pop("key", None) == key else None
