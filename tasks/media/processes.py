"""What this process has started, written down, so that nothing of it outlives us.

A driver that ends as it should, by Ctrl-C or by SIGTERM takes its children along. One that is killed with -9 cannot:
two of Ray's agents and Prefect's server stay behind. They are known by pid and start time, and the next command ends
them. The records are of one machine and one user, so they lie in the machine's temporary folder, one folder a driver:

/tmp/actalker-<uid>/<pid>/
  processes.json      our own start time, and pid, start time and name of what we started
  ray-1f2e/           Ray's session: sockets and logs
"""

import json
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

START_TOLERANCE_S = 1.0
"""Start times of the same process read twice differ by the drift of the clock; a pid is not used again so soon."""

END_LIMIT_S = 5.0
"""How long killed processes may take to vanish."""


def state_folder() -> Path:
    """Where the records of this user's drivers lie. Under /tmp in any case: Ray's socket paths end at 107 bytes.

    Raises:
        PermissionError: Somebody else has made a folder of that name.
    """
    folder = Path("/tmp") / f"actalker-{os.getuid()}"  # noqa: S108 - made below, for this user alone
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077:
        raise PermissionError(f"{folder} is not this user's alone: remove it, or ask its owner to")
    return folder


def own_folder(state: Path) -> Path:
    """This process's folder, made when it is not there."""
    folder = state / str(os.getpid())
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def kept_in_order(state: Path) -> Iterator[tuple[str, ...]]:
    """For the length of a command: what dead ones left is ended first, what is left of ours is ended last.

    Yields:
        See `reap`.
    """
    reaped = reap(state)
    try:
        yield reaped
    finally:
        forget(state)


def remember(state: Path) -> None:
    """Write down every process that descends from this one, besides those that were written down before."""
    record = own_folder(state) / "processes.json"
    known = {} if not record.exists() else {line["pid"]: line for line in json.loads(record.read_text())["started"]}
    for child in psutil.Process().children(recursive=True):
        try:
            known[child.pid] = {"pid": child.pid, "created_s": child.create_time(), "name": child.name()}
        except psutil.NoSuchProcess:
            continue  # it was short-lived
    whole = {"host": platform.node(), "created_s": psutil.Process().create_time(), "started": list(known.values())}
    temporary = record.with_suffix(".new")
    temporary.write_text(json.dumps(whole))
    temporary.rename(record)


def forget(state: Path) -> None:
    """End what is left of the processes that were written down, Prefect's server among them, and remove the record.

    For the end of a command, not of a pool.
    """
    _clear(state / str(os.getpid()))


def reap(state: Path) -> tuple[str, ...]:
    """End what dead drivers have left running, and remove their folders.

    Returns:
        The names of the processes that had to be ended, `name (pid)`.
    """
    ended: list[str] = []
    for folder in state.iterdir():
        if not folder.name.isdigit() or _driver_lives(folder):
            continue
        ended += _clear(folder)
    return tuple(ended)


def _driver_lives(folder: Path) -> bool:
    record = folder / "processes.json"
    if not record.exists():
        return psutil.pid_exists(int(folder.name))
    line = json.loads(record.read_text())
    elsewhere = line["host"] != platform.node()  # a container that shares this folder: its pids are not ours
    return elsewhere or _find(int(folder.name), line["created_s"]) is not None


def _clear(folder: Path) -> list[str]:
    record = folder / "processes.json"
    started = json.loads(record.read_text())["started"] if record.exists() else []
    left = [process for line in started if (process := _find(line["pid"], line["created_s"]))]
    names = {line["pid"]: line["name"] for line in started}
    for process in left:
        process.kill()
    psutil.wait_procs(left, timeout=END_LIMIT_S)
    shutil.rmtree(folder, ignore_errors=True)
    return [f"{names[process.pid]} ({process.pid})" for process in left]


def _find(pid: int, created_s: float) -> psutil.Process | None:
    """The process of this pid, if it still is the one that started then, and is no zombie."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - created_s) < START_TOLERANCE_S
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None
