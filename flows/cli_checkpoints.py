"""The commands that train, convert and evaluate checkpoints. Each imports what it needs: some libraries are slow."""

import atexit
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from flows.environment import be_quiet_and_offline, leave_nothing_running
from flows.options import DEMO_CHECKPOINT
from flows.output import Json, console_of, print_json
from tasks.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actalker.checkpoint import FileReport

app = typer.Typer()
weights_app = typer.Typer(help="Convert the published weights, and verify what was converted.", no_args_is_help=True)
app.add_typer(weights_app, name="weights")


@app.command()
def train(
    folder: Annotated[Path, typer.Option(help="Where the state of the training is kept, to go on from.")] = Path(
        "training"
    ),
    checkpoint: Annotated[Path, typer.Option(help="Where the checkpoint is written.")] = Path("training/checkpoint"),
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Of the network, before it is deepened. Default: the recipe's.", show_default=False),
    ] = None,
    footage: Annotated[
        Path | None,
        typer.Option(
            help="CSV of videos to train on: columns video, face_box. Default: drawn heads.", show_default=False
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            help="Checkpoint to begin with: its network and finish are trained on. Default: from nothing.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
) -> None:
    """Train the demo checkpoint, or go on: on drawn heads or on footage, on this CPU or on every GPU there is.

    Stop it when you like; the same command goes on from the last saved state.
    """
    be_quiet_and_offline()
    from actalker.training.demo import Plan
    from actalker.training.start import another_cycle
    from flows.screen import TrainingScreen
    from flows.train import train_checkpoint

    plan = Plan(network_steps=steps) if steps else Plan()
    if start:
        plan = another_cycle(plan)
    with TrainingScreen(Console(highlight=False)) as screen:
        made = train_checkpoint(folder, checkpoint, plan, footage, screen.on_step, start)
    screen.console.print(f"Checkpoint: {made}", soft_wrap=True)


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
    voices: Annotated[
        bool, typer.Option("--voices", help="Instead: only by kind of voice, which follows the clips otherwise.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Score a checkpoint on people, sentences and voices that training never saw; then by kind of voice.

    The tables are written beside the checkpoint; that of other clips than the usual ones is only shown.
    """
    console = console_of(as_json)
    if minute and checkpoint != DEMO_CHECKPOINT:
        raise BadInput("--minute renders with the bundled checkpoint", "Leave CHECKPOINT or --minute out.")
    if minute:
        be_quiet_and_offline()
        from flows import observer
        from flows.pipeline_evaluation import evaluate_pipeline, markdown
        from flows.screen import Screen

        atexit.register(leave_nothing_running)
        with Screen(console) as screen:
            observer.current.set(screen)
            minutes = evaluate_pipeline(minute)
        (DEMO_CHECKPOINT / "minute.md").write_text(markdown(minutes))
        if as_json:
            print_json(minutes)
        else:
            console.print(markdown(minutes), soft_wrap=True)
        return
    from actalker.training import evaluation, listening, scores

    verified(checkpoint, "Scores are of a whole checkpoint: train it again, or give another.")
    reports: dict[str, object] = {}
    usual = (clips, frames) == (evaluation.CLIPS, evaluation.FRAMES)
    if not voices:
        scored = evaluation.evaluate(
            checkpoint,
            clips,
            frames,
            lambda row: console.print(f"clip {row.clip}: mouth and sound {row.audio_open:.2f}"),
        )
        if usual:
            scores.write(scored, checkpoint)
        console.print(scored.markdown())
        reports["clips"] = scored.document()
    if voices or usual:
        heard = listening.evaluate_voices(checkpoint, on_voice=lambda voice: console.print(f"voice {voice}"))
        listening.write(heard, checkpoint)
        console.print(heard.markdown(), soft_wrap=True)
        reports["voices"] = heard.document()
    if as_json:
        print_json(reports)


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

    console, tables, plan = Console(highlight=False), {}, Plan().shallow()
    for name in ablation.VARIANTS:
        console.print(f"{name}: {steps} steps")
        ablation.train_variant(folder, plan, name, steps)
        tables[name] = ablation.score_variant(folder, plan, name, clips, frames)
    (folder / "ablation.md").write_text(ablation.markdown(tables))
    console.print(ablation.markdown(tables), soft_wrap=True)


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
    _print_files(done.files)
    for file, names in done.unused.items():
        Console().print(f"{escape(file)}: {len(names)} tensors of networks that are not used here", highlight=False)


@weights_app.command()
def verify(
    directory: Annotated[Path, typer.Argument(help="A converted checkpoint.", exists=True, file_okay=False)],
    as_json: Json = False,
) -> None:
    """Check the digest, the names and the shapes of every file of a checkpoint."""
    files = verified(directory, "Convert the published files again.")
    if as_json:
        print_json(files)
    else:
        _print_files(files)


def verified(directory: Path, remedy: str) -> "tuple[FileReport, ...]":
    """The files of a checkpoint. Raises BadInput unless all are what its config says."""
    from actalker.checkpoint import WeightsError
    from actalker.checkpoint import verify as verify_files

    try:
        return tuple(verify_files(directory))
    except WeightsError as error:
        raise BadInput(str(error), remedy) from error


def _print_files(files: "Iterable[FileReport]") -> None:
    for file in files:
        line = f"{file.name}: {file.tensors} tensors, {file.parameters:,} parameters, sha256 {file.sha256}"
        Console().print(line, highlight=False, soft_wrap=True)
