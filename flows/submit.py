"""Run the flow of a batch in the foreground, and print how it ended.

A process in the foreground gets its signals together with all that it started: Ctrl-C ends Prefect's embedded server
too, which Prefect would then try for minutes to reach.
"""

import signal
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State
from rich.console import Console
from rich.markup import escape

from flows import observer
from flows.batch import render_batch
from flows.environment import END_LIMIT_S, INTERRUPTED_LIMIT_S, end_in_any_case, end_now
from flows.options import FinishingOptions, RenderOptions, RunOptions
from flows.screen import Screen
from tasks.errors import ActalkerError, Infrastructure
from tasks.manifest.intake import CheckedManifest
from tasks.records.journal import BatchEnded

DONE, FAILED, INTERRUPTED = 0, 3, 130
SAME_SIGNAL_S = 1.0
"""`timeout` signals its child and then the whole group: that is one interruption."""
_INTERRUPTED_LINES = ("Interrupted. Submit the same manifest again to go on where it was.",)


def run(
    console: Console,
    manifest: CheckedManifest,
    workspace: Path,
    rendering: RenderOptions,
    finishing: FinishingOptions,
    options: RunOptions,
) -> int:
    """Run the flow and print how it ended. Returns the exit code.

    Raises:
        ActalkerError, OSError: The batch never began.
    """
    ending = _Ending(console)

    def on_end(ended: BatchEnded) -> None:
        ending.not_later(_exit_code(ended), _end_lines(ended, screen, workspace), END_LIMIT_S)

    screen = Screen(console, on_end, ending.take_signals)  # again in the flow, where Prefect takes SIGTERM for itself
    observer.current.set(screen)
    ending.take_signals()
    problem: Exception | None = None
    try:
        with screen:
            state = render_batch(manifest, workspace, rendering, finishing, options, return_state=True)
        problem = _problem_of(state)
    except KeyboardInterrupt:
        ending.interrupted = True
    except Exception as error:  # noqa: BLE001 - whatever Prefect raises, before the batch or after it
        problem = error
    if screen.ended is not None:
        ending.print_once(_end_lines(screen.ended, screen, workspace))
        if problem and not screen.ended.error:
            console.print(
                f"[yellow]Prefect does not have the end of this run:[/] {escape(str(problem))}", soft_wrap=True
            )
        return _exit_code(screen.ended)
    if ending.interrupted:
        ending.print_once(_INTERRUPTED_LINES)
        return INTERRUPTED
    if isinstance(problem, ActalkerError | OSError):
        raise problem
    reason = f": {type(problem).__name__}: {problem}" if problem else ""
    raise Infrastructure(f"Prefect ended the run before the batch began{reason}") from problem


class _Ending:
    """How the command ends: by itself or by a signal, soon in any case, and its last lines are printed once."""

    def __init__(self, console: Console) -> None:
        self.interrupted = False
        self._console, self._printed, self._first_signal = console, threading.Event(), 0.0

    def print_once(self, lines: Sequence[str]) -> None:
        """Print the last lines, unless that is done."""
        if not self._printed.is_set():
            self._printed.set()
            for line in lines:
                self._console.print(line, soft_wrap=True)

    def not_later(self, code: int, lines: Sequence[str], limit_s: float) -> None:
        """Print these lines and end with this code, if nothing else has ended the process within a time."""
        end_in_any_case(code, partial(self._late, lines, limit_s), limit_s)

    def _late(self, lines: Sequence[str], limit_s: float) -> None:
        self.print_once(lines)
        late = f"Prefect did not end within {limit_s:.0f} s: its page of this run lacks the end."
        self._console.print(f"[yellow]{late}[/]")

    def take_signals(self) -> None:
        """Have SIGINT and SIGTERM end the command."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupt)

    def _interrupt(self, *_: object) -> None:
        now = time.monotonic()
        if not self.interrupted:
            self.interrupted, self._first_signal = True, now
            self.not_later(INTERRUPTED, _INTERRUPTED_LINES, INTERRUPTED_LIMIT_S)
            raise KeyboardInterrupt
        if now - self._first_signal > SAME_SIGNAL_S:  # somebody does not want to wait
            self.print_once(_INTERRUPTED_LINES)
            end_now(INTERRUPTED)


def _problem_of(state: State[Any]) -> Exception | None:
    """What the flow raised, or why Prefect cannot say it."""
    try:
        result: object = state.result(raise_on_failure=False)
    except Exception as error:  # noqa: BLE001 - Prefect has lost the result
        return error
    return result if isinstance(result, Exception) else None


def _exit_code(ended: BatchEnded) -> int:
    return FAILED if ended.failed or ended.cancelled or ended.error else DONE


def _end_lines(ended: BatchEnded, screen: Screen, workspace: Path) -> list[str]:
    """How the batch ended, and where its files are."""
    lines = []
    if ended.error:
        lines.append(f"[red]The batch ended early:[/] {escape(ended.error)}")
    elif not screen.worked:
        lines.append("Every row was done before: there was nothing to do.")
    videos = workspace / "videos" / screen.batch_id
    return [
        *lines,
        f"Videos and captions: {escape(str(videos))}/<id>/",
        f"Ledger:              {escape(str(workspace / 'ledger'))}",
        f"Log:                 {escape(str(workspace / 'batches' / screen.batch_id / 'log.txt'))}",
    ]
