"""What is wanted from the pool: every key once, whoever waits for it, in which order, and what is held back."""

import heapq
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeAlias

from tasks.errors import ActalkerError, Cancelled
from tasks.job import Clip, Job, Segment
from tasks.records.orders import Steering


@dataclass(eq=False, slots=True)
class Request:
    """What one row asks for: the segments it misses, each key once, and the flag that cancels it."""

    job: Job
    segments: tuple[Segment, ...]
    cancelled: Callable[[], bool]
    futures: dict[str, Future[Clip]] = field(init=False)
    open: int = field(init=False)
    """How many segments have not ended."""

    def __post_init__(self) -> None:
        self.futures = {segment.key: Future() for segment in self.segments}
        self.open = len(self.futures)

    def fail(self, error: ActalkerError) -> None:
        """Give whatever has not ended this end."""
        for future in self.futures.values():
            if not future.done():
                future.set_exception(error)


Rank: TypeAlias = tuple[bool, int, int, int, int]


@dataclass(eq=False, slots=True)
class Work:
    """One key to be rendered, once, for all who wait for it.

    Attributes:
        errors: How its attempts have failed so far.
        tried: The workers on which they did.
        alone: It gets a worker for itself: it has failed before, or was on a worker that was lost.
        deprioritised: Its row has lost a segment.
        front: It goes before others of its priority.
        rank: Its place in the queue, lowest first; None while it is not there.
    """

    job: Job
    segment: Segment
    waiting: list[Request] = field(default_factory=list)
    errors: list[ActalkerError] = field(default_factory=list)
    tried: set[str] = field(default_factory=set)
    alone: bool = False
    deprioritised: bool = False
    front: bool = False
    rank: Rank | None = None


class Backlog:
    """Requests in, work out, longest first within a priority; retries go first, deprioritised work goes last.

    Work of rows that are paused is held back: it is not in the queue.
    """

    def __init__(self) -> None:
        self._requests: dict[int, Request] = {}
        self._works: dict[str, Work] = {}
        self._held: dict[str, Work] = {}
        self._steering = Steering()
        self._heap: list[tuple[Rank, Work]] = []
        self._sequence = itertools.count()
        self._queued = 0

    def __len__(self) -> int:
        """How much is queued."""
        return self._queued

    def __iter__(self) -> Iterator[Work]:
        """What is queued, in no order."""
        return (work for rank, work in self._heap if work.rank == rank)

    def submit(self, request: Request) -> None:
        """Queue what the request asks for; what is wanted already, by another request, is shared."""
        self._requests[id(request)] = request
        for segment in request.segments:
            work = self._works.get(segment.key)
            if work is None:
                work = self._works[segment.key] = Work(request.job, segment, [request])
                self._push(work)
            else:
                work.waiting.append(request)
                if work.rank or segment.key in self._held:  # it waits for a worker: this row may let it go, or hurry it
                    self._push(work)

    def steer(self, steering: Steering) -> None:
        """Hold back, let go and rank what is queued as these orders say."""
        self._steering = steering
        for work in [*self, *self._held.values()]:
            self._push(work)

    def pick(self, suits: Callable[[Work], bool]) -> Work | None:
        """Take the first work in the queue that suits."""
        skipped = []
        picked = None
        while self._heap and picked is None:
            rank, work = heapq.heappop(self._heap)
            if work.rank != rank:
                continue  # cancelled, or queued again under another rank
            if suits(work):
                picked = work
                self._unqueue(work)
            else:
                skipped.append((rank, work))
        for entry in skipped:
            heapq.heappush(self._heap, entry)
        return picked

    def put_back(self, work: Work) -> None:
        """Queue work again, at the front, unless nobody waits for it any more."""
        if work.waiting:
            work.front = True
            self._push(work)

    def settle(self, work: Work, result: Clip | ActalkerError) -> None:
        """Tell all who wait for this work how it ended. The first pays for the clip; the others have found it."""
        if self._works.get(work.segment.key) is work:
            del self._works[work.segment.key]
        for place, request in enumerate(work.waiting):
            future = request.futures[work.segment.key]
            if isinstance(result, Clip):
                future.set_result(result.found() if place else result)
            else:
                future.set_exception(result)
            request.open -= 1
            if not request.open:
                del self._requests[id(request)]
        work.waiting = []

    def deprioritise(self, work: Work) -> None:
        """Let the rest of the rows that lose this work wait for all others: if it is bad too, it harms only them."""
        rest = (self._works.get(key) for request in work.waiting for key in request.futures)
        for other in rest:
            if other and not other.deprioritised and set(other.waiting) <= set(work.waiting):
                other.deprioritised = True
                if other.rank:
                    self._push(other)

    def drop_cancelled(self) -> None:
        """Take out the requests that were cancelled; work that nobody else waits for leaves the queue."""
        for request in [request for request in self._requests.values() if request.cancelled()]:
            del self._requests[id(request)]
            for key in [key for key, future in request.futures.items() if not future.done()]:
                work = self._works[key]
                work.waiting.remove(request)
                if not work.waiting:
                    del self._works[key]
                    self._unqueue(work)
            request.fail(Cancelled(f"the rendering of {request.job.id} was cancelled"))

    def fail(self, error: ActalkerError) -> None:
        """Give every request this end."""
        for request in self._requests.values():
            request.fail(error)
        for work in self._works.values():
            work.waiting, work.rank = [], None
        self._requests, self._works, self._held, self._heap, self._queued = {}, {}, {}, [], 0

    def _push(self, work: Work) -> None:
        """Put work into the queue, or aside when all who wait for it are paused."""
        steering, segment = self._steering, work.segment
        rows = {request.job.id for request in work.waiting}
        if all(steering.holds(row) for row in rows):
            self._unqueue(work)
            self._held[segment.key] = work
            return
        self._held.pop(segment.key, None)
        self._queued += work.rank is None
        priority = max(steering.priorities.get(row, segment.priority) for row in rows)
        work.rank = (work.deprioritised, -priority, 0 if work.front else 1, -segment.frames, next(self._sequence))
        heapq.heappush(self._heap, (work.rank, work))

    def _unqueue(self, work: Work) -> None:
        self._queued -= work.rank is not None
        self._held.pop(work.segment.key, None)
        work.rank = None
