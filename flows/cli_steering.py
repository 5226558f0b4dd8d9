"""The commands that watch and steer batches: of one that runs, from any process on the same workspace, or of one that
is to go on."""

import json
import secrets
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.markup import escape

from tasks.errors import BadInput
from tasks.records import orders
from tasks.records.follow import Follower, report
from tasks.records.orders import Order, OrderKind
from tasks.records.report import BatchReport, batches, find

app = typer.Typer()

OBEYED_WITHIN_S = 5.0
"""So long a command waits for a running batch to take its order; 0.2 s are usual."""
MOST_ROWS = 40
WATCH_S = 1.0

Batch = Annotated[str, typer.Argument(help="A batch, or the beginning of its name.", show_default=False)]
Rows = Annotated[list[str] | None, typer.Argument(help="Ids of rows. Default: the whole batch.", show_default=False)]
Workspace = Annotated[Path, typer.Option(help="Where the batch is kept.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept with the order.", show_default=False)]


@app.command()
def status(
    batch: Annotated[
        str | None,
        typer.Argument(help="A batch, or the beginning of its name. Default: the newest.", show_default=False),
    ] = None,
    workspace: Workspace = Path("workspace"),
    watch: Annotated[bool, typer.Option("--watch", help="Until it ends, once a second.")] = False,
    every: Annotated[
        bool, typer.Option("--all", help=f"Every row, in the manifest's order. Default: {MOST_ROWS} at most.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON; with --watch, one line at a time.")] = False,
) -> None:
    """Show how far a batch is, or how it ended: also of one that runs, or whose process died.

    Of many rows those are shown that are at work, that failed or need a look, then what waits and what is done.

    States: running, waiting-for-space, pause-requested, paused, cancel-requested, cancelled, done, incomplete (rows
    were cancelled), failed, suspended or interrupted (`actalker submit` goes on with it).
    """
    from flows.status_view import facts_of, view

    console = Console(highlight=False)
    name = find(workspace / "ledger", batch)
    follower = Follower(workspace, name)
    state = follower.update()
    if as_json:
        typer.echo(json.dumps(facts_of(state), indent=None if watch else 1))
        while watch and state.running:
            time.sleep(WATCH_S)
            state = follower.update()
            typer.echo(json.dumps(facts_of(state)))
        return
    if watch and state.running:
        with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
            while state.running:
                live.update(view(state, max(5, console.height - 12)), refresh=True)
                time.sleep(WATCH_S)
                state = follower.update()
    console.print(view(state, None if every else MOST_ROWS))
    others = [one for one in batches(workspace / "ledger") if one != name]
    if others and batch is None:
        console.print(f"Other batches: {', '.join(others[:5])}")


@app.command()
def pause(batch: Batch, rows: Rows = None, workspace: Workspace = Path("workspace"), reason: Reason = "") -> None:
    """Let nothing more of a batch, or of some of its rows, begin. What is being rendered is finished."""
    _give(workspace, batch, Order(OrderKind.PAUSE, tuple(rows or ()), reason))


@app.command()
def resume(batch: Batch, rows: Rows = None, workspace: Workspace = Path("workspace"), reason: Reason = "") -> None:
    """Lift a pause or a cancellation; of named rows, also that they are skipped.

    A batch that is resumed starts workers in place of drained ones. Rows that were cancelled by name stay so.
    """
    _give(workspace, batch, Order(OrderKind.RESUME, tuple(rows or ()), reason))


@app.command()
def cancel(batch: Batch, rows: Rows = None, workspace: Workspace = Path("workspace"), reason: Reason = "") -> None:
    """End a batch, or some of its rows, within ten seconds. What is done stays; `resume` or `retry` lifts it."""
    _give(workspace, batch, Order(OrderKind.CANCEL, tuple(rows or ()), reason))


