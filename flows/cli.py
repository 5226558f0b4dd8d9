"""The `actalker` command: parse, call, print. Slow libraries are imported by the commands that need them."""

import atexit
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from flows.order import DEMO_CHECKPOINT, Finishing, Rendering
from tasks.errors import ActalkerError, BadInput, ManifestRefused
from tasks.finish import Finish
from tasks.framing import Aspect, Framing
from tasks.job import Preset
from tasks.loudness import Bed, Sound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actalker.checkpoint import FileReport
    from tasks.job import Job

DONE, FAILED, REFUSED = 0, 3, 2
INTERRUPTED = 130

QUIET_AND_OFFLINE = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_LOGGING_LEVEL": "INFO",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # errors are told by our own screen, in words
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

weights_app = typer.Typer(help="Convert the published weights, and verify what was converted.", no_args_is_help=True)
app.add_typer(weights_app, name="weights")

Manifest = Annotated[Path, typer.Argument(help="CSV with a header, or JSON Lines.", show_default=False)]
Allow = Annotated[list[Path] | None, typer.Option(help="A folder besides the manifest's own that files may lie in.")]
Workspace = Annotated[Path, typer.Option(help="Where everything is kept: videos, store, ledger.")]
PresetOption = Annotated[
    Preset | None,
    typer.Option(help="For rows that name none. Default: actalker with --weights, else demo.", show_default=False),
]


@app.command()
def submit(
    manifest: Manifest,
    workspace: Workspace = Path("workspace"),
    allow: Allow = None,
    preset: PresetOption = None,
    weights: Annotated[
        Path | None,
        typer.Option(envvar="ACTALKER_WEIGHTS", help="Folder of the converted published weights.", show_default=False),
    ] = None,
    captions: Annotated[
        str, typer.Option(help="Caption profile: netflix, bbc, shorts, or your own TOML file.")
    ] = "netflix",
    burn_in: Annotated[bool, typer.Option("--burn-in", help="Draw the captions into the picture.")] = False,
    highlight: Annotated[bool, typer.Option("--highlight", help="Burnt in, colour each word as it is spoken.")] = False,
    sound: Annotated[Sound, typer.Option(help="Loudness: broadcast -23, course -16, web -14 LUFS.")] = Sound.COURSE,
    music: Annotated[
        Path | None, typer.Option(help="A bed under the voice, which ducks it.", show_default=False)
    ] = None,
    aspect: Annotated[Aspect, typer.Option(help="Shape of the picture; source: as rendered.")] = Aspect.SOURCE,
    backdrop: Annotated[
        str, typer.Option(help="Behind the head, where it does not fill the shape: blur, a colour, an image.")
    ] = "blur",
    label: Annotated[str, typer.Option(help="Visible text in the corner, such as 'AI-generated'.")] = "",
    ray: Annotated[
        str | None,
        typer.Option(help="Address of a Ray cluster that runs; its nodes must see the workspace.", show_default=False),
    ] = None,
    actors: Annotated[
        int | None,
        typer.Option(min=1, help="Render workers. Default: one a GPU, or what the cores give.", show_default=False),
    ] = None,
) -> None:
    """Render a batch and return when it is finished.

    Exit code 0 when every row is done, 3 when some failed, 2 when the manifest was refused. Submit the same manifest
    again to go on where it was: what is done is not rendered twice.
    """
    _be_quiet_and_offline()
    console = Console(highlight=False)
    from tasks import intake

    bed, framing = Bed(music) if music else None, Framing(aspect, backdrop=backdrop)
    finish = Finish(sound, bed, burn_in or highlight, label, framing)
    folders, rendering = tuple(allow or ()), Rendering(preset, weights, ray, actors)
    finishing = Finishing(captions, highlight, finish)
    finishing.check()
    # Refused in a second, before Prefect and Ray come up.
    _tell_doubts(console, intake.jobs_of(manifest, folders, rendering.default_preset))
    signal.signal(signal.SIGTERM, _interrupt)
    atexit.register(_leave_nothing_running)  # before Prefect registers the end of its server, hence after it
    raise typer.Exit(_render(console, manifest, workspace, folders, rendering, finishing))


@app.command()
def check(manifest: Manifest, allow: Allow = None, preset: PresetOption = None) -> None:
    """Look at every cell and every file of a manifest, and render nothing. Exit code 2 when something is wrong.

    What is no fault but needs a look, such as a photograph for the demo network, is told too.
    """
    from tasks import intake

    jobs = intake.jobs_of(manifest, tuple(allow or ()), Rendering(preset).default_preset)
    console = Console(highlight=False)
    _tell_doubts(console, jobs)
    console.print(f"[green]{len(jobs)} row{'s' * (len(jobs) != 1)}, no fault.[/]")


