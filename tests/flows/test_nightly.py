"""The schedule's own decisions: which manifests, in which order, until when, and on which server."""

import os
from datetime import datetime
from pathlib import Path

import cloudpickle
import pytest

from flows.nightly import manifests, render_night, serve, window_end
from tasks.errors import BadInput


def test_manifests_come_oldest_first_and_nothing_else_does(tmp_path: Path) -> None:
    for age, name in enumerate(["b.csv", "a.jsonl", "c.TSV", "d.xlsx", "notes.md", ".hidden.csv", "~$d.xlsx"]):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    (tmp_path / "e.csv").symlink_to(tmp_path / "gone.csv")  # which the check refuses
    assert [path.name for path in manifests(tmp_path)] == ["d.xlsx", "c.TSV", "a.jsonl", "b.csv", "e.csv"]


@pytest.mark.parametrize(
    ("now", "until", "end"),
    [
        ("2026-11-22T20:00:00+01:00", "06:00", "2026-11-23T06:00:00+01:00"),
        ("2026-11-22T05:59:00+01:00", "06:00", "2026-11-22T06:00:00+01:00"),
        ("2026-11-22T06:00:00+01:00", "06:00", "2026-11-23T06:00:00+01:00"),
    ],
)
def test_the_window_ends_when_the_clock_shows_it_next(now: str, until: str, end: str) -> None:
    assert window_end(datetime.fromisoformat(now), until) == datetime.fromisoformat(end)


def test_a_window_that_is_no_time_is_refused() -> None:
    with pytest.raises(BadInput, match="'six' is not a time of the day"):
        window_end(datetime(2026, 1, 1), "six")


def test_a_schedule_without_a_server_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="prefect server start"):
        serve(tmp_path, tmp_path / "w", "0 20 * * *", "06:00", None)


def test_the_flow_can_be_sent_to_the_process_that_runs_it() -> None:
    """Prefect starts a scheduled run in a process of its own and pickles the flow, with all that it names, into it."""
    assert cloudpickle.loads(cloudpickle.dumps(render_night)).name == "nightly"
