"""The scheduled flow: the manifests of an inbox, one batch after the other, between two times of the day."""

import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import State, StateType
from prefect.context import FlowRunContext
from prefect.settings import get_current_settings
from prefect.states import Cancelled, Completed, Failed

from flows import command
from flows.batch import render_batch
from flows.batch_name import batch_name, finishing_settings
from flows.inbox import Inbox
from flows.options import BatchOptions, RunOptions
from tasks.errors import ActalkerError, BadInput
from tasks.job import Outcome
from tasks.manifest.intake import CheckedManifest, check_manifest
from tasks.records import checked_json, orders
from tasks.records.follow import report
from tasks.records.report import DONE, BatchReport
from tasks.records.store import Store, digest_file, write_text

ROOTS = "ACTALKER_ROOTS"
"""Folders, separated as in PATH, outside of which a scheduled run reads and writes nothing. On a shared Prefect server
anybody may start a deployment with parameters of their own."""

MAX_NIGHTS = 3
"""Rows that fail are tried again in so many nights in all, where another try can help."""

PATIENCE = timedelta(minutes=10)
"""So long a night waits for files that are being copied into the inbox."""

NO_TRY_HELPS = frozenset({"BadInput", "WordsNotFound", "ManifestRefused"})
"""Errors of what comes from outside: the same file fails again."""

log = logging.getLogger("tasks.nightly")


@flow(name="nightly", persist_result=False, validate_parameters=False)
def render_night(
    inbox: Path, workspace: Path, until: str = "06:00", options: Mapping[str, Any] | None = None
) -> State[None]:
    """Render the manifests of an inbox, those too that are dropped meanwhile. What is not done goes on the next night.

    A run that begins after its window, because the machine was down or another night took longer, does nothing, and
    the first one that begins takes the place of all that are late.

    Args:
        until: Local time after which no further segment begins. What is being rendered is finished.
        options: See `flows.options.BatchOptions`; `actalker.toml` in the inbox goes before them.
    """
    inbox, workspace = Path(inbox), Path(workspace)  # a schedule keeps its parameters as JSON
    _replace_late_runs()
    chosen = Inbox(inbox).options(BatchOptions.of(options or {}))
    check_roots([inbox, workspace, *_named(chosen)])
    ends = window_end(_scheduled_start(), until)
    if _now() >= ends:
        return Completed(message=f"Missed: the window of this run was over at {ends:%Y-%m-%d %H:%M}.")
    night = Night(Inbox(inbox), Store(workspace), chosen, ends)
    night.render_all()
    return night.final_state()