@app.command()
def status(
    batch: Annotated[str | None, typer.Argument(help="Default: the newest.", show_default=False)] = None,
    workspace: Workspace = Path("workspace"),
) -> None:
    """Show how far a batch is, or how it ended: also of one that runs, or whose process died."""
    from flows.screen import table_of
    from tasks.report import batches, report

    ledger = workspace / "ledger"
    names = batches(ledger)
    if not names and batch is None:
        raise BadInput(f"{workspace} holds no batches yet", "Submit a manifest with this workspace.")
    told = report(ledger, batch or names[0])
    Console().print(table_of(told))
    if len(names) > 1 and batch is None:
        Console().print(f"Older batches: {', '.join(names[1:6])}", highlight=False)


@app.command()
def nightly(
    inbox: Annotated[Path, typer.Argument(help="Folder of manifests.", exists=True, file_okay=False)],
    workspace: Workspace = Path("workspace"),
    cron: Annotated[str, typer.Option(help="When to begin.")] = "0 20 * * *",
    until: Annotated[str, typer.Option(help="Local time after which no further batch begins.")] = "06:00",
    preset: PresetOption = None,
) -> None:
    """Render every manifest of a folder every evening, on the Prefect server that PREFECT_API_URL names."""
    _be_quiet_and_offline()
    from flows import nightly as schedule

    schedule.serve(inbox, workspace, cron, until, preset)


@app.command()
def voices() -> None:
    """List the voices that are always there. A Piper voice is named by its .onnx file."""
    from tasks import voice

    Console().print(*voice.voices(), sep="\n", highlight=False)


@app.command()
def train(
    folder: Annotated[Path, typer.Option(help="Where the state of the training is kept, to go on from.")] = Path(
        "training"
    ),
    checkpoint: Annotated[Path, typer.Option(help="Where the checkpoint is written.")] = Path("training/checkpoint"),
    steps: Annotated[
        int | None, typer.Option(min=1, help="Of the network. Default: the recipe's.", show_default=False)
    ] = None,
    footage: Annotated[
        Path | None,
        typer.Option(
            help="CSV of videos to train on: columns video, face_box. Default: drawn heads.", show_default=False
        ),
    ] = None,
) -> None:
    """Train the demo checkpoint, or go on: on drawn heads or on footage, on this CPU or on every GPU there is.

    Stop it when you like; the same command goes on from the last saved state.
    """
    _be_quiet_and_offline()
    from actalker.training.demo import Plan
    from flows.train import train_checkpoint

    plan = Plan(network_steps=steps) if steps else Plan()
    Console().print(
        f"Checkpoint: {train_checkpoint(folder, checkpoint, plan, footage)}", highlight=False, soft_wrap=True
    )


