"""Who renders what, next: the decisions of the pool, without Ray, threads or waiting.

    request -> queue -> flight on a worker -> clip, or one more try, or the last word

A *worker* is one life of an actor; a *slot* is a place for workers, one after the other. A segment that raises is
tried on another worker; one that takes three workers down is quarantined; a slot on which four segments in a row fail
is abandoned. Every attempt carries an id, and what arrives under a superseded id is dropped.

Everything here runs in one thread. The crew does what it is told and reports back through `ready`, `done`, `failed` and
`setup_failed`; `tick` keeps the deadlines and hands out work.
"""

import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Protocol

from tasks.errors import (
    ActalkerError,
    BadInput,
    Cancelled,
    Infrastructure,
    NoSpace,
    Quarantined,
    RenderFailed,
    TimedOut,
    ToolFailed,
    WorkerLost,
)
from tasks.job import Clip, Job, Segment
from tasks.pool.backlog import Backlog, Request, Work
from tasks.pool.events import Kind, PoolEvent


class Crew(Protocol):
    """The hands of the supervisor. No call waits; none raises because a worker is gone."""

    def start(self, worker: str) -> None:
        """Start an actor under this name and set it up; `ready` or `setup_failed` follows."""

    def process(self, worker: str, attempt: str, job: Job, segment: Segment) -> None:
        """Append a segment to the worker's queue; `done` or `failed` follows."""

    def cancel(self, worker: str, attempt: str) -> None:
        """Raise the flag that the renderer reads at every frame; `failed` with `Cancelled` follows."""

    def kill(self, worker: str) -> None:
        """End the actor, whatever it does. Nothing needs to follow."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits. Those on tries stand with the errors (`ActalkerError.attempts`).

    Attributes:
        in_flight: Segments on a worker: one at work and the next at hand.
        failures: So many segments in a row that fail on a slot, none succeeding, are the slot's fault.
        setups: So many set-ups in a row that fail, likewise.
        setup_limit_s: From asking for an actor until it holds its renderer, the wait for a free node included.
        segment_limit_s: For the rendering of one segment.
        grace_s: From the cancel flag to the kill.
        pause_s: At least, when the disk is full.
    """

    in_flight: int = 2
    failures: int = 4
    setups: int = 3
    setup_limit_s: float = 900.0
    segment_limit_s: float = 1800.0
    grace_s: float = 5.0
    pause_s: float = 5.0


@dataclass(eq=False, slots=True)
class Flight:
    """One attempt that a worker has been given. It begins when those before it on the same worker have ended."""

    attempt: str
    work: Work
    began: float | None = None
    cancelled: float | None = None


class State(Enum):
    """Of a slot."""

    EMPTY = "empty"
    STARTING = "starting"
    READY = "ready"
    ABANDONED = "abandoned"


@dataclass(eq=False, slots=True)
class Slot:
    """A place for one worker at a time. `since` is when it may start (EMPTY) or was started (STARTING)."""

    number: int
    state: State = State.EMPTY
    since: float = 0.0
    lives: int = 0
    address: str = ""
    flights: deque[Flight] = field(default_factory=deque)
    failed: set[str] = field(default_factory=set)
    failed_setups: int = 0
    reason: ActalkerError | None = None

    @property
    def worker(self) -> str:
        """The name of the present life."""
        return f"{self.number}.{self.lives}"


