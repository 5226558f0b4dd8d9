"""Stages of rows on a session of Ray: they run in other processes, fail as they would here, and can be stopped."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.assemble import assemble
from tasks.errors import BadInput, Cancelled, WorkerLost
from tasks.job import Clip, Job, Preset
from tasks.media.lossless import LosslessWriter
from tasks.plan import plan
from tasks.pool.post import Post
from tasks.pool.render_pool import RenderPool
from tasks.pool.stages import RemoteStage
from tasks.records.batch_context import BatchContext, RowContext
from tasks.records.journal import Journal
from tasks.records.space import DiskSpace
from tasks.records.store import Store, digest_file
from tasks.speak import speak
from tasks.stitch import stitch
from tasks.subtitle import subtitle
from tests.tasks.pool.faulty_renderer import job, load, segments
from tests.tasks.pool.some_stages import fail, linger, who
from tests.tasks.pool.test_render_pool import NEVER
from tests.tasks.renderers.test_still import PORTRAIT


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RenderPool]:
    store = Store(tmp_path_factory.mktemp("workspace"))
    with RenderPool(Preset.STILL, None, store, actors=1, load=load, post=Post.CLUSTER) as pool:
        yield pool


@pytest.fixture
def row(tmp_path: Path) -> Iterator[RowContext]:
    store, space = Store(tmp_path), DiskSpace(tmp_path, pause_s=0.1)
    with Journal(store.ledger, "night") as journal:
        yield RowContext(job("row"), BatchContext(store, "night", journal, "", "{}", space))


def test_a_stage_runs_in_another_process_beside_the_render_workers(pool: RenderPool, row: RowContext) -> None:
    (clip,) = pool.render(job("row"), segments("row", 1), NEVER.is_set)
    there = pool.placed(who, never)
    text, pid = row.run(there, text="hello")
    assert text == "hello"
    assert pid not in {os.getpid(), int(clip.worker.rpartition("/")[2])}
    assert isinstance(there, RemoteStage) and (there.name, there.retries) == ("who", 2)
    assert "who" in row.stages_ms


def test_a_pool_of_the_driver_leaves_a_stage_as_it_is(tmp_path: Path) -> None:
    assert RenderPool(Preset.STILL, None, Store(tmp_path)).placed(who, never) is who


def made(folder: Path, there: Callable[[Any], Any]) -> list[tuple[str, str]]:
    """Speak, stitch and assemble a row, each where `there` puts it. Name and digest of every file that comes out."""
    one = Job("row", 1, PORTRAIT, script="This is said. It is seen as well.", voice="en-us", width=64, height=64)
    speech = there(speak)(one, folder)
    (segment,) = plan.fn(one, speech, "still")[:1]
    segment = replace(segment, end_frame=speech.frames)
    with LosslessWriter(folder / "clip.avi", 64, 64) as writer:
        for level in range(speech.frames):
            writer.write(np.full((64, 64, 3), level % 256, np.uint8))
    clip = Clip(segment.key, folder / "clip.avi", speech.frames, 64, 64, digest_file(folder / "clip.avi"))
    picture = there(stitch)((segment,), (clip,), folder)
    captions = subtitle.fn(one, speech, folder, "netflix", False, (64, 64))
    there(assemble)(one, speech, picture, captions, folder / "finished")
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "fonts.conf")  # it names its folder
    return sorted((path.name, digest_file(path)) for path in files)


def test_files_have_the_same_bytes_wherever_they_are_made(pool: RenderPool, tmp_path: Path) -> None:
    folders = [tmp_path / "here" / "w", tmp_path / "there" / "w"]
    for folder in folders:
        folder.mkdir(parents=True)
    here = made(folders[0], lambda stage: stage.fn)
    assert {"row.mp4", "poster.jpg", "picture.avi"} <= {name for name, _ in here}
    assert made(folders[1], lambda stage: pool.placed(stage, never)) == here


def test_errors_are_those_of_the_stage(pool: RenderPool, row: RowContext, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such voice"):
        row.run(pool.placed(fail, never), "bad", tmp_path / "bad")
    with pytest.raises(ZeroDivisionError, match="in a stage"):
        row.run(pool.placed(fail, never), "bug", tmp_path / "bug")
    with pytest.raises(WorkerLost, match="fail: the process or the node that ran it died"):
        pool.placed(fail, never)("dies", tmp_path / "dies once")


def test_a_full_disk_is_waited_for_and_what_dies_is_tried_again(
    pool: RenderPool, row: RowContext, tmp_path: Path
) -> None:
    assert row.run(pool.placed(fail, never), "full", tmp_path / "full") == "full"
    assert row.run(pool.placed(fail, never), "dies", tmp_path / "dies") == "dies"


def test_a_stage_that_is_cancelled_stops_and_cleans_up(pool: RenderPool, tmp_path: Path) -> None:
    cancelled = threading.Event()
    with ThreadPoolExecutor(1) as rows:
        result = rows.submit(pool.placed(linger, cancelled.is_set), tmp_path)
        deadline = time.monotonic() + 120
        while not (tmp_path / "at work").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        cancelled.set()
        with pytest.raises(Cancelled, match="linger was cancelled"):
            result.result(timeout=60)
    assert list(tmp_path.iterdir()) == []
