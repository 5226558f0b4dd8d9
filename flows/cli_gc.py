"""The command that removes what no batch needs any more."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.amounts import bytes_of, seconds_of, size
from flows.cli_ledger import Workspace, existing
from flows.output import Json

if TYPE_CHECKING:
    from tasks.records.garbage import Item

app = typer.Typer()


@app.command()
def gc(
    older_than: Annotated[
        str, typer.Option(help="Only what was last used so long ago: 12h, 30d, 8w.", show_default=False)
    ] = "",
    keep_size: Annotated[
        str, typer.Option(help="Only until the store is no larger: 500M, 200G, 2T.", show_default=False)
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
    workspace: Workspace = Path("workspace"),
    as_json: Json = False,
) -> None:
    """Remove clips, finished videos and copies of inputs that no batch needs, oldest use first; delivered files never.

    A batch needs them while it runs, while it can go on, and while anything that it delivered is still there: delete
    WORKSPACE/videos/<batch> to give its clips free. What was removed is made again when it is asked for. Uploads of the
    page go a day after they were made, if no batch needs them.
    """
    from tasks.records import garbage, journal

    before_ms = (time.time() - seconds_of(older_than)) * 1000 if older_than else float("inf")
    keep_bytes = bytes_of(keep_size) if keep_size else None
    store, console = existing(workspace), Console(highlight=False)
    warn = Console(stderr=True, highlight=False).print
    survey = garbage.survey(store, lambda problem: warn(f"[yellow]{escape(problem)}[/]", soft_wrap=True))
    found = survey.to_remove(before_ms, keep_bytes)
    if not as_json:
        console.print(_table(found) if found else f"Of {size(survey.bytes)} in the store, nothing can be removed.")
    removed = found
    asked = found and (yes or (not as_json and sys.stdin.isatty() and typer.confirm("Remove them?")))
    if asked:
        with journal.all_ended(store.ledger):
            announced = {item.path for item in found}
            again = garbage.survey(store).to_remove(before_ms, keep_bytes)
            removed = [item for item in again if item.path in announced]
            garbage.remove(store, removed)
    if as_json:
        typer.echo(json.dumps({"removed": bool(asked), **_figures(removed), "store_bytes": survey.bytes}))
    elif asked:
        console.print(f"Removed: {size(sum(item.bytes for item in removed))}.")
    elif found:
        console.print("Nothing was removed. To remove them: --yes.")


def _table(items: Sequence["Item"]) -> Table:
    table = Table("", "number", "size", "last used", box=None, pad_edge=False)
    for kind, (number, total) in _by_kind(items).items():
        times = [item.used_ms for item in items if item.kind == kind]
        days = sorted({time.strftime("%Y-%m-%d", time.localtime(ms / 1000)) for ms in (min(times), max(times))})
        table.add_row(kind, f"{number:,}", size(total), " to ".join(days))
    return table


def _figures(items: Sequence["Item"]) -> dict[str, object]:
    kinds = {kind: {"number": number, "bytes": total} for kind, (number, total) in _by_kind(items).items()}
    return {"bytes": sum(item.bytes for item in items), "kinds": kinds}


def _by_kind(items: Sequence["Item"]) -> dict[str, tuple[int, int]]:
    """Number and bytes by kind."""
    kinds: dict[str, tuple[int, int]] = {}
    for item in items:
        number, total = kinds.get(item.kind, (0, 0))
        kinds[item.kind] = (number + 1, total + item.bytes)
    return kinds
