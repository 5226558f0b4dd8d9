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
from tasks.pool.slots import Rules
from tasks.records.store import Store
from tests.tasks.pool.faulty_renderer import Behaviour, job, load, segments

GRACE_S = 1.0
NEVER = threading.Event()


class PoolFixture:
    """A pool with two actors, its workspace, and its events."""

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
        return self.pool.render(job(wanted[0].job_id), wanted, cancelled.is_set)

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
def fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PoolFixture]:
    fixture = PoolFixture(Store(tmp_path_factory.mktemp("workspace")))
    with fixture.pool:
        yield fixture
    assert list(fixture.store.scratch.iterdir()) == []


def test_clips_come_back_in_order_with_the_frames_that_were_asked_for(fixture: PoolFixture) -> None:
    wanted = segments("plain", 5, frames=12)
    clips = fixture.render(*wanted)
    assert [clip.key for clip in clips] == [segment.key for segment in wanted]
    assert all(not clip.reused and clip.worker for clip in clips)
    with av.open(clips[3].path) as file:
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(frames) == clips[3].frames == 12
    assert abs(int(frames[7].mean()) - (3 + 7)) <= 2  # grey survives yuv but for rounding


def test_what_is_in_the_store_is_not_rendered_again(fixture: PoolFixture) -> None:
    wanted = segments("twice", 4)
    first = fixture.render(*wanted)
    second = fixture.render(*wanted)
    assert fixture.count(Kind.STARTED, "twice") == 4
    assert [clip.sha256 for clip in second] == [clip.sha256 for clip in first]
    assert all(clip.reused and clip.render_ms == 0 for clip in second)


def test_a_sentence_that_a_row_says_twice_is_rendered_once(fixture: PoolFixture) -> None:
    (said,) = segments("echo", 1)
    first, second = fixture.render(said, said)
    assert first == second
    assert fixture.count(Kind.STARTED, "echo") == 1


def test_rows_that_share_segments_have_them_rendered_once(fixture: PoolFixture) -> None:
    wanted = segments("shared", 6, behaviours=dict.fromkeys(range(6), Behaviour.SLOW))
    with ThreadPoolExecutor(4) as rows:
        results = list(rows.map(lambda _: fixture.render(*wanted), range(4)))
    assert fixture.count(Kind.STARTED, "shared") == fixture.count(Kind.FINISHED, "shared") == 6
    assert len({tuple(clip.sha256 for clip in clips) for clips in results}) == 1
    assert sum(not clip.reused for clips in results for clip in clips) == 6


def test_a_poison_segment_among_thirty_is_quarantined_and_the_others_arrive(fixture: PoolFixture) -> None:
    wanted = segments("poisoned", 30, behaviours={11: Behaviour.KILL})
    with pytest.raises(
        Quarantined, match=r"poisoned\[11\] killed 3 workers and is quarantined; the last error:"
    ) as caught:
        fixture.render(*wanted)
    assert len(str(caught.value)) < 250  # a person reads it in a table
    arrived = [segment.index for segment in wanted if fixture.store.find_clip(segment.key)]
    assert arrived == [index for index in range(30) if index != 11]
    assert fixture.count(Kind.FINISHED, "poisoned") == 29
    failed = [event for event in fixture.events if event.kind is Kind.FAILED and event.segment == wanted[11]]
    assert len(failed) == 3
    assert len({event.worker for event in failed}) == 3


def test_an_actor_that_is_killed_costs_only_what_it_was_at(fixture: PoolFixture) -> None:
    wanted = segments("killed", 8, frames=25, behaviours=dict.fromkeys(range(8), Behaviour.SLOW))
    with ThreadPoolExecutor(1) as row:
        result = row.submit(fixture.render, *wanted)
        victim = fixture.wait_for(Kind.STARTED, "killed")
        os.kill(int(victim.worker.rpartition("/")[2]), signal.SIGKILL)
        clips = result.result(timeout=60)
    assert len(clips) == 8
    assert fixture.count(Kind.FAILED, "killed") == 1
    assert fixture.count(Kind.STARTED, "killed") == 9


