"""A row waits for space, tries again what is worth it, and stops when the batch is cancelled."""

import errno
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.errors import BadInput, Cancelled, NoSpace, ToolFailed, WorkerLost
from tasks.job import Job, Segment
from tasks.records import batch_context
from tasks.records.batch_context import BatchContext, RowContext
from tasks.records.journal import Journal
from tasks.records.space import DiskSpace
from tasks.records.store import Store, digest_file
from tasks.render import render


@pytest.fixture
def row(tmp_path: Path) -> Iterator[RowContext]:
    store = Store(tmp_path)
    space = DiskSpace(tmp_path, reserve_bytes=0, pause_s=0.01)
    with Journal(store.ledger, "night-1") as events:
        yield RowContext(Job("a", 1, tmp_path / "p.png"), BatchContext(store, "night-1", events, "r", "{}", space))


def test_a_row_reads_copies_of_its_files_and_fails_when_one_was_replaced(row: RowContext, tmp_path: Path) -> None:
    portrait, lexicon = tmp_path / "p.png", tmp_path / "names.csv"
    portrait.write_bytes(b"a picture")
    lexicon.write_text("word,said\nAda,Ayda\n")
    row.job = replace(
        row.job,
        portrait_sha256=digest_file(portrait),
        lexicon=lexicon,
        lexicon_sha256=digest_file(lexicon),
    )
    lexicon.write_text("word,said\nAda,Ahda\n")
    with pytest.raises(BadInput, match=r"names\.csv was changed after it was checked"):
        row.keep_inputs()
    lexicon.write_text("word,said\nAda,Ayda\n")
    row.keep_inputs()
    lexicon.write_text("word,said\nAda,Ahda\n")
    assert row.job.lexicon is not None
    assert row.job.lexicon.is_relative_to(tmp_path / "store" / "inputs")
    assert row.job.lexicon.read_text() == "word,said\nAda,Ayda\n"


class Stage:
    """A stage that raises these errors, one at each try, and then returns."""

    name = "stage"
    retries = 2

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.tries = list(errors), 0

    def __call__(self, value: int) -> int:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return value


@pytest.mark.parametrize("error", [NoSpace("full"), OSError(errno.ENOSPC, "full"), OSError(errno.EDQUOT, "over quota")])
def test_a_full_disk_costs_no_try(row: RowContext, error: Exception) -> None:
    stage = Stage(*[error] * 20)
    assert row.run(stage, 7) == 7
    assert stage.tries == 21
    assert "stage" in row.stages_ms


def test_a_stage_begins_when_there_is_room(row: RowContext) -> None:
    row.batch.space.found_full()
    row.batch.space._pause_s = 60
    row.batch.space.found_full()
    threading.Timer(0.3, lambda: setattr(row.batch.space, "_checked_until", 0.0)).start()
    assert row.run(Stage(), 7) == 7


@pytest.mark.parametrize(
    ("error", "tries"), [(BadInput("no"), 1), (ToolFailed("x"), 2), (WorkerLost("y"), 3), (ValueError("bug"), 1)]
)
def test_an_error_is_tried_as_often_as_its_class_says(row: RowContext, error: Exception, tries: int) -> None:
    stage = Stage(*[error] * 9)
    with pytest.raises(type(error)):
        row.run(stage, 7)
    assert stage.tries == tries


def test_a_stage_without_retries_is_tried_once(row: RowContext) -> None:
    """The pool owns the retries of a segment: `render` has none of its own."""
    stage = Stage(ToolFailed("x"))
    stage.retries = 0
    with pytest.raises(ToolFailed):
        row.run(stage, 7)
    assert stage.tries == 1
    assert render.retries == 0


def test_no_stage_begins_after_the_batch_was_cancelled(row: RowContext) -> None:
    row.batch.cancelled.set()
    stage = Stage()
    with pytest.raises(Cancelled):
        row.run(stage, 7)
    assert stage.tries == 0


def test_a_row_that_waits_for_space_can_be_cancelled(row: RowContext) -> None:
    row.batch.space._pause_s = 600
    threading.Timer(0.2, row.batch.cancelled.set).start()
    with pytest.raises(Cancelled):
        row.run(Stage(NoSpace("full")), 7)


def test_a_stage_is_timed_under_its_name_whatever_it_is(row: RowContext) -> None:
    def plain() -> int:
        return 7

    row.run(Stage(), 7)
    row.run(plain)
    row.run(row.clip_of, Segment("a", 0, 0, 10, Path("-"), 1, 2, "ab" * 32))
    assert list(row.stages_ms) == ["stage", "plain", "clip_of"]


def test_a_short_row_has_one_line_in_the_log_and_a_long_stage_another(
    row: RowContext, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with caplog.at_level("INFO", "tasks"):
        with pytest.raises(KeyError), row.stages_logged():
            row.run(Stage(), 7)
            row.stages_ms["speak"] = 1240
            raise KeyError
        assert caplog.messages == ["stages in seconds: stage 0.00, speak 1.24"]
        caplog.clear()
        monkeypatch.setattr(batch_context, "LONG_STAGE_MS", 0)
        row.run(Stage(), 7)
    assert caplog.messages == ["stage took 0.0 s"]
