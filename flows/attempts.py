"""From the pool's events to attempts in the journal."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from flows.observer import Observer
from tasks.job import Attempt, Outcome, Segment
from tasks.pool.events import Kind, PoolEvent
from tasks.records.journal import AttemptStarted, Event, Journal, WorkerStarted
from tasks.records.store import Store

log = logging.getLogger("tasks.batch")

OUTCOMES = {Kind.FINISHED: Outcome.DONE, Kind.FAILED: Outcome.FAILED, Kind.STOPPED: Outcome.CANCELLED}


@dataclass
class AttemptRecorder:
    """Writes workers and attempts to the journal as they start and end, and forwards every event of the pool.

    Attributes:
        succeeded: The ids of the attempts that the journal has as done.
    """

    journal: Journal
    observer: Observer
    succeeded: set[str]
    started_ms: dict[str, int] = field(default_factory=dict)

    def on_event(self, event: PoolEvent) -> None:
        """Called in the pool's thread, or, for a clip that was found, in a row's."""
        self.observer.on_event(event)
        segment = event.segment
        if event.facts is not None:
            facts = event.facts
            self.journal.write(
                WorkerStarted(facts.address, facts.host, facts.device, facts.versions, started_ms=event.at_ms)
            )
        elif event.kind is Kind.STARTED and segment is not None:
            self.started_ms[event.attempt] = event.at_ms
            started = AttemptStarted(
                event.attempt, segment.key, segment.job_id, segment.index, event.worker, event.at_ms
            )
            self.journal.write(started)
        elif event.kind is Kind.FOUND and segment is not None:
            if event.attempt not in self.succeeded:
                self.started_ms[event.attempt] = event.at_ms - event.render_ms
                self._write_end(event, segment, Outcome.DONE)
        elif event.kind in OUTCOMES and segment is not None:
            self._write_end(event, segment, OUTCOMES[event.kind])
        elif event.error:
            log.warning("%s %s: %s", event.kind, event.worker, event.error)

    def _write_end(self, event: PoolEvent, segment: Segment, outcome: Outcome) -> None:
        if outcome is Outcome.DONE:
            self.succeeded.add(event.attempt)
        self.journal.write(
            Attempt(
                event.attempt,
                segment.key,
                segment.job_id,
                segment.index,
                event.worker,
                self.started_ms.pop(event.attempt, event.at_ms),
                event.at_ms,
                outcome,
                event.error,
                segment.frames,
                event.render_ms,
                event.busy_ms,
            )
        )


def close_interrupted(store: Store, events: Journal, earlier: Iterable[Event]) -> set[str]:
    """End the attempts that earlier runs of a batch began and could not see the end of, because they were killed.

    One whose clip is in the store has succeeded: the clip's record names the attempt, and what it cost.

    Args:
        earlier: The events so far.

    Returns:
        The ids of all attempts so far that have succeeded.
    """
    started: dict[str, AttemptStarted] = {}
    succeeded: set[str] = set()
    for event in earlier:
        if isinstance(event, AttemptStarted):
            started[event.id] = event
        elif isinstance(event, Attempt):
            started.pop(event.id, None)
            if event.outcome is Outcome.DONE:
                succeeded.add(event.id)
    for attempt in started.values():
        clip = store.clip_record(attempt.key)
        done = clip is not None and clip.attempt == attempt.id
        render_ms, busy_ms = (clip.render_ms, clip.busy_ms) if clip and done else (0, 0)
        if done:
            succeeded.add(attempt.id)
        outcome, error = (Outcome.DONE, "") if done else (Outcome.FAILED, "the process that ran the batch died")
        events.write(
            Attempt(
                attempt.id,
                attempt.key,
                attempt.job_id,
                attempt.index,
                attempt.worker,
                attempt.started_ms,
                attempt.started_ms + render_ms,
                outcome,
                error,
                render_ms,
                busy_ms,
            )
        )
    return succeeded
