"""Settings for the services that this process starts, and how they are stopped."""

import atexit
import gc
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn

QUIET_AND_OFFLINE = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_LOGGING_LEVEL": "INFO",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # our own screen shows errors, in words
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_INTERNAL_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "tasks",
    "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "5",  # each batch of lines takes 20 ms of processor time
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",  # the pool logs from its own thread, outside of any run
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # a cold machine compiles bytecode first
    # One by one, each task run takes the server 22 ms of processor time, and the last ones are lost when it ends.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}
"""Defaults for Prefect; variables that are set already win."""


def be_quiet_and_offline() -> None:
    """Before Prefect is imported: it reads its settings then."""
    for name, value in QUIET_AND_OFFLINE.items():
        os.environ.setdefault(name, value)
    logging.raiseExceptions = False  # a log line that a handler cannot deliver is no reason for a traceback


def collect_garbage_seldom() -> None:
    """For a command that imports a great deal: Prefect, its server, Ray. Of 4.7 s of processor time for that, Python's
    default spends 2.2 on looking through what stays until the end, and 1.2 of them at the end."""
    gc.set_threshold(20_000)
    atexit.register(gc.freeze)  # registered first, it is called last: nothing is left to look through


def leave_nothing_running() -> None:
    """End whatever this process, or one that was killed, has left."""
    from tasks.media import processes  # noqa: PLC0415 - needed at the end, by commands that started something

    processes.forget(processes.state_folder())


END_LIMIT_S = 20.0
"""How long Prefect may take to record the end of a run, and to end itself; 2 s are usual."""
INTERRUPTED_LIMIT_S = 8.0
"""The same when somebody waits for the end: `docker stop` kills after 10 s."""


def end_in_any_case(code: int, before: Callable[[], None], limit_s: float = END_LIMIT_S) -> None:
    """End this process with this exit code when it has not ended by itself within a time.

    When its server is gone, Prefect tries for minutes to reach it, also while the interpreter shuts down.

    Args:
        before: Called first, to print what was not printed yet.
    """

    def watch() -> None:
        time.sleep(limit_s)
        before()
        end_now(code)

    threading.Thread(target=watch, name="end-in-any-case", daemon=True).start()


def end_now(code: int) -> NoReturn:
    """End this process and all that it has started, without waiting for anything of it."""
    leave_nothing_running()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
