"""The pool's decisions, with a workers of paper: what happens is what the test says, when it says so."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import (
    ActalkerError,
    BadInput,
    Cancelled,
    Infrastructure,
    NoSpace,
    Quarantined,
    RenderFailed,
    TimedOut,
    WorkerLost,
)
from tasks.job import Clip, Job, Segment, WorkerFacts
from tasks.pool.backlog import Request
from tasks.pool.events import Kind, PoolEvent
from tasks.pool.slots import Rules
from tasks.pool.supervisor import Supervisor
from tasks.records.orders import Steering

ENDS = (Kind.FINISHED, Kind.FAILED, Kind.STOPPED)


def segment(key: str, frames: int = 50, priority: int = 0) -> Segment:
    return Segment("row", 0, 0, frames, Path("programme.wav"), 0, 0, key, priority)


def clip(key: str) -> Clip:
    return Clip(key, Path(f"{key}.avi"), 50, 64, 64, "digest", 5, "node/1")


@dataclass
class FakeWorkers:
    """Records every call; `held` is what every living worker has been given, as (attempt, key)."""

    starting: list[str] = field(default_factory=list)
    held: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    handed: list[str] = field(default_factory=list)
    flagged: list[str] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    polled: list[str] = field(default_factory=list)

    def start(self, worker: str) -> None:
        self.starting.append(worker)

    def process(self, worker: str, attempt: str, job: Job, segment: Segment) -> None:
        self.held[worker].append((attempt, segment.key))
        self.handed.append(segment.key)

    def poll(self, worker: str) -> None:
        self.polled.append(worker)

    def cancel(self, worker: str, attempt: str) -> None:
        self.flagged.append(attempt)

    def kill(self, worker: str) -> None:
        self.killed.append(worker)
        self.held.pop(worker, None)
        if worker in self.starting:
            self.starting.remove(worker)


class Simulation:
    """A supervisor with fake workers, a clock that is set by hand, and every event."""

    def __init__(self, slots: int, rules: Rules | None = None) -> None:
        self.now = 0.0
        self.space = True
        self.count = 0
        self.stuck: set[str] = set()
        self.workers = FakeWorkers()
        self.events: list[PoolEvent] = []
        self.supervisor = Supervisor(
            self.workers,
            slots,
            rules or Rules(),
            emit=self.events.append,
            has_space=lambda: self.space,
            clock=lambda: self.now,
        )

    def ask(
        self, *segments: Segment, cancelled: Callable[[], bool] = lambda: False, row: str = "row"
    ) -> dict[str, Future[Clip]]:
        request = Request(Job(row, 1, Path("portrait.png")), segments, cancelled)
        self.supervisor.submit(request)
        return request.futures

    def tick(self, seconds: float = 0.0) -> None:
        """Let time pass, let those come up that were started, and decide."""
        self.now += seconds
        self.answer_polls()
        self.supervisor.tick()
        self.supervisor.tick()  # what was killed is started again
        while self.workers.starting:
            worker = self.workers.starting.pop(0)
            self.workers.held[worker] = []
            self.supervisor.ready(worker, WorkerFacts(f"node/{worker}"))
        self.supervisor.tick()

    def answer_polls(self) -> None:
        """Every worker makes progress all the time, unless it is stuck."""
        for worker in set(self.workers.held) - self.stuck:
            self.count += 1
            self.supervisor.progressed(worker, self.count)

    def finish(self, worker: str) -> None:
        attempt, key = self.workers.held[worker].pop(0)
        self.supervisor.done(attempt, clip(key))
        self.supervisor.tick()

    def fail(self, worker: str, error: ActalkerError) -> None:
        attempt, _ = self.workers.held[worker].pop(0)
        if isinstance(error, WorkerLost):
            del self.workers.held[worker]
        self.supervisor.failed(attempt, error)
        self.tick()

    def at_work(self) -> dict[str, str]:
        """Worker -> the key that it is at."""
        return {worker: held[0][1] for worker, held in self.workers.held.items() if held}

    def kinds(self) -> list[Kind]:
        return [event.kind for event in self.events]


def test_the_longest_goes_first_within_a_priority() -> None:
    simulation = Simulation(slots=1)
    simulation.ask(segment("short", 30), segment("long", 200), segment("urgent", 10, priority=5))
    simulation.tick()
    for _ in range(3):
        simulation.finish("0.1")
    assert simulation.workers.handed == ["urgent", "long", "short"]


def test_a_worker_has_the_next_segment_at_hand_but_not_the_last_ones() -> None:
    simulation = Simulation(slots=2)
    simulation.ask(*(segment(str(number)) for number in range(5)))
    simulation.tick()
    assert [len(held) for held in simulation.workers.held.values()] == [2, 1]  # two are left for two workers
    simulation.finish("0.1")
    simulation.finish("0.1")
    assert sorted(len(held) for held in simulation.workers.held.values()) == [1, 1]


def test_what_two_rows_want_is_rendered_once() -> None:
    simulation = Simulation(slots=1)
    first, second = simulation.ask(segment("shared")), simulation.ask(segment("shared"))
    simulation.tick()
    simulation.finish("0.1")
    assert simulation.workers.handed == ["shared"]
    assert first["shared"].result() == clip("shared")
    assert second["shared"].result() == clip("shared").found()


def test_a_death_blames_what_was_at_work_and_returns_the_rest_to_the_front() -> None:
    simulation = Simulation(slots=1)
    futures = simulation.ask(segment("a", 100), segment("b", 90), segment("c", 80), segment("d", 70))
    simulation.tick()
    assert simulation.at_work() == {"0.1": "a"}
    simulation.fail("0.1", WorkerLost("killed"))
    assert simulation.at_work() == {"0.2": "a"}  # and alone: a second death would have one culprit
    assert len(simulation.workers.held["0.2"]) == 1
    for _ in range(4):
        simulation.finish("0.2")
    assert simulation.workers.handed == ["a", "b", "c", "a", "b", "c", "d"]
    assert all(future.result() for future in futures.values())


def test_what_was_on_a_worker_that_died_runs_alone_and_is_blamed_if_it_kills_again() -> None:
    """What kills may be drawn while the worker's first segment is being written: the first is blamed, once."""
    simulation = Simulation(slots=1)
    futures = simulation.ask(*(segment(f"good {number}", 40) for number in range(6)), segment("poison", 39))
    simulation.tick()
    while not all(future.done() for future in futures.values()):
        ((worker, held),) = simulation.workers.held.items()
        if "poison" in [key for _, key in held]:
            simulation.fail(worker, WorkerLost("SIGSEGV"))
        else:
            simulation.finish(worker)
            simulation.tick()
    with pytest.raises(Quarantined):
        futures.pop("poison").result()
    assert all(future.result() for future in futures.values())
    assert simulation.kinds().count(Kind.WORKER_LOST) <= 4


