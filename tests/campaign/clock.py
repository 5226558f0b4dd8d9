"""`python -m tests.campaign.clock STEP_S EVENT COUNT submit ...`: the command, whose clock steps at an event.

STEP_S seconds, forward or backward, at the COUNT-th EVENT that is written to the journal. The clocks of its workers and
of other commands do not step, as on nodes whose clocks differ.
"""

import sys
import time
from typing import Any

from flows.cli import main
from tasks.records.journal import Journal

_time, _time_ns = time.time, time.time_ns


def step(seconds: float) -> None:
    """Move this process's clock."""
    time.time = lambda: _time() + seconds
    time.time_ns = lambda: _time_ns() + round(seconds * 1e9)


def install(seconds: float, event: str, count: int) -> None:
    """Have the clock step at an event."""
    write, left = Journal.write, count

    def stepping(journal: Journal, written: Any) -> None:
        nonlocal left
        left -= type(written).__name__ == event
        if left == 0:
            step(seconds)
        write(journal, written)

    Journal.write = stepping  # type: ignore[method-assign]


if __name__ == "__main__":
    install(float(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    sys.argv[1:4] = []
    main()
