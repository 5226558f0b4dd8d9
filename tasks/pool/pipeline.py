"""The three threads of a worker: while one segment is drawn, the next is prepared and the last one is written.

    prepare -> draw -> parts, a few at a time -> write

Each thread takes segments in the order in which they came, so that a segment waits for those before it alone. Memory
stays small because the supervisor gives a worker few segments (`Rules.in_flight`).
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

Prepared = TypeVar("Prepared")
Part = TypeVar("Part")
Result = TypeVar("Result")

PARTS = 8
"""So many parts of a segment may wait between drawing and writing. A part is a frame, or a whole clip."""


@dataclass(slots=True)
class Spent:
    """What a segment took of its worker; known when its last part has been drawn.

    Attributes:
        render_ms: From its arrival, or from the end of the drawing before it if that is later, to the end of its own.
            Those of all segments of a worker add up to no more than its wall time.
        busy_ms: The part of it in which it was drawn. For the rest of the time the device had nothing to do.
    """

    render_ms: int = 0
    busy_ms: int = 0


class Dropped(Exception):
    """Nobody takes the parts any more: the one who wrote them has failed, and has said why."""


class Parts(Generic[Part]):
    """From the thread that draws to the one that writes; it holds `PARTS` at most."""

    def __init__(self) -> None:
        self._waiting: deque[Part] = deque()
        self._changed = threading.Condition()
        self._ended = self._dropped = False
        self._error: BaseException | None = None

    def put(self, part: Part) -> None:
        """Hand one over; wait while there are too many.

        Raises:
            Dropped: See `drop`.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._dropped or len(self._waiting) < PARTS)
            if self._dropped:
                raise Dropped
            self._waiting.append(part)
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """Say that there are no more, because of an error or because all are drawn."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def drop(self) -> None:
        """Take no more."""
        with self._changed:
            self._dropped = True
            self._waiting.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Part]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or bool(self._waiting))
                if not self._waiting:
                    break
                part = self._waiting.popleft()
                self._changed.notify_all()
            yield part
        if self._error:
            raise self._error


class Pipeline:
    """Takes segments from any number of threads, each of which waits for its result."""

    def __init__(self) -> None:
        self._preparing, self._drawing, self._writing = (
            ThreadPoolExecutor(1, thread_name_prefix=name) for name in ("prepare", "draw", "write")
        )
        self._entry = threading.Lock()
        self._drawn_at = 0.0

    def run(
        self,
        prepare: Callable[[], Prepared],
        draw: Callable[[Prepared], Iterator[Part]],
        write: Callable[[Prepared, Iterator[Part], Spent], Result],
    ) -> Result:
        """Run the three steps of a segment and return what the last one does.

        Args:
            write: Takes what was prepared, the parts as they come, and what they cost, which is complete when all parts
                have come. Its error ends the drawing.

        Raises:
            Exception: That of the step that failed first.
        """
        parts, spent = Parts[Part](), Spent()
        with self._entry:  # one order in all three threads
            arrived = time.monotonic()
            prepared = self._preparing.submit(prepare)
            self._drawing.submit(self._draw, prepared, draw, parts, spent, arrived)
            written = self._writing.submit(self._write, prepared, write, parts, spent)
        return written.result()

    def _draw(
        self,
        prepared: "Future[Prepared]",
        draw: Callable[[Prepared], Iterator[Part]],
        parts: Parts[Part],
        spent: Spent,
        arrived: float,
    ) -> None:
        error: BaseException | None = None
        try:
            ready = prepared.result()
            began, waited = time.monotonic(), 0.0
            for part in draw(ready):
                drawn = time.monotonic()
                parts.put(part)
                waited += time.monotonic() - drawn
            ended = time.monotonic()
            spent.render_ms = round((ended - max(arrived, self._drawn_at)) * 1000)
            spent.busy_ms = round((ended - began - waited) * 1000)
        except BaseException as raised:  # noqa: BLE001 - it goes to the thread that waits for parts
            error = raised
        self._drawn_at = time.monotonic()
        parts.end(error)

    def _write(
        self,
        prepared: "Future[Prepared]",
        write: Callable[[Prepared, Iterator[Part], Spent], Result],
        parts: Parts[Part],
        spent: Spent,
    ) -> Result:
        try:
            return write(prepared.result(), iter(parts), spent)
        finally:
            parts.drop()
