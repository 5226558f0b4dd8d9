"""How far a batch is: its state at every point, its pace, and that a long journal is not read from its beginning."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.job import Attempt, Outcome
from tasks.records import follow, orders
from tasks.records.follow import Follower, report
from tasks.records.journal import (
    AttemptStarted,
    BatchEnded,
    BatchStarted,
    Event,
    Journal,
    OrderTaken,
    VideoEnded,
    VideoPlanned,
)
from tasks.records.orders import Order, OrderKind

ROWS = tuple((f"row{number}", "") for number in range(4))


def attempt(row: int, index: int, at_s: int, outcome: Outcome = Outcome.DONE, frames: int = 100) -> Attempt:
    """One that took four seconds."""
    ended_ms = (at_s + 4) * 1000
    return Attempt(
        f"{row}.{index}", f"k{row}.{index}", f"row{row}", index, "n/1", at_s * 1000, ended_ms, outcome, "", frames
    )


def started(row: int, index: int, at_s: int) -> AttemptStarted:
    return AttemptStarted(f"{row}.{index}", f"k{row}.{index}", f"row{row}", index, "n/1", at_s * 1000)


def video(row: int, outcome: Outcome = Outcome.DONE) -> VideoEnded:
    return VideoEnded(
        f"row{row}", row + 1, "", outcome, 0, 9000, frames=200, segments=2, render_ms=8000, notes=("Look.",)
    )


def a_night() -> Iterator[Event]:
    yield BatchStarted("b", "night.csv", 1000, os.getpid(), ROWS)
    for row in (0, 1):
        yield VideoPlanned(f"row{row}", 2, 200)
    for index in (0, 1):
        yield started(0, index, 10 * index)
        yield attempt(0, index, 10 * index)
    yield video(0)
    yield started(1, 0, 20)
    yield attempt(1, 0, 20, Outcome.FAILED)
    yield OrderTaken(Order(OrderKind.CANCEL, ("row3",), "no", who="m", id="c"), 21)
    yield video(3, Outcome.CANCELLED)
    yield started(1, 0, 30)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


def write(root: Path, *events: Event) -> Journal:
    journal = Journal(root / "ledger", "b")
    for event in events:
        journal.write(event)
    return journal


def states(root: Path) -> tuple[str, list[str]]:
    found = report(root, "b")
    return found.state, [row.state for row in found.rows.values()]


def test_the_state_of_a_batch_at_every_point(root: Path) -> None:
    path = orders.path_of(root, "b")
    with write(root, *a_night()) as journal:
        assert states(root) == ("running", ["done", "rendering", "waiting", "cancelled"])
        pause = orders.give(path, Order(OrderKind.PAUSE))
        assert states(root) == ("pause-requested", ["done", "pause-requested", "pause-requested", "cancelled"])
        journal.write(OrderTaken(pause, 40))
        assert states(root) == ("pause-requested", ["done", "pause-requested", "paused", "cancelled"])
        journal.write(attempt(1, 0, 30))
        assert states(root) == ("paused", ["done", "paused", "paused", "cancelled"])
        again = orders.give(path, Order(OrderKind.RETRY, ("row0",)))
        journal.write(OrderTaken(again, 41))
        journal.write(OrderTaken(orders.give(path, Order(OrderKind.RESUME)), 42))
        assert states(root) == ("running", ["waiting", "rendering", "waiting", "cancelled"])
        cancel = orders.give(path, Order(OrderKind.CANCEL, reason="all wrong"))
        assert states(root)[0] == "cancel-requested"
        journal.write(OrderTaken(cancel, 43))
        assert states(root) == ("cancel-requested", ["cancel-requested"] * 3 + ["cancelled"])
    assert states(root)[0] == "interrupted"
    with write(root, *(video(row, Outcome.CANCELLED) for row in range(4)), BatchEnded(50, 0, 0, "cancelled", 4)):
        pass
    assert states(root) == ("cancelled", ["cancelled"] * 4)


def test_a_batch_on_a_full_disk_waits_and_nobody_says_when_it_will_be_done(root: Path) -> None:
    first, *others = a_night()
    assert isinstance(first, BatchStarted)
    with write(root, replace(first, reserve_bytes=1 << 62), *others):
        found = report(root, "b")
        assert (found.state, found.time_left) == ("waiting-for-space", None)
    assert states(root)[0] == "interrupted"


@pytest.mark.parametrize(
    ("outcome", "state"), [(Outcome.FAILED, "failed"), (Outcome.CANCELLED, "incomplete"), (Outcome.SKIPPED, "done")]
)
def test_the_state_of_a_batch_that_has_ended(root: Path, outcome: Outcome, state: str) -> None:
    write(root, next(a_night()), video(0), video(1, outcome), video(2), video(3), BatchEnded(9, 3, 1)).__exit__()
    assert states(root)[0] == state


def test_what_workers_do_and_how_long_it_will_take(root: Path) -> None:
    with write(root, *a_night()):
        found = report(root, "b")
        assert [(at.worker, at.job_id, at.index) for at in found.at_work.values()] == [("n/1", "row1", 0)]
        assert found.pace == pytest.approx(200 / 14)  # two attempts of 100 frames within 14 s
        left = found.time_left
    # Row 1 whole and row 2, which is not planned, as long as the others: 400 frames.
    assert left is not None
    assert left.half_s == pytest.approx(400 / found.pace)
    assert left.half_s < left.most_s < 2 * left.half_s
    assert report(root, "b").time_left is None  # nobody works on it


def test_a_kept_report_is_that_of_the_whole_journal(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "LINES", 1)
    monkeypatch.setattr(follow, "LOOK_S", 0.0)
    whole = list(a_night())
    for number in range(1, len(whole)):
        folder = root / str(number)
        journal = write(folder, *whole[:number])
        Follower(folder, "b").keep()
        kept = folder / "batches" / "b" / "report.json"
        assert kept.exists()
        for event in whole[number:]:
            journal.write(event)
        found = report(folder, "b")
        kept.write_bytes(kept.read_bytes().replace(b'"row0"', b'"rowX"', 1))  # damaged: passed over
        assert report(folder, "b") == found
        kept.unlink()
        assert report(folder, "b") == found
        journal.__exit__()


def test_a_reader_that_goes_on_reads_what_is_new(root: Path) -> None:
    first, *others = a_night()
    with write(root, first) as journal:
        follower = Follower(root, "b")
        assert follower.update().state == "running"
        for event in others:
            journal.write(event)
            follower.update()
        assert follower.update() == report(root, "b")
