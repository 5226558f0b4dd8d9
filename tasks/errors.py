"""Everything that can go wrong, as one tree. Each class says whether trying again can help.

    ActalkerError
    ├── BadInput              the customer's file or cell is at fault          never retried
    │   ├── ManifestRefused   the faults of a whole manifest, all in one go
    │   └── WordsNotFound     a recording says other words than its script
    ├── Infrastructure        a machine, a process or a network is at fault    retried elsewhere
    │   ├── WorkerLost        an actor, its process or its node died
    │   ├── TimedOut          a tool or a segment took longer than its limit
    │   └── NoSpace           the disk is full: the batch pauses, it does not fail
    ├── ToolFailed            ffmpeg refused; its last words are kept          retried once
    ├── RenderFailed          the renderer raised; its traceback is kept       retried once
    ├── Quarantined           a segment that killed every actor it was given   never retried
    └── Cancelled             somebody asked for the end                       never retried

Every error can cross a process boundary: its arguments are its message and plain values.
"""

import logging
from dataclasses import dataclass
from typing import ClassVar, Protocol

log = logging.getLogger(__name__)


class ActalkerError(Exception):
    """The root. `attempts` is how often the work may be tried in all."""

    attempts: ClassVar[int] = 1


class BadInput(ActalkerError):
    """The input can never work.

    Args:
        problem: What is wrong, with the value, as a clause without a full stop.
        remedy: What would mend it, as a sentence.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.problem, self.remedy = problem, remedy

    def __str__(self) -> str:
        return f"{self.problem}. {self.remedy}" if self.remedy else self.problem


class WordsNotFound(BadInput):
    """A recording says other words than its script.

    Args:
        share: Of the script's words that were found in the recording, 0 to 1.
        least: The share that is needed.
    """

    def __init__(self, share: float, least: float) -> None:
        Exception.__init__(self, share, least)
        self.share = share
        found, needed = f"{int(100 * share)} % of the script's words", f"{int(100 * least)} %"
        self.problem = f"only {found} are found in the recording; at least {needed} are needed"
        self.remedy = "Check that recording and script belong together, in this order, and that the language is theirs."


class Infrastructure(ActalkerError):
    """The surroundings failed, not the work: the same work may succeed elsewhere."""

    attempts: ClassVar[int] = 3


class WorkerLost(Infrastructure):
    """An actor, its process or its node died with the work in flight."""


class TimedOut(Infrastructure):
    """A tool or a segment took longer than its limit."""

    attempts: ClassVar[int] = 2


class NoSpace(Infrastructure):
    """The disk is full: wait for space, then go on."""


class ToolFailed(ActalkerError):
    """A command line tool ended with an error.

    Args:
        message: What was being done.
        arguments: The command line.
        stderr: The last lines that the tool printed.
    """

    attempts: ClassVar[int] = 2

    def __init__(self, message: str, arguments: tuple[str, ...] = (), stderr: str = "") -> None:
        super().__init__(message, arguments, stderr)
        self.message, self.arguments, self.stderr = message, arguments, stderr

    def __str__(self) -> str:
        return f"{self.message}: {self.stderr.strip()}" if self.stderr.strip() else self.message


class RenderFailed(ActalkerError):
    """The renderer raised an error of its own; the traceback is in the message."""

    attempts: ClassVar[int] = 2


class Quarantined(ActalkerError):
    """A segment that took every actor down that it was given."""


class Cancelled(ActalkerError):
    """Somebody asked for the end before the work was done."""


class Run(Protocol):
    """What of a Prefect task run matters here: how often it has been tried."""

    run_count: int


class State(Protocol):
    """What of a Prefect state matters here: the error that ended the try."""

    data: object


def retry_helps(task: object, run: Run, state: State) -> bool:
    """Whether a stage is worth another try: each class of error says how many it is given in all.

    A Prefect `retry_condition_fn`; it knows Prefect's shapes, not Prefect.
    """
    helps = worth_another_try(state.data, run.run_count)
    if helps:
        log.warning("another try, after: %s", state.data)
    return helps


def worth_another_try(error: object, tries: int) -> bool:
    """Whether work that has failed so often, last with this error, may be tried again."""
    return isinstance(error, ActalkerError) and tries < error.attempts


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a manifest, and what would mend it.

    Attributes:
        row: As a spreadsheet numbers it: the header is row 1. 0: the header, or the file as a whole.
        column: Its name; or `cell E7`; or `manifest`, for the file as a whole.
        value: What the cell holds, shortened; or the file's name.
        id: Of the row, where it has one that can be shown.
    """

    row: int
    column: str
    value: str
    problem: str
    remedy: str
    id: str = ""

    def __str__(self) -> str:
        row = f"row {self.row}" + (f" ({self.id})" if self.id else "")
        where = f"{row}, " if self.row else "header, " * (self.column != "manifest")
        value = f" {self.value!r}" if self.value else ""
        return f"{where}{self.column}{value}: {BadInput(self.problem, self.remedy)}"


class ManifestRefused(BadInput):
    """A manifest with faults. Nothing was rendered.

    Args:
        faults: Every fault that was found, in the order of the rows.
    """

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        Exception.__init__(self, faults)
        self.faults = faults

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)
