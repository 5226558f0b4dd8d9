"""Manifests that are checked and submitted from the page: a check has a thread, a batch has a process of its own."""

import re
import secrets
import shlex
import sys
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flows.options import RenderOptions
from flows.web.site import NotHere
from tasks.errors import ActalkerError, BadInput, Fault, ManifestRefused
from tasks.manifest import form
from tasks.manifest.defaults import Defaults
from tasks.manifest.form import Table
from tasks.manifest.header import COLUMNS
from tasks.manifest.intake import CheckedManifest, check_manifest
from tasks.media import detached
from tasks.records.store import Store, write_text

if TYPE_CHECKING:
    from flows.estimate import Estimate

KEPT = 50
"""So many checks are remembered."""
ROWS_SHOWN = 200
ENDINGS = {
    0: ("done", "Every row is done."),
    2: ("failed", "It was refused. The log says why."),
    3: ("failed", "It has ended, and some rows failed."),
    130: ("interrupted", "It was interrupted. Submit it again to go on."),
}
_BATCH = re.compile(r"^Batch ([A-Za-z0-9_-]+), \d+ rows?\.$", re.MULTILINE)


class Process(Protocol):
    """A program that runs."""

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""


@dataclass
class Check:
    """The check of one manifest.

    Attributes:
        source: `inbox`, or the name of an upload.
        root: The workspace.
        done, total: Portraits that have been looked at, of how many.
        error: Why the check itself could not be made.
    """

    source: str
    manifest: Path
    root: Path
    id: str = field(default_factory=lambda: secrets.token_hex(6))
    finished: threading.Event = field(default_factory=threading.Event)
    done: int = 0
    total: int = 0
    rows: int = 0
    faults: tuple[Fault, ...] = ()
    warnings: tuple[str, ...] = ()
    table: Table | None = None
    estimate: "Estimate | None" = None
    error: str = ""

    def run(self) -> None:
        """Check it; see `tasks.manifest.intake.check_manifest`."""
        try:
            self.table = form.read(self.manifest)
            checked = check_manifest(self.manifest, (), Defaults(), on_progress=self._on_progress)
            self.rows, self.warnings = len(checked.jobs), checked.warnings
            self.estimate = self._estimated(checked)
        except ManifestRefused as refused:
            self.faults = refused.faults
        except (ActalkerError, OSError) as error:
            self.error = str(error)
        except Exception as error:  # the page has to say that it ended
            self.error = f"{type(error).__name__}: {error}"
            raise
        finally:
            self.finished.set()

    def _estimated(self, checked: CheckedManifest) -> "Estimate":
        """What it will take with the usual options; nothing is spoken or rendered to find out."""
        from flows import estimate  # noqa: PLC0415 - it imports Prefect, which takes seconds

        return estimate.estimate(checked, Store(self.root), RenderOptions(), probing=False)

    def _on_progress(self, done: int, total: int) -> None:
        self.done, self.total = done, total


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the manifest as the page shows it, with what is wrong with it."""

    text: str
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The manifest as a table: rows with faults first, and as many others as are shown.

    Attributes:
        elsewhere: Faults that belong to no cell that is shown.
    """

    columns: tuple[str, ...]
    rows: list[tuple[int, list[Cell]]]
    left_out: int
    elsewhere: list[Fault]


def sheet(check: Check) -> Sheet:
    """A checked manifest with its faults at their cells."""
    if check.table is None:
        return Sheet((), [], 0, list(check.faults))
    at: dict[tuple[int, str], list[Fault]] = defaultdict(list)
    for fault in check.faults:
        at[fault.row, fault.column].append(fault)
    table = check.table
    used = {column for row in table.rows for column, text in row.cells.items() if text}
    used |= {column for _, column in at}
    columns = [column for column in COLUMNS if column in used]
    columns += [column for column in table.columns if column and column not in COLUMNS]
    bad = {row for row, _ in at}
    ordered = sorted(table.rows, key=lambda row: (row.number not in bad, row.number))
    rows = []
    for row in sorted(ordered[:ROWS_SHOWN], key=lambda row: row.number):
        texts = {**row.variables, **row.cells}
        cells = [Cell(texts.get(column, ""), tuple(at.pop((row.number, column), ()))) for column in columns]
        rows.append((row.number, cells))
    elsewhere = [fault for faults in at.values() for fault in faults]
    return Sheet(tuple(columns), rows, len(ordered) - len(rows), elsewhere)


