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
from collections.abc import Callable
from functools import partial

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
from tasks.job import Clip, Segment, WorkerFacts
from tasks.pool.backlog import Backlog, Request, Work
from tasks.pool.events import Kind, PoolEvent
from tasks.pool.slots import Assignment, Rules, Slot, State, Workers
from tasks.records.orders import Steering


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
        self._steering = Steering()
        self._is_full = False
        self._resume_at = 0.0
        self._poll_at = 0.0
        self._over: ActalkerError | None = None

    # Requests

    @property
    def idle(self) -> bool:
        """Whether no worker has a segment."""
        return not self._assignments

    @property
    def at_rest(self) -> bool:
        """Whether nothing is at work, nor will be until a pause is lifted."""
        return self._steering.paused and self.idle

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

    def steer(self, steering: Steering) -> None:
        """From now on, obey these orders: what is being rendered is finished, whatever they hold back."""
        self._steering = steering
        self._backlog.steer(steering)
        for slot in self._slots:
            if slot.state is State.DRAINED and slot.address not in steering.drained:
                slot.state, slot.since = State.EMPTY, self._clock()
            for assignment in slot.assignments:
                rows = (request.job.id for request in assignment.work.waiting)
                held = slot.address in steering.drained or all(map(steering.holds, rows))
                if held and assignment.began is None and not assignment.recalled:
                    assignment.recalled = True
                    self._workers.cancel(slot.worker, assignment.attempt)

    def end(self, error: ActalkerError) -> None:
        """Fail every request, present and future, and kill every worker."""
        self._over = error
        for slot in self._slots:
            if slot.state in (State.STARTING, State.READY):
                self._retire(slot, State.EMPTY)
        self._backlog.fail(error)

    # What the workers report

    def ready(self, worker: str, facts: WorkerFacts) -> None:
        """The worker holds its renderer."""
        slot = self._slot(worker)
        if slot:
            slot.state, slot.address, slot.failed_setups = State.READY, facts.address, 0
            self._emit(PoolEvent(Kind.WORKER_READY, facts.address, facts=facts))

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
        self._report(Kind.FINISHED, slot, assignment, clip=clip)
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
        if not self._is_full:
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
        elif slot.state is State.READY and slot.address in self._steering.drained:
            self._retire(slot, State.DRAINED)
            self._report(Kind.WORKER_DRAINED, slot)

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
        if full and not self._is_full:
            self._emit(
                PoolEvent(Kind.WAITING_FOR_SPACE, error="no space is left in the workspace: make some, and it goes on")
            )
        elif self._is_full and not full:
            self._emit(PoolEvent(Kind.SPACE_IS_BACK))
        self._is_full = full

    # Assigning work

    def _hand_out(self) -> None:
        """To the least loaded first: no worker gets a second segment before every other one has its first."""
        live = self._live()
        for depth in range(self._rules.in_flight):
            for slot in live:
                if len(slot.assignments) == depth and self._takes_more(slot, len(live)):
                    work = self._backlog.pick(partial(self._suits, slot))
                    if work:
                        self._send(slot, work)
                    elif depth == 0:
                        self._renew(slot, live)

    def _takes_more(self, slot: Slot, live: int) -> bool:
        """Whether the slot may have one more segment, whichever it is: its worker is ready, and is not to end.

        What failed once runs alone, so that the next crash has one cause. Towards the end no second segment is given
        to a worker: it would wait behind a long one while another worker is idle.
        """
        if slot.state is not State.READY or slot.address in self._steering.drained:
            return False
        if not slot.assignments:
            return True
        alone = any(assignment.work.alone for assignment in slot.assignments)
        return not alone and len(self._backlog) > live

    def _suits(self, slot: Slot, work: Work) -> bool:
        """Whether the slot may have this work: what failed once runs alone, and on another worker."""
        return not work.alone if slot.assignments else slot.worker not in work.tried

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
        if not slot.assignments or slot.assignments[0].began is not None:
            return
        if slot.assignments[0].recalled:
            slot.assignments[0].cancelled = self._clock()  # it has been asked to stop; now it can
        else:
            slot.assignments[0].began = self._clock()
            self._report(Kind.STARTED, slot, slot.assignments[0])

    # The end of an attempt

    def _end_assignment(self, slot: Slot, assignment: Assignment) -> None:
        """Forget an attempt: whatever still arrives from it is dropped."""
        slot.assignments.remove(assignment)
        del self._assignments[assignment.attempt]
        if assignment.began is None and not assignment.recalled:
            self._report(Kind.STARTED, slot, assignment)

    def _handle_failure(self, slot: Slot, assignment: Assignment, error: ActalkerError) -> None:
        """End an attempt with an error: retry the work or fail it for good, and count the failure of the slot."""
        work = assignment.work
        if assignment.recalled and isinstance(error, Cancelled):
            self._backlog.put_back(work)
            return
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
        work.alone = True
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
        return [slot for slot in self._slots if slot.state not in (State.ABANDONED, State.DRAINED)]

    def _slot(self, worker: str) -> Slot | None:
        """The slot whose worker is being set up under this name; None when that life is over."""
        return next((slot for slot in self._slots if slot.worker == worker and slot.state is State.STARTING), None)

    def _lose(self, slot: Slot, error: ActalkerError) -> None:
        """The worker is gone, or has to be killed. The first segment has failed; the others go back.

        They were at work too, so that one of them may be the cause: each runs alone next, and is blamed if it is.
        """
        head = slot.assignments[0]
        for assignment in slot.assignments:
            assignment.work.alone = True
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
            reasons = dict.fromkeys(str(one.reason) for one in self._slots if one.reason)
            unfixable = all(isinstance(one.reason, BadInput) for one in self._slots if one.reason)
            kind = BadInput if unfixable else Infrastructure
            self.end(kind(f"no worker is left: {'; '.join(reasons)}"))

    def _report(
        self,
        kind: Kind,
        slot: Slot,
        assignment: Assignment | None = None,
        *,
        segment: Segment | None = None,
        clip: Clip | None = None,
        error: ActalkerError | None = None,
    ) -> None:
        attempt = assignment.attempt if assignment else ""
        segment = assignment.work.segment if assignment else segment
        spent = (clip.render_ms, clip.busy_ms) if clip else (0, 0)
        self._emit(PoolEvent(kind, slot.address, attempt, segment, *spent, error=str(error) if error else ""))
