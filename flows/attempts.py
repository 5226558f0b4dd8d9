"""From the pool's events to attempts in the journal."""

import logging
from dataclasses import dataclass, field

from flows.observer import Observer
from tasks.job import Attempt, Outcome
from tasks.pool.events import Kind, PoolEvent
from tasks.records.journal import Journal

log = logging.getLogger("tasks.batch")

OUTCOMES = {Kind.FINISHED: Outcome.DONE, Kind.FAILED: Outcome.FAILED, Kind.STOPPED: Outcome.CANCELLED}


@dataclass
class AttemptRecorder:
    """Writes an attempt to the journal for each that the pool reports as ended, and forwards every event."""

    journal: Journal
    observer: Observer
    started_ms: dict[str, int] = field(default_factory=dict)

    def on_event(self, event: PoolEvent) -> None:
        """Called in the pool's thread."""
        self.observer.on_event(event)
        if event.kind is Kind.STARTED:
            self.started_ms[event.attempt] = event.at_ms
        elif event.kind in OUTCOMES and event.segment is not None:
            started_ms = self.started_ms.pop(event.attempt, event.at_ms)
            segment = event.segment
            self.journal.write(
                Attempt(
                    event.attempt,
                    segment.key,
                    segment.job_id,
                    segment.index,
                    event.worker,
                    started_ms,
                    event.at_ms,
                    OUTCOMES[event.kind],
                    event.error,
                )
            )
        elif event.error:
            log.warning("%s %s: %s", event.kind, event.worker, event.error)
