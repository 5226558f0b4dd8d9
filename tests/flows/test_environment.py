"""The settings for Prefect, on its embedded server."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.course import ROOT

ROWS = 60
FLOW = f"""
from flows.environment import be_quiet_and_offline
be_quiet_and_offline()
from prefect import flow, task
from prefect.cache_policies import NO_CACHE

@task(cache_policy=NO_CACHE, persist_result=False)
def row(number: int) -> None:
    pass

@flow(persist_result=False)
def batch() -> None:
    for run in [row.submit(number) for number in range({ROWS})]:
        run.wait()

batch()
"""


def test_a_command_does_not_look_through_all_that_it_has_imported_when_it_ends() -> None:
    program = (
        "import atexit, gc\nfrom flows import cli\n"
        "atexit.register(lambda: print('frozen', gc.get_freeze_count(), gc.get_threshold()[0]))\ncli.main()"
    )
    command = [sys.executable, "-c", program, "voices", "--help"]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    _, frozen, threshold = output.strip().splitlines()[-1].split()
    assert int(frozen) > 10_000 and int(threshold) == 20_000


def test_the_embedded_server_records_the_end_of_every_row(tmp_path: Path) -> None:
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path)}
    environment.pop("PREFECT_API_URL", None)
    subprocess.run([sys.executable, "-c", FLOW], cwd=ROOT, env=environment, check=True, timeout=240)
    database = sqlite3.connect(tmp_path / "prefect.db")
    try:
        states = database.execute("select state_name, count(*) from task_run group by 1").fetchall()
    finally:
        database.close()
    assert states == [("Completed", ROWS)]
