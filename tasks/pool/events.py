"""What the pool reports to the journal and the screen."""

import time
from dataclasses import dataclass, field
from enum import StrEnum

from tasks.job import Segment, WorkerFacts


class Kind(StrEnum):
    """What happened in the pool. A `STARTED` is followed by one `FINISHED`, `FAILED` or `STOPPED` of its attempt.

    `FOUND` is a clip in the store that was rendered for the same row of the same batch, by an earlier run: it may have
    been killed before it could report the attempt.
    """

    STARTED = "started"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"
    FOUND = "found"
    QUARANTINED = "quarantined"
    WORKER_READY = "worker_ready"
    WORKER_LOST = "worker_lost"
    SETUP_FAILED = "setup_failed"
    WORKER_ABANDONED = "worker_abandoned"
    WORKER_DRAINED = "worker_drained"
    WAITING_FOR_SPACE = "waiting-for-space"
    SPACE_IS_BACK = "space-is-back"


@dataclass(frozen=True, slots=True)
class PoolEvent:
    """One thing that happened.

    Attributes:
        worker: `node/pid` of the actor; empty where no actor is concerned.
        attempt: Its id; empty where no attempt is concerned.
        render_ms, busy_ms: What a finished clip took, and the part in which the device computed.
        error: Why, in words; empty when all is well.
        facts: Of the worker that is ready.
        at_ms: Since 1970.
    """

    kind: Kind
    worker: str = ""
    attempt: str = ""
    segment: Segment | None = None
    render_ms: int = 0
    busy_ms: int = 0
    error: str = ""
    facts: WorkerFacts | None = None
    at_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