class Supervisor:
    """Hands segments to workers until every one has ended, one way or another.

    Args:
        crew: Does what is decided here.
        slots: How many workers there are to be at a time.
        rules: The limits.
        emit: Is told of everything that happens.
        has_space: Whether the disk can take more clips; asked before work is handed out.
        clock: Seconds, never going back.
    """

    def __init__(
        self,
        crew: Crew,
        slots: int,
        rules: Rules,
        *,
        emit: Callable[[PoolEvent], None],
        has_space: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._crew, self._rules, self._emit, self._has_space, self._clock = crew, rules, emit, has_space, clock
        self._slots = [Slot(number) for number in range(slots)]
        self._backlog = Backlog()
        self._flights: dict[str, tuple[Slot, Flight]] = {}
        self._paused = False
        self._resume_at = 0.0
        self._over: ActalkerError | None = None

    # What is asked of the pool

    @property
    def idle(self) -> bool:
        """Whether no worker is at work."""
        return not self._flights

    def submit(self, request: Request) -> None:
        """Have this rendered, too."""
        if self._over:
            request.fail(self._over)
        else:
            self._backlog.submit(request)

    def end(self, error: ActalkerError) -> None:
        """Fail every request, present and future, and kill every worker."""
        self._over = error
        for slot in self._slots:
            if slot.state in (State.STARTING, State.READY):
                self._retire(slot, State.EMPTY)
        self._backlog.fail(error)

    # What the crew reports

    def ready(self, worker: str, address: str) -> None:
        """The worker `address` (`node/pid`) holds its renderer."""
        slot = self._slot(worker)
        if slot:
            slot.state, slot.address, slot.failed_setups = State.READY, address, 0
            self._tell(Kind.WORKER_READY, slot)

    def setup_failed(self, worker: str, error: ActalkerError) -> None:
        """The worker did not come up. It is tried again a little later, unless the error says that it is no use."""
        slot = self._slot(worker)
        if slot is None:
            return
        slot.failed_setups += 1
        self._tell(Kind.SETUP_FAILED, slot, error=error)
        self._retire(slot, State.EMPTY)
        slot.since = self._clock() + 2.0 ** (slot.failed_setups - 1)
        if error.attempts == 1 or slot.failed_setups >= self._rules.setups:
            self._abandon(slot, error)

    def done(self, attempt: str, clip: Clip) -> None:
        """The clip of this attempt is published."""
        found = self._flights.get(attempt)
        if found is None:
            return
        slot, flight = found
        self._land(slot, flight)
        slot.failed.clear()
        self._tell(Kind.FINISHED, slot, flight, render_ms=clip.render_ms)
        self._backlog.settle(flight.work, clip)
        self._begin_next(slot)

    def failed(self, attempt: str, error: ActalkerError) -> None:
        """The attempt ended without a clip; a `WorkerLost` takes whatever else its worker holds with it."""
        found = self._flights.get(attempt)
        if found is None:
            return
        slot, flight = found
        if isinstance(error, WorkerLost):
            self._lose(slot, error)
            return
        self._land(slot, flight)
        self._judge(slot, flight, error)
        if len(slot.failed) >= self._rules.failures:
            self._abandon(slot, error)
        self._begin_next(slot)

    # What time brings

    def tick(self) -> None:
        """Keep the deadlines, notice what was called off, start workers and hand out work."""
        if self._over:
            return
        now = self._clock()
        self._backlog.drop_cancelled()
        self._stop_unwanted(now)
        for slot in self._slots:
            self._keep_deadlines(slot, now)
        self._mind_space(now)
        if not self._paused:
            self._hand_out()

    def _keep_deadlines(self, slot: Slot, now: float) -> None:
        if slot.state is State.EMPTY and now >= slot.since:
            slot.lives, slot.address = slot.lives + 1, ""
            slot.state, slot.since = State.STARTING, now
            self._crew.start(slot.worker)
        elif slot.state is State.STARTING and now - slot.since > self._rules.setup_limit_s:
            limit = f"no worker came up within {self._rules.setup_limit_s:.0f} s: is there a node with a free place?"
            self.setup_failed(slot.worker, TimedOut(limit))
        elif slot.flights:
            self._keep_limit(slot, slot.flights[0], now)

    def _keep_limit(self, slot: Slot, head: Flight, now: float) -> None:
        limit_s = self._rules.segment_limit_s
        if head.cancelled is not None and now - head.cancelled > self._rules.grace_s:
            self._lose(slot, Cancelled(f"{head.work.segment.name} did not stop when asked"))
        elif head.began is not None and now - head.began > limit_s:
            self._lose(slot, TimedOut(f"{head.work.segment.name} took longer than {limit_s:.0f} s"))

    def _mind_space(self, now: float) -> None:
        full = now < self._resume_at or not self._has_space()
        if full and not self._paused:
            self._emit(PoolEvent(Kind.PAUSED, error="no space is left in the workspace: make some, and it goes on"))
        elif self._paused and not full:
            self._emit(PoolEvent(Kind.RESUMED))
        self._paused = full

    # Handing out

    def _hand_out(self) -> None:
        """To the least loaded first: the second segment of a worker never takes the first one of another."""
        live = self._live()
        for depth in range(self._rules.in_flight):
            for slot in live:
                if slot.state is State.READY and len(slot.flights) == depth:
                    work = self._backlog.pick(partial(self._suits, slot))
                    if work:
                        self._send(slot, work)
                    elif depth == 0:
                        self._renew(slot, live)

    def _suits(self, slot: Slot, work: Work) -> bool:
        """Whether the slot may have the work now.

        What failed once runs alone, so that the next death has one culprit, and on another worker. Towards the end
        nothing is kept at hand: it would wait behind a long segment while another worker idles.
        """
        if not slot.flights:
            return slot.worker not in work.tried
        alone = work.errors or any(flight.work.errors for flight in slot.flights)
        return not alone and len(self._backlog) >= len(self._live())

    def _renew(self, slot: Slot, live: list[Slot]) -> None:
        """Replace an idle worker when what is queued has failed on it, and on every other there is."""
        if any(all(other.worker in work.tried for other in live) for work in self._backlog):
            self._retire(slot, State.EMPTY)

    def _send(self, slot: Slot, work: Work) -> None:
        flight = Flight(secrets.token_hex(8), work)
        slot.flights.append(flight)
        self._flights[flight.attempt] = (slot, flight)
        self._crew.process(slot.worker, flight.attempt, work.job, work.segment)
        self._begin_next(slot)

    def _begin_next(self, slot: Slot) -> None:
        if slot.flights and slot.flights[0].began is None:
            slot.flights[0].began = self._clock()
            self._tell(Kind.STARTED, slot, slot.flights[0])

    # Ends

    def _land(self, slot: Slot, flight: Flight) -> None:
        """Forget an attempt: whatever still comes from it is late."""
        slot.flights.remove(flight)
        del self._flights[flight.attempt]
        if flight.began is None:
            self._tell(Kind.STARTED, slot, flight)

    def _judge(self, slot: Slot, flight: Flight, error: ActalkerError) -> None:
        """End an attempt with an error: the work is tried again or has its last word, the slot is noted down."""
        work = flight.work
        self._tell(Kind.STOPPED if isinstance(error, Cancelled) else Kind.FAILED, slot, flight, error=error)
        if isinstance(error, NoSpace):
            self._resume_at = self._clock() + self._rules.pause_s
            self._backlog.put_back(work)
            return
        if isinstance(error, Cancelled):
            self._backlog.settle(work, error)
            return
        if isinstance(error, Infrastructure | ToolFailed | RenderFailed):
            slot.failed.add(work.segment.key)
        work.errors.append(error)
        work.tried.add(slot.worker)
        if sum(type(one) is type(error) for one in work.errors) < error.attempts:
            self._backlog.put_back(work)
        else:
            self._last_word(slot, work, error)

    def _last_word(self, slot: Slot, work: Work, error: ActalkerError) -> None:
        name = work.segment.name
        if isinstance(error, WorkerLost):
            deaths = sum(isinstance(one, WorkerLost) for one in work.errors)
            error = Quarantined(f"{name} took {deaths} workers down and is left out; the last was {error}")
            self._tell(Kind.QUARANTINED, slot, error=error, segment=work.segment)
        self._backlog.taint(work)
        self._backlog.settle(work, error)

    def _stop_unwanted(self, now: float) -> None:
        """Tell the attempts that nobody waits for any more to stop."""
        for slot, flight in self._flights.values():
            if not flight.work.waiting and flight.cancelled is None:
                flight.cancelled = now
                self._crew.cancel(slot.worker, flight.attempt)

    # Workers

    def _live(self) -> list[Slot]:
        return [slot for slot in self._slots if slot.state is not State.ABANDONED]

    def _slot(self, worker: str) -> Slot | None:
        """The slot whose worker is being set up under this name; None when that life is over."""
        return next((slot for slot in self._slots if slot.worker == worker and slot.state is State.STARTING), None)

    def _lose(self, slot: Slot, error: ActalkerError) -> None:
        """The worker is gone, or has to go. What it was at takes the blame; what it held besides goes back."""
        head = slot.flights[0]
        self._tell(Kind.WORKER_LOST, slot, error=error)
        if isinstance(error, WorkerLost):
            error = WorkerLost(f"{slot.address}: {error}")
        self._land(slot, head)
        self._judge(slot, head, error if head.cancelled is None else Cancelled(str(error)))
        self._retire(slot, State.EMPTY)
        if len(slot.failed) >= self._rules.failures:
            self._abandon(slot, error)

    def _retire(self, slot: Slot, state: State) -> None:
        """End the worker of a slot, without blame for what it holds."""
        self._crew.kill(slot.worker)
        for flight in reversed(slot.flights):
            del self._flights[flight.attempt]
            if flight.began is not None:
                self._tell(Kind.STOPPED, slot, flight)
            self._backlog.put_back(flight.work)
        slot.flights.clear()
        slot.state, slot.since = state, self._clock()

    def _abandon(self, slot: Slot, error: ActalkerError) -> None:
        """Give a slot up for good. With the last one, everything that waits fails for the same reason."""
        if slot.state in (State.STARTING, State.READY):
            self._retire(slot, State.EMPTY)
        slot.state, slot.reason = State.ABANDONED, error
        self._tell(Kind.WORKER_ABANDONED, slot, error=error)
        if not self._live():
            reasons = dict.fromkeys(str(one.reason) for one in self._slots)
            hopeless = all(isinstance(one.reason, BadInput) for one in self._slots)
            kind = BadInput if hopeless else Infrastructure
            self.end(kind(f"no worker is left: {'; '.join(reasons)}"))

    def _tell(
        self,
        kind: Kind,
        slot: Slot,
        flight: Flight | None = None,
        *,
        segment: Segment | None = None,
        render_ms: int = 0,
        error: ActalkerError | None = None,
    ) -> None:
        attempt = flight.attempt if flight else ""
        segment = flight.work.segment if flight else segment
        self._emit(PoolEvent(kind, slot.address, attempt, segment, render_ms, str(error) if error else ""))
