"""Scheduling and retries of the pool: which worker renders which segment next. No Ray, no threads, no waiting.

    request -> queue -> assignment to a worker -> clip, or a retry, or the final failure

A *worker* is one actor process; a *slot* is a place for one worker at a time. A segment that raises is retried on
another worker; a segment that kills three workers is quarantined; a slot on which four segments in a row fail is
abandoned, and tried again ten minutes later; a worker without progress for two minutes is killed. Every attempt has an
id, and a result that arrives under a superseded id is dropped.

Everything here runs in one thread. The workers do what they are asked to through `Workers`, and the answers come in
through `ready`, `done`, `failed` and `setup_failed`. `tick` checks deadlines and assigns work.
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
        in_flight: Segments on a worker: one that runs and the next one, queued.
        failures: A slot is abandoned after so many segments in a row have failed on it, none succeeding.
        setups: A slot is abandoned after so many set-ups in a row have failed.
        setup_limit_s: From asking for an actor until it holds its renderer, the wait for a free node included.
        segment_limit_s: For the rendering of one segment.
        progress_limit_s: A worker that has made no step and no frame for so long is stuck.
        poll_s: How often workers are asked for their progress.
        revive_s: An abandoned slot is tried again after this time.
        grace_s: From the cancel flag to the kill.
        pause_s: The shortest pause when the disk is full.
    """

    in_flight: int = 2
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