def test_a_segment_that_kills_three_workers_is_quarantined_and_the_others_go_on() -> None:
    simulation = Simulation(slots=2)
    futures = simulation.ask(*(segment(f"good {number}", 40) for number in range(6)), segment("poison", 200))
    simulation.tick()
    while not all(future.done() for future in futures.values()):
        for worker, key in simulation.at_work().items():
            if key == "poison":
                simulation.fail(worker, WorkerLost("SIGSEGV"))
            else:
                simulation.finish(worker)
    with pytest.raises(Quarantined, match=r"row\[0\] killed 3 workers.*node/.*SIGSEGV"):
        futures.pop("poison").result()
    assert all(future.result() for future in futures.values())
    assert simulation.kinds().count(Kind.WORKER_LOST) == 3
    assert simulation.kinds().count(Kind.QUARANTINED) == 1


def test_what_raised_is_tried_on_another_worker() -> None:
    simulation = Simulation(slots=2)
    futures = simulation.ask(segment("bad"))
    simulation.tick()
    simulation.fail("0.1", RenderFailed("once"))
    assert simulation.at_work() == {"1.1": "bad"}
    simulation.fail("1.1", RenderFailed("twice"))
    with pytest.raises(RenderFailed, match="twice"):
        futures["bad"].result()


def test_with_one_slot_the_worker_is_replaced_before_the_second_try() -> None:
    simulation = Simulation(slots=1)
    futures = simulation.ask(segment("bad"), segment("good", 10))
    simulation.tick()
    simulation.fail("0.1", RenderFailed("the device is in a bad state"))
    assert simulation.at_work() == {"0.1": "good"}
    simulation.finish("0.1")
    simulation.tick()
    assert simulation.at_work() == {"0.2": "bad"}
    simulation.finish("0.2")
    assert all(future.result() for future in futures.values())


