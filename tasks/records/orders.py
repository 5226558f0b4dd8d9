"""Orders: what people want of a batch while it runs, or before it goes on, from any process on the same workspace.

An order is one line in `WORKSPACE/batches/<batch>/orders.jsonl`, on the disk before the command that gave it returns.
The driver reads new lines, notes each in the journal (`OrderTaken`) and obeys it. Orders outlive drivers: all of them
together, in their order, say how the batch is steered (`Steering`).
"""

import fcntl
import getpass
import logging
import os
import platform
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from tasks.job import Outcome
from tasks.records import checked_json

log = logging.getLogger(__name__)


class OrderKind(StrEnum):
    """What is to be done. Without rows an order means the whole batch."""

    PAUSE = "pause"
    """No segment begins any more. What is being rendered is finished."""
    RESUME = "resume"
    """Lifts a pause or a cancellation; of rows also a skip; of a batch also that workers are drained."""
    CANCEL = "cancel"
    """What is being rendered stops. The rows end as cancelled."""
    RETRY = "retry"
    """Rows that have ended are rendered again; without rows, those that failed or were cancelled."""
    SKIP = "skip"
    """The batch counts as complete without these rows, unless they are done."""
    PRIORITY = "priority"
    """Higher is rendered earlier; for a whole batch, among those of a night."""
    DRAIN = "drain"
    """A worker finishes what it renders, and ends."""


def _who() -> str:
    return f"{getpass.getuser()}@{platform.node()}"


@dataclass(frozen=True, slots=True)
class Order:
    """One order.

    Attributes:
        rows: Ids; empty for the whole batch.
        who: Who gave it: `user@host`, or the program that passed it on.
        segment, seed: Of a retry: which segment alone, counted from 0; and the seed in place of the row's or the
            segment's own.
        worker: Of a drain: `node/pid`.
    """

    kind: OrderKind
    rows: tuple[str, ...] = ()
    reason: str = ""
    segment: int | None = None
    seed: int | None = None
    priority: int = 0
    worker: str = ""
    who: str = field(default_factory=_who)
    at_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    id: str = field(default_factory=lambda: secrets.token_hex(8))

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """From JSON. Fields of newer versions are passed over.

        Raises:
            ValueError, TypeError, KeyError: It is no order that this version knows.
        """
        known = {one.name: facts[one.name] for one in fields(cls) if one.name in facts}
        return cls(**{**known, "kind": OrderKind(facts["kind"]), "rows": tuple(facts["rows"])})

    def means(self, row: str) -> bool:
        """Whether it concerns a row."""
        return not self.rows or row in self.rows

    def opens(self, row: str, outcome: Outcome) -> bool:
        """Whether it lets a row that has ended so begin, or end otherwise."""
        if self.kind is OrderKind.RETRY and self.rows:
            return row in self.rows
        outcomes = {
            OrderKind.RETRY: {Outcome.FAILED, Outcome.CANCELLED},
            OrderKind.RESUME: {Outcome.CANCELLED, *([Outcome.SKIPPED] if self.rows else [])},
            OrderKind.SKIP: {Outcome.FAILED, Outcome.CANCELLED},
        }.get(self.kind, set())
        return self.means(row) and outcome in outcomes

    def __str__(self) -> str:
        what = {
            OrderKind.PRIORITY: f"priority {self.priority}",
            OrderKind.DRAIN: f"drain {self.worker}",
        }.get(self.kind, str(self.kind))
        rows = f" of {', '.join(self.rows)}" if self.rows else ""
        segment = f", segment {self.segment}" if self.segment is not None else ""
        seed = f", seed {self.seed}" if self.seed is not None else ""
        reason = f": {self.reason}" if self.reason else ""
        return f"{what}{rows}{segment}{seed} by {self.who}{reason}"


