"""Orders: what they come to, and that none is lost."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.job import Outcome
from tasks.records import orders
from tasks.records.journal import Journal, OrderTaken, path_of, replay
from tasks.records.orders import Order, OrderKind, OrderReader, Steering, steering_of


def test_an_order_is_on_the_disk_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "batches" / "b" / "orders.jsonl"
    reader = OrderReader(path)
    assert reader.new() == []
    first = orders.give(path, Order(OrderKind.RETRY, ("a", "b"), "blurred", segment=2, seed=7))
    assert reader.new() == [first]
    second = orders.give(path, Order(OrderKind.DRAIN, worker="node/12"))
    assert reader.new() == [second]
    assert reader.new() == []
    assert orders.given(path) == [first, second]
    assert first.who.endswith(os.uname().nodename)


def test_a_torn_or_damaged_line_costs_that_order_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "orders.jsonl"
    first = orders.give(path, Order(OrderKind.PAUSE))
    with path.open("a") as file:
        file.write('{"kind": "cancel", "rows": [], "who": "killed while it wrote')
    assert orders.given(path) == [first]
    last = orders.give(path, Order(OrderKind.RESUME))
    assert orders.given(path) == [first, last]
    assert "cannot be read and is not obeyed" in caplog.text
    path.write_bytes(path.read_bytes().replace(b'"pause"', b'"skipp"', 1))
    assert orders.given(path) == [last]


def test_the_journal_keeps_an_order_with_who_and_when(tmp_path: Path) -> None:
    order = Order(OrderKind.SKIP, ("a",), "the speaker has left", who="mara@studio", at_ms=5)
    with Journal(tmp_path, "b") as journal:
        journal.write(OrderTaken(order, 7))
    assert list(replay(path_of(tmp_path, "b"))) == [OrderTaken(order, 7)]


def test_fields_of_newer_versions_are_passed_over() -> None:
    order = Order(OrderKind.PAUSE)
    assert Order.of({**json.loads(json.dumps(asdict(order))), "colour": "red"}) == order
    with pytest.raises(ValueError, match="explode"):
        Order.of({**asdict(order), "kind": "explode"})


def test_a_resume_lifts_what_it_names() -> None:
    everything = [
        Order(OrderKind.PAUSE),
        Order(OrderKind.PAUSE, ("a", "b")),
        Order(OrderKind.CANCEL, ("c",)),
        Order(OrderKind.SKIP, ("d",), "why"),
        Order(OrderKind.DRAIN, worker="n/1"),
        Order(OrderKind.PRIORITY, ("e",), priority=9),
    ]
    steering = steering_of(everything)
    assert all(map(steering.holds, "abcx"))
    assert [bool(steering.ends(row)) for row in "abcd"] == [False, False, True, True]
    after = steering.after(Order(OrderKind.RESUME, ("a", "c", "d")))
    assert (after.paused, after.paused_rows, after.cancelled_rows, after.skipped_rows) == (True, {"b"}, {}, {})
    after = steering.after(Order(OrderKind.RESUME))
    assert (after.paused, after.paused_rows, after.drained) == (False, frozenset(), frozenset())
    assert after.ends("c")
    assert after.ends("d")
    assert after.priorities == {"e": 9}


def test_a_retry_lifts_a_cancellation_and_sets_seeds() -> None:
    steering = steering_of([Order(OrderKind.CANCEL), Order(OrderKind.CANCEL, ("a",)), Order(OrderKind.RETRY)])
    assert steering == Steering()
    steering = steering_of([Order(OrderKind.RETRY, ("a",), seed=3), Order(OrderKind.RETRY, ("a",), segment=1, seed=4)])
    assert (steering.seeds, steering.segment_seeds) == ({"a": 3}, {"a": {1: 4}})


@pytest.mark.parametrize(
    ("order", "opened"),
    [
        (Order(OrderKind.RETRY), {"failed", "cancelled"}),
        (Order(OrderKind.RETRY, ("a",)), {"failed", "cancelled", "done", "reused", "skipped"}),
        (Order(OrderKind.RESUME), {"cancelled"}),
        (Order(OrderKind.RESUME, ("a",)), {"cancelled", "skipped"}),
        (Order(OrderKind.SKIP, ("a",), "why"), {"failed", "cancelled"}),
        (Order(OrderKind.SKIP, ("b",), "why"), set()),
        (Order(OrderKind.PAUSE), set()),
    ],
    ids=lambda value: str(value) if isinstance(value, Order) else " ".join(sorted(value)),
)
def test_which_rows_begin_again(order: Order, opened: set[str]) -> None:
    assert {str(outcome) for outcome in Outcome if order.opens("a", outcome)} == opened


KINDS = st.sampled_from(OrderKind)
ROWS = st.lists(st.sampled_from("abc"), max_size=2, unique=True).map(tuple)


@given(st.lists(st.builds(Order, KINDS, ROWS, st.just(""), st.none(), st.integers(0, 9) | st.none())))
def test_a_resumed_batch_holds_nothing_and_ends_what_was_named(given_orders: list[Order]) -> None:
    steering = steering_of([*given_orders, Order(OrderKind.RESUME)])
    for row in "abc":
        assert not steering.holds(row)
        assert (steering.ends(row) is not None) == (row in {*steering.skipped_rows, *steering.cancelled_rows})
