"""A video is recorded once, also where an earlier try was cut short by a full disk."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.job import Finished, Job, Outcome, Verdict
from tasks.record import record, reuse
from tasks.records.batch_context import BatchContext, RowContext
from tasks.records.journal import VIDEO, Checked, Journal, replay
from tasks.records.space import DiskSpace
from tasks.records.store import Store


@pytest.fixture
def row(tmp_path: Path) -> Iterator[RowContext]:
    store = Store(tmp_path)
    space = DiskSpace(tmp_path, reserve_bytes=0, pause_s=0.01)
    with Journal(store.ledger, "night-1") as events:
        made = RowContext(Job("a", 1, tmp_path / "p.png"), BatchContext(store, "night-1", events, "r", "{}", space))
        made.key = "ab" * 32
        yield made


@pytest.mark.parametrize("call", ["fsync", "rename"])
@pytest.mark.parametrize("at", range(4))
def test_a_disk_that_fills_up_while_a_video_is_recorded_changes_nothing(
    row: RowContext, monkeypatch: pytest.MonkeyPatch, call: str, at: int
) -> None:
    folder = row.batch.store.temporary("")
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"video")
    finished = Finished({"mp4": folder / "a.mp4"}, 25, "", {}, ())
    original, calls = getattr(os, call), 0

    def full(*arguments: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls == at + 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(*arguments, **options)

    monkeypatch.setattr(os, call, full)
    video = row.run(record, row, (), folder, finished)
    assert calls > at
    assert video.outcome is Outcome.DONE
    delivered = row.batch.store.video("night-1", "a")
    assert {path.name for path in delivered.iterdir()} == set(video.files) == {"a.mp4", "a.record.json"}
    assert row.batch.store.is_delivered("night-1", "a", video.files)
    assert not list(row.batch.store.scratch.iterdir())


def test_a_row_that_was_killed_before_its_record_keeps_the_scores_of_its_video(row: RowContext) -> None:
    folder = row.batch.store.temporary("")
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"video")
    verdicts = (Verdict("jump", 9.0, 7.0, False, 3, "It jumps."),)
    row.checked(VIDEO, verdicts)
    row.run(record, row, (), folder, Finished({"mp4": folder / "a.mp4"}, 25, "", {}, ()))
    again = RowContext(row.job, row.batch)
    again.key = row.key
    found = again.run(reuse, again)
    assert found is not None
    assert found.outcome is Outcome.DONE  # made for this very row
    checked = [event for event in replay(row.batch.journal.path) if isinstance(event, Checked)]
    assert checked == [Checked("a", VIDEO, verdicts)] * 2
