"""Who watches a batch: the terminal, a test, or nobody."""

from contextvars import ContextVar
from typing import Protocol

from tasks.pool.events import PoolEvent
from tasks.records.journal import Event


class Audience(Protocol):
    """Somebody who is told of everything, from whatever thread it happens in."""

    def hears(self, event: Event | PoolEvent) -> None:
        """Take one event in; be quick."""


class Nobody:
    """Watches nothing: a scheduled batch has the journal and Prefect."""

    def hears(self, event: Event | PoolEvent) -> None:
        """See `Audience.hears`."""


watcher: ContextVar[Audience] = ContextVar("watcher", default=Nobody())  # noqa: B039 - it holds no state
"""Of batches that are started in this context. Use it through this module: Prefect pickles flows with all that their
modules name, and a context variable cannot be pickled."""