def test_bad_input_is_not_tried_again_and_not_held_against_the_worker() -> None:
    simulation = Simulation(slots=1)
    futures = simulation.ask(*(segment(str(number)) for number in range(10)))
    simulation.tick()
    for _ in range(9):
        simulation.fail("0.1", BadInput("no face"))
    simulation.finish("0.1")
    assert Counter(type(future.exception()) for future in futures.values()) == {BadInput: 9, type(None): 1}
    assert len(simulation.workers.handed) == 10


def test_a_worker_on_which_four_in_a_row_fail_is_abandoned_with_its_reason() -> None:
    simulation = Simulation(slots=2)
    futures = simulation.ask(*(segment(str(number)) for number in range(12)))
    simulation.tick()
    while not all(future.done() for future in futures.values()):
        for worker in simulation.at_work():
            if worker.startswith("0"):
                simulation.fail(worker, RenderFailed("this device is broken"))
            else:
                simulation.finish(worker)
    assert all(future.result() for future in futures.values())
    (abandoned,) = [event for event in simulation.events if event.kind is Kind.WORKER_ABANDONED]
    assert (abandoned.worker, abandoned.error) == ("node/0.1", "this device is broken")


def test_a_success_clears_the_count() -> None:
    simulation = Simulation(slots=2)
    futures = simulation.ask(*(segment(str(number)) for number in range(20)))
    simulation.tick()
    turn = 0
    while not all(future.done() for future in futures.values()):
        for worker in simulation.at_work():
            turn += 1
            if worker.startswith("0") and turn % 3:
                simulation.fail(worker, RenderFailed("now and then"))
            else:
                simulation.finish(worker)
    assert Kind.WORKER_ABANDONED not in simulation.kinds()


def test_when_every_worker_is_abandoned_all_that_waits_fails_for_that_reason() -> None:
    simulation = Simulation(slots=1)
    futures = simulation.ask(*(segment(str(number)) for number in range(30)))
    for _ in range(100):
        simulation.tick(1.0)
        for worker in simulation.at_work():
            simulation.fail(worker, WorkerLost("out of memory"))
    assert all(isinstance(future.exception(timeout=0), Quarantined | Infrastructure) for future in futures.values())
    with pytest.raises(Infrastructure, match=r"no worker is left: .*out of memory"):
        simulation.ask(segment("later"))["later"].result(timeout=0)
    assert simulation.workers.held == {}


def test_set_ups_are_counted_apart_and_tried_again_later_and_later() -> None:
    simulation = Simulation(slots=1)
    futures = simulation.ask(segment("a"))
    simulation.supervisor.tick()
    for wait_s in (1.0, 2.0):
        worker = simulation.workers.starting[0]
        simulation.supervisor.setup_failed(worker, WorkerLost("the driver is not ready"))
        simulation.now += wait_s - 0.1
        simulation.supervisor.tick()
        assert simulation.workers.starting == []
        simulation.now += 0.2
        simulation.supervisor.tick()
    simulation.supervisor.setup_failed(simulation.workers.starting[0], WorkerLost("the driver is not ready"))
    with pytest.raises(Infrastructure, match="the driver is not ready"):
        futures["a"].result(timeout=0)


