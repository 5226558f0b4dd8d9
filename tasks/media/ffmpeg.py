"""ffmpeg: its commands, built with ffmpeg-python, and its process. The only other program is that of festival.py.

What customers send is opened in process, by decode.py; our own lossless clips are written and read by lossless.py.
"""

import os
import selectors
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from subprocess import run as run_program
from typing import Any

import ffmpeg as commands
import imageio_ffmpeg

from tasks.errors import BadInput, Cancelled, NoSpace, TimedOut, ToolFailed

_WRAPPER = Path(__file__).with_name("die_with_parent.py")
_LIMITED = '[ "$PPID" = "$1" ] && ulimit -v "$2" && shift 2 && exec "$@"'
"""For a shell that ends when its parent does: if that has not died before the shell was tied to it, the shell becomes
the command, of so many KiB at most. No word of the command is read as shell."""
_cancelled = threading.Event()
_running: "set[Popen[bytes]]" = set()
_STDERR_TAIL_BYTES = 16_384


def ffmpeg() -> Path:
    """The ffmpeg to run: ACTALKER_FFMPEG if it is set, else the one that imageio-ffmpeg carries.

    Raises:
        BadInput: ACTALKER_FFMPEG names no executable file.
    """
    chosen = os.environ.get("ACTALKER_FFMPEG")
    if chosen is None:
        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    if not os.access(chosen, os.X_OK) or not Path(chosen).is_file():
        raise BadInput(f"ACTALKER_FFMPEG is {chosen!r}, which is no executable file: name one, or unset it")
    return Path(chosen)


def source(path: Path, demuxer: str, **options: str | int | float) -> Any:
    """An input of a command: a stream of ffmpeg-python, on which `.filter(...)` goes on. It is read by that demuxer and
    by no other, and leads nowhere but to this file."""
    return commands.input(str(path), format=demuxer, protocol_whitelist="file,pipe", **options)


def combine(streams: Sequence[Any], name: str, *arguments: str | int, **options: str | int | float) -> Any:
    """A filter with several inputs."""
    return commands.filter(list(streams), name, *arguments, **options)


def sink(streams: Sequence[Any], path: Path | str, muxer: str, **options: str | int | float) -> Any:
    """An output of a command, to give to `execute`. An older file of that name is overwritten."""
    return commands.output(*streams, str(path), format=muxer, **options).overwrite_output()