@app.command()
def retry(
    batch: Batch,
    rows: Rows = None,
    workspace: Workspace = Path("workspace"),
    failed: Annotated[bool, typer.Option("--failed", help="Those that failed or were cancelled: the default.")] = False,
    segment: Annotated[
        int | None, typer.Option(min=0, help="This segment of one row alone, counted from 0.", show_default=False)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="In place of the row's. Default for a row that is done: a new one.")
    ] = None,
    reason: Reason = "",
) -> None:
    """Render rows again: those that failed, or named ones with another seed."""
    named = tuple(rows or ())
    if failed and named:
        raise BadInput("--failed names the rows already", "Give --failed or rows.")
    if segment is not None and len(named) != 1:
        raise BadInput("a segment belongs to one row", "Name the row.")
    if seed is not None and not named:
        raise BadInput("a seed is for named rows", "Name the rows.")
    name = find(workspace / "ledger", batch)
    state = report(workspace, name)
    if seed is None and named and (segment is not None or any(_is_done(state, row) for row in named)):
        seed = secrets.randbelow(2**31)  # the same seed would find the same pictures
    if segment is not None and not segment < (count := state.rows[named[0]].segments if named[0] in state.rows else 0):
        raise BadInput(f"{named[0]} has {count} segments, counted from 0", "`actalker status` shows how many.")
    _give(workspace, name, Order(OrderKind.RETRY, named, reason, segment, seed))


@app.command()
def skip(
    batch: Batch,
    rows: Annotated[list[str], typer.Argument(help="Ids of rows.", show_default=False)],
    reason: Annotated[str, typer.Option(help="Why; it is kept with the row.", show_default=False)],
    workspace: Workspace = Path("workspace"),
) -> None:
    """Let a batch count as complete without some of its rows. Rows that are done stay done."""
    _give(workspace, batch, Order(OrderKind.SKIP, tuple(rows), reason))


@app.command(context_settings={"ignore_unknown_options": True})
def priority(
    batch: Batch,
    arguments: Annotated[list[str], typer.Argument(metavar="[ROW]... N", help="Higher is rendered earlier.")],
    workspace: Workspace = Path("workspace"),
) -> None:
    """Give rows another priority than their manifest did; without rows, the batch among those of a night."""
    *rows, last = arguments
    try:
        number = int(last)
    except ValueError:
        raise BadInput(f"{last!r} is no priority", "Write it as a whole number, last.") from None
    _give(workspace, batch, Order(OrderKind.PRIORITY, tuple(rows), priority=number))


@app.command()
def drain(
    worker: Annotated[str, typer.Argument(help="node/pid, as `actalker status` shows it.", show_default=False)],
    workspace: Workspace = Path("workspace"),
    reason: Reason = "",
) -> None:
    """Let a worker finish what it renders, and end. `actalker resume BATCH` starts another one in its place."""
    running = [name for name in batches(workspace / "ledger") if report(workspace, name).running]
    if not running:
        raise BadInput(f"no batch of {workspace} runs", "A worker ends with its batch.")
    for name in running:
        _give(workspace, name, Order(OrderKind.DRAIN, reason=reason, worker=worker))


def _is_done(state: BatchReport, row: str) -> bool:
    return row in state.rows and state.rows[row].state in {"done", "reused"}


def _give(workspace: Path, batch: str, order: Order) -> None:
    """Give an order, and say what has become of it.

    Raises:
        BadInput: There is no such batch, or no such row in it.
    """
    console = Console(highlight=False)
    name = find(workspace / "ledger", batch)
    follower = Follower(workspace, name)
    state = follower.update()
    if unknown := [row for row in order.rows if row not in state.rows]:
        raise BadInput(f"{name} has no row {unknown[0]!r}", f"It has {', '.join(list(state.rows)[:10])}.")
    orders.give(orders.path_of(workspace, name), order)
    began = time.monotonic()
    while state.running and order not in state.orders and time.monotonic() - began < OBEYED_WITHIN_S:
        time.sleep(0.1)
        state = follower.update()
    if order in state.orders:
        console.print(f"{escape(name)}: {escape(str(order))}: obeyed. It is [bold]{state.state}[/].")
        return
    console.print(f"{escape(name)}: {escape(str(order))}: kept.")
    if not state.running:
        console.print(
            "Nobody works on the batch; the order is obeyed when it goes on:\n"
            f"  {escape(state.command or f'actalker submit {state.manifest} --workspace {workspace}')}",
            soft_wrap=True,
        )
