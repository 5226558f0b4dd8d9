"""The commands about what has been made: reviews, and the ledger."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from flows.output import Json
from tasks.errors import BadInput
from tasks.records.review_log import Decision

if TYPE_CHECKING:
    from tasks.records.store import Store

DAMAGED = 3

app = typer.Typer()
ledger_app = typer.Typer(help="Verify, query and rewrite the ledger of a workspace.", no_args_is_help=True)
app.add_typer(ledger_app, name="ledger")

Workspace = Annotated[Path, typer.Option(help="Where everything is kept: videos, store, ledger.")]


@app.command()
def review(
    batch: Annotated[str, typer.Argument(help="Its name, as `actalker status` shows it.", show_default=False)],
    row: Annotated[str, typer.Argument(help="The id of the row.", show_default=False)],
    decision: Annotated[Decision, typer.Argument(show_default=False)],
    reason: Annotated[str, typer.Option(help="In your words; a rejection and a comment need them.")] = "",
    who: Annotated[str, typer.Option(help="Default: your user name.", show_default=False)] = "",
    workspace: Workspace = Path("workspace"),
    as_json: Json = False,
) -> None:
    """Approve or reject a finished video, or comment on it. The ledger's table `reviews` has it at once."""
    from tasks.records.reviews import add_review

    added = add_review(workspace, batch, row, decision, reason, who)
    if as_json:
        typer.echo(json.dumps({"batch_id": batch, **asdict(added)}))
    else:
        Console(highlight=False).print(f"{added.decision}: {escape(row)} of {escape(batch)}, by {escape(added.who)}.")


@ledger_app.command()
def snapshot(
    batch: Annotated[str | None, typer.Argument(help="Default: all.", show_default=False)] = None,
    workspace: Workspace = Path("workspace"),
) -> None:
    """Write the tables again from the journals: damaged ones, those of an older version, those of a killed batch."""
    from tasks.records import ledger, report
    from tasks.records.journal import Journal

    console = Console(highlight=False)
    folder = existing(workspace).ledger
    names = (report.find(folder, batch),) if batch else report.batches(folder)
    for name in names:
        try:
            with Journal(folder, name):
                written = ledger.snapshot(folder, name)
        except BadInput as error:  # a driver writes them at its end
            if batch:
                raise
            console.print(f"[yellow]{escape(name)}: {escape(error.problem)}[/]", soft_wrap=True)
        else:
            console.print(f"{escape(name)}: {len(written)} tables", soft_wrap=True)


@ledger_app.command()
def verify(workspace: Workspace = Path("workspace"), as_json: Json = False) -> None:
    """Read all that a workspace holds, and name what is damaged. Exit code 3 when something is. Changes nothing.

    Journals, tables, reviews, clips, finished and delivered videos, copies of input files.
    """
    from rich.progress import Progress

    from tasks.records.verify import verify as look

    store = existing(workspace)
    terminal = Console(stderr=True)
    with Progress(console=terminal, transient=True, disable=not terminal.is_terminal) as bars:
        bar = bars.add_task("Reading", total=None)
        found = look(store, lambda done, total: bars.update(bar, completed=done, total=total))
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=1))
    else:
        console = Console(highlight=False)
        for damage in found.damaged:
            console.print(f"[red]{escape(damage.path)}[/]: {escape(damage.problem)}", soft_wrap=True)
            console.print(f"    {escape(damage.remedy)}", soft_wrap=True)
            if damage.command:
                console.print(f"    {escape(damage.command)}", soft_wrap=True)
        console.print(f"{found.files} files, {len(found.damaged) or 'none'} damaged.")
    if found.damaged:
        raise typer.Exit(DAMAGED)


@ledger_app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One statement that only reads.", show_default=False)],
    workspace: Workspace = Path("workspace"),
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Json = False,
) -> None:
    """Ask the ledger: tables videos, segments, attempts, batches, reviews (docs/ledger.md). Needs DuckDB, an extra.

    actalker ledger sql "select job_id, path from videos where parse_filename(portrait) = 'mara.png'"

    The query can neither write, nor read other files, nor reach a network.
    """
    from flows import output
    from tasks.records.query import ask

    if as_csv and as_json:
        raise BadInput("--csv and --json exclude each other", "Give one of them.")
    found = ask(existing(workspace).ledger, query)
    if as_csv or as_json:
        (output.write_csv if as_csv else output.write_json)(found, sys.stdout)
    else:
        output.print_table(found, Console(highlight=False))


def existing(workspace: Path) -> "Store":
    """The store of a workspace, which is not made when it is not there.

    Raises:
        BadInput: There is none.
    """
    from tasks.records.store import Store

    if not (workspace / "ledger").is_dir():
        raise BadInput(f"{workspace} is no workspace", "Name one with --workspace.")
    return Store(workspace)