@dataclass(frozen=True, slots=True)
class Steering:
    """What all orders of a batch so far come to.

    Attributes:
        cancelled: The order that ended the batch; None while none did.
        paused_rows: Rows of which no segment begins.
        cancelled_rows, skipped_rows: Row -> the order that ended it.
        priorities: Row -> priority, in place of the manifest's.
        drained: Workers that take no further segment.
        seeds: Row -> seed, in place of the manifest's.
        segment_seeds: Row -> segment -> seed.
    """

    paused: bool = False
    cancelled: Order | None = None
    paused_rows: frozenset[str] = frozenset()
    cancelled_rows: Mapping[str, Order] = field(default_factory=dict)
    skipped_rows: Mapping[str, Order] = field(default_factory=dict)
    priority: int = 0
    priorities: Mapping[str, int] = field(default_factory=dict)
    drained: frozenset[str] = frozenset()
    seeds: Mapping[str, int] = field(default_factory=dict)
    segment_seeds: Mapping[str, Mapping[int, int]] = field(default_factory=dict)

    def after(self, order: Order) -> "Steering":
        """The same, with one more order."""
        rows = order.rows
        by_row = dict.fromkeys(rows, order)
        now: dict[str, object]
        match order.kind:
            case OrderKind.RESUME:
                return self._lifted(order)
            case OrderKind.RETRY:
                return self._lifted(order)._seeded(order)
            case OrderKind.PAUSE:
                now = {"paused_rows": self.paused_rows | set(rows)} if rows else {"paused": True}
            case OrderKind.CANCEL:
                now = {"cancelled_rows": {**self.cancelled_rows, **by_row}} if rows else {"cancelled": order}
            case OrderKind.SKIP:
                now = {"skipped_rows": {**self.skipped_rows, **by_row}}
            case OrderKind.PRIORITY:
                ranks = {**self.priorities, **dict.fromkeys(rows, order.priority)}
                now = {"priorities": ranks} if rows else {"priority": order.priority}
            case OrderKind.DRAIN:
                now = {"drained": self.drained | {order.worker}}
        return replace(self, **now)  # type: ignore[arg-type]

    def _lifted(self, order: Order) -> "Steering":
        """Without what has ended or holds the rows of an order."""
        cancelled = {row: by for row, by in self.cancelled_rows.items() if not order.means(row)}
        if order.rows:
            return replace(
                self,
                paused_rows=self.paused_rows - set(order.rows),
                cancelled_rows=cancelled,
                skipped_rows={row: by for row, by in self.skipped_rows.items() if row not in order.rows},
            )
        if order.kind is OrderKind.RETRY:
            return replace(self, cancelled=None, cancelled_rows=cancelled)
        return replace(self, paused=False, cancelled=None, paused_rows=frozenset(), drained=frozenset())

    def _seeded(self, order: Order) -> "Steering":
        """With the seeds that a retry names."""
        if order.seed is None:
            return self
        if order.segment is None:
            return replace(self, seeds={**self.seeds, **dict.fromkeys(order.rows, order.seed)})
        seeds = dict(self.segment_seeds)
        for row in order.rows:
            seeds[row] = {**seeds.get(row, {}), order.segment: order.seed}
        return replace(self, segment_seeds=seeds)

    def holds(self, row: str) -> bool:
        """Whether nothing of a row begins."""
        return self.paused or row in self.paused_rows

    def opens(self, order: Order, row: str, outcome: Outcome) -> bool:
        """Whether an order, the latest of these, lets a row that has ended so begin, or end otherwise."""
        return order.opens(row, outcome) and (order.kind is OrderKind.SKIP or not self.ends(row))

    def ends(self, row: str) -> Order | None:
        """The order that a row was ended by, unless it is done."""
        return self.cancelled or self.skipped_rows.get(row) or self.cancelled_rows.get(row)


def steering_of(orders: Iterable[Order]) -> Steering:
    """What these orders, in this order, come to."""
    steering = Steering()
    for order in orders:
        steering = steering.after(order)
    return steering


def path_of(root: Path, batch_id: str) -> Path:
    """Where a batch's orders lie in a workspace."""
    return root / "batches" / batch_id / "orders.jsonl"


def give(path: Path, order: Order) -> Order:
    """Append an order, and wait until the disk has it.

    Raises:
        OSError: It cannot be written; then nothing of it is there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    line = checked_json.dumps(asdict(order)).encode() + b"\n"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        start = os.fstat(handle).st_size
        if start and os.pread(handle, 1, start - 1) != b"\n":  # what a killed command has left
            line = b"\n" + line
        try:
            done = 0
            while done < len(line):
                done += os.write(handle, line[done:])
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, start)
            raise
    finally:
        os.close(handle)
    return order


class OrderReader:
    """Reads the orders of a batch as they come; a line that cannot be read is logged once and passed over."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, 0

    def new(self) -> list[Order]:
        """The orders since the last call."""
        try:
            if self._path.stat().st_size <= self._offset:
                return []
            with self._path.open("rb") as file:
                file.seek(self._offset)
                text = file.read()
        except FileNotFoundError:
            return []
        whole = text[: text.rfind(b"\n") + 1]  # a line that is being written has no end yet
        self._offset += len(whole)
        return [order for line in whole.splitlines() if line.strip() and (order := self._read(line))]

    def _read(self, line: bytes) -> Order | None:
        try:
            return Order.of(checked_json.loads(line, required=True))
        except (ValueError, TypeError, KeyError) as error:
            log.warning("an order in %s cannot be read and is not obeyed: %s", self._path, error)
            return None


def given(path: Path) -> list[Order]:
    """All orders of a batch, oldest first."""
    return OrderReader(path).new()
