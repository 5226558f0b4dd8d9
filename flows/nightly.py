"""The schedule: every evening, every manifest in a folder is rendered, one batch after the other."""

import json
import logging
import os
import time as clock
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.settings import get_current_settings
from prefect.states import Completed, Failed

from flows.batch import render_batch
from flows.options import BatchOptions
from tasks.errors import ActalkerError, BadInput, ManifestRefused
from tasks.manifest.form import SUFFIXES
from tasks.manifest.intake import check_manifest
from tasks.records import checked_json
from tasks.records.store import Store, digest_file, write_text

ROOTS = "ACTALKER_ROOTS"
"""Folders, separated as in PATH, outside of which a scheduled run reads and writes nothing. On a shared Prefect server
anybody may start a deployment with parameters of their own."""

SETTLE_S = 5.0
"""A manifest that changes within this time is still being copied: it is left for the next night."""

MAX_NIGHTS = 3
"""A manifest that is refused, or whose rows fail, so often is not tried again until it is edited."""

log = logging.getLogger("tasks.nightly")


@flow(name="nightly", persist_result=False, validate_parameters=False)
def render_night(
    inbox: Path, workspace: Path, until: str = "06:00", options: Mapping[str, Any] | None = None
) -> State[None]:
    """Render every manifest of a folder. What earlier nights have finished costs a look; what they broke off goes on.

    A run that begins after its window, because the machine was down or another night took longer, does nothing.

    Args:
        until: Local time after which no further batch begins; one that runs is finished.
        options: See `flows.options.BatchOptions`.
    """
    inbox, workspace = Path(inbox), Path(workspace)  # a schedule keeps its parameters as JSON
    chosen = BatchOptions.of(options or {})
    check_roots([inbox, workspace, *(Path(path) for path in (chosen.weights, chosen.music) if path)])
    ends = window_end(_scheduled_start(), until)
    if _now() >= ends:
        return Completed(message=f"Missed: the window of this run was over at {ends:%Y-%m-%d %H:%M}.")
    nights = Nights(Store(workspace))
    results: dict[str, list[str]] = {"failed": [], f"not begun by {until}": [], "still being copied": []}
    for manifest, complete in settled(manifests(inbox)).items():
        if not complete:
            results["still being copied"].append(manifest.name)
        elif _now() >= ends:
            results[f"not begun by {until}"].append(manifest.name)
        elif not nights.render(manifest, workspace, chosen):
            results["failed"].append(manifest.name)
    problems = [f"{what}: {', '.join(names)}" for what, names in results.items() if names]
    return Failed(message="; ".join(problems)) if problems else Completed(message="Every manifest is done.")


class Nights:
    """How often each manifest has failed, kept in `ledger/nights.json` of the workspace."""

    def __init__(self, store: Store) -> None:
        self._path, self._refused = store.ledger / "nights.json", store.root / "refused"
        try:
            self._failures: dict[str, Any] = checked_json.loads(self._path.read_bytes(), required=True)
        except (OSError, checked_json.DamagedJson):
            self._failures = {}  # then each is tried anew

    def render(self, manifest: Path, workspace: Path, options: BatchOptions) -> bool:
        """Check and render one manifest, unless it has failed too often. Whether all of its rows are done."""
        key = f"{manifest.name} {digest_file(manifest)}"
        failures = int(self._failures.get(key, 0))
        if failures >= MAX_NIGHTS:
            log.error("%s failed in %d nights and is not tried again until it is edited", manifest.name, failures)
            return False
        done = self._tried(manifest, workspace, options)
        self._failures.pop(key, None)
        if not done:
            self._failures[key] = failures + 1
        write_text(self._path, checked_json.dumps(self._failures))
        return done

    def _tried(self, manifest: Path, workspace: Path, options: BatchOptions) -> bool:
        report = self._refused / f"{manifest.name}.txt"
        try:
            rendering, finishing = options.rendering, options.finishing
            checked = check_manifest(manifest, (), rendering.default_preset)
        except ActalkerError as error:
            faults = error.faults if isinstance(error, ManifestRefused) else (error,)
            for fault in faults:
                log.error("%s: %s", manifest.name, fault)
            self._refused.mkdir(exist_ok=True)
            write_text(report, "".join(f"{fault}\n" for fault in faults))
            return False
        report.unlink(missing_ok=True)
        return render_batch(checked, workspace, rendering, finishing, return_state=True).is_completed()


def manifests(inbox: Path) -> list[Path]:
    """The manifests of a folder, oldest first. `~$night.xlsx` is there while Excel has night.xlsx open."""
    hidden = (".", "~$")
    found = [path for path in inbox.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(hidden)]
    return sorted(found, key=lambda path: (path.lstat().st_mtime, path.name))


def settled(paths: list[Path], settle_s: float = SETTLE_S) -> dict[Path, bool]:
    """Whether each file is complete: it does not change while it is watched."""
    before = {path: _state_of(path) for path in paths}
    if paths:
        clock.sleep(settle_s)
    return {path: state is not None and state == _state_of(path) for path, state in before.items()}


def _state_of(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


def check_roots(paths: list[Path]) -> None:
    """See that a scheduled run stays below the folders that its operator has named, if any.

    Raises:
        BadInput: A path lies outside of all of them.
    """
    roots = [Path(root).resolve() for root in os.environ.get(ROOTS, "").split(os.pathsep) if root]
    for path in paths:
        if roots and not any(path.resolve().is_relative_to(root) for root in roots):
            raise BadInput(f"{path} is outside of the folders that {ROOTS} names", "Have its operator add it there.")


def _now() -> datetime:
    return datetime.now().astimezone()


def _scheduled_start() -> datetime:
    """When this run should have begun."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return run.expected_start_time.astimezone() if run and run.expected_start_time else _now()


def window_end(start: datetime, until: str) -> datetime:
    """The next time that the clock shows `until`.

    Raises:
        BadInput: When it is not a time of the day.
    """
    try:
        end = datetime.combine(start.date(), time.fromisoformat(until), start.tzinfo)
    except ValueError as error:
        raise BadInput(f"{until!r} is not a time of the day", "Write it like 06:00.") from error
    return end if end > start else end + timedelta(days=1)


def serve(inbox: Path, workspace: Path, cron: str, until: str, options: BatchOptions) -> None:
    """Register the schedule with the Prefect server, and run its flows here, one at a time, until stopped.

    Raises:
        BadInput: No server is named: an embedded one would end with this process, and its schedule with it. Or an
            option cannot be kept.
    """
    if get_current_settings().api.url is None:
        remedy = "Start one with `prefect server start` and set PREFECT_API_URL=http://127.0.0.1:4200/api."
        raise BadInput("a schedule needs a Prefect server that outlives this command", remedy)
    window_end(_now(), until)
    options.finishing.check()
    inbox, workspace = inbox.resolve(), workspace.resolve()
    named = [Path(path).resolve() for path in (options.weights, options.music) if path]
    os.environ.setdefault(ROOTS, os.pathsep.join(str(path) for path in (inbox, workspace, *named)))
    parameters = {
        "inbox": str(inbox),
        "workspace": str(workspace),
        "until": until,
        "options": json.loads(json.dumps(asdict(options))),
    }
    render_night.serve(name=inbox.name, cron=cron, parameters=parameters, limit=1, pause_on_shutdown=False)
