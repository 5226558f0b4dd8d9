"""The commands about voices: which there are, and how something sounds."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from flows.output import Json, console_of, print_json
from tasks.errors import BadInput

app = typer.Typer()


@app.command()
def voices(
    language: Annotated[
        str | None, typer.Argument(help="Those of a language only, such as de or pt-br.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """List the voices: name, language, kind, size, and whether it is here.

    English rows without a voice speak with hibari, others with the espeak-ng voice of their language. Kokoro's voices
    speak the language of their row. A speed in words per minute may follow a name: hibari@140.
    """
    from tasks.speech import catalogue

    found = catalogue.voices_of(language) if language else tuple(catalogue.voices())
    if not found:
        raise BadInput(f"there is no voice for {language!r}", "`actalker voices` lists all.")
    if as_json:
        print_json([{**asdict(listed), "here": not listed.missing} for listed in found])
        return
    caption = "Kokoro's five voices share one package, and so do those of espeak-ng."
    table = Table("voice", "language", "kind", "size", "here", caption=caption)
    for listed in found:
        size = f"{listed.megabytes} MB" if listed.megabytes else "its file's"
        here = f"no: {listed.missing}" if listed.missing else "yes"
        table.add_row(*map(escape, (listed.name, listed.language, listed.kind, size, here)))
    Console(highlight=False).print(table)


@app.command()
def say(
    text: Annotated[str, typer.Argument(help="What to say, as in a script.", show_default=False)] = "",
    voice: Annotated[str, typer.Option(help="A voice's name; `actalker voices` lists them.", show_default=False)] = "",
    language: Annotated[str, typer.Option(help="Such as en or pt-BR. Default: found.", show_default=False)] = "",
    lexicon: Annotated[Path | None, typer.Option(help="Pronunciation file (CSV or PLS).", show_default=False)] = None,
    row: Annotated[
        str, typer.Option(metavar="MANIFEST:ID", help="Say the script of a manifest's row.", show_default=False)
    ] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="WAV file to write.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Speak, and print what is said for each word and when. Nothing is rendered.

    actalker say "Dr. Smith paid $4.5 million on 11/26/2026." -o x.wav

    actalker say --row night.csv:lesson-1 -o lesson-1.wav
    """
    from flows.say import job_of_row, job_of_text, spoken

    job, warnings = (
        job_of_row(row, text, voice, language, lexicon) if row else job_of_text(text, voice, language, lexicon)
    )
    console = console_of(as_json)
    for warning in warnings:
        console.print(f"[yellow]{escape(warning)}[/]", soft_wrap=True)
    words = spoken(job, output)
    if as_json:
        print_json({"voice": job.voice, "language": job.language, "words": words, "sound": output})
        return
    table = Table("from", "to", "written", "spoken")
    for word in words:
        table.add_row(
            f"{word.start_ms / 1000:.3f} s", f"{word.end_ms / 1000:.3f} s", escape(word.written), escape(word.said)
        )
    console.print(table)
    console.print(f"{len(words)} words by {escape(job.voice)}, language {job.language}.")
    if output:
        console.print(f"Written: {escape(str(output))}", soft_wrap=True)
