"""Every attempt has an end in the journal, also those of drivers that were killed."""

from pathlib import Path

import pytest

from flows.attempts import AttemptRecorder, close_interrupted
from flows.observer import NullObserver
from tasks.job import Attempt, Clip, Outcome, Segment, WorkerFacts
from tasks.pool.events import Kind, PoolEvent
from tasks.records import journal, ledger
from tasks.records.journal import AttemptStarted, Journal
from tasks.records.store import Store

KEY = "ab" * 32
SEGMENT = Segment("row", 0, 0, 10, Path("-"), 1, 2, KEY)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def publish(store: Store, attempt: str) -> Clip:
    temporary = store.temporary(".avi")
    temporary.write_bytes(b"pixels")
    clip = Clip(KEY, temporary, 10, 4, 2, "", 700, "n/1", attempt=attempt, batch_id="night", job_id="row")
    return store.publish_clip(clip, temporary)


def attempts(store: Store) -> list[Attempt]:
    return [event for event in journal.replay(journal.path_of(store.ledger, "night")) if isinstance(event, Attempt)]


@pytest.mark.parametrize(("published", "outcome"), [("a1", Outcome.DONE), ("other", Outcome.FAILED)])
def test_an_attempt_that_a_kill_cut_off_is_ended_by_the_next_run(
    store: Store, published: str, outcome: Outcome
) -> None:
    publish(store, published)
    earlier = [AttemptStarted("a1", KEY, "row", 0, "n/1", 1000), AttemptStarted("a2", KEY, "row", 0, "n/1", 1)]
    earlier_end = Attempt("a2", KEY, "row", 0, "n/1", 1, 2, Outcome.DONE)
    with Journal(store.ledger, "night") as events:
        succeeded = close_interrupted(store, events, [*earlier, earlier_end])
    (attempt,) = attempts(store)
    assert (attempt.id, attempt.outcome) == ("a1", outcome)
    assert attempt.ended_ms - attempt.started_ms == (700 if outcome is Outcome.DONE else 0)
    assert bool(attempt.error) == (outcome is Outcome.FAILED)
    assert succeeded == ({"a1", "a2"} if outcome is Outcome.DONE else {"a2"})


def test_a_clip_that_an_orphaned_worker_finished_has_its_attempt_once(store: Store) -> None:
    clip = publish(store, "orphan")
    with Journal(store.ledger, "night") as events:
        recorder = AttemptRecorder(events, NullObserver(), {"known"})
        for attempt in ("orphan", "orphan", "known"):
            recorder.on_event(PoolEvent(Kind.FOUND, clip.worker, attempt, SEGMENT, clip.render_ms, at_ms=5000))
    (attempt,) = attempts(store)
    assert (attempt.id, attempt.started_ms, attempt.ended_ms, attempt.outcome) == ("orphan", 4300, 5000, Outcome.DONE)


def test_a_worker_that_is_ready_is_in_the_journal_before_its_attempts(store: Store) -> None:
    facts = WorkerFacts("n/1", "n", "A card", {"torch": "2.13"})
    with Journal(store.ledger, "night") as events:
        recorder = AttemptRecorder(events, NullObserver(), set())
        recorder.on_event(PoolEvent(Kind.WORKER_READY, "n/1", facts=facts, at_ms=1000))
        recorder.on_event(PoolEvent(Kind.STARTED, "n/1", "a1", SEGMENT))
        recorder.on_event(PoolEvent(Kind.FINISHED, "n/1", "a1", SEGMENT))
    ledger.snapshot(store.ledger, "night")
    (attempt,) = ledger.read(ledger.files(store.ledger, "attempts")[0]).to_pylist()
    assert (attempt["host"], attempt["device"], dict(attempt["versions"])) == ("n", "A card", {"torch": "2.13"})
