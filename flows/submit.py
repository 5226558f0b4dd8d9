"""Run the flow of a batch in the foreground, and print how it ended.

A process in the foreground gets its signals together with all that it started: Ctrl-C ends Prefect's embedded server
too, which Prefect would then try for minutes to reach.
"""

import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from flows import observer
from flows.batch import render_batch
from flows.environment import end_in_any_case
from flows.options import FinishingOptions, RenderOptions
from flows.screen import Screen
from tasks.errors import ActalkerError, Infrastructure
from tasks.manifest.intake import CheckedManifest
from tasks.records.journal import BatchEnded

DONE, FAILED, INTERRUPTED = 0, 3, 130
_INTERRUPTED_LINES = ("Interrupted. Submit the same manifest again to go on where it was.",)


def run(
    console: Console,
    manifest: CheckedManifest,
    workspace: Path,
    rendering: RenderOptions,
    finishing: FinishingOptions,
) -> int:
    """Run the flow and print how it ended. Returns the exit code.

    Raises:
        ActalkerError, OSError: The batch never began.
    """
    interrupted, printed = threading.Event(), threading.Event()

    def print_once(lines: Sequence[str]) -> None:
        if not printed.is_set():
            printed.set()
            for line in lines:
                console.print(line, soft_wrap=True)

    def on_end(ended: BatchEnded) -> None:
        end_in_any_case(_exit_code(ended), lambda: print_once(_end_lines(ended, screen, workspace)))

    def interrupt(*_: object) -> None:
        if not interrupted.is_set():
            interrupted.set()
            end_in_any_case(INTERRUPTED, lambda: print_once(_INTERRUPTED_LINES))
        raise KeyboardInterrupt

    screen = Screen(console, on_end)
    observer.current.set(screen)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    problem: Exception | None = None
    try:
        with screen:
            state = render_batch(manifest, workspace, rendering, finishing, return_state=True)
        problem = state.data if isinstance(state.data, Exception) else None
    except KeyboardInterrupt:
        interrupted.set()
    except Exception as error:  # noqa: BLE001 - whatever Prefect raises, before the batch or after it
        problem = error
    if screen.ended is not None:
        print_once(_end_lines(screen.ended, screen, workspace))
        return _exit_code(screen.ended)
    if interrupted.is_set():
        print_once(_INTERRUPTED_LINES)
        return INTERRUPTED
    if isinstance(problem, ActalkerError | OSError):
        raise problem
    reason = f": {type(problem).__name__}: {problem}" if problem else ""
    raise Infrastructure(f"Prefect ended the run before the batch began{reason}") from problem


def _exit_code(ended: BatchEnded) -> int:
    return FAILED if ended.failed or ended.error else DONE


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
