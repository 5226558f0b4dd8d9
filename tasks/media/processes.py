"""The processes that a driver has started, recorded so that none of them outlives it.

A driver that ends as it should, by Ctrl-C or by SIGTERM takes its children along. One that is killed with -9 cannot:
two of Ray's agents and Prefect's server stay behind. They are known by pid and start time, and the next command ends
them. The records are of one machine and one user, so they lie in the machine's temporary folder, one folder a driver:

/tmp/actalker-<uid>/<pid>/
  lock                locked for as long as the driver lives
  processes.json      host, and pid, start time and name of what the driver started
  ray-1f2e/           Ray's session: sockets and logs

Start times are counted from the machine's start, so that a step of the clock changes none of them.
"""

import fcntl
import json
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tasks.errors import BadInput

END_LIMIT_S = 5.0
"""How long killed processes may take to vanish."""
RESOURCE_TRACKER = "multiprocessing.resource_tracker"
"""Python's helper for process pools ends with the process that uses it; without it, the next pool warns of a leak."""


def state_folder() -> Path:
    """Where the records of this user's drivers lie. Under /tmp in any case: Ray's socket paths end at 107 bytes.

    Raises:
        BadInput: Another user has made a folder of that name.
    """
    folder = Path("/tmp") / f"actalker-{os.getuid()}"  # noqa: S108 - made below, for this user alone
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077:
        raise BadInput(f"{folder} is not this user's alone", "Remove it, or ask its owner to.")
    return folder


def own_folder(state: Path) -> Path:
    """This process's folder, made and locked when it is not there."""
    folder = state / str(os.getpid())
    while folder not in _locks:
        folder.mkdir(exist_ok=True)
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:  # else `reap` has removed it before it was locked
            _locks[folder] = handle
        else:
            os.close(handle)
    return folder


_locks: dict[Path, int] = {}


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
    """Record every process that descends from this one, besides those that were recorded before."""
    record = own_folder(state) / "processes.json"
    known = {line["pid"]: line for line in _started(record)}
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess, OSError):  # it was short-lived
            if RESOURCE_TRACKER in " ".join(child.cmdline()):
                continue
            known[child.pid] = {"pid": child.pid, "start": _start_of(child.pid), "name": child.name()}
    temporary = record.with_suffix(".new")
    temporary.write_text(json.dumps({"host": platform.node(), "started": list(known.values())}))
    temporary.rename(record)


def forget(state: Path) -> None:
    """End what is left of the recorded processes, Prefect's server among them, and remove the record.

    For the end of a command, not of a pool.
    """
    folder = state / str(os.getpid())
    _clear(folder)
    if (handle := _locks.pop(folder, None)) is not None:
        os.close(handle)


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
    """Whether the driver of this folder holds its lock, or may live on another machine that shares the folder."""
    try:
        handle = os.open(folder / "lock", os.O_RDWR)
    except FileNotFoundError:
        return False  # it has been cleared, or is of an older version
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    host = _read(folder / "processes.json").get("host", platform.node())
    return bool(host != platform.node())  # a container that shares this folder: its pids are not ours


def _clear(folder: Path) -> list[str]:
    lines = _started(folder / "processes.json")
    left = [process for line in lines if (process := _find(line["pid"], line["start"]))]
    names = {line["pid"]: line["name"] for line in lines}
    for process in left:
        process.kill()
    psutil.wait_procs(left, timeout=END_LIMIT_S)
    shutil.rmtree(folder, ignore_errors=True)
    return [f"{names[process.pid]} ({process.pid})" for process in left]


def _started(record: Path) -> list[dict[str, Any]]:
    lines = _read(record).get("started")
    if not isinstance(lines, list):
        return []
    return [line for line in lines if isinstance(line, dict) and {"pid", "start", "name"} <= line.keys()]


def _read(record: Path) -> dict[str, Any]:
    """A record; empty when it is missing or cannot be read: then nobody's processes are ended by mistake."""
    try:
        facts = json.loads(record.read_bytes())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _start_of(pid: int) -> float:
    """When a process started: on Linux in clock ticks since the machine did, elsewhere in seconds since 1970.

    Raises:
        OSError, psutil.NoSuchProcess: There is no such process.
    """
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return round(psutil.Process(pid).create_time())
    return float(stat.read_text().rpartition(")")[2].split()[19])


def _find(pid: int, start: float) -> psutil.Process | None:
    """The process of this pid, if it still is the one that started then, and is no zombie."""
    try:
        process = psutil.Process(pid)
        same = _start_of(pid) == start
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.NoSuchProcess, OSError):
        return None
