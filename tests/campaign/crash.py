"""`python -m tests.campaign.crash POINT COUNT submit ...`: the command, killed with SIGKILL at a named point.

POINT is one of `POINTS`; COUNT says at which time that it is reached. Only the driver is patched, no worker.
"""

import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from flows.cli import main

EVENTS = (
    *("BatchStarted", "WorkerStarted", "VideoPlanned", "AttemptStarted", "Attempt"),
    *("SegmentEnded", "VideoEnded", "BatchEnded"),
)
FUNCTIONS = {
    "sweep": ("tasks.records.store", "Store.sweep"),
    "keep input": ("tasks.records.store", "Store.keep_input"),
    "speak": ("tasks.speak", "speak.fn"),
    "plan": ("tasks.plan", "plan.fn"),
    "reuse": ("tasks.record", "reuse.fn"),
    "render": ("tasks.render", "render.fn"),
    "stitch": ("tasks.stitch", "stitch.fn"),
    "subtitle": ("tasks.subtitle", "subtitle.fn"),
    "assemble": ("tasks.assemble", "assemble.fn"),
    "publish video": ("tasks.records.store", "Store.publish_video"),
    "deliver": ("tasks.records.store", "Store.deliver"),
    "ledger table": ("tasks.records.ledger", "_write"),
    "results": ("tasks.manifest.results", "write_text"),
}
POINTS = (
    *(f"{when} {event}" for event in EVENTS for when in ("before", "after")),
    *(f"{when} {function}" for function in FUNCTIONS for when in ("before", "after")),
)


def patched(function: Callable[..., Any], reached: Callable[[Any], bool], *, before: bool, count: int) -> Any:
    """The function, with a kill before or after its `count`-th call that `reached` says yes to."""
    calls = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += reached(args)
        now = reached(args) and calls == count
        if now and before:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*args, **kwargs)
        if now:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


def install(point: str, count: int) -> None:
    """Have this process killed at a point."""
    when, _, what = point.partition(" ")
    if what in EVENTS:
        module, name = "tasks.records.journal", "Journal.write"

        def reached(args: Any) -> bool:
            return type(args[1]).__name__ == what
    else:
        module, name = FUNCTIONS[what]

        def reached(args: Any) -> bool:
            return True

    owner: Any = importlib.import_module(module)
    *path, attribute = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    function = patched(getattr(owner, attribute), reached, before=when == "before", count=count)
    setattr(owner, attribute, function)


if __name__ == "__main__":
    install(sys.argv[1], int(sys.argv[2]))
    sys.argv[1:3] = []
    main()
