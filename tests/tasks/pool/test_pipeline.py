"""The threads of a worker: what overlaps, what waits for what, and who hears of an error."""

import errno
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.errors import BadInput, Cancelled, NoSpace
from tasks.job import Clip, Job, Preset, Segment
from tasks.media.lossless import LosslessWriter
from tasks.pool.pipeline import PARTS, Pipeline, Spent
from tasks.pool.worker import RenderWorker, WorkerSettings
from tasks.records.store import Store, digest_file
from tasks.renderers.renderer import Frame, Renderer, load
from tests.tasks.pool.faulty_renderer import job, segments
from tests.tasks.renderers.test_still import PORTRAIT, hum, write_sound

PREPARE_S, DEVICE_S, FINISH_S = 0.1, 0.3, 0.2


class Sleeper(Renderer[Segment, int]):
    """Every step sleeps, as a thread does that waits for a device or for a disk."""

    def prepare(self, job: Job, segment: Segment) -> Segment:
        time.sleep(PREPARE_S)
        return segment

    def draw(self, prepared: Segment, cancelled: Callable[[], bool]) -> Iterator[int]:
        time.sleep(DEVICE_S)
        yield prepared.frames

    def finish(self, prepared: Segment, parts: Iterator[int]) -> Iterator[Frame]:
        for frames in parts:
            time.sleep(FINISH_S)
            for _ in range(frames):
                yield np.zeros((64, 64, 3), np.uint8)


def worker(root: Path, renderer: Renderer[Any, Any], preset: Preset = Preset.STILL) -> RenderWorker:
    token = root / "token"
    token.write_text("ours")
    made = RenderWorker(WorkerSettings(root, token, "ours", preset, None, 1, lambda *_: renderer))
    made.set_up()
    return made


def processed(worker: RenderWorker, job: Job, wanted: tuple[Segment, ...]) -> tuple[Clip, ...]:
    """All of them at once, in their order."""
    with ThreadPoolExecutor(len(wanted)) as calls:
        running = []
        for number, segment in enumerate(wanted):
            running.append(calls.submit(worker.process, f"attempt {number}", job, segment))
            time.sleep(0.005)
        return tuple(call.result() for call in running)


def test_the_device_draws_while_the_cpu_prepares_and_finishes(tmp_path: Path) -> None:
    """Six segments one after the other take 6 x 0.6 s; beside each other 6 x 0.3 s, and the first step and the last."""
    one, many = worker(tmp_path, Sleeper()), segments("row", 6, frames=2)
    began = time.monotonic()
    clips = processed(one, job("row"), many)
    together_s = time.monotonic() - began
    began = time.monotonic()
    for segment in segments("alone", 2, frames=2):
        one.process("alone", job("row"), segment)
    alone_s = (time.monotonic() - began) / 2 * len(many)
    assert together_s < 0.75 * alone_s
    assert sum(clip.busy_ms for clip in clips) >= 6 * DEVICE_S * 1000
    assert all(clip.busy_ms <= clip.render_ms for clip in clips)
    assert sum(clip.render_ms for clip in clips) <= together_s * 1000 + len(clips)  # each is rounded
    assert sum(clip.busy_ms for clip in clips[1:]) > 0.85 * sum(clip.render_ms for clip in clips[1:])


@pytest.fixture
def spoken(tmp_path: Path) -> tuple[Segment, ...]:
    """Two stretches of one programme."""
    wav = write_sound(tmp_path / "programme.wav", hum(20))
    keys = [sha256(f"{number}".encode()).hexdigest() for number in range(2)]
    return tuple(
        Segment("row", number, 8 * number, 8 * number + 10, wav, number, 9, key) for number, key in enumerate(keys)
    )


class Timed(Renderer[Any, Any]):
    """A real renderer, and when each of its steps began and ended."""

    def __init__(self, real: Renderer[Any, Any]) -> None:
        self.real = real
        self.began: dict[str, float] = {}
        self.ended: dict[str, float] = {}

    def prepare(self, job: Job, segment: Segment) -> tuple[int, Any]:
        self.began[f"prepare {segment.index}"] = time.monotonic()
        return segment.index, self.real.prepare(job, segment)

    def draw(self, prepared: tuple[int, Any], cancelled: Callable[[], bool]) -> Iterator[Any]:
        self.began[f"draw {prepared[0]}"] = time.monotonic()
        yield from self.real.draw(prepared[1], cancelled)
        self.ended[f"draw {prepared[0]}"] = time.monotonic()

    def finish(self, prepared: tuple[int, Any], parts: Iterator[Any]) -> Iterator[Frame]:
        yield from self.real.finish(prepared[1], parts)
        self.ended[f"finish {prepared[0]}"] = time.monotonic()


@pytest.mark.parametrize("preset", [Preset.STILL, Preset.DEMO])
def test_clips_have_the_bytes_that_one_thread_writes_and_steps_overlap(
    preset: Preset, spoken: tuple[Segment, ...], tmp_path: Path
) -> None:
    renderer = load(preset, None, 1)
    timed = Timed(renderer)
    portrait = Job("row", 1, PORTRAIT, preset=preset, width=128, height=128)
    clips = processed(worker(tmp_path, timed, preset), portrait, spoken)
    if preset is Preset.DEMO:
        assert timed.began["prepare 1"] < timed.ended["draw 0"]
        assert timed.began["draw 1"] < timed.ended["finish 0"]
    for segment, clip in zip(spoken, clips, strict=True):
        with LosslessWriter(tmp_path / "alone.avi", 128, 128) as writer:
            for frame in renderer.render(portrait, segment, lambda: False):
                writer.write(frame) if isinstance(frame, np.ndarray) else writer.write_yuv(frame)
        assert clip.sha256 == digest_file(tmp_path / "alone.avi")
        assert clip.busy_ms > 0