def test_weights_that_are_not_there_end_the_pool_at_once() -> None:
    simulation = Simulation(slots=2)
    futures = simulation.ask(segment("a"))
    simulation.supervisor.tick()
    for worker in tuple(simulation.workers.starting):
        simulation.supervisor.setup_failed(worker, BadInput("weights/unet.safetensors is missing"))
    with pytest.raises(BadInput, match=r"unet\.safetensors is missing"):
        futures["a"].result(timeout=0)


def test_an_actor_that_finds_no_node_counts_as_a_failed_set_up() -> None:
    simulation = Simulation(slots=1, rules=Rules(setup_limit_s=10))
    futures = simulation.ask(segment("a"))
    for _ in range(60):
        simulation.now += 1
        simulation.supervisor.tick()
    with pytest.raises(Infrastructure, match="within 10 s"):
        futures["a"].result(timeout=0)
    assert simulation.kinds().count(Kind.SETUP_FAILED) == 3


def test_a_segment_that_takes_too_long_costs_its_worker_and_has_two_tries() -> None:
    simulation = Simulation(slots=1, rules=Rules(segment_limit_s=60))
    futures = simulation.ask(segment("stuck", 90), segment("fine", 80), segment("too", 70))
    simulation.tick()
    simulation.tick(61)
    assert simulation.workers.killed == ["0.1"]
    assert simulation.at_work() == {"0.2": "stuck"}
    simulation.tick(61)
    with pytest.raises(TimedOut, match="longer than 60 s"):
        futures["stuck"].result(timeout=0)
    simulation.finish("0.3")
    simulation.finish("0.3")
    assert futures["fine"].result() and futures["too"].result()


def test_a_segment_is_timed_from_when_it_is_at_work_not_from_when_it_is_at_hand() -> None:
    simulation = Simulation(slots=1, rules=Rules(segment_limit_s=60))
    simulation.ask(segment("a", 90), segment("b", 80), segment("c", 70))
    simulation.tick()
    simulation.tick(50)
    simulation.finish("0.1")
    simulation.tick(50)
    assert simulation.workers.killed == []


def test_a_late_result_is_dropped() -> None:
    simulation = Simulation(slots=1, rules=Rules(segment_limit_s=60))
    futures = simulation.ask(segment("a"))
    simulation.tick()
    late, _ = simulation.workers.held["0.1"][0]
    simulation.tick(61)
    simulation.supervisor.done(late, clip("a"))
    assert not futures["a"].done()
    simulation.finish("0.2")
    simulation.supervisor.failed(late, WorkerLost("at last"))
    assert futures["a"].result()
    assert simulation.kinds().count(Kind.FINISHED) == 1


def test_cancel_empties_the_queue_and_flags_what_is_at_work() -> None:
    simulation = Simulation(slots=1)
    stopped = False
    futures = simulation.ask(segment("a", 90), segment("b", 80), segment("c", 70), cancelled=lambda: stopped)
    others = simulation.ask(segment("other", 10))
    simulation.tick()
    stopped = True
    simulation.tick()
    assert all(isinstance(future.exception(timeout=0), Cancelled) for future in futures.values())
    assert simulation.workers.flagged == [attempt for attempt, _ in simulation.workers.held["0.1"]]
    while simulation.at_work()["0.1"] != "other":
        simulation.fail("0.1", Cancelled("at frame 7"))
    simulation.finish("0.1")
    assert others["other"].result()
    assert simulation.workers.killed == []


