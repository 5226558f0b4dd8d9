"""The `actalker` command: parse, call, print. Slow libraries are imported by the commands that need them."""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn, Optional

import typer
from rich.console import Console
from rich.markup import escape

from tasks.errors import ActalkerError, BadInput, ManifestRefused
from tasks.job import Preset

DONE, FAILED, REFUSED = 0, 3, 2
INTERRUPTED = 130

QUIET_AND_OFFLINE = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "tasks",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # a cold machine compiles bytecode first
}
"""What Prefect is told unless the environment says otherwise."""

app = typer.Typer(
    name="actalker",
    help="Turn a manifest of portraits, scripts and recordings into finished, subtitled talking-head videos.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Manifest = Annotated[Path, typer.Argument(help="CSV with a header, or JSON Lines.", show_default=False)]
Allow = Annotated[Optional[list[Path]], typer.Option(help="A folder besides the manifest's own that files may lie in.")]  # noqa: UP045
Workspace = Annotated[Path, typer.Option(help="Where everything is kept: videos, store, ledger.")]
PresetOption = Annotated[
    Optional[Preset],  # noqa: UP045
    typer.Option(help="For rows that name none. Default: actalker with --weights, else the bundled demo.", show_default=False),
]


@app.command()
def submit(
    manifest: Manifest,
    workspace: Workspace = Path("workspace"),
    allow: Allow = None,
    preset: PresetOption = None,
    weights: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(envvar="ACTALKER_WEIGHTS", help="Folder of the converted published weights.", show_default=False),
    ] = None,
    captions: Annotated[str, typer.Option(help="Caption profile: netflix, bbc, shorts, or your own TOML file.")] = "netflix",
    ray: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Address of a Ray cluster that runs; its nodes must see the workspace.", show_default=False),
    ] = None,
    actors: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, help="Render workers. Default: one a GPU, or what the cores give.", show_default=False),
    ] = None,
) -> None:
    """Render a batch and return when it is finished.

    Exit code 0 when every row is done, 3 when some failed, 2 when the manifest was refused. Submit the same manifest
    again to go on where it was: what is done is not rendered twice.
    """
    for name, value in QUIET_AND_OFFLINE.items():
        os.environ.setdefault(name, value)
    console = Console(highlight=False)
    from tasks import intake

    _or_refuse(lambda: intake.jobs_of(manifest, tuple(allow or ()), preset or Preset.STILL))
    signal.signal(signal.SIGTERM, _interrupt)
    raise typer.Exit(_submit(console, manifest, workspace, tuple(allow or ()), preset, weights, captions, ray, actors))


@app.command()
def check(manifest: Manifest, allow: Allow = None, preset: PresetOption = None) -> None:
    """Look at every cell and every file of a manifest, and render nothing. Exit code 2 when something is wrong."""
    from tasks import intake

    jobs = _or_refuse(lambda: intake.jobs_of(manifest, tuple(allow or ()), preset or Preset.STILL))
    Console().print(f"[green]{len(jobs)} row{'s' * (len(jobs) != 1)}, no fault.[/]", highlight=False)


@app.command()
def status(
    batch: Annotated[Optional[str], typer.Argument(help="Default: the newest.", show_default=False)] = None,  # noqa: UP045
    workspace: Workspace = Path("workspace"),
) -> None:
    """Show how far a batch is, or how it ended: also of one that runs, or whose process died."""
    from flows.screen import table_of
    from tasks.report import batches, report

    ledger = workspace / "ledger"
    names = batches(ledger)
    if not names and batch is None:
        _refuse(f"{workspace} holds no batches yet")
    told = _or_refuse(lambda: report(ledger, batch or names[0]))
    Console().print(table_of(told))
    if len(names) > 1 and batch is None:
        Console().print(f"Older batches: {', '.join(names[1:6])}", highlight=False)


@app.command()
def voices() -> None:
    """List the voices that are always there. A Piper voice is named by its .onnx file."""
    from tasks import voice

    Console().print(*voice.voices(), sep="\n", highlight=False)


def _submit(  # noqa: PLR0917 - the command's options, once
    console: Console,
    manifest: Path,
    workspace: Path,
    allow: tuple[Path, ...],
    preset: Preset | None,
    weights: Path | None,
    captions: str,
    ray: str | None,
    actors: int | None,
) -> int:
    from flows.audience import audience
    from flows.batch import Finishing, Rendering, render_batch
    from flows.screen import Screen
    from tasks.report import report

    screen = Screen(console)
    audience.set(screen)
    rendering, finishing = Rendering(preset, weights, ray, actors), Finishing(captions)
    try:
        with screen:
            state = render_batch(manifest, workspace, allow, rendering, finishing, return_state=True)
    except KeyboardInterrupt:
        console.print("Interrupted. Submit the same manifest again to go on where it was.")
        return INTERRUPTED
    if not screen.batch_id:
        error = state.result(raise_on_failure=False)
        _refuse(str(error)) if isinstance(error, BadInput) else _raise(error)
    told = report(workspace / "ledger", screen.batch_id)
    for line in _summary(told.id, workspace):
        console.print(line, soft_wrap=True)
    return DONE if state.is_completed() else FAILED


def _summary(batch_id: str, workspace: Path) -> list[str]:
    videos = workspace / "videos" / batch_id
    return [
        f"Videos and captions: {escape(str(videos))}/<id>/",
        f"Ledger:              {escape(str(workspace / 'ledger'))}  (actalker status {batch_id} --workspace {escape(str(workspace))})",
        f"Log:                 {escape(str(workspace / 'batches' / batch_id / 'log.txt'))}",
    ]


def _or_refuse(call):  # type: ignore[no-untyped-def]
    """The call's result; a refusal is told and ends the command."""
    try:
        return call()
    except ManifestRefused as refused:
        console = Console(stderr=True, highlight=False)
        console.print(f"[red]Refused: {len(refused.faults)} fault{'s' * (len(refused.faults) != 1)}, nothing was rendered.[/]")
        for fault in refused.faults:
            console.print(escape(str(fault)), soft_wrap=True)
        raise typer.Exit(REFUSED) from refused
    except ActalkerError as error:
        _refuse(str(error))


def _refuse(message: str) -> NoReturn:
    Console(stderr=True, highlight=False).print(f"[red]{escape(message)}[/]", soft_wrap=True)
    raise typer.Exit(REFUSED)


def _raise(error: object) -> NoReturn:
    raise error if isinstance(error, BaseException) else RuntimeError(str(error))


def _interrupt(*_: object) -> None:
    """End as Ctrl-C would: everything that was started is ended, and the journal is whole."""
    raise KeyboardInterrupt


def main() -> None:
    """The entry point."""
    sys.exit(app())
