"""The command that checks a finished video, whoever made it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.output import Json, print_json
from tasks.quality_control.judge import judge, load

FOUND = 3

app = typer.Typer()


@app.command("check-video")
def check_video(
    video: Annotated[Path, typer.Argument(help="A video of a talking head, with its captions.", show_default=False)],
    quality_control: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE|CHECK.KEY=VALUE", help="Other limits: a TOML file, or one such as jump.most=9."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure a finished video, and say what is wrong with it. Exit code 3 when something is.

    Its portrait is not known: likeness, colour and sharpness are not measured (docs/quality-control.md).
    """
    from tasks.media import timed_text
    from tasks.quality_control.measure import measure_video

    thresholds = load(quality_control or ())
    cues = [(start_ms, end_ms) for start_ms, end_ms, _ in timed_text.read(video)]
    verdicts = judge(measure_video(video, cues=cues), thresholds)
    wrong = [verdict for verdict in verdicts if not verdict.ok]
    if as_json:
        print_json(verdicts)
        raise typer.Exit(FOUND if wrong else 0)
    table = Table("check", "value", "limit", "")
    for verdict in verdicts:
        sign = "[green]ok[/]" if verdict.ok else "[red]look[/]"
        table.add_row(verdict.check, f"{verdict.value:.3g}", f"{verdict.limit:g}", sign)
    console = Console(highlight=False)
    console.print(table)
    for verdict in wrong:
        console.print(f"[red]{escape(verdict.message)}[/]", soft_wrap=True)
    raise typer.Exit(FOUND if wrong else 0)