def test_what_does_not_stop_when_asked_is_killed_after_the_grace() -> None:
    simulation = Simulation(slots=1, rules=Rules(grace_s=5))
    stopped = False
    simulation.ask(segment("deaf", 90), cancelled=lambda: stopped)
    others = simulation.ask(segment("b", 80), segment("c", 70))
    simulation.tick()
    stopped = True
    simulation.tick(1)
    simulation.tick(4)
    assert simulation.workers.killed == []
    simulation.tick(2)
    assert simulation.workers.killed == ["0.1"]
    simulation.finish("0.2")
    simulation.finish("0.2")
    assert all(future.result() for future in others.values())
    assert Kind.FAILED not in simulation.kinds()


def test_one_row_that_is_cancelled_does_not_stop_what_another_wants_too() -> None:
    simulation = Simulation(slots=1)
    stopped = False
    first = simulation.ask(segment("shared"), cancelled=lambda: stopped)
    second = simulation.ask(segment("shared"))
    simulation.tick()
    stopped = True
    simulation.tick()
    assert isinstance(first["shared"].exception(timeout=0), Cancelled)
    assert simulation.workers.flagged == []
    simulation.finish("0.1")
    assert second["shared"].result()


def test_a_pause_lets_what_began_finish_and_takes_back_what_did_not() -> None:
    simulation = Simulation(slots=1, rules=Rules(in_flight=2))
    futures = simulation.ask(segment("a", 90), segment("b", 80), segment("c", 70), segment("d", 60))
    simulation.tick()
    assert simulation.workers.handed == ["a", "b"]
    simulation.supervisor.steer(Steering(paused=True))
    assert simulation.workers.flagged == [simulation.workers.held["0.1"][1][0]]  # b, which has not begun
    simulation.finish("0.1")
    assert futures["a"].result()
    simulation.fail("0.1", Cancelled("before its first frame"))
    simulation.tick(100)
    assert simulation.at_work() == {}
    simulation.supervisor.steer(Steering())
    simulation.tick()
    assert simulation.workers.handed == ["a", "b", "b", "c"]  # b at the front, as if nothing had been
    for _ in range(3):
        simulation.finish("0.1")
    assert all(future.result() for future in futures.values())
    assert [simulation.kinds().count(kind) for kind in (Kind.STARTED, Kind.STOPPED)] == [4, 0]


def test_what_is_taken_back_and_does_not_answer_is_killed_after_the_grace() -> None:
    simulation = Simulation(slots=1, rules=Rules(grace_s=5))
    simulation.ask(*(segment(name) for name in "abcd"))
    simulation.tick()
    simulation.supervisor.steer(Steering(paused=True))
    simulation.finish("0.1")
    simulation.tick(6)
    assert simulation.workers.killed == ["0.1"]
    simulation.supervisor.steer(Steering())
    simulation.tick()
    assert simulation.at_work() == {"0.2": "b"}


def test_a_paused_row_holds_back_only_what_no_other_row_wants() -> None:
    simulation = Simulation(slots=1)
    simulation.supervisor.steer(Steering(paused_rows=frozenset({"held"})))
    simulation.ask(segment("own", 90), segment("shared", 80), row="held")
    simulation.tick()
    assert simulation.at_work() == {}
    assert simulation.supervisor.queued == 0
    simulation.ask(segment("shared", 80), row="other")
    simulation.tick()
    assert simulation.at_work() == {"0.1": "shared"}
    simulation.finish("0.1")
    assert simulation.at_work() == {}
    simulation.supervisor.steer(Steering())
    simulation.tick()
    assert simulation.at_work() == {"0.1": "own"}


def test_a_row_goes_first_that_was_given_priority_while_it_waited() -> None:
    simulation = Simulation(slots=1, rules=Rules(in_flight=2))
    simulation.ask(segment("at work", 90), segment("next", 80), segment("last", 70))
    simulation.ask(segment("hurried", 10), row="late")
    simulation.tick()
    simulation.supervisor.steer(Steering(priorities={"late": 1}))
    for _ in range(4):
        simulation.finish("0.1")
    assert simulation.workers.handed == ["at work", "next", "hurried", "last"]


