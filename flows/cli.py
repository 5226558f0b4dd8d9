"""The `actalker` command: parse, call, print. Slow libraries are imported by the commands that need them."""

import atexit
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from flows import (
    cli_checkpoints,
    cli_estimate,
    cli_gc,
    cli_ledger,
    cli_quality,
    cli_steering,
    cli_voices,
    cli_web,
)
from flows.environment import be_quiet_and_offline, collect_garbage_seldom, leave_nothing_running
from flows.options import BatchOptions, RenderOptions, RunOptions
from flows.output import Json, console_of, print_json
from tasks.errors import ActalkerError, BadInput, Fault, ManifestRefused
from tasks.job import Preset, Quality
from tasks.media.sound import Sound
from tasks.picture.aspect import BLUR, Aspect
from tasks.pool.post import Post

if TYPE_CHECKING:
    from tasks.manifest.intake import CheckedManifest

REFUSED, FAILED = 2, 3

app = typer.Typer(
    name="actalker",
    help="Turn a manifest of portraits, scripts and recordings into finished, subtitled talking-head videos.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(cli_estimate.app)
app.add_typer(cli_steering.app)
app.add_typer(cli_quality.app)
app.add_typer(cli_web.app)
app.add_typer(cli_voices.app)
app.add_typer(cli_checkpoints.app)
app.add_typer(cli_ledger.app)
app.add_typer(cli_gc.app)

Manifest = Annotated[
    Path, typer.Argument(help="CSV with a header, an Excel workbook, or JSON Lines.", show_default=False)
]
Allow = Annotated[list[Path] | None, typer.Option(help="A folder besides the manifest's own that files may lie in.")]
Workspace = Annotated[Path, typer.Option(help="Where everything is kept: videos, store, ledger.")]
PresetOption = Annotated[
    Preset | None,
    typer.Option(
        help="For rows that name none. Default: actalker with --weights, else by portrait: demo or draft.",
        show_default=False,
    ),
]
ConsentOption = Annotated[
    bool,
    typer.Option("--require-consent", help="Refuse photographs without a reference in the column consent."),
]
QualityOption = Annotated[Quality, typer.Option(help="For rows that name none: less is faster (docs/gpu.md).")]
HeadOption = Annotated[
    bool, typer.Option("--head-movement/--no-head-movement", help="Heads that nobody drives sway a little.")
]
DenoiseOption = Annotated[bool, typer.Option("--denoise", help="Take the noise out of recordings (DeepFilterNet).")]
WeightsOption = Annotated[
    Path | None,
    typer.Option(envvar="ACTALKER_WEIGHTS", help="Folder of the converted published weights.", show_default=False),
]
CompileOption = Annotated[
    bool,
    typer.Option("--compile/--no-compile", help="On GPUs: compile parts of the published network first."),
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
    typer.Option(min=1, help="Render workers. Default: what GPUs or cores give.", show_default=False),
]
PostOption = Annotated[
    Post, typer.Option(help="Where rows are spoken, stitched and assembled: here, or on Ray's nodes (docs/gpu.md).")
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
LexiconOption = Annotated[
    Path | None,
    typer.Option(help="Pronunciation file (CSV or PLS) for rows that name none.", show_default=False),
]
NotifyOption = Annotated[
    list[str] | None,
    typer.Option(metavar="URL", help="Webhook that hears of the batch; repeatable (runbook).", show_default=False),
]
LabelOption = Annotated[str, typer.Option(help="Visible text in the corner, such as 'AI-generated'.")]
MarkOption = Annotated[
    bool, typer.Option("--mark-drafts/--no-mark-drafts", help="Say in the picture of a draft that it is one.")
]
CheckQualityOption = Annotated[
    bool,
    typer.Option(
        "--check-quality/--no-check-quality", help="Measure every segment and video (docs/quality-control.md)."
    ),
]
QualityControlOption = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE|CHECK.KEY=VALUE", help="Other limits: a TOML file, or one such as likeness.least=0.7."),
]


@app.command()
def submit(
    manifest: Manifest,
    workspace: Workspace = Path("workspace"),
    allow: Allow = None,
    preset: PresetOption = None,
    quality: QualityOption = Quality.PUBLISHED,
    head_movement: HeadOption = True,
    denoise: DenoiseOption = False,
    weights: WeightsOption = None,
    compiled: CompileOption = True,
    captions: CaptionsOption = "netflix",
    burn_in: BurnInOption = False,
    highlight: HighlightOption = False,
    sound: SoundOption = Sound.COURSE,
    music: MusicOption = None,
    aspect: AspectOption = Aspect.SOURCE,
    backdrop: BackdropOption = BLUR,
    label: LabelOption = "",
    mark_drafts: MarkOption = True,
    lexicon: LexiconOption = None,
    ray: RayOption = None,
    actors: ActorsOption = None,
    post: PostOption = Post.DRIVER,
    max_failures: MaxFailuresOption = None,
    require_consent: ConsentOption = False,
    check_quality: CheckQualityOption = True,
    quality_control: QualityControlOption = None,
    notify: NotifyOption = None,
) -> None:
    """Render a batch and return when it is finished.

    Exit code 0 when every row is done, 3 when some failed, 2 when the manifest was refused. Submit the same manifest
    again to go on where it was: what is done is not rendered twice.
    """
    options = _options_of(locals())
    be_quiet_and_offline()
    console = Console(highlight=False)
    rendering, finishing = options.rendering, options.finishing
    finishing.check()
    # Refused in a second, before Prefect and Ray come up. The flow gets what was checked and does not read it again.
    checked = _checked(console, manifest, tuple(allow or ()), rendering, lexicon)
    cli_estimate.print_known(console, checked, workspace, rendering)
    atexit.register(leave_nothing_running)  # before Prefect registers the end of its server, hence after it
    from flows import submit as foreground

    run = RunOptions(notify=options.notify)
    raise typer.Exit(foreground.run(console, checked, workspace, rendering, finishing, run))


@app.command()
def check(
    manifest: Manifest,
    allow: Allow = None,
    preset: PresetOption = None,
    require_consent: ConsentOption = False,
    lexicon: LexiconOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Rows, faults and warnings as JSON.")] = False,
) -> None:
    """Check every cell and every file of a manifest, and render nothing. Exit code 2 when something is wrong.

    Also prints warnings: what is no fault but needs a look, such as a photograph for the demo network.
    """
    rendering = RenderOptions(preset, require_consent=require_consent)
    if as_json:
        raise typer.Exit(_check_as_json(manifest, tuple(allow or ()), rendering, lexicon))
    console = Console(highlight=False)
    checked = _checked(console, manifest, tuple(allow or ()), rendering, lexicon)
    rows = len(checked.jobs)
    console.print(f"[green]{rows} row{'s' * (rows != 1)}, no fault.[/]")


@app.command()
def compare(
    manifest: Manifest,
    row: Annotated[str, typer.Argument(help="The id of the row to render.", show_default=False)],
    quality: Annotated[str, typer.Option(help="Qualities, with commas between them; published is always shown.")] = (
        "balanced,fast,proof"
    ),
    seed: Annotated[list[int] | None, typer.Option(help="Repeat it for several. Default: the row's.")] = None,
    workspace: Workspace = Path("workspace"),
    allow: Allow = None,
    preset: PresetOption = None,
    weights: WeightsOption = None,
    as_json: Json = False,
) -> None:
    """Render one row in several qualities, side by side in one video, with a table of seconds and differences."""
    options = BatchOptions(preset=preset, weights=str(weights) if weights else None).rendering
    be_quiet_and_offline()
    from tasks.manifest.intake import check_manifest

    jobs = {job.id: job for job in check_manifest(manifest, tuple(allow or ()), options.defaults()).jobs}
    if row not in jobs:
        raise BadInput(f"there is no row {row!r}", f"There are: {', '.join(list(jobs)[:20])}.")
    names = [name.strip() for name in quality.split(",")]
    if unknown := [name for name in names if name not in list(Quality)]:
        raise BadInput(f"there is no quality {unknown[0]!r}", f"There are: {', '.join(Quality)}.")
    from flows.compare import compare as render_and_compare
    from tasks.renderers.comparison import markdown

    console = console_of(as_json)
    folder = workspace / "compare" / row
    compared = render_and_compare(
        jobs[row],
        [Quality(name) for name in names],
        seed or [jobs[row].seed],
        options.weights,
        folder,
        len(os.sched_getaffinity(0)),
        console.print,
    )
    if as_json:
        print_json({"video": folder / "compare.mp4", "renderings": compared})
        return
    console.print(markdown(compared), f"Video: {folder / 'compare.mp4'}", soft_wrap=True)


@app.command()
def nightly(
    inbox: Annotated[Path, typer.Argument(help="Folder of manifests.", exists=True, file_okay=False)],
    workspace: Workspace = Path("workspace"),
    cron: Annotated[str, typer.Option(help="When to begin.")] = "0 20 * * *",
    until: Annotated[str, typer.Option(help="Local time after which no further segment begins.")] = "06:00",
    once: Annotated[bool, typer.Option("--once", help="Now, and here, without a schedule or a server.")] = False,
    allow: Allow = None,
    preset: PresetOption = None,
    quality: QualityOption = Quality.PUBLISHED,
    head_movement: HeadOption = True,
    denoise: DenoiseOption = False,
    weights: WeightsOption = None,
    compiled: CompileOption = True,
    captions: CaptionsOption = "netflix",
    burn_in: BurnInOption = False,
    highlight: HighlightOption = False,
    sound: SoundOption = Sound.COURSE,
    music: MusicOption = None,
    aspect: AspectOption = Aspect.SOURCE,
    backdrop: BackdropOption = BLUR,
    label: LabelOption = "",
    mark_drafts: MarkOption = True,
    lexicon: LexiconOption = None,
    ray: RayOption = None,
    actors: ActorsOption = None,
    post: PostOption = Post.DRIVER,
    max_failures: MaxFailuresOption = None,
    require_consent: ConsentOption = False,
    check_quality: CheckQualityOption = True,
    quality_control: QualityControlOption = None,
    notify: NotifyOption = None,
) -> None:
    """Render the manifests of a folder every evening, on the Prefect server that PREFECT_API_URL names.

    A manifest is taken when it is whole, and then moved to INBOX/done, or to INBOX/refused with its faults beside it.
    What the window cuts off goes on the next night; rows that fail are tried in three nights. INBOX/actalker.toml may
    hold options for this inbox.
    """
    options = _options_of(locals())
    be_quiet_and_offline()
    from flows import nightly as schedule

    if not once:
        schedule.serve(inbox, workspace, cron, until, options)
        return
    atexit.register(leave_nothing_running)
    state = schedule.once(inbox, workspace, until, options)
    Console(highlight=False).print(escape(str(state.message)), soft_wrap=True)
    raise typer.Exit(0 if state.is_completed() else FAILED)


def _options_of(arguments: Mapping[str, object]) -> BatchOptions:
    """The options among a command's arguments, paths made absolute: a schedule runs them from another folder."""
    values = {option.name: arguments[option.name] for option in fields(BatchOptions)}
    values["notify"] = tuple(arguments["notify"] or ())  # type: ignore[arg-type]
    values["allow"] = tuple(str(folder.resolve()) for folder in arguments["allow"] or ())  # type: ignore[attr-defined]
    changes = arguments["quality_control"] or ()
    values["quality_control"] = tuple(
        str(Path(change).resolve()) if Path(change).is_file() else change
        for change in changes  # type: ignore[attr-defined]
    )
    for name in ("weights", "music", "captions", "backdrop", "lexicon"):
        value = values[name]
        if isinstance(value, Path) or (isinstance(value, str) and Path(value).is_file()):
            values[name] = str(Path(value).resolve())
    return BatchOptions.of(values)


def _checked(
    console: Console, manifest: Path, allow: tuple[Path, ...], rendering: RenderOptions, lexicon: Path | None
) -> "CheckedManifest":
    """Check a manifest with a bar on a terminal, and print its warnings: what is no fault but needs a look."""
    from rich.progress import Progress

    from tasks.manifest.intake import check_manifest

    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task("Looking at portraits", total=None, visible=False)
        checked = check_manifest(
            manifest,
            allow,
            rendering.defaults(lexicon),
            require_consent=rendering.require_consent,
            on_progress=lambda done, total: bars.update(bar, completed=done, total=total, visible=True),
        )
    for warning in checked.warnings:
        console.print(f"[yellow]{escape(warning)}[/]", soft_wrap=True)
    return checked


def _check_as_json(manifest: Path, allow: tuple[Path, ...], rendering: RenderOptions, lexicon: Path | None) -> int:
    """Print what a check finds. Returns the exit code."""
    from tasks.manifest.intake import check_manifest

    rows = 0
    faults: tuple[Fault, ...] = ()
    warnings: tuple[str, ...] = ()
    try:
        checked = check_manifest(
            manifest, allow, rendering.defaults(lexicon), require_consent=rendering.require_consent
        )
        rows, warnings = len(checked.jobs), checked.warnings
    except ManifestRefused as refused:
        faults = refused.faults
    typer.echo(
        json.dumps({"rows": rows, "faults": [asdict(fault) for fault in faults], "warnings": warnings}, indent=1)
    )
    return REFUSED if faults else 0


def main() -> None:
    """The entry point: a refusal is printed in words, without a traceback."""
    collect_garbage_seldom()
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
