"""What the supervisor decides about: workers, the slots that hold them, what they have been given, and the limits."""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from tasks.errors import ActalkerError
from tasks.job import Job, Segment
from tasks.pool.backlog import Work


class Workers(Protocol):
    """How the supervisor acts on workers. No call blocks; none raises because a worker is gone."""

    def start(self, worker: str) -> None:
        """Start an actor under this name and set it up; `ready` or `setup_failed` follows."""

    def process(self, worker: str, attempt: str, job: Job, segment: Segment) -> None:
        """Append a segment to the worker's queue; `done` or `failed` follows."""

    def poll(self, worker: str) -> None:
        """Ask the worker how far it is; `progressed` follows, unless it hangs."""

    def cancel(self, worker: str, attempt: str) -> None:
        """Raise the flag that the renderer reads at every frame; `failed` with `Cancelled` follows."""

    def kill(self, worker: str) -> None:
        """End the actor, whatever it does. Nothing needs to follow."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits. Those on tries stand with the errors (`ActalkerError.attempts`).

    Attributes:
        in_flight: Segments on a worker: one is written, one drawn, one prepared (`tasks/pool/pipeline.py`).
        failures: A slot is abandoned after so many segments in a row have failed on it, none succeeding.
        setups: A slot is abandoned after so many set-ups in a row have failed.
        setup_limit_s: From asking for an actor until it holds its renderer, the wait for a free node included.
        segment_limit_s: For one segment, from when it is its worker's first.
        progress_limit_s: A worker that has made no step and no frame for so long is stuck.
        poll_s: How often workers are asked for their progress.
        revive_s: An abandoned slot is tried again after this time.
        grace_s: From the cancel flag to the kill.
        pause_s: The shortest pause when the disk is full.
    """

    in_flight: int = 3
    failures: int = 4
    setups: int = 3
    setup_limit_s: float = 900.0
    segment_limit_s: float = 1800.0
    progress_limit_s: float = 120.0
    poll_s: float = 5.0
    revive_s: float = 600.0
    grace_s: float = 5.0
    pause_s: float = 5.0


@dataclass(eq=False, slots=True)
class Assignment:
    """One attempt that a worker has been given. It begins when those before it on the same worker have ended.

    The worker may prepare and draw it before. But its deadlines, and its part of the worker's time, count from there.

    Attributes:
        cancelled: When it was asked to stop.
        recalled: It was asked to before it began, and goes back to the queue.
    """

    attempt: str
    work: Work
    began: float | None = None
    cancelled: float | None = None
    recalled: bool = False


class State(Enum):
    """Of a slot."""

    EMPTY = "empty"
    STARTING = "starting"
    READY = "ready"
    ABANDONED = "abandoned"
    DRAINED = "drained"


@dataclass(eq=False, slots=True)
class Slot:
    """A place for one worker at a time.

    Attributes:
        since: When it may start (EMPTY), was started (STARTING) or given up (ABANDONED).
        progress: The worker's last count of steps and frames, and `moved` when it last grew.
    """

    number: int
    state: State = State.EMPTY
    since: float = 0.0
    lives: int = 0
    address: str = ""
    progress: int = -1
    moved: float = 0.0
    assignments: deque[Assignment] = field(default_factory=deque)
    failed: set[str] = field(default_factory=set)
    failed_setups: int = 0
    reason: ActalkerError | None = None

    @property
    def worker(self) -> str:
        """The name of the present life."""
        return f"{self.number}.{self.lives}"