def test_a_drained_worker_finishes_and_ends_and_is_replaced_when_the_batch_is_resumed() -> None:
    simulation = Simulation(slots=2)
    futures = simulation.ask(*(segment(str(number)) for number in range(6)))
    simulation.tick()
    simulation.supervisor.steer(Steering(drained=frozenset({"node/0.1"})))
    simulation.finish("0.1")
    simulation.fail("0.1", Cancelled("before its first frame"))
    simulation.tick(1)
    assert simulation.workers.killed == ["0.1"]
    assert Kind.WORKER_DRAINED in simulation.kinds()
    simulation.tick(1000)
    assert list(simulation.at_work()) == ["1.1"]
    simulation.supervisor.steer(Steering())
    simulation.tick()
    assert sorted(simulation.at_work()) == ["0.2", "1.1"]
    while simulation.at_work():
        simulation.finish(next(iter(simulation.at_work())))
    assert all(future.result() for future in futures.values())


def test_a_full_disk_pauses_and_costs_no_try() -> None:
    simulation = Simulation(slots=1, rules=Rules(pause_s=5))
    futures = simulation.ask(segment("a"), segment("b"))
    simulation.tick()
    for _ in range(5):
        simulation.fail("0.1", NoSpace("the disk is full"))
        assert simulation.at_work() == {}
        simulation.tick(6)
    simulation.space = False
    simulation.finish("0.1")
    simulation.tick(100)
    assert simulation.at_work() == {}
    simulation.space = True
    simulation.tick()
    simulation.finish("0.1")
    assert all(future.result() for future in futures.values())
    assert simulation.kinds().count(Kind.WAITING_FOR_SPACE) == simulation.kinds().count(Kind.SPACE_IS_BACK) == 6


def test_a_worker_without_progress_is_killed_and_its_segment_tried_elsewhere() -> None:
    simulation = Simulation(slots=2, rules=Rules(progress_limit_s=120))
    (future,) = simulation.ask(segment("a", 200)).values()
    simulation.tick()
    simulation.stuck.add("0.1")
    simulation.tick(119)
    assert simulation.workers.killed == []
    assert simulation.workers.polled.count("0.1") >= 1
    simulation.tick(2)
    assert simulation.workers.killed == ["0.1"]
    assert list(simulation.at_work()) == ["1.1"]
    simulation.tick(500)  # a slow one that makes progress goes on
    simulation.finish("1.1")
    assert future.result()
    lost = next(event for event in simulation.events if event.kind is Kind.WORKER_LOST)
    assert lost.error == "row[0] made no progress for 120 s"


def test_an_abandoned_slot_is_tried_again_after_a_while() -> None:
    simulation = Simulation(slots=2, rules=Rules(revive_s=600))
    simulation.ask(*(segment(str(number)) for number in range(40)))
    simulation.tick()
    for number in range(4):
        simulation.fail("0.1", RenderFailed(f"a bug, {number}"))
    assert simulation.kinds().count(Kind.WORKER_ABANDONED) == 1
    simulation.tick(599)
    assert "0.2" not in simulation.at_work()
    simulation.tick(2)
    assert "0.2" in simulation.at_work()


def test_the_rest_of_a_row_that_lost_a_segment_goes_last() -> None:
    simulation = Simulation(slots=1)
    simulation.ask(segment("bad", 200), segment("at hand", 190), segment("shared", 180), segment("rest", 170))
    simulation.ask(segment("fine", 20), segment("shared", 180))
    simulation.tick()
    simulation.fail("0.1", BadInput("no face"))
    for _ in range(4):
        simulation.finish("0.1")
    assert simulation.workers.handed == ["bad", "at hand", "shared", "fine", "rest"]


def test_the_end_reaches_everybody() -> None:
    simulation = Simulation(slots=2)
    futures = simulation.ask(*(segment(str(number)) for number in range(9)))
    simulation.tick()
    simulation.supervisor.end(Cancelled("the pool was closed"))
    assert all(isinstance(future.exception(timeout=0), Cancelled) for future in futures.values())
    assert sorted(simulation.workers.killed) == ["0.1", "1.1"]
    assert simulation.supervisor.idle


