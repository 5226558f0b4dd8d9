"""The schedule: every evening, every manifest in a folder is rendered, one batch after the other."""

from datetime import datetime, time, timedelta
from pathlib import Path

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.settings import get_current_settings
from prefect.states import Completed, Failed

from flows.batch import render_batch
from flows.options import RenderOptions
from tasks.check import check
from tasks.errors import BadInput
from tasks.manifest.form import SUFFIXES


@flow(name="nightly", persist_result=False, validate_parameters=False)
def render_night(inbox: Path, workspace: Path, until: str = "06:00", preset: str | None = None) -> State[None]:
    """Render every manifest of a folder. What earlier nights have finished costs a look; what they broke off goes on.

    Args:
        until: Local time after which no further batch begins; one that runs is finished.
        preset: For rows that name none, as in `RenderOptions`.
    """
    inbox, workspace = Path(inbox), Path(workspace)  # a schedule keeps its parameters as JSON
    rendering = RenderOptions.of(preset)
    ends = window_end(datetime.now().astimezone(), until)
    failed, waiting = [], []
    for manifest in manifests(inbox):
        if datetime.now().astimezone() >= ends:
            waiting.append(manifest.name)
        elif not _rendered(manifest, workspace, rendering):
            failed.append(manifest.name)
    if not failed and not waiting:
        return Completed(message="Every manifest is done.")
    return Failed(
        message=f"failed: {', '.join(failed) or 'none'}; not begun by {until}: {', '.join(waiting) or 'none'}"
    )


def _rendered(manifest: Path, workspace: Path, rendering: RenderOptions) -> bool:
    """Check and render one manifest. Whether all of its rows are done."""
    checked = check(manifest, (), rendering.default_preset, return_state=True)
    if not checked.is_completed():
        return False
    return render_batch(checked.result(), workspace, rendering, return_state=True).is_completed()


def manifests(inbox: Path) -> list[Path]:
    """The manifests of a folder, oldest first. `~$night.xlsx` is there while Excel has night.xlsx open."""
    hidden = (".", "~$")
    found = [path for path in inbox.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(hidden)]
    return sorted(found, key=lambda path: (path.lstat().st_mtime, path.name))


def window_end(now: datetime, until: str) -> datetime:
    """The next time that the clock shows `until`.

    Raises:
        BadInput: When it is not a time of the day.
    """
    try:
        end = datetime.combine(now.date(), time.fromisoformat(until), now.tzinfo)
    except ValueError as error:
        raise BadInput(f"{until!r} is not a time of the day", "Write it like 06:00.") from error
    return end if end > now else end + timedelta(days=1)


def serve(inbox: Path, workspace: Path, cron: str, until: str, preset: str | None) -> None:
    """Register the schedule with the Prefect server, and run its flows here, one at a time, until stopped.

    Raises:
        BadInput: No server is named: an embedded one would end with this process, and its schedule with it.
    """
    if get_current_settings().api.url is None:
        remedy = "Start one with `prefect server start` and set PREFECT_API_URL=http://127.0.0.1:4200/api."
        raise BadInput("a schedule needs a Prefect server that outlives this command", remedy)
    window_end(datetime.now().astimezone(), until)
    parameters = {
        "inbox": str(inbox.resolve()),
        "workspace": str(workspace.resolve()),
        "until": until,
        "preset": preset,
    }
    render_night.serve(name=inbox.resolve().name, cron=cron, parameters=parameters, limit=1, pause_on_shutdown=False)
