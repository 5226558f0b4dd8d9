"""The `actalker` command: parse, call, print. Slow libraries are imported by the commands that need them."""

import atexit
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from flows import cli_checkpoints
from flows.environment import be_quiet_and_offline, leave_nothing_running
from flows.options import BatchOptions, RenderOptions
from tasks.errors import ActalkerError, BadInput, ManifestRefused
from tasks.job import Preset
from tasks.media.loudness import Sound
from tasks.picture.framing import BLUR, Aspect

if TYPE_CHECKING:
    from tasks.manifest.intake import CheckedManifest

REFUSED = 2

app = typer.Typer(
    name="actalker",
    help="Turn a manifest of portraits, scripts and recordings into finished, subtitled talking-head videos.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(cli_checkpoints.app)

Manifest = Annotated[
    Path, typer.Argument(help="CSV with a header, an Excel workbook, or JSON Lines.", show_default=False)
]
Allow = Annotated[list[Path] | None, typer.Option(help="A folder besides the manifest's own that files may lie in.")]
Workspace = Annotated[Path, typer.Option(help="Where everything is kept: videos, store, ledger.")]
PresetOption = Annotated[
    Preset | None,
    typer.Option(help="For rows that name none. Default: actalker with --weights, else demo.", show_default=False),
]


WeightsOption = Annotated[
    Path | None,
    typer.Option(envvar="ACTALKER_WEIGHTS", help="Folder of the converted published weights.", show_default=False),
]
RayOption = Annotated[
    str | None,
    typer.Option(
        envvar="ACTALKER_RAY",
        help="Address of a Ray cluster that runs; its nodes must see the workspace.",
        show_default=False,
    ),
]
ActorsOption = Annotated[
    int | None,
    typer.Option(min=1, help="Render workers. Default: one a GPU, or what the cores give.", show_default=False),
]
MaxFailuresOption = Annotated[
    int | None,
    typer.Option(
        min=1, help="End when so many rows failed alike and none is done. Default: never.", show_default=False
    ),
]
CaptionsOption = Annotated[str, typer.Option(help="Caption profile: netflix, bbc, shorts, or your own TOML file.")]
BurnInOption = Annotated[bool, typer.Option("--burn-in", help="Draw the captions into the picture.")]
HighlightOption = Annotated[bool, typer.Option("--highlight", help="Burnt in, colour each word as it is spoken.")]
SoundOption = Annotated[Sound, typer.Option(help="Loudness: broadcast -23, course -16, web -14 LUFS.")]
MusicOption = Annotated[Path | None, typer.Option(help="Music under the voice, which ducks it.", show_default=False)]
AspectOption = Annotated[Aspect, typer.Option(help="Shape of the picture; source: as rendered.")]
BackdropOption = Annotated[
    str, typer.Option(help="Behind the head, where it does not fill the shape: blur, a colour, an image.")
]
LabelOption = Annotated[str, typer.Option(help="Visible text in the corner, such as 'AI-generated'.")]


@app.command()
def submit(
    manifest: Manifest,
    workspace: Workspace = Path("workspace"),
    allow: Allow = None,
    preset: PresetOption = None,
    weights: WeightsOption = None,
    captions: CaptionsOption = "netflix",
    burn_in: BurnInOption = False,
    highlight: HighlightOption = False,
    sound: SoundOption = Sound.COURSE,
    music: MusicOption = None,
    aspect: AspectOption = Aspect.SOURCE,
    backdrop: BackdropOption = BLUR,
    label: LabelOption = "",
    ray: RayOption = None,
    actors: ActorsOption = None,
    max_failures: MaxFailuresOption = None,
) -> None:
    """Render a batch and return when it is finished.

    Exit code 0 when every row is done, 3 when some failed, 2 when the manifest was refused. Submit the same manifest
    again to go on where it was: what is done is not rendered twice.
    """
    options = _options_of(locals())
    be_quiet_and_offline()
    console = Console(highlight=False)
    from tasks.manifest.intake import check_manifest

    rendering, finishing = options.rendering, options.finishing
    finishing.check()
    # Refused in a second, before Prefect and Ray come up. The flow gets what was checked and does not read it again.
    checked = check_manifest(manifest, tuple(allow or ()), rendering.default_preset)
    _print_warnings(console, checked)
    atexit.register(leave_nothing_running)  # before Prefect registers the end of its server, hence after it
    from flows import submit as foreground

    raise typer.Exit(foreground.run(console, checked, workspace, rendering, finishing))


@app.command()
def check(manifest: Manifest, allow: Allow = None, preset: PresetOption = None) -> None:
    """Check every cell and every file of a manifest, and render nothing. Exit code 2 when something is wrong.

    Also prints warnings: what is no fault but needs a look, such as a photograph for the demo network.
    """
    from tasks.manifest.intake import check_manifest

    checked = check_manifest(manifest, tuple(allow or ()), RenderOptions(preset).default_preset)
    console = Console(highlight=False)
    _print_warnings(console, checked)
    rows = len(checked.jobs)
    console.print(f"[green]{rows} row{'s' * (rows != 1)}, no fault.[/]")


@app.command()
def status(
    batch: Annotated[str | None, typer.Argument(help="Default: the newest.", show_default=False)] = None,
    workspace: Workspace = Path("workspace"),
) -> None:
    """Show how far a batch is, or how it ended: also of one that runs, or whose process died."""
    from flows.screen import table_of
    from tasks.records.report import batches, report

    ledger = workspace / "ledger"
    names = batches(ledger)
    if not names and batch is None:
        raise BadInput(f"{workspace} holds no batches yet", "Submit a manifest with this workspace.")
    state = report(ledger, batch or names[0])
    Console().print(table_of(state))
    if state.error:
        Console().print(f"[red]It ended early:[/] {escape(state.error)}", highlight=False)
    for line in state.damaged:
        Console().print(f"[yellow]{escape(line)}[/]", highlight=False)
    if len(names) > 1 and batch is None:
        Console().print(f"Older batches: {', '.join(names[1:6])}", highlight=False)


@app.command()
def nightly(
    inbox: Annotated[Path, typer.Argument(help="Folder of manifests.", exists=True, file_okay=False)],
    workspace: Workspace = Path("workspace"),
    cron: Annotated[str, typer.Option(help="When to begin.")] = "0 20 * * *",
    until: Annotated[str, typer.Option(help="Local time after which no further batch begins.")] = "06:00",
    preset: PresetOption = None,
    weights: WeightsOption = None,
    captions: CaptionsOption = "netflix",
    burn_in: BurnInOption = False,
    highlight: HighlightOption = False,
    sound: SoundOption = Sound.COURSE,
    music: MusicOption = None,
    aspect: AspectOption = Aspect.SOURCE,
    backdrop: BackdropOption = BLUR,
    label: LabelOption = "",
    ray: RayOption = None,
    actors: ActorsOption = None,
    max_failures: MaxFailuresOption = None,
) -> None:
    """Render every manifest of a folder every evening, on the Prefect server that PREFECT_API_URL names.

    A manifest that is still being copied waits for the next night. One that fails in three nights is left alone until
    it is edited; the faults of one that is refused are in WORKSPACE/refused.
    """
    options = _options_of(locals())
    be_quiet_and_offline()
    from flows import nightly as schedule

    schedule.serve(inbox, workspace, cron, until, options)


@app.command()
def voices() -> None:
    """List the voices that are always there. A Piper voice is named by its .onnx file."""
    from tasks.speech import voice

    Console().print(*voice.voices(), sep="\n", highlight=False)


def _options_of(arguments: Mapping[str, object]) -> BatchOptions:
    """The options among a command's arguments, paths made absolute: a schedule runs them from another folder."""
    values = {option.name: arguments[option.name] for option in fields(BatchOptions)}
    for name in ("weights", "music", "captions", "backdrop"):
        value = values[name]
        if isinstance(value, Path) or (isinstance(value, str) and Path(value).is_file()):
            values[name] = str(Path(value).resolve())
    return BatchOptions.of(values)


def _print_warnings(console: Console, manifest: "CheckedManifest") -> None:
    """Print what a person should know before the night begins, though nothing is refused for it."""
    for warning in manifest.warnings:
        console.print(f"[yellow]{escape(warning)}[/]", soft_wrap=True)


def main() -> None:
    """The entry point: a refusal is printed in words, without a traceback."""
    try:
        app()
    except ManifestRefused as refused:
        count = len(refused.faults)
        _refuse(f"Refused: {count} fault{'s' * (count != 1)}, nothing was rendered.", *map(str, refused.faults))
    except ActalkerError as error:
        _refuse(str(error))
    except OSError as error:
        if error.filename is None:
            raise
        _refuse(
            f"{error.filename}: {error.strerror}. Check that the folder exists, and that you may read and write it."
        )


def _refuse(headline: str, *lines: str) -> NoReturn:
    console = Console(stderr=True, highlight=False)
    console.print(f"[red]{escape(headline)}[/]", soft_wrap=True)
    for line in lines:
        console.print(escape(line), soft_wrap=True)
    sys.exit(REFUSED)