# Whatever happens, everything ends, once

BEHAVIOURS = st.sampled_from(["done", "done", "done", "raise", "die", "bad", "stuck", "deaf", "full", "late"])


@settings(max_examples=150, deadline=None)
@given(
    slots=st.integers(1, 3),
    rows=st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=8, unique=True), min_size=1, max_size=5),
    behaviours=st.lists(BEHAVIOURS, min_size=1, max_size=40),
    cancels=st.dictionaries(st.integers(0, 4), st.integers(0, 30)),
    set_ups=st.lists(st.booleans(), max_size=10),
)
def test_every_segment_ends_exactly_once_whatever_fails(
    slots: int, rows: list[list[int]], behaviours: list[str], cancels: dict[int, int], set_ups: list[bool]
) -> None:
    simulation = Simulation(slots, Rules(segment_limit_s=20, grace_s=2, pause_s=2, setup_limit_s=20))
    step = 0
    asked = [
        simulation.ask(
            *(segment(str(key), 20 + key) for key in keys),
            cancelled=lambda row=row: cancels.get(row, 10**9) <= step,
        )
        for row, keys in enumerate(rows)
    ]
    outcomes, ready = iter(behaviours), iter(set_ups)
    for step in range(2000):  # noqa: B007 - the flags read it
        play(simulation, outcomes, ready)
        if all(future.done() for futures in asked for future in futures.values()):
            break
    else:
        pytest.fail("something waits for ever")
    simulation.supervisor.end(Cancelled("over"))
    check_the_books(simulation, shared=not cancels)


def play(simulation: Simulation, outcomes: Iterator[str], ready: Iterator[bool]) -> None:
    """One step: time passes, set-ups end, running segments end with the next outcome, the default being success."""
    simulation.now += 1
    simulation.supervisor.tick()
    while simulation.workers.starting:
        worker = simulation.workers.starting.pop(0)
        if next(ready, True):
            simulation.workers.held[worker] = []
            simulation.supervisor.ready(worker, WorkerFacts(f"node/{worker}"))
        else:
            simulation.supervisor.setup_failed(worker, WorkerLost("no"))
    for worker in list(simulation.at_work()):
        if not simulation.workers.held.get(worker):
            continue  # the behaviour of another took this one along
        attempt, key = simulation.workers.held[worker][0]
        behaviour = "cancelled" if attempt in simulation.workers.flagged else next(outcomes, "done")
        if behaviour in ("stuck", "deaf"):
            continue
        del simulation.workers.held[worker][0]
        if behaviour == "done":
            simulation.supervisor.done(attempt, clip(key))
        elif behaviour == "late":
            simulation.supervisor.done(attempt, clip(key))
            simulation.supervisor.failed(attempt, WorkerLost("after all"))
        else:
            simulation.supervisor.failed(attempt, ERRORS[behaviour])
    simulation.supervisor.tick()


ERRORS = {
    "raise": RenderFailed("raised"),
    "die": WorkerLost("died"),
    "bad": BadInput("bad"),
    "full": NoSpace("full"),
    "cancelled": Cancelled("stopped"),
}


def check_the_books(simulation: Simulation, *, shared: bool) -> None:
    """Every attempt that started ended once; no key was at work twice at a time, unless it was given up in between."""
    open_attempts: dict[str, str] = {}
    seen: set[str] = set()
    for event in simulation.events:
        if event.kind is Kind.STARTED:
            assert event.segment and event.attempt not in seen
            assert not shared or event.segment.key not in open_attempts.values()
            seen.add(event.attempt)
            open_attempts[event.attempt] = event.segment.key
        elif event.kind in ENDS:
            del open_attempts[event.attempt]
    assert open_attempts == {}
    assert simulation.supervisor.idle
    assert all(len(held) <= 2 for held in simulation.workers.held.values())
