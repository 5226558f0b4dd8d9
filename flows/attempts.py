"""From the pool's events to attempts in the journal."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from flows.observer import Observer
from tasks.job import Attempt, Outcome
from tasks.pool.events import Kind, PoolEvent
from tasks.records.journal import AttemptStarted, Event, Journal
from tasks.records.store import Store

log = logging.getLogger("tasks.batch")

OUTCOMES = {Kind.FINISHED: Outcome.DONE, Kind.FAILED: Outcome.FAILED, Kind.STOPPED: Outcome.CANCELLED}


@dataclass
class AttemptRecorder:
    """Writes attempts to the journal as they start and end, and forwards every event of the pool."""

    journal: Journal
    observer: Observer
    started_ms: dict[str, int] = field(default_factory=dict)

    def on_event(self, event: PoolEvent) -> None:
        """Called in the pool's thread."""
        self.observer.on_event(event)
        segment = event.segment
        if event.kind is Kind.STARTED and segment is not None:
            self.started_ms[event.attempt] = event.at_ms
            started = AttemptStarted(
                event.attempt, segment.key, segment.job_id, segment.index, event.worker, event.at_ms
            )
            self.journal.write(started)
        elif event.kind in OUTCOMES and segment is not None:
            started_ms = self.started_ms.pop(event.attempt, event.at_ms)
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


def close_interrupted(store: Store, events: Journal, earlier: Iterable[Event]) -> None:
    """End the attempts that earlier runs of a batch began and could not see the end of, because they were killed.

    One whose clip is in the store has succeeded: the clip's record names the attempt, and what it cost.

    Args:
        earlier: The events so far.
    """
    started: dict[str, AttemptStarted] = {}
    for event in earlier:
        if isinstance(event, AttemptStarted):
            started[event.id] = event
        elif isinstance(event, Attempt):
            started.pop(event.id, None)
    for attempt in started.values():
        clip = store.clip_record(attempt.key)
        done = clip is not None and clip.attempt == attempt.id
        ended_ms = attempt.started_ms + (clip.render_ms if clip and done else 0)
        outcome, error = (Outcome.DONE, "") if done else (Outcome.FAILED, "the process that ran the batch died")
        events.write(
            Attempt(
                attempt.id,
                attempt.key,
                attempt.job_id,
                attempt.index,
                attempt.worker,
                attempt.started_ms,
                ended_ms,
                outcome,
                error,
            )
        )
