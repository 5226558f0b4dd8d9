"""The command that says what a manifest will take."""

import json
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from flows.environment import be_quiet_and_offline
from flows.options import BatchOptions
from flows.screen import clock, counted
from tasks.errors import BadInput
from tasks.job import FPS, Preset, Quality

if TYPE_CHECKING:
    from flows.estimate import Estimate
    from flows.options import RenderOptions
    from tasks.manifest.intake import CheckedManifest

app = typer.Typer()

GIGABYTE = 1e9


@app.command()
def estimate(
    manifest: Annotated[Path, typer.Argument(help="CSV with a header, an Excel workbook, or JSON Lines.")],
    workspace: Annotated[Path, typer.Option(help="Whose earlier batches are looked at.")] = Path("workspace"),
    allow: Annotated[list[Path] | None, typer.Option(help="As for submit.")] = None,
    preset: Annotated[Preset | None, typer.Option(help="As for submit.", show_default=False)] = None,
    quality: Annotated[Quality, typer.Option(help="As for submit.")] = Quality.PUBLISHED,
    weights: Annotated[Path | None, typer.Option(envvar="ACTALKER_WEIGHTS", help="As for submit.")] = None,
    ray: Annotated[str | None, typer.Option(envvar="ACTALKER_RAY", help="As for submit.")] = None,
    actors: Annotated[int | None, typer.Option(min=1, help="Render workers. Default: as before.")] = None,
    price_per_hour: Annotated[float | None, typer.Option(help="Of one worker, in whatever currency.")] = None,
    by: Annotated[str | None, typer.Option(help="Local time, like 06:00: which rows will not make it?")] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Speak and plan every row: exact lengths and segments, but slower.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Say what a manifest will take: minutes of video, segments, time, disk, cost. Nothing is rendered.

    It is learned from the earlier batches of the workspace. Where they know nothing of a preset or a voice, some
    seconds are spoken and rendered to find out.
    """
    be_quiet_and_offline()
    from flows import estimate as estimating
    from tasks.manifest.intake import check_manifest
    from tasks.records.store import Store

    options = BatchOptions(
        preset=preset,
        quality=quality,
        weights=str(weights) if weights else None,
        ray=ray,
        actors=actors,
    ).rendering
    deadline = time_of_day(by) if by else None
    console = Console(highlight=False)
    checked = check_manifest(manifest, tuple(allow or ()), options.defaults())
    with Progress(console=console, transient=True, disable=as_json or not console.is_terminal) as bars:
        bar = bars.add_task("Looking at rows", total=len(checked.jobs))
        found = estimating.estimate(
            checked,
            Store(workspace),
            options,
            exact=exact,
            on_row=lambda done, total: bars.update(bar, completed=done, total=total),
        )
    if as_json:
        typer.echo(json.dumps(facts_of(found, price_per_hour, deadline), indent=1))
        return
    for line in lines_of(found, price_per_hour, deadline):
        console.print(escape(line), soft_wrap=True)


def print_known(console: Console, manifest: "CheckedManifest", workspace: Path, rendering: "RenderOptions") -> None:
    """Print what a manifest will take, as far as earlier batches tell: nothing is spoken or rendered to find out."""
    from flows import estimate as estimating
    from tasks.records.store import Store

    found = estimating.estimate(manifest, Store(workspace), rendering, probing=False)
    for line in lines_of(found):
        if not line.startswith("Not known"):
            console.print(f"[dim]{escape(line)}[/]", soft_wrap=True)


def time_of_day(text: str) -> datetime:
    """When the clock shows this next.

    Raises:
        BadInput: It is no time of the day.
    """
    now = datetime.now().astimezone()
    try:
        at = datetime.combine(now.date(), time.fromisoformat(text), now.tzinfo)
    except ValueError as error:
        raise BadInput(f"{text!r} is not a time of the day", "Write it like 06:00.") from error
    return at if at > now else at + timedelta(days=1)


def lines_of(found: "Estimate", price_per_hour: float | None = None, by: datetime | None = None) -> list[str]:
    """An estimate in words."""
    stored, segments = sum(row.stored for row in found.rows), sum(row.segments for row in found.rows)
    guessed = sum(not row.exact for row in found.rows)
    about = "about " if guessed else ""
    lines = [
        f"{counted(len(found.rows), 'row')}, {about}{clock(found.video_s)} of video, "
        f"{about}{segments} segments, {stored} of them in the store."
    ]
    if guessed:
        lines.append(f"The length of {counted(guessed, 'row')} is guessed from the script.")
    if found.render_s is not None and found.half_s is not None and found.most_s is not None:
        half, most = (found.now + timedelta(seconds=left) for left in (found.half_s, found.most_s))
        lines += [
            f"{clock(found.render_s)} of worker time on {counted(found.workers, 'worker')}.",
            f"Done at {_at(half, found.now)}, in {clock(found.half_s)}; "
            f"nine times in ten before {_at(most, found.now)}.",
        ]
        if price_per_hour is not None:
            lines.append(
                f"Cost: {found.render_s / 3600 * price_per_hour:.2f}, at {price_per_hour} for a worker's hour."
            )
    lines += [f"Not known: {what}." for what in found.unknown]
    needed, free = found.disk_bytes / GIGABYTE, found.free_bytes / GIGABYTE
    short = " That is not enough: the batch will pause." if needed > free else ""
    least = "At least " if found.unknown else ""  # how large clips are is not known then
    lines.append(f"{least}{needed:.1f} GB of disk, {free:.1f} GB are free.{short}")
    if by and found.render_s is not None:
        late = found.late(by)
        rows = f"{counted(len(late), 'row')} will not be done: {', '.join(late[:20])}{', ...' * (len(late) > 20)}."
        lines.append(f"By {by:%H:%M} {rows if late else 'every row will be done.'}")
    return lines


def facts_of(found: "Estimate", price_per_hour: float | None, by: datetime | None) -> dict[str, object]:
    """An estimate as plain values."""
    facts: dict[str, object] = {
        "rows": len(found.rows),
        "video_seconds": round(found.video_s, 1),
        "segments": sum(row.segments for row in found.rows),
        "segments_in_store": sum(row.stored for row in found.rows),
        "workers": found.workers,
        "worker_seconds": _rounded(found.render_s),
        "seconds": _rounded(found.half_s),
        "seconds_nine_in_ten": _rounded(found.most_s),
        "disk_bytes": round(found.disk_bytes),
        "free_bytes": found.free_bytes,
        "not_known": found.unknown,
        "videos": [
            {
                "id": row.id,
                "seconds": round(row.frames / FPS, 2),
                "exact": row.exact,
                "segments": row.segments,
                "segments_in_store": row.stored,
                "worker_seconds": _rounded(row.render_s),
            }
            for row in found.rows
        ],
    }
    if found.half_s is not None:
        facts["done_at"] = (found.now + timedelta(seconds=found.half_s)).isoformat(timespec="seconds")
    if price_per_hour is not None and found.render_s is not None:
        facts["cost"] = round(found.render_s / 3600 * price_per_hour, 4)
    if by:
        facts["late"] = found.late(by)
    return facts


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _at(moment: datetime, now: datetime) -> str:
    return f"{moment:%H:%M}" if moment.date() == now.date() else f"{moment:%a %H:%M}"