@dataclass
class Night:
    """One run over an inbox.

    Attributes:
        failures: Name and digest of a manifest -> in how many nights rows of it have failed; kept in the workspace.
        results: What became of manifests -> their names.
    """

    inbox: Inbox
    store: Store
    options: BatchOptions
    ends: datetime
    failures: dict[str, Any] = field(init=False)
    results: dict[str, list[str]] = field(default_factory=dict)
    _checked: dict[str, CheckedManifest] = field(default_factory=dict)
    _tried: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        try:
            self.failures = checked_json.loads(self._failures_path.read_bytes(), required=True)
        except (OSError, checked_json.DamagedJson):
            self.failures = {}  # then each is tried anew

    def render_all(self) -> None:
        """Render what waits, the most urgent batch first, until nothing waits or the window ends.

        What is being copied is waited for, for a while.
        """
        looked = _now()
        while _now() < self.ends:
            if waiting := self._waiting():
                key, manifest = waiting[0]
                self._tried.add(key)
                if self._is_done(manifest):
                    self._note("done", manifest)
                looked = _now()
            elif not self.inbox.changing or _now() - looked > PATIENCE:
                break
        self.results["still being copied"] = sorted(
            {path.name for path in self.inbox.manifests()} - {key.partition(" ")[0] for key in self._checked}
        )
        self.results[f"not begun by {self.ends:%H:%M}"] = [
            manifest.path.name for key, manifest in self._checked.items() if key not in self._tried
        ]

    def final_state(self) -> State[None]:
        """What Prefect shows of this night."""
        problems = [f"{what}: {', '.join(names)}" for what, names in self.results.items() if names and what != "done"]
        if problems:
            return Failed(message="; ".join(problems))
        done = len(self.results.get("done", []))
        return Completed(message=f"Every manifest is done: {done}." if done else "The inbox was empty.")

    def _waiting(self) -> list[tuple[str, CheckedManifest]]:
        """The manifests that are complete, sound and not tried yet: by priority of their batches, then by age."""
        ready = []
        for path in self.inbox.complete():
            try:
                key = f"{path.name} {digest_file(path)}"
            except OSError:
                continue  # it was taken away
            if key in self._tried:
                continue
            if key not in self._checked:
                try:
                    self._checked[key] = self._check(path)
                except ActalkerError as error:
                    if not self.inbox.changing:  # else what it lacks may be on its way
                        self._refuse(path, error)
                    continue
            ready.append((key, self._checked[key]))
        return sorted(ready, key=lambda entry: -self._priority(entry[1]))  # keeps the order of those alike

    def _check(self, path: Path) -> CheckedManifest:
        rendering = self.options.rendering
        defaults = rendering.defaults(self.options.default_lexicon)
        allow = tuple(Path(folder) for folder in self.options.allow)
        return check_manifest(path, allow, defaults, require_consent=rendering.require_consent)

    def _refuse(self, path: Path, error: ActalkerError) -> None:
        target = self.inbox.refuse(path, error)
        log.error("%s is refused, see %s: %s", path.name, target, error)
        self.results.setdefault("refused", []).append(path.name)

    def _batch_id(self, manifest: CheckedManifest) -> str:
        return batch_name(manifest, finishing_settings(self.options.finishing))

    def _priority(self, manifest: CheckedManifest) -> int:
        given = orders.given(orders.path_of(self.store.root, self._batch_id(manifest)))
        return orders.steering_of(given).priority

    def _is_done(self, manifest: CheckedManifest) -> bool:
        """Render one manifest, and put it where it belongs. Whether nothing of it is left to do."""
        options, key = self.options, f"{manifest.path.name} {digest_file(manifest.path)}"
        run = RunOptions(self.ends, notify=options.notify)
        command.current.set(command.submit(manifest.path, self.store.root, options))
        render_batch(manifest, self.store.root, options.rendering, options.finishing, run, return_state=True)
        batch = report(self.store.root, self._batch_id(manifest))
        if batch.state in {"suspended", "interrupted"}:
            self._note("to be continued", manifest)
            return False
        failed = [row.video for row in batch.rows.values() if row.video and row.video.outcome is Outcome.FAILED]
        nights = int(self.failures.pop(key, 0)) + bool(failed or batch.error)
        helps = any(video.error_class not in NO_TRY_HELPS for video in failed) or (batch.error and not failed)
        if batch.state == "failed" and helps and nights < MAX_NIGHTS:
            self.failures[key] = nights
        write_text(self._failures_path, checked_json.dumps(self.failures))
        if key in self.failures:
            self._note("failed, to be tried again", manifest)
            return False
        if f"{manifest.path.name} {digest_file(manifest.path)}" == key:  # else it was edited: a new one
            self.inbox.finish(manifest.path, list(_summary(batch, self.store.root)))
        if batch.state != "done":
            self._note(batch.state, manifest)
        return batch.state == "done"

    def _note(self, what: str, manifest: CheckedManifest) -> None:
        self.results.setdefault(what, []).append(manifest.path.name)

    @property
    def _failures_path(self) -> Path:
        return self.store.ledger / "nights.json"


def _summary(batch: BatchReport, root: Path) -> Iterator[str]:
    """What the person who dropped a manifest wants to know."""
    yield f"{batch.id}: {batch.state}, {batch.count(*DONE)} of {len(batch.rows)} rows done."
    if batch.error:
        yield f"It ended early: {batch.error}"
    yield f"Videos: {root / 'videos' / batch.id}"
    for row in batch.rows.values():
        if row.remark:
            yield f"{row.id}, {row.state}: {row.remark}"


def _named(options: BatchOptions) -> list[Path]:
    """The files and folders that options name."""
    named = (options.weights, options.music, options.lexicon, *options.allow)
    return [Path(path) for path in named if path]


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


def _replace_late_runs() -> None:
    """Cancel the runs of this schedule that should have begun by now: this one does their work."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None:
        return
    late = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[run.deployment_id]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
        expected_start_time=FlowRunFilterExpectedStartTime(before_=_now()),  # type: ignore[arg-type]  # pydantic converts it
    )
    try:
        with get_client(sync_client=True) as client:
            for other in client.read_flow_runs(flow_run_filter=late):
                cancelled: State[None] = Cancelled(message=f"Late: the run {run.name} does its work.")
                client.set_flow_run_state(other.id, cancelled, force=True)
    except Exception as error:  # noqa: BLE001 - whatever Prefect raises: they will find nothing to do
        log.warning("late runs stay in the schedule: %s", error)


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


def once(inbox: Path, workspace: Path, until: str, options: BatchOptions) -> State[Any]:
    """Render an inbox now, here, without a schedule."""
    return render_night(inbox.resolve(), workspace.resolve(), until, asdict(options), return_state=True)


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
    inbox, workspace = inbox.resolve(), workspace.resolve()
    chosen = Inbox(inbox).options(options)
    chosen.finishing.check()
    named = [path.resolve() for path in _named(chosen)]
    os.environ.setdefault(ROOTS, os.pathsep.join(str(path) for path in (inbox, workspace, *named)))
    parameters = {
        "inbox": str(inbox),
        "workspace": str(workspace),
        "until": until,
        "options": json.loads(json.dumps(asdict(options))),
    }
    render_night.serve(name=inbox.name, cron=cron, parameters=parameters, limit=1, pause_on_shutdown=False)
