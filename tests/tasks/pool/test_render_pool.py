"""The pool with real actors, on one session of Ray for all tests of this file; accidents are real kills."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import av
import pytest

from tasks.errors import BadInput, Cancelled, Quarantined, RenderFailed
from tasks.job import Clip, Preset, Segment
from tasks.pool.events import Kind, PoolEvent
from tasks.pool.render_pool import RenderPool
from tasks.pool.supervisor import Rules
from tasks.records.store import Store
from tests.tasks.pool.faulty_renderer import Fate, job, load, segments

GRACE_S = 1.0
NEVER = threading.Event()


class Theatre:
    """A pool with two actors, its workspace, and what it told."""

    def __init__(self, store: Store, address: str | None = None) -> None:
        self.store = store
        self.events: list[PoolEvent] = []
        self.pool = RenderPool(
            Preset.STILL,
            None,
            store,
            address=address,
            actors=2,
            on_event=self.events.append,
            rules=Rules(grace_s=GRACE_S, pause_s=0.5),
            load=load,
        )

    def render(self, *wanted: Segment, cancelled: threading.Event = NEVER) -> tuple[Clip, ...]:
        return self.pool.render(job(wanted[0].job_id), wanted, cancelled)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Look at the events until they are as they should be."""
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline, self.events
            time.sleep(0.005)

    def wait_for(self, kind: Kind, row: str) -> PoolEvent:
        """The first such event of this row."""
        self.wait_until(lambda: self.count(kind, row) > 0)
        return next(
            event for event in self.events if event.segment and event.kind is kind and event.segment.job_id == row
        )

    def count(self, kind: Kind, row: str) -> int:
        return sum(event.kind is kind and event.segment.job_id == row for event in tuple(self.events) if event.segment)


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    theatre = Theatre(Store(tmp_path_factory.mktemp("workspace")))
    with theatre.pool:
        yield theatre
    assert list(theatre.store.scratch.iterdir()) == []


def test_clips_come_back_in_order_with_the_frames_that_were_asked_for(theatre: Theatre) -> None:
    wanted = segments("plain", 5, frames=12)
    clips = theatre.render(*wanted)
    assert [clip.key for clip in clips] == [segment.key for segment in wanted]
    assert all(not clip.reused and clip.worker for clip in clips)
    with av.open(clips[3].path) as file:
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(frames) == clips[3].frames == 12
    assert abs(int(frames[7].mean()) - (3 + 7)) <= 2  # grey survives yuv but for rounding


def test_what_is_in_the_store_is_not_rendered_again(theatre: Theatre) -> None:
    wanted = segments("twice", 4)
    first = theatre.render(*wanted)
    second = theatre.render(*wanted)
    assert theatre.count(Kind.STARTED, "twice") == 4
    assert [clip.sha256 for clip in second] == [clip.sha256 for clip in first]
    assert all(clip.reused and clip.render_ms == 0 for clip in second)


def test_a_sentence_that_a_row_says_twice_is_rendered_once(theatre: Theatre) -> None:
    (said,) = segments("echo", 1)
    first, second = theatre.render(said, said)
    assert first == second
    assert theatre.count(Kind.STARTED, "echo") == 1


def test_rows_that_share_segments_have_them_rendered_once(theatre: Theatre) -> None:
    wanted = segments("shared", 6, fates=dict.fromkeys(range(6), Fate.SLOW))
    with ThreadPoolExecutor(4) as rows:
        results = list(rows.map(lambda _: theatre.render(*wanted), range(4)))
    assert theatre.count(Kind.STARTED, "shared") == theatre.count(Kind.FINISHED, "shared") == 6
    assert len({tuple(clip.sha256 for clip in clips) for clips in results}) == 1
    assert sum(not clip.reused for clips in results for clip in clips) == 6


def test_a_poison_segment_among_thirty_is_quarantined_and_the_others_arrive(theatre: Theatre) -> None:
    wanted = segments("poisoned", 30, fates={11: Fate.POISON})
    with pytest.raises(
        Quarantined, match=r"poisoned\[11\] took 3 workers down and is left out; the last was"
    ) as caught:
        theatre.render(*wanted)
    assert len(str(caught.value)) < 250  # a person reads it in a table
    arrived = [segment.index for segment in wanted if theatre.store.find_clip(segment.key)]
    assert arrived == [index for index in range(30) if index != 11]
    assert theatre.count(Kind.FINISHED, "poisoned") == 29
    failed = [event for event in theatre.events if event.kind is Kind.FAILED and event.segment == wanted[11]]
    assert len(failed) == 3
    assert len({event.worker for event in failed}) == 3