class Supervisor:
    """Assigns segments to workers until every segment has succeeded, failed or been cancelled.

    Args:
        workers: Starts, feeds and kills workers.
        slots: How many workers there are to be at a time.
        rules: The limits.
        emit: Called with every event.
        has_space: Whether the disk can take more clips; asked before work is handed out.
        clock: Seconds, never going back.
    """

    def __init__(
        self,
        workers: Workers,
        slots: int,
        rules: Rules,
        *,
        emit: Callable[[PoolEvent], None],
        has_space: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workers, self._rules, self._emit, self._has_space, self._clock = workers, rules, emit, has_space, clock
        self._slots = [Slot(number) for number in range(slots)]
        self._backlog = Backlog()
        self._assignments: dict[str, tuple[Slot, Assignment]] = {}
        self._paused = False
        self._resume_at = 0.0
        self._poll_at = 0.0
        self._over: ActalkerError | None = None

    # Requests

    @property
    def idle(self) -> bool:
        """Whether no worker has a segment."""
        return not self._assignments

    @property
    def queued(self) -> int:
        """How many segments wait for a worker."""
        return len(self._backlog)

    def submit(self, request: Request) -> None:
        """Add a request."""
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

    # What the workers report

    def ready(self, worker: str, address: str) -> None:
        """The worker `address` (`node/pid`) holds its renderer."""
        slot = self._slot(worker)
        if slot:
            slot.state, slot.address, slot.failed_setups = State.READY, address, 0
            self._report(Kind.WORKER_READY, slot)

    def setup_failed(self, worker: str, error: ActalkerError) -> None:
        """The worker did not start. It is started again a little later, unless the error says that this cannot help."""
        slot = self._slot(worker)
        if slot is None:
            return
        slot.failed_setups += 1
        self._report(Kind.SETUP_FAILED, slot, error=error)
        self._retire(slot, State.EMPTY)
        slot.since = self._clock() + 2.0 ** (slot.failed_setups - 1)
        if error.attempts == 1 or slot.failed_setups >= self._rules.setups:
            self._abandon(slot, error)

    def progressed(self, worker: str, count: int) -> None:
        """The worker's answer to `poll`: a count that grows with every step and every frame."""
        for slot in self._slots:
            if slot.worker == worker and slot.state is State.READY and slot.progress != count:
                slot.progress, slot.moved = count, self._clock()

    def done(self, attempt: str, clip: Clip) -> None:
        """The clip of this attempt is published."""
        found = self._assignments.get(attempt)
        if found is None:
            return
        slot, assignment = found
        self._end_assignment(slot, assignment)
        slot.failed.clear()
        self._report(Kind.FINISHED, slot, assignment, render_ms=clip.render_ms)
        self._backlog.settle(assignment.work, clip)
        self._begin_next(slot)

    def failed(self, attempt: str, error: ActalkerError) -> None:
        """The attempt ended without a clip. `WorkerLost` also returns whatever else the worker had to the queue."""
        found = self._assignments.get(attempt)
        if found is None:
            return
        slot, assignment = found
        if isinstance(error, WorkerLost):
            self._lose(slot, error)
            return
        self._end_assignment(slot, assignment)
        self._handle_failure(slot, assignment, error)
        if len(slot.failed) >= self._rules.failures:
            self._abandon(slot, error)
        self._begin_next(slot)

    # Deadlines

    def tick(self) -> None:
        """Check deadlines and cancellations, start workers, and assign work."""
        if self._over:
            return
        now = self._clock()
        self._backlog.drop_cancelled()
        self._stop_unwanted(now)
        self._poll(now)
        for slot in self._slots:
            self._keep_deadlines(slot, now)
        self._mind_space(now)
        if not self._paused:
            self._hand_out()

    def _poll(self, now: float) -> None:
        if now >= self._poll_at:
            self._poll_at = now + self._rules.poll_s
            for slot in self._slots:
                if slot.assignments:
                    self._workers.poll(slot.worker)

    def _keep_deadlines(self, slot: Slot, now: float) -> None:
        if slot.state is State.ABANDONED and now - slot.since > self._rules.revive_s:
            slot.state, slot.failed_setups, slot.reason = State.EMPTY, 0, None
            slot.failed.clear()
        if slot.state is State.EMPTY and now >= slot.since:
            slot.lives, slot.address = slot.lives + 1, ""
            slot.state, slot.since = State.STARTING, now
            self._workers.start(slot.worker)
        elif slot.state is State.STARTING and now - slot.since > self._rules.setup_limit_s:
            limit = f"no worker came up within {self._rules.setup_limit_s:.0f} s: is there a node with a free place?"
            self.setup_failed(slot.worker, TimedOut(limit))
        elif slot.assignments:
            self._keep_limits(slot, slot.assignments[0], now)

    def _keep_limits(self, slot: Slot, head: Assignment, now: float) -> None:
        limit_s, progress_limit_s = self._rules.segment_limit_s, self._rules.progress_limit_s
        if head.cancelled is not None and now - head.cancelled > self._rules.grace_s:
            self._lose(slot, Cancelled(f"{head.work.segment.name} did not stop when asked"))
        elif head.began is not None and now - head.began > limit_s:
            self._lose(slot, TimedOut(f"{head.work.segment.name} took longer than {limit_s:.0f} s"))
        elif head.began is not None and now - max(head.began, slot.moved) > progress_limit_s:
            self._lose(slot, TimedOut(f"{head.work.segment.name} made no progress for {progress_limit_s:.0f} s"))

    def _mind_space(self, now: float) -> None:
        full = now < self._resume_at or not self._has_space()
        if full and not self._paused:
            self._emit(PoolEvent(Kind.PAUSED, error="no space is left in the workspace: make some, and it goes on"))
        elif self._paused and not full:
            self._emit(PoolEvent(Kind.RESUMED))
        self._paused = full

    # Assigning work

    def _hand_out(self) -> None:
        """To the least loaded first: no worker gets a second segment before every other one has its first."""
        live = self._live()
        for depth in range(self._rules.in_flight):
            for slot in live:
                if slot.state is State.READY and len(slot.assignments) == depth and self._takes_more(slot, len(live)):
                    work = self._backlog.pick(partial(self._suits, slot))
                    if work:
                        self._send(slot, work)
                    elif depth == 0:
                        self._renew(slot, live)

    def _takes_more(self, slot: Slot, live: int) -> bool:
        """Whether the slot may have one more segment, whichever it is.

        What failed once runs alone, so that the next crash has one cause. Towards the end no second segment is queued
        on a worker: it would wait behind a long one while another worker is idle.
        """
        if not slot.assignments:
            return True
        alone = any(assignment.work.errors for assignment in slot.assignments)
        return not alone and len(self._backlog) > live

    def _suits(self, slot: Slot, work: Work) -> bool:
        """Whether the slot may have this work: what failed once runs alone, and on another worker."""
        return not work.errors if slot.assignments else slot.worker not in work.tried

    def _renew(self, slot: Slot, live: list[Slot]) -> None:
        """Replace an idle worker when a queued segment has failed on it and on every other one."""
        if any(all(other.worker in work.tried for other in live) for work in self._backlog):
            self._retire(slot, State.EMPTY)

    def _send(self, slot: Slot, work: Work) -> None:
        assignment = Assignment(secrets.token_hex(8), work)
        slot.assignments.append(assignment)
        self._assignments[assignment.attempt] = (slot, assignment)
        self._workers.process(slot.worker, assignment.attempt, work.job, work.segment)
        self._begin_next(slot)

    def _begin_next(self, slot: Slot) -> None:
        if slot.assignments and slot.assignments[0].began is None:
            slot.assignments[0].began = self._clock()
            self._report(Kind.STARTED, slot, slot.assignments[0])

    # The end of an attempt

    def _end_assignment(self, slot: Slot, assignment: Assignment) -> None:
        """Forget an attempt: whatever still arrives from it is dropped."""
        slot.assignments.remove(assignment)
        del self._assignments[assignment.attempt]
        if assignment.began is None:
            self._report(Kind.STARTED, slot, assignment)

    def _handle_failure(self, slot: Slot, assignment: Assignment, error: ActalkerError) -> None:
        """End an attempt with an error: retry the work or fail it for good, and count the failure of the slot."""
        work = assignment.work
        self._report(Kind.STOPPED if isinstance(error, Cancelled) else Kind.FAILED, slot, assignment, error=error)
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
            self._final_failure(slot, work, error)

    def _final_failure(self, slot: Slot, work: Work, error: ActalkerError) -> None:
        name = work.segment.name
        if isinstance(error, WorkerLost):
            deaths = sum(isinstance(one, WorkerLost) for one in work.errors)
            error = Quarantined(f"{name} killed {deaths} workers and is quarantined; the last error: {error}")
            self._report(Kind.QUARANTINED, slot, error=error, segment=work.segment)
        self._backlog.deprioritise(work)
        self._backlog.settle(work, error)

    def _stop_unwanted(self, now: float) -> None:
        """Cancel the attempts that no request waits for any more."""
        for slot, assignment in self._assignments.values():
            if not assignment.work.waiting and assignment.cancelled is None:
                assignment.cancelled = now
                self._workers.cancel(slot.worker, assignment.attempt)

    # Workers

    def _live(self) -> list[Slot]:
        return [slot for slot in self._slots if slot.state is not State.ABANDONED]

    def _slot(self, worker: str) -> Slot | None:
        """The slot whose worker is being set up under this name; None when that life is over."""
        return next((slot for slot in self._slots if slot.worker == worker and slot.state is State.STARTING), None)

    def _lose(self, slot: Slot, error: ActalkerError) -> None:
        """The worker is gone, or has to be killed. The segment that ran has failed; the queued one goes back."""
        head = slot.assignments[0]
        self._report(Kind.WORKER_LOST, slot, error=error)
        if isinstance(error, WorkerLost):
            error = WorkerLost(f"{slot.address}: {error}")
        self._end_assignment(slot, head)
        self._handle_failure(slot, head, error if head.cancelled is None else Cancelled(str(error)))
        self._retire(slot, State.EMPTY)
        if len(slot.failed) >= self._rules.failures:
            self._abandon(slot, error)

    def _retire(self, slot: Slot, state: State) -> None:
        """End the worker of a slot. What it had goes back to the queue, without counting as a failure."""
        self._workers.kill(slot.worker)
        for assignment in reversed(slot.assignments):
            del self._assignments[assignment.attempt]
            if assignment.began is not None:
                self._report(Kind.STOPPED, slot, assignment)
            self._backlog.put_back(assignment.work)
        slot.assignments.clear()
        slot.state, slot.since = state, self._clock()

    def _abandon(self, slot: Slot, error: ActalkerError) -> None:
        """Give a slot up. With the last slot, everything that waits fails for the same reason."""
        if slot.state in (State.STARTING, State.READY):
            self._retire(slot, State.EMPTY)
        slot.state, slot.reason, slot.since = State.ABANDONED, error, self._clock()
        self._report(Kind.WORKER_ABANDONED, slot, error=error)
        if not self._live():
            reasons = dict.fromkeys(str(one.reason) for one in self._slots)
            unfixable = all(isinstance(one.reason, BadInput) for one in self._slots)
            kind = BadInput if unfixable else Infrastructure
            self.end(kind(f"no worker is left: {'; '.join(reasons)}"))

    def _report(
        self,
        kind: Kind,
        slot: Slot,
        assignment: Assignment | None = None,
        *,
        segment: Segment | None = None,
        render_ms: int = 0,
        error: ActalkerError | None = None,
    ) -> None:
        attempt = assignment.attempt if assignment else ""
        segment = assignment.work.segment if assignment else segment
        self._emit(PoolEvent(kind, slot.address, attempt, segment, render_ms, str(error) if error else ""))
