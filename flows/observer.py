"""What receives the events of a batch while it runs: the terminal, a test, or nothing."""

from contextvars import ContextVar
from typing import Protocol

from tasks.pool.events import PoolEvent
from tasks.records.journal import Event


class Observer(Protocol):
    """Receives every event of a batch, from whatever thread it happens in."""

    def on_event(self, event: Event | PoolEvent) -> None:
        """Take one event in; it must not block."""


class NullObserver:
    """Ignores every event: a scheduled batch has its journal and Prefect."""

    def on_event(self, event: Event | PoolEvent) -> None:
        """See `Observer.on_event`."""


class Both:
    """Passes every event on to two observers."""

    def __init__(self, first: Observer, second: Observer) -> None:
        self._first, self._second = first, second

    def on_event(self, event: Event | PoolEvent) -> None:
        """See `Observer.on_event`."""
        self._first.on_event(event)
        self._second.on_event(event)


current: ContextVar[Observer] = ContextVar("observer", default=NullObserver())  # noqa: B039 - it holds no state
"""Of batches that are started in this context. Use it through this module: Prefect pickles flows with all that their
modules name, and a context variable cannot be pickled."""