@app.command()
def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint that was trained on drawn heads.")] = DEMO_CHECKPOINT,
    clips: Annotated[int, typer.Option(min=1, help="Held-out clips.")] = 24,
    frames: Annotated[int, typer.Option(min=25, help="Frames of each, 25 a second.")] = 100,
    minute: Annotated[
        Path | None,
        typer.Option(
            help="Instead: a minute each of the bundled checkpoint through the whole pipeline, in this workspace.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Score a checkpoint on people, sentences and voices that training never saw; the table is written beside it."""
    console = Console(highlight=False)
    if minute and checkpoint != DEMO_CHECKPOINT:
        raise BadInput("--minute renders with the bundled checkpoint", "Leave CHECKPOINT or --minute out.")
    if minute:
        _be_quiet_and_offline()
        from flows.minute import markdown, render_minute

        atexit.register(_leave_nothing_running)
        table = markdown(render_minute(minute))
        (DEMO_CHECKPOINT / "minute.md").write_text(table)
        console.print(table)
        return
    from actalker.training import evaluation

    judged = evaluation.evaluate(
        checkpoint, clips, frames, lambda row: console.print(f"clip {row.clip}: mouth and sound {row.audio_open:.2f}")
    )
    evaluation.write(judged, checkpoint)
    console.print(judged.markdown())


@app.command()
def ablate(
    folder: Annotated[Path, typer.Option(help="Of a training whose encoders are trained.", exists=True)] = Path(
        "training"
    ),
    steps: Annotated[int, typer.Option(min=1, help="Of each variant.")] = 700,
    clips: Annotated[int, typer.Option(min=1, help="Held-out clips.")] = 6,
    frames: Annotated[int, typer.Option(min=25, help="Frames of each, 25 a second.")] = 50,
) -> None:
    """Train the network without each of its parts, equally long, and score it; the table is written in the folder."""
    from actalker.training import ablation
    from actalker.training.demo import Plan

    console, tables = Console(highlight=False), {}
    for name in ablation.VARIANTS:
        console.print(f"{name}: {steps} steps")
        ablation.train_variant(folder, Plan(), name, steps)
        tables[name] = ablation.score_variant(folder, Plan(), name, clips, frames)
    (folder / "ablation.md").write_text(ablation.markdown(tables))
    console.print(ablation.markdown(tables))


@weights_app.command()
def convert(
    source: Annotated[Path, typer.Option("--from", help="Published files.", exists=True, file_okay=False)],
    target: Annotated[Path, typer.Option("--to", help="Folder to write; it is made.")],
) -> None:
    """Turn the published files into safetensors with a config and digests. Every tensor is placed, or it fails."""
    from actalker.checkpoint import WeightsError
    from actalker.weights import convert as convert_files

    try:
        done = convert_files(source, target)
    except WeightsError as error:
        raise BadInput(str(error), "docs/network.md says where the files come from.") from error
    _tell_files(done.files)
    for file, names in done.unused.items():
        Console().print(f"{escape(file)}: {len(names)} tensors of networks that are not used here", highlight=False)


@weights_app.command()
def verify(
    directory: Annotated[Path, typer.Argument(help="A converted checkpoint.", exists=True, file_okay=False)],
) -> None:
    """Check the digest, the names and the shapes of every file of a checkpoint."""
    from actalker.checkpoint import WeightsError
    from actalker.checkpoint import verify as verify_files

    try:
        _tell_files(verify_files(directory))
    except WeightsError as error:
        raise BadInput(str(error), "Convert the published files again.") from error


def _tell_files(files: "Iterable[FileReport]") -> None:
    for file in files:
        told = f"{file.name}: {file.tensors} tensors, {file.parameters:,} parameters, sha256 {file.sha256}"
        Console().print(told, highlight=False, soft_wrap=True)


def _tell_doubts(console: Console, jobs: "Iterable[Job]") -> None:
    """What a person should know before the night begins, though nothing is refused for it."""
    from tasks import photograph

    for job in jobs:
        if doubt := photograph.warning(job):
            console.print(f"[yellow]row {job.row}, {escape(job.id)}:[/] {escape(doubt)}", soft_wrap=True)


def _render(
    console: Console,
    manifest: Path,
    workspace: Path,
    allow: tuple[Path, ...],
    rendering: Rendering,
    finishing: Finishing,
) -> int:
    """Run the flow and tell how it went. Returns the exit code."""
    from flows import audience
    from flows.batch import render_batch
    from flows.screen import Screen

    screen = Screen(console)
    audience.watcher.set(screen)
    try:
        with screen:
            state = render_batch(manifest, workspace, allow, rendering, finishing, return_state=True)
    except KeyboardInterrupt:
        console.print("Interrupted. Submit the same manifest again to go on where it was.")
        return INTERRUPTED
    if not screen.batch_id:
        state.result()  # raises: the batch never began
    for line in _summary(screen.batch_id, workspace):
        console.print(line, soft_wrap=True)
    return DONE if state.is_completed() else FAILED


def _summary(batch_id: str, workspace: Path) -> list[str]:
    videos = workspace / "videos" / batch_id
    return [
        f"Videos and captions: {escape(str(videos))}/<id>/",
        f"Ledger:              {escape(str(workspace / 'ledger'))}",
        f"Log:                 {escape(str(workspace / 'batches' / batch_id / 'log.txt'))}",
    ]


def _be_quiet_and_offline() -> None:
    for name, value in QUIET_AND_OFFLINE.items():
        os.environ.setdefault(name, value)


def _leave_nothing_running() -> None:
    from tasks import processes

    processes.forget(processes.state_folder())


def _interrupt(*_: object) -> None:
    """End as Ctrl-C would: everything that was started is ended, and the journal is whole."""
    raise KeyboardInterrupt


def main() -> None:
    """The entry point: refusals are told in words, without a traceback."""
    try:
        app()
    except ManifestRefused as refused:
        count = len(refused.faults)
        _refuse(f"Refused: {count} fault{'s' * (count != 1)}, nothing was rendered.", *map(str, refused.faults))
    except ActalkerError as error:
        _refuse(str(error))


def _refuse(headline: str, *lines: str) -> NoReturn:
    console = Console(stderr=True, highlight=False)
    console.print(f"[red]{escape(headline)}[/]", soft_wrap=True)
    for line in lines:
        console.print(escape(line), soft_wrap=True)
    sys.exit(REFUSED)