def test_cancel_stops_at_the_next_frame_and_leaves_no_file(fixture: PoolFixture) -> None:
    cancelled = threading.Event()
    wanted = segments("cancelled", 6, frames=250, behaviours=dict.fromkeys(range(6), Behaviour.SLOW))
    with ThreadPoolExecutor(1) as row:
        result = row.submit(fixture.render, *wanted, cancelled=cancelled)
        fixture.wait_for(Kind.STARTED, "cancelled")
        cancelled.set()
        asked = time.monotonic()
        with pytest.raises(Cancelled):
            result.result(timeout=10)
        fixture.wait_for(Kind.STOPPED, "cancelled")
        assert time.monotonic() - asked < GRACE_S  # asked, not killed
    fixture.render(*segments("after the cancel", 4))
    assert not any(fixture.store.find_clip(segment.key) for segment in wanted)
    assert [path for path in fixture.store.scratch.iterdir() if path.suffix != ".token"] == []


def test_a_renderer_that_does_not_listen_is_killed_after_the_grace(fixture: PoolFixture) -> None:
    cancelled = threading.Event()
    with ThreadPoolExecutor(1) as row:
        result = row.submit(
            fixture.render, *segments("deaf", 1, behaviours={0: Behaviour.IGNORE_CANCEL}), cancelled=cancelled
        )
        fixture.wait_for(Kind.STARTED, "deaf")
        cancelled.set()
        with pytest.raises(Cancelled):
            result.result(timeout=10)
    stopped = fixture.wait_for(Kind.STOPPED, "deaf")
    assert "did not stop when asked" in stopped.error
    assert len(fixture.render(*segments("after the kill", 4))) == 4


def test_what_raises_is_tried_twice_and_the_traceback_arrives(fixture: PoolFixture) -> None:
    with pytest.raises(RenderFailed, match=r"^ZeroDivisionError: a bug in the renderer\n") as caught:
        fixture.render(*segments("raising", 3, behaviours={1: Behaviour.RAISE}))
    assert "faulty_renderer.py" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert fixture.count(Kind.FAILED, "raising") == 2
    assert fixture.count(Kind.FINISHED, "raising") == 2


def test_bad_input_is_tried_once_and_arrives_as_it_was_raised(fixture: PoolFixture) -> None:
    with pytest.raises(BadInput, match="no face in the portrait"):
        fixture.render(*segments("faceless", 3, behaviours={1: Behaviour.BAD}))
    assert fixture.count(Kind.FAILED, "faceless") == 1


def test_a_clip_that_is_too_short_is_not_published(fixture: PoolFixture) -> None:
    wanted = segments("short", 1, behaviours={0: Behaviour.SHORT})
    with pytest.raises(RenderFailed, match=r"short\[0\] came out with 9 frames, 10 were asked for"):
        fixture.render(*wanted)
    assert fixture.store.find_clip(wanted[0].key) is None


def test_a_full_disk_is_a_pause(fixture: PoolFixture, tmp_path: Path) -> None:
    (wanted,) = segments("full", 1, behaviours={0: Behaviour.FULL})
    assert fixture.render(replace(wanted, wav=tmp_path / "mark"))
    kinds = [event.kind for event in fixture.events]
    assert kinds.count(Kind.WAITING_FOR_SPACE) == kinds.count(Kind.SPACE_IS_BACK) == 1
    assert "No space left on device" in fixture.wait_for(Kind.FAILED, "full").error


def test_every_attempt_that_started_ended_once(fixture: PoolFixture) -> None:
    """Over all that the tests above did."""
    fixture.render(*segments("last", 4))
    started = [event.attempt for event in fixture.events if event.kind is Kind.STARTED]
    ended = [event.attempt for event in fixture.events if event.kind in (Kind.FINISHED, Kind.FAILED, Kind.STOPPED)]
    assert len(set(started)) == len(started)
    assert sorted(started) == sorted(ended)
