"""The inbox of a schedule: a folder that people drop manifests into.

    INBOX/night.csv              waits, or is being rendered
          actalker.toml          options for all manifests of this inbox
          portraits/ ...         whatever the manifests name
          done/night.csv         every row has ended; night.csv.txt says how, and where the videos are
          refused/night.csv      with the faults beside it, as night.csv.txt and night.csv.faults.csv

A manifest is taken when nothing in the inbox changes any more, and once: what is dropped again is a new one.
"""

import csv
import fcntl
import io
import os
import signal
import time as clock
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from flows.options import BatchOptions
from tasks.errors import ActalkerError, BadInput, Fault, ManifestRefused
from tasks.manifest.form import SUFFIXES
from tasks.records.store import write_text

SETTLE_S: Final = 5.0
"""What changes within this time is still being copied."""
STALL_S: Final = 600.0
"""A copy that is still open may stand still for so long."""
DONE: Final = "done"
REFUSED: Final = "refused"
OPTIONS: Final = "actalker.toml"

_State = tuple[int, int]
"""A file's size in bytes, and when it was last changed, in ns."""


class Inbox:
    """One folder of manifests.

    Attributes:
        changing: Whether anything in it changed when it was watched last: a missing portrait may be on its way.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.changing = False
        self._settled: dict[Path, _State] = {}

    def manifests(self) -> list[Path]:
        """All manifests, oldest first. `~$night.xlsx` is there while Excel has night.xlsx open."""
        hidden = (".", "~$")
        files = (path for path in self.folder.iterdir() if path.suffix.lower() in SUFFIXES)
        found = [path for path in files if not path.name.startswith(hidden)]
        return sorted(found, key=lambda path: (path.lstat().st_mtime, path.name))

    def complete(self) -> list[Path]:
        """The manifests that are whole. While there are new ones, or anything changes, the inbox is watched first."""
        found = self.manifests()
        if self.changing or any(path not in self._settled or self._settled[path] != _state_of(path) for path in found):
            before = dict(self._files())
            clock.sleep(SETTLE_S)
            after = {path: state for path, state in self._files() if not _is_being_copied(path, state)}
            self.changing = before != after
            self._settled = {path: after[path] for path in found if path in after and before.get(path) == after[path]}
        return [path for path in found if path in self._settled]

    def options(self, base: BatchOptions) -> BatchOptions:
        """The options for this inbox: what its `actalker.toml` says, and else `base`.

        Raises:
            BadInput: The file is no TOML, or there is no such option.
        """
        path = self.folder / OPTIONS
        try:
            values = tomllib.loads(path.read_text())
        except FileNotFoundError:
            return base
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise BadInput(f"{path} cannot be read: {error}", 'Write options as in `sound = "broadcast"`.') from error
        for name in ("weights", "music", "lexicon", "captions", "backdrop"):
            file = self.folder / str(values.get(name, ""))
            if name in values and file.is_file() | file.is_dir():
                values[name] = str(file.resolve())
        return BatchOptions.of({**asdict(base), **{name.replace("-", "_"): value for name, value in values.items()}})

    def finish(self, manifest: Path, lines: Sequence[str]) -> Path:
        """Move a manifest whose rows have all ended to `done`, with these lines beside it."""
        target = self._moved(manifest, DONE)
        write_text(_beside(target, ".txt"), "".join(f"{line}\n" for line in lines))
        return target

    def refuse(self, manifest: Path, error: ActalkerError) -> Path:
        """Move a manifest to `refused`, with its faults beside it, as text and as a table."""
        faults = error.faults if isinstance(error, ManifestRefused) else (_fault_of(manifest, error),)
        target = self._moved(manifest, REFUSED)
        write_text(_beside(target, ".txt"), "".join(f"{fault}\n" for fault in faults))
        table = io.StringIO()
        columns = ("row", "id", "column", "value", "problem", "remedy")
        writer = csv.DictWriter(table, columns)
        writer.writeheader()
        writer.writerows({column: getattr(fault, column) for column in columns} for fault in faults)
        write_text(_beside(target, ".faults.csv"), table.getvalue())
        return target

    def _moved(self, manifest: Path, folder: str) -> Path:
        """Move a file into a folder of the inbox, next to what has had its name before."""
        target = self.folder / folder / manifest.name
        target.parent.mkdir(exist_ok=True)
        number = 2
        while target.exists() or _beside(target, ".txt").exists():
            target = target.with_name(f"{manifest.stem}-{number}{manifest.suffix}")
            number += 1
        self._settled.pop(manifest, None)
        return manifest.rename(target)

    def _files(self) -> Iterator[tuple[Path, _State]]:
        """All files that are not done with, with their states."""
        for folder, folders, names in os.walk(self.folder):
            if Path(folder) == self.folder:
                folders[:] = [name for name in folders if name not in {DONE, REFUSED}]
            for name in names:
                path = Path(folder) / name
                if state := _state_of(path):
                    yield path, state


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _fault_of(manifest: Path, error: ActalkerError) -> Fault:
    problem, remedy = (error.problem, error.remedy) if isinstance(error, BadInput) else (str(error), "")
    return Fault(0, "manifest", manifest.name, problem, remedy)


def _state_of(path: Path) -> _State | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def _is_being_copied(path: Path, state: _State) -> bool:
    """Whether a process of this machine still has the file open for writing, though it stands still.

    Only for `STALL_S` after its last change: a spreadsheet that somebody leaves open over night is whole. The kernel
    tells by refusing a read lease. It gives none on most network disks, nor on files of other users.
    """
    if clock.time() - state[1] / 1e9 > STALL_S:
        return False
    try:
        with path.open("rb") as file:
            fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)  # ignored; SIGIO would end us, if somebody writes just now
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