class Watched(Renderer[Segment, Frame]):
    """Says what it is at, and waits where a test wants it to."""

    def __init__(self, **waits: threading.Event) -> None:
        self.waits = waits
        self.seen: list[str] = []
        self.drawn = 0

    def at(self, step: str, segment: Segment) -> None:
        self.seen.append(f"{step} {segment.index}")
        if event := self.waits.get(f"{step}{segment.index}"):
            assert event.wait(30)

    def prepare(self, job: Job, segment: Segment) -> Segment:
        self.at("prepare", segment)
        return segment

    def draw(self, prepared: Segment, cancelled: Callable[[], bool]) -> Iterator[Frame]:
        self.at("draw", prepared)
        for _ in range(prepared.frames):
            self.drawn += 1
            yield np.zeros((64, 64, 3), np.uint8)

    def finish(self, prepared: Segment, parts: Iterator[Frame]) -> Iterator[Frame]:
        self.at("finish", prepared)
        return parts


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_drawing_waits_for_the_writer_when_a_few_frames_are_ahead(tmp_path: Path) -> None:
    written = threading.Event()
    watched = Watched(finish0=written)
    one = worker(tmp_path, watched)
    with ThreadPoolExecutor(1) as calls:
        call = calls.submit(one.process, "a", job("row"), segments("row", 1, frames=100)[0])
        wait_until(lambda: watched.drawn > PARTS)
        time.sleep(0.1)
        assert watched.drawn == PARTS + 1
        written.set()
        clip = call.result()
    assert watched.drawn == 100
    assert clip.busy_ms < clip.render_ms - 90  # waiting for the writer is not drawing


def test_a_segment_that_waits_for_the_device_can_be_cancelled_and_the_others_go_on(tmp_path: Path) -> None:
    drawn = threading.Event()
    watched = Watched(draw0=drawn)
    one = worker(tmp_path, watched)
    first, second, third = segments("row", 3)
    with ThreadPoolExecutor(3) as calls:
        running = []
        for segment in (first, second, third):
            running.append(calls.submit(one.process, segment.name, job("row"), segment))
            wait_until(lambda: f"prepare {len(running) - 1}" in watched.seen)
        one.cancel(second.name)
        drawn.set()
        wait(running)
    assert running[0].result() and running[2].result()
    with pytest.raises(Cancelled, match=r"row\[1\] was cancelled"):
        running[1].result()
    assert "draw 1" not in watched.seen
    assert list(Store(tmp_path).scratch.iterdir()) == []


def test_an_error_is_that_of_its_own_segment_and_of_the_step_that_failed(tmp_path: Path) -> None:
    class Failing(Watched):
        def prepare(self, job: Job, segment: Segment) -> Segment:
            if segment.index == 1:
                raise BadInput("no portrait")
            return segment

        def draw(self, prepared: Segment, cancelled: Callable[[], bool]) -> Iterator[Frame]:
            if prepared.index == 2:
                raise ZeroDivisionError("on the device")
            return super().draw(prepared, cancelled)

        def finish(self, prepared: Segment, parts: Iterator[Frame]) -> Iterator[Frame]:
            if prepared.index == 3:
                raise OSError(errno.ENOSPC, "No space left on device")
            return parts

    one = worker(tmp_path, Failing())
    wanted = segments("row", 5, frames=50)
    with ThreadPoolExecutor(5) as calls:
        running = [calls.submit(one.process, segment.name, job("row"), segment) for segment in wanted]
        errors = [call.exception(timeout=30) for call in running]
    assert [type(error) for error in errors] == [type(None), BadInput, ZeroDivisionError, OSError, type(None)]
    assert list(Store(tmp_path).scratch.iterdir()) == []


def test_a_writer_that_fails_ends_the_drawing() -> None:
    pipeline = Pipeline()
    drawn = 0

    def draw(_: None) -> Iterator[int]:
        nonlocal drawn
        for number in range(1000):
            drawn += 1
            yield number

    def write(_: None, parts: Iterator[int], spent: Spent) -> int:
        if next(parts) == 0:
            raise NoSpace("full")
        return 1

    with pytest.raises(NoSpace):
        pipeline.run(lambda: None, draw, write)
    assert pipeline.run(lambda: None, lambda _: iter([1]), write) == 1  # the thread is free again
    assert drawn <= PARTS + 3


def test_destroy_ends_all_that_is_in_the_pipeline(tmp_path: Path) -> None:
    drawn = threading.Event()
    one = worker(tmp_path, Watched(draw0=drawn))
    with ThreadPoolExecutor(3) as calls:
        running = [
            calls.submit(partial(one.process, segment.name, job("row"), segment)) for segment in segments("row", 3)
        ]
        one.destroy()
        drawn.set()
        assert all(isinstance(call.exception(timeout=30), Cancelled) for call in running)
    assert list(Store(tmp_path).scratch.iterdir()) == []