def test_an_actor_that_is_killed_costs_only_what_it_was_at(theatre: Theatre) -> None:
    wanted = segments("killed", 8, frames=25, fates=dict.fromkeys(range(8), Fate.SLOW))
    with ThreadPoolExecutor(1) as row:
        result = row.submit(theatre.render, *wanted)
        victim = theatre.wait_for(Kind.STARTED, "killed")
        os.kill(int(victim.worker.rpartition("/")[2]), signal.SIGKILL)
        clips = result.result(timeout=60)
    assert len(clips) == 8
    assert theatre.count(Kind.FAILED, "killed") == 1
    assert theatre.count(Kind.STARTED, "killed") == 9


def test_cancel_stops_at_the_next_frame_and_leaves_no_file(theatre: Theatre) -> None:
    cancelled = threading.Event()
    wanted = segments("called off", 6, frames=250, fates=dict.fromkeys(range(6), Fate.SLOW))
    with ThreadPoolExecutor(1) as row:
        result = row.submit(theatre.render, *wanted, cancelled=cancelled)
        theatre.wait_for(Kind.STARTED, "called off")
        cancelled.set()
        asked = time.monotonic()
        with pytest.raises(Cancelled):
            result.result(timeout=10)
        theatre.wait_for(Kind.STOPPED, "called off")
        assert time.monotonic() - asked < GRACE_S  # asked, not killed
    theatre.render(*segments("after the cancel", 4))
    assert not any(theatre.store.find_clip(segment.key) for segment in wanted)
    assert [path for path in theatre.store.scratch.iterdir() if path.suffix != ".token"] == []


def test_a_renderer_that_does_not_listen_is_killed_after_the_grace(theatre: Theatre) -> None:
    cancelled = threading.Event()
    with ThreadPoolExecutor(1) as row:
        result = row.submit(theatre.render, *segments("deaf", 1, fates={0: Fate.DEAF}), cancelled=cancelled)
        theatre.wait_for(Kind.STARTED, "deaf")
        cancelled.set()
        with pytest.raises(Cancelled):
            result.result(timeout=10)
    stopped = theatre.wait_for(Kind.STOPPED, "deaf")
    assert "did not stop when asked" in stopped.error
    assert len(theatre.render(*segments("after the kill", 4))) == 4


def test_what_raises_is_tried_twice_and_the_traceback_arrives(theatre: Theatre) -> None:
    with pytest.raises(RenderFailed, match=r"^ZeroDivisionError: a bug in the renderer\n") as caught:
        theatre.render(*segments("raising", 3, fates={1: Fate.RAISE}))
    assert "faulty_renderer.py" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert theatre.count(Kind.FAILED, "raising") == 2
    assert theatre.count(Kind.FINISHED, "raising") == 2


def test_bad_input_is_tried_once_and_arrives_as_it_was_raised(theatre: Theatre) -> None:
    with pytest.raises(BadInput, match="no face in the portrait"):
        theatre.render(*segments("faceless", 3, fates={1: Fate.BAD}))
    assert theatre.count(Kind.FAILED, "faceless") == 1


def test_a_clip_that_is_too_short_is_not_published(theatre: Theatre) -> None:
    wanted = segments("short", 1, fates={0: Fate.SHORT})
    with pytest.raises(RenderFailed, match=r"short\[0\] came out with 9 frames, 10 were asked for"):
        theatre.render(*wanted)
    assert theatre.store.find_clip(wanted[0].key) is None


def test_a_full_disk_is_a_pause(theatre: Theatre, tmp_path: Path) -> None:
    (wanted,) = segments("full", 1, fates={0: Fate.FULL})
    assert theatre.render(replace(wanted, wav=tmp_path / "mark"))
    kinds = [event.kind for event in theatre.events]
    assert kinds.count(Kind.PAUSED) == kinds.count(Kind.RESUMED) == 1
    assert "No space left on device" in theatre.wait_for(Kind.FAILED, "full").error


def test_every_attempt_that_started_ended_once(theatre: Theatre) -> None:
    """Over all that the tests above did."""
    theatre.render(*segments("last", 4))
    started = [event.attempt for event in theatre.events if event.kind is Kind.STARTED]
    ended = [event.attempt for event in theatre.events if event.kind in (Kind.FINISHED, Kind.FAILED, Kind.STOPPED)]
    assert len(set(started)) == len(started)
    assert sorted(started) == sorted(ended)