def execute(
    output: Any,
    *,
    what: str,
    time_limit_s: float,
    progress: Callable[[int], None] | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Build the command of `sink` and `run` it."""
    return run(
        commands.get_args(output),
        what=what,
        time_limit_s=time_limit_s,
        progress=progress,
        folder=folder,
        environment=environment,
    )


def run(
    arguments: Sequence[str],
    *,
    what: str,
    time_limit_s: float,
    memory_limit_bytes: int = 8 << 30,
    progress: Callable[[int], None] | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run ffmpeg and wait. It has no standard input, dies with this process, and stays in its process group.

    Args:
        arguments: Everything after the program's name.
        what: What is being done, for the error: "encoding lesson-3".
        time_limit_s: Wall time after which it is killed.
        memory_limit_bytes: Its address space.
        progress: Called about twice a second with the number of frames written so far. What it raises ends ffmpeg.
        folder: The folder it runs in: lets filter arguments be plain names.
        environment: Variables added to ours.

    Returns:
        The last 16 KiB that it wrote to stderr.

    Raises:
        TimedOut: It took longer than `time_limit_s`.
        NoSpace: The disk is full.
        ToolFailed: It ended with another error, or by a signal; with the end of stderr.
        Cancelled: `ended_with_the_block` called it off.
    """
    check_cancelled(what)
    program = str(ffmpeg())
    reports = ("-progress", "pipe:1", "-stats_period", "0.5") if progress else ()
    command = (program, "-nostdin", "-hide_banner", "-nostats", *reports, *arguments)
    process = Popen(
        (*_tied(os.getpid(), memory_limit_bytes), *command),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        cwd=folder,
        # Each of malloc's arenas reserves 64 MiB of address space, and there may be one a thread.
        env={**os.environ, "LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "4", **(environment or {})},
    )
    with process, _listed(process):
        try:
            finished, stderr = _listen(process, time.monotonic() + time_limit_s, progress)
        finally:
            process.kill()  # nothing to kill when it has ended by itself
    check_cancelled(what)
    if not finished:
        raise TimedOut(f"{what}: ffmpeg took longer than {time_limit_s:g} s; its last words: {stderr[-500:].strip()}")
    if process.returncode != 0:
        raise _failure(what, process.returncode, command, stderr)
    return stderr


def _tied(parent: int, memory_limit_bytes: int) -> tuple[str, ...]:
    """What to put before a command, so that it ends when its parent does, also by `kill -9`, and is limited in memory.

    In the child itself, because `preexec_fn` runs Python between fork and exec of a process that is full of threads
    (Ray, Prefect), where it can deadlock.
    """
    if setpriv := _setpriv():
        shell = ("/bin/sh", "-c", _LIMITED, "sh", str(parent), str(memory_limit_bytes >> 10))
        return (setpriv, "--pdeathsig", "KILL", *shell)
    return (sys.executable, "-I", "-S", str(_WRAPPER), str(parent), str(memory_limit_bytes))


@cache
def _setpriv() -> str:
    """The program of util-linux, which takes 1.5 ms where Python takes 12; empty where it is not, or is another one."""
    program = shutil.which("setpriv")
    known = program and run_program((program, "--pdeathsig", "KILL", "true"), capture_output=True, check=False)
    return program if program and known and known.returncode == 0 else ""


def check_cancelled(what: str) -> None:
    """Raises Cancelled when `ended_with_the_block` has called everything off: also for long work in process."""
    if _cancelled.is_set():
        raise Cancelled(f"{what}: cancelled")


@contextmanager
def ended_with_the_block() -> Iterator[None]:
    """Let ffmpeg run for this block. When an error or Ctrl-C leaves it, end what runs, in every thread, and let no
    other begin: an encode of an hour must not hold up the end."""
    _cancelled.clear()
    try:
        yield
    except BaseException:
        _cancelled.set()
        for process in tuple(_running):
            process.kill()
        raise


@contextmanager
def _listed(process: "Popen[bytes]") -> Iterator[None]:
    _running.add(process)
    try:
        yield
    finally:
        _running.discard(process)


def _listen(process: "Popen[bytes]", deadline: float, progress: Callable[[int], None] | None) -> tuple[bool, str]:
    """Read both pipes until the process has ended or the time is up. Whether it ended, and the end of its stderr."""
    assert process.stdout is not None and process.stderr is not None
    tail, reports = b"", b""
    with selectors.DefaultSelector() as pipes:
        pipes.register(process.stdout, selectors.EVENT_READ)
        pipes.register(process.stderr, selectors.EVENT_READ)
        while pipes.get_map():
            ready = pipes.select(deadline - time.monotonic())
            if time.monotonic() >= deadline:
                return False, tail.decode(errors="replace")
            for key, _ in ready:
                data = os.read(key.fd, 65_536)
                if not data:
                    pipes.unregister(key.fileobj)
                elif key.fileobj is process.stderr:
                    tail = (tail + data)[-_STDERR_TAIL_BYTES:]
                else:
                    *lines, reports = (reports + data).split(b"\n")
                    _report(lines, progress)
    process.wait()
    return True, tail.decode(errors="replace")


def _report(lines: Sequence[bytes], progress: Callable[[int], None] | None) -> None:
    for line in lines:
        name, _, value = line.partition(b"=")
        if progress and name == b"frame" and value.strip().isdigit():
            progress(int(value))


def _failure(what: str, code: int, command: tuple[str, ...], stderr: str) -> ToolFailed | NoSpace:
    if "No space left on device" in stderr:
        return NoSpace(f"{what}: the disk is full: free some space, then submit again")
    ending = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
    return ToolFailed(f"{what}: ffmpeg {ending}", command, "\n".join(stderr.strip().splitlines()[-12:]))
