"""What people see: plain lines where there is no terminal, and a table of a batch."""

import io
import json

import pytest
from rich.console import Console

from flows.screen import Screen, TrainingScreen
from flows.status_view import facts_of, view
from tasks.errors import BadInput
from tasks.job import Attempt, Outcome
from tasks.pool.events import Kind, PoolEvent
from tasks.records.follow import report
from tasks.records.journal import BatchEnded, BatchStarted, Event, Journal, VideoEnded, VideoPlanned
from tasks.records.report import find

EVENTS: tuple[Event, ...] = (
    BatchStarted("night-1", "night.csv", 1000, 1, (("a[1]", "Title"), ("b", ""), ("c", ""))),
    VideoPlanned("a[1]", 2, 500),
    VideoPlanned("c", 4, 1000),
    Attempt("x", "k", "c", 0, "n/1", 1, 2, Outcome.DONE),
    VideoEnded(
        "a[1]", 1, "Title", Outcome.DONE, 1000, 9000, frames=500, segments=2, segments_rendered=1, notes=("Look.",)
    ),
    VideoEnded("b", 2, "", Outcome.FAILED, 1000, 2000, error="[row] broke", error_class="ToolFailed"),
)


def shown(*events: Event | PoolEvent, terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=200)
    with Screen(console) as screen:
        for event in events:
            screen.on_event(event)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_without_a_terminal_every_ended_row_is_a_plain_line() -> None:
    assert shown(*EVENTS, terminal=False).splitlines() == [
        "Batch night-1, 3 rows.",
        "done    a[1]  0:20, 1 of 2 segments rendered, in 8.0 s",
        "        Look.",
        "failed  b: [row] broke",
    ]


def test_on_a_terminal_bars_show_rows_segments_pace_and_time_left() -> None:
    output = shown(*EVENTS, terminal=True)
    for part in ("rows", "2/3", "segments", "frames/s", "left"):
        assert part in output


@pytest.mark.parametrize("terminal", [False, True])
def test_a_training_shows_stage_step_and_loss(terminal: bool) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=200)
    with TrainingScreen(console) as screen:
        for step in range(9480, 9520, 20):
            screen.on_step("deeper", step, 17_500, {"loss": 0.04567})
    assert isinstance(console.file, io.StringIO)
    output = console.file.getvalue()
    if terminal:
        assert all(part in output for part in ("deeper", "9500/17500", "loss 0.046", "left"))
    else:
        assert output == "deeper: step 9500 of 17500, loss 0.046\n"


def test_trouble_in_the_pool_is_shown() -> None:
    output = shown(PoolEvent(Kind.WAITING_FOR_SPACE, error="the disk is full"), terminal=False)
    assert "waiting-for-space" in output
    assert "the disk is full" in output


def test_status_tells_every_row_of_a_batch_that_died(tmp_path) -> None:
    with Journal(tmp_path / "ledger", "night-1") as pen:
        for event in EVENTS:
            pen.write(event)
        assert report(tmp_path, "night-1").state == "running"
    output = report(tmp_path, "night-1")
    assert output.state == "interrupted"
    assert [(row.id, row.state) for row in output.rows.values()] == [
        ("a[1]", "done"),
        ("b", "failed"),
        ("c", "rendering"),
    ]
    console = Console(file=io.StringIO(), width=120)
    console.print(view(output))
    assert "[row] broke" in console.file.getvalue()
    facts = json.loads(json.dumps(facts_of(output)))
    assert (facts["state"], facts["done"], facts["failed"], facts["needs_a_look"]) == ("interrupted", 1, 1, 1)
    assert facts["videos"][0]["notes"] == ["Look."]
    console = Console(file=io.StringIO(), width=120)
    console.print(view(output, most_rows=1))
    assert "and 2 rows more" in console.file.getvalue()
    with Journal(tmp_path / "ledger", "night-1") as pen:
        pen.write(BatchEnded(2000, 2, 1))
    assert report(tmp_path, "night-1").state == "failed"


def test_an_unknown_batch_is_refused_with_the_known_ones(tmp_path) -> None:
    with pytest.raises(BadInput, match="holds no batches yet"):
        find(tmp_path / "ledger", "nope")
    for name in ("night-1", "night-2", "day-1"):
        Journal(tmp_path / "ledger", name).__exit__()
    assert find(tmp_path / "ledger", "day") == "day-1"
    assert find(tmp_path / "ledger", "night-2") == "night-2"
    with pytest.raises(BadInput, match="2 batches begin with 'night'"):
        find(tmp_path / "ledger", "night")
    with pytest.raises(BadInput, match=r"The newest are: .*day-1"):
        find(tmp_path / "ledger", "nope")
