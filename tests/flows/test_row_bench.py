"""Processor time of a row of 4 s: `pytest -m bench -s tests/flows/test_row_bench.py` (`ROWS=50` for fewer rows)."""

import ctypes
import os
import resource
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tasks.job import SAMPLE_RATE
from tasks.media import ffmpeg
from tests.course import actalker, finished, write_manifest

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

ROWS = int(os.environ.get("ROWS", "300"))
SENTENCES = "This is row number {0}, of as many as there are."
PR_SET_CHILD_SUBREAPER = 36
MOST = 2.0


def spent_s() -> float:
    """Processor seconds of all that this process has started, Prefect's children as well: orphans become ours, and are
    waited for. But for what `rays_workers` counts."""
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            break
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def rays_workers() -> Iterator[dict[int, float]]:
    """The processor seconds of each child of Ray's raylet, by pid, looked at twice a second: the raylet ignores their
    ends, and so they are in nobody's usage."""
    seconds: dict[int, float] = {}
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.5):
            for process in psutil.Process().children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    parent = process.parent()
                    if parent is not None and parent.name() == "raylet":
                        times = process.cpu_times()
                        seconds[process.pid] = times.user + times.system

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seconds
    finally:
        over.set()
        watcher.join()


def test_a_row_costs_at_most_twice_what_ffmpeg_costs(tmp_path: Path) -> None:
    assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    scripts = {f"row{number}": SENTENCES.format(number) for number in range(ROWS)}
    manifest = write_manifest(tmp_path, scripts)
    head, *rows = manifest.read_text().splitlines()
    # espeak-ng, which costs next to nothing: the default voice takes another 0.1 s, as long as AAC does.
    manifest.write_text("\n".join([f"{head},voice", *(f"{row},en-us" for row in rows)]))
    before = spent_s()
    with rays_workers() as workers:
        code, output = finished(
            actalker("submit", manifest, "--workspace", tmp_path / "w", "--preset", "still"), limit_s=3000
        )
    assert code == 0, output
    of_workers = sum(workers.values()) / ROWS
    ours = (spent_s() - before) / ROWS + of_workers
    picture = tmp_path / "picture.avi"
    (video,) = (tmp_path / "w").glob("videos/*/row1/row1.mp4")
    raw = ("-c:v", "utvideo", "-an", "-pix_fmt", "yuv420p")
    ffmpeg.run(("-i", str(video), *raw, "-y", str(picture)), what="the picture", time_limit_s=60)
    wav = tmp_path / "sound.wav"
    ffmpeg.run(("-i", str(video), "-vn", "-ac", "1", "-y", str(wav)), what="the sound", time_limit_s=60)
    with wave.open(str(wav)) as file:
        length_s = file.getnframes() / SAMPLE_RATE
    encoding = ("-c:v", "libx264", "-preset", "medium", "-crf", "18", "-g", "50", "-pix_fmt", "yuv420p")
    sound = ("-c:a", "aac", "-b:a", "160k", "-ac", "2")
    arguments = ("-i", str(picture), "-i", str(wav), *encoding, *sound, "-y", str(tmp_path / "bare.mp4"))
    before, times = spent_s(), 30
    for _ in range(times):
        ffmpeg.run(arguments, what="encoding alone", time_limit_s=60)
    bare = (spent_s() - before) / times
    print(
        f"{ROWS} rows of {length_s:.1f} s, still, 128 x 128: {ours:.3f} s of processor time a row, all processes and "
        f"the start included, {of_workers:.3f} of it Ray's workers; ffmpeg alone {bare:.3f} s; {ours / bare:.2f} times"
    )
    assert ours <= MOST * bare
