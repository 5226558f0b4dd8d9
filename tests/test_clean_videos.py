"""No false alarm: 30 drawn people by the demo network, 8 drafts and 4 stills, and nothing is found."""

from pathlib import Path

import duckdb
import pytest

from tasks.quality_control.judge import load
from tests.clean_videos import write_manifest
from tests.course import actalker, events, finished

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]

PEOPLE = range(200, 230)
"""The limits were chosen on other people: 100 to 129."""


def test_nothing_is_found_in_clean_videos(tmp_path: Path, prefect_server: str) -> None:
    manifest = write_manifest(tmp_path, PEOPLE)
    code, output = finished(
        actalker("submit", manifest, "--workspace", tmp_path / "w", api=prefect_server), limit_s=7000
    )
    assert code == 0, output
    table = f"'{tmp_path}/w/ledger/checks/**/*.parquet'"
    assert (
        duckdb.sql(f'select job_id, "index", "check", value, "limit", frame from {table} where not ok').fetchall() == []
    )
    (counts,) = duckdb.sql(f'select count(distinct job_id), count(distinct "check") from {table}').fetchall()
    assert counts == (len(PEOPLE) + 12, len(load()))
    assert not [event for event in events(tmp_path / "w", "VideoEnded") if "needs a look" in str(event["notes"])]
