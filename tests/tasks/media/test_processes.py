"""What is ended, and above all what is not."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tasks.errors import BadInput
from tasks.media import processes

DEAD_PID = 2**22 + 1
"""Above what Linux gives to processes."""


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


def record(state: Path, driver: int, sleeper: int, *, later_s: float = 0.0, host: str | None = None) -> Path:
    """What a driver of this pid would have recorded of the sleeper, started so much later than it was."""
    folder = state / str(driver)
    folder.mkdir()
    (folder / "lock").touch()
    started = {"pid": sleeper, "start": processes._start_of(sleeper) + later_s, "name": "sleeper"}
    whole = {"host": host or platform.node(), "started": [started]}
    (folder / "processes.json").write_text(json.dumps(whole))
    return folder


def test_what_a_dead_driver_left_is_ended(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    folder = record(tmp_path, DEAD_PID, sleeper.pid)
    assert processes.reap(tmp_path) == (f"sleeper ({sleeper.pid})",)
    assert not psutil.pid_exists(sleeper.pid)
    assert not folder.exists()
    assert processes.reap(tmp_path) == ()


def test_a_process_that_has_the_pid_now_is_left_alone(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    folder = record(tmp_path, DEAD_PID, sleeper.pid, later_s=-3600)
    assert processes.reap(tmp_path) == ()
    assert sleeper.poll() is None
    assert not folder.exists()


def test_a_driver_that_lives_keeps_what_it_started(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    processes.remember(tmp_path)
    known = json.loads((tmp_path / str(os.getpid()) / "processes.json").read_text())
    assert sleeper.pid in [line["pid"] for line in known["started"]]
    assert processes.reap(tmp_path) == ()
    assert sleeper.poll() is None


def test_pools_of_processes_go_on_after_a_batch(tmp_path: Path) -> None:
    """Python's resource tracker is a child too: ended with the batch, it made the next pool of processes warn."""
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()
    processes.remember(tmp_path)
    processes.forget(tmp_path)
    resource_tracker.ensure_running()  # warns if it has to be started again, and warnings are errors


def test_a_driver_whose_pid_is_anothers_now_is_dead(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    record(tmp_path, os.getpid(), sleeper.pid)  # nobody holds its lock
    assert len(processes.reap(tmp_path)) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"started": 3}', '{"started": [{"pid": 1}]}', '{"host": "x"}'])
def test_a_damaged_record_ends_nobody_and_nothing(tmp_path: Path, text: str) -> None:
    folder = tmp_path / str(DEAD_PID)
    folder.mkdir()
    (folder / "lock").touch()
    (folder / "processes.json").write_text(text)
    assert processes.reap(tmp_path) == ()
    processes.own_folder(tmp_path).joinpath("processes.json").write_text(text)
    processes.remember(tmp_path)
    processes.forget(tmp_path)
    assert not (tmp_path / str(os.getpid())).exists()


def test_a_step_of_the_clock_does_not_make_a_living_driver_look_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes.remember(tmp_path)
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: 1.0)
    monkeypatch.setattr("time.time", lambda: 4e9)
    assert processes.reap(tmp_path) == ()
    assert (tmp_path / str(os.getpid())).exists()
    processes.forget(tmp_path)


def test_another_machines_record_is_not_ours_to_judge(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    folder = record(tmp_path, DEAD_PID, sleeper.pid, host="elsewhere")
    assert processes.reap(tmp_path) == ()
    assert sleeper.poll() is None
    assert folder.exists()


def test_the_end_of_a_command_ends_what_is_left_of_it(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    processes.remember(tmp_path)
    processes.forget(tmp_path)
    assert not psutil.pid_exists(sleeper.pid)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_this_users_alone_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "Path", lambda _: tmp_path)
    assert processes.state_folder().stat().st_mode & 0o777 == 0o700
    processes.state_folder().chmod(0o755)
    with pytest.raises(BadInput, match="is not this user's alone"):
        processes.state_folder()
