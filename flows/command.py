"""The command that renders a batch again: the journal keeps it, and what finds damage names it."""

import shlex
import sys
from collections.abc import Sequence
from contextvars import ContextVar
from pathlib import Path

from flows.options import BatchOptions

current: ContextVar[str] = ContextVar("command", default="")
"""Of batches that are started in this context; empty for `typed`. Use it through this module: see flows/observer.py."""


def line() -> str:
    """The command of a batch that is started here; empty where another program starts it."""
    return current.get() or typed(sys.argv, Path.cwd())


def typed(argv: Sequence[str], folder: Path) -> str:
    """A `submit` as it was typed, from whatever folder it is typed again; empty when it was none."""
    ours = Path(argv[0]).name in {"actalker", "__main__.py"} and list(argv[1:2]) == ["submit"]
    return f"cd {shlex.quote(str(folder))} && actalker {shlex.join(argv[1:])}" if ours else ""


def submit(manifest: Path, workspace: Path, options: BatchOptions) -> str:
    """The `submit` of a manifest with these options."""
    words = ["actalker", "submit", str(manifest.absolute()), "--workspace", str(workspace.absolute())]
    return shlex.join([*words, *options.arguments()])
