"""ffmpeg as a process: what it says when it fails, and that it never outlives its parent."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tasks.errors import BadInput, Cancelled, NoSpace, TimedOut, ToolFailed
from tasks.media import ffmpeg

ENDLESS = ("-re", "-f", "lavfi", "-i", "testsrc=size=64x64", "-f", "null", "-")


def test_a_failure_keeps_ffmpegs_last_words_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(ToolFailed, match=r"reading it.*No such file") as failure:
        ffmpeg.run(["-i", str(tmp_path / "absent.wav"), "-f", "null", "-"], what="reading it", time_limit_s=20)
    assert "-nostdin" in failure.value.arguments


def test_a_time_limit_ends_it() -> None:
    begun = time.monotonic()
    with pytest.raises(TimedOut, match="longer than 1 s"):
        ffmpeg.run(ENDLESS, what="waiting", time_limit_s=1)
    assert time.monotonic() - begun < 5
    assert not [child for child in psutil.Process().children() if "ffmpeg" in child.name()]


def test_progress_counts_frames_and_can_end_it() -> None:
    seen: list[int] = []

    def stop_soon(frames: int) -> None:
        seen.append(frames)
        if frames > 10:
            raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        ffmpeg.run(ENDLESS, what="watching", time_limit_s=30, progress=stop_soon)
    assert seen == sorted(seen) and seen[-1] > 10


def test_a_full_disk_is_named() -> None:
    arguments = ("-f", "lavfi", "-i", "testsrc", "-t", "2", "-y", "-f", "avi", "/dev/full")
    with pytest.raises(NoSpace, match="the disk is full"):
        ffmpeg.run(arguments, what="writing", time_limit_s=20)


@pytest.fixture(params=["setpriv", "Python"])
def wrapper(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What ties ffmpeg to its parent."""
    if request.param == "Python":
        monkeypatch.setattr(ffmpeg, "_setpriv", lambda: "")
    elif not ffmpeg._setpriv():
        pytest.skip("util-linux is not here")
    return str(request.param)


def test_the_address_space_is_limited(wrapper: str) -> None:
    arguments = ("-f", "lavfi", "-i", "testsrc=size=7680x4320", "-frames:v", "3", "-c:v", "libx264", "-f", "null", "-")
    with pytest.raises(ToolFailed, match=r"allocate memory|malloc|temporarily unavailable|signal"):
        ffmpeg.run(arguments, what="growing", time_limit_s=60, memory_limit_bytes=300 << 20)


def test_it_dies_with_a_parent_that_is_killed(wrapper: str) -> None:
    without = "ffmpeg._setpriv = lambda: ''; " if wrapper == "Python" else ""
    code = f"from tasks.media import ffmpeg; {without}ffmpeg.run({ENDLESS!r}, what='x', time_limit_s=60)"
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        child = _wait_for_child(parent.pid)
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 5
    while _lives(child):
        assert time.monotonic() < deadline, f"{child} is still there"
        time.sleep(0.02)


def test_it_does_not_begin_when_its_parent_is_dead_already(wrapper: str, tmp_path: Path) -> None:
    command = ("touch", str(tmp_path / "made"))
    dead = subprocess.run((*ffmpeg._tied(os.getppid(), 1 << 30), *command), check=False)
    assert dead.returncode == 1 and not (tmp_path / "made").exists()
    subprocess.run((*ffmpeg._tied(os.getpid(), 1 << 30), "/usr/bin/env", *command), check=True)
    assert (tmp_path / "made").exists()


def test_words_of_the_command_are_no_shell(wrapper: str) -> None:
    words = ("it's", "$(id)", "", "a  b", "-e", "\n")
    command = (sys.executable, "-c", "import sys; print(sys.argv[1:])", *words)
    output = subprocess.run((*ffmpeg._tied(os.getpid(), 4 << 30), *command), check=True, capture_output=True).stdout
    assert output.decode().strip() == str(list(words))


def test_a_setpriv_that_cannot_do_it_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "setpriv"
    other.write_text("#!/bin/sh\necho 'unrecognized option: pdeathsig' >&2\nexit 1\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ffmpeg._setpriv.__wrapped__() == ""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert ffmpeg._setpriv.__wrapped__() == ""


def test_another_ffmpeg_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = tmp_path / "it's mine"
    own.write_text("#!/bin/sh\necho $@ >&2\n")
    monkeypatch.setenv("ACTALKER_FFMPEG", str(own))
    with pytest.raises(BadInput, match="no executable file"):
        ffmpeg.ffmpeg()
    own.chmod(0o755)
    assert "-nostdin -hide_banner -nostats -i x" in ffmpeg.run(["-i", "x"], what="echo", time_limit_s=5)


def _wait_for_child(parent: int) -> psutil.Process:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for child in psutil.Process(parent).children():
            if "ffmpeg" in child.name():
                return child
        time.sleep(0.02)
    raise AssertionError("no ffmpeg was started")


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
