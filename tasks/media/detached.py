"""Commands of ours that outlive the process that starts them."""

import os
from collections.abc import Sequence
from pathlib import Path
from subprocess import DEVNULL, STDOUT, Popen, run


def start(command: Sequence[str], log: Path, folder: Path) -> "Popen[bytes]":
    """Start a command in a session of its own: Ctrl-C and the end of this process do not reach it.

    Args:
        command: The program and its arguments; no shell reads them.
        log: Takes what it prints; it is appended to.
        folder: Where it runs.
    """
    with log.open("ab") as output:
        return Popen(
            command,
            stdin=DEVNULL,
            stdout=output,
            stderr=STDOUT,
            cwd=folder,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )


def start_unattended(command: Sequence[str]) -> None:
    """Start a command that is no child of this process, so that nobody has to wait for it; its output is lost.

    Raises:
        OSError: It cannot be started.
    """
    shell = ["sh", "-c", '"$@" &', "sh", *command]  # the shell ends at once, and init adopts its child
    run(shell, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True, check=False)
