"""The commands that show a workspace in a browser: a page that is served, and a batch as one file."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

app = typer.Typer()

Workspace = Annotated[Path, typer.Option(help="Where everything is kept: videos, store, ledger.")]


@app.command()
def serve(
    workspace: Workspace = Path("workspace"),
    inbox: Annotated[
        Path | None,
        typer.Option(help="Folder of manifests to pick from.", exists=True, file_okay=False, show_default=False),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8765,
    host: Annotated[str, typer.Option(help="Other than this machine alone: needs --public-url (docs/page.md).")] = (
        "127.0.0.1"
    ),
    public_url: Annotated[
        str, typer.Option(help="Address of the reverse proxy before it, https://...", show_default=False)
    ] = "",
) -> None:
    """Show the workspace in a browser: progress, videos, reviews, orders, manifests. Prints the link that opens it."""
    from flows.environment import be_quiet_and_offline
    from flows.web.serve import run

    be_quiet_and_offline()
    run(Console(highlight=False), workspace, inbox, host, port, public_url)


@app.command()
def report(
    batch: Annotated[str, typer.Argument(help="A batch, or the beginning of its name.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Default: report.html beside the batch's videos.", show_default=False),
    ] = None,
    workspace: Workspace = Path("workspace"),
) -> None:
    """Write a batch as one HTML file that can be mailed: figures, posters and findings, with links to its videos."""
    from flows.web.mailed import write_report
    from tasks.records.report import find

    written = write_report(workspace, find(workspace / "ledger", batch), output)
    Console(highlight=False).print(f"Report: {escape(str(written))}", soft_wrap=True)