@dataclass
class Run:
    """A batch that was submitted from the page.

    Attributes:
        folder: Holds its log and its command.
        process: None when it was started by an earlier run of the page.
    """

    id: str
    folder: Path
    process: Process | None = None

    @property
    def log(self) -> Path:
        """What the command prints."""
        return self.folder / "log.txt"

    @property
    def command(self) -> str:
        """As it would be typed."""
        path = self.folder / "command.txt"
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    @property
    def state(self) -> tuple[str, str]:
        """How far it is: a state and a sentence."""
        if self.process is None:
            return "", "It was started by an earlier run of this page: the page of its batch has its state."
        code = self.process.poll()
        if code is None:
            return "running", "It runs, and goes on when this page is stopped."
        return ENDINGS.get(code, ("failed", f"It ended with the exit code {code}. The log says why."))

    def batch(self, text: str) -> str:
        """The batch's name, from its log; empty until it has begun."""
        found = _BATCH.search(text)
        return found[1] if found else ""


class Submissions:
    """The checks and the batches that were started from the page.

    Args:
        root: The workspace.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._folder = root, root / "uploads" / ".submitted"
        self._checks: dict[str, Check] = {}
        self._processes: dict[str, Process] = {}

    def check(self, source: str, manifest: Path) -> Check:
        """Begin to check a manifest."""
        check = Check(source, manifest, self._root)
        self._checks[check.id] = check
        for old in list(self._checks)[:-KEPT]:
            del self._checks[old]
        threading.Thread(target=check.run, name=f"check {manifest.name}", daemon=True).start()
        return check

    def checked(self, name: str) -> Check:
        """A check.

        Raises:
            NotHere: It is not remembered.
        """
        if name not in self._checks:
            raise NotHere("this check is not remembered any more", "Check the manifest again.")
        return self._checks[name]

    def start(self, check: Check, options: Sequence[str]) -> Run:
        """Submit a manifest: `actalker submit` in a process that outlives the page."""
        command = ("actalker", "submit", str(check.manifest), "--workspace", str(self._root), *options)
        return self._started(check.manifest.stem, command, Path.cwd())

    def go_on(self, batch: str, command: str) -> Run:
        """Render a batch that nobody works on, with the command that its journal has.

        Raises:
            BadInput: The journal has none that can be used here.
        """
        folder, _, line = command.removeprefix("cd ").rpartition(" && ")
        words = shlex.split(line)
        home = Path(shlex.split(folder)[0]) if folder else Path.cwd()
        if words[:2] != ["actalker", "submit"] or not home.is_dir():
            raise BadInput(f"the journal of {batch} has no command that goes on here", "Submit its manifest again.")
        return self._started(batch, words, home)

    def _started(self, name: str, command: Sequence[str], home: Path) -> Run:
        """A run in a folder of its own."""
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:60]
        folder = self._folder / f"{stem}-{secrets.token_hex(3)}"
        folder.mkdir(parents=True)
        write_text(folder / "command.txt", shlex.join(command))
        run = Run(folder.name, folder)
        run.process = detached.start((sys.executable, "-m", "flows", *command[1:]), run.log, home)
        self._processes[run.id] = run.process
        return run

    def runs(self) -> list[Run]:
        """What was submitted from the page, newest first."""
        if not self._folder.is_dir():
            return []
        folders = sorted(self._folder.iterdir(), key=lambda path: -path.stat().st_mtime_ns)
        return [Run(path.name, path, self._processes.get(path.name)) for path in folders if path.is_dir()]

    def run(self, name: str) -> Run:
        """One of them.

        Raises:
            NotHere: There is none of that name.
        """
        for one in self.runs():
            if one.id == name:
                return one
        raise NotHere(f"nothing was submitted as {name!r}", "The page Submit has what was.")
