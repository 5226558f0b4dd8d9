"""What all tests share: a quiet Prefect, a Prefect server for those that run whole batches, a reader of faces.

`make test` runs files side by side in two processes, each with one thread: see CONTRIBUTING.md.
"""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flows.environment import QUIET_AND_OFFLINE
from tests.held_out import INDEX

if TYPE_CHECKING:
    from actalker.puppet.measure import Reader

os.environ.update(QUIET_AND_OFFLINE)  # before any test module imports Prefect

ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",  # torch
        "OPENBLAS_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "OPENCV_FOR_THREADS_NUM",
    ),
    "1",
)
if "PYTEST_XDIST_WORKER" in os.environ:
    # Beside other work, OpenMP's threads spend more time waiting for each other, at full speed, than computing.
    os.environ.update(ONE_THREAD, OMP_WAIT_POLICY="passive")

# What checks found out about portraits is not the user's, and not that of another run.
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="actalker-cache-")
atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)

# A shell has what it starts in the background ignore SIGINT, and what the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

SERVER_START_LIMIT_S = 120

LONGEST_FIRST = (
    "tests/test_end_to_end.py",
    "tests/test_steering.py",
    "tests/actalker/test_demo_checkpoint.py",
    "tests/flows/test_pipeline_evaluation.py",  # these three share the reader
    "tests/actalker/puppet/test_measure.py",
    "tests/actalker/training/test_loop.py",
    "tests/tasks/pool/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, so that no process is left with one while the other has nothing to do."""

    def place(item: pytest.Item) -> int:
        return next((k for k, start in enumerate(LONGEST_FIRST) if item.nodeid.startswith(start)), len(LONGEST_FIRST))

    items.sort(key=place)  # keeps the order of the others


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test of the GPU says so where there is none."""
    if item.get_closest_marker("gpu"):
        from tests import card

        if not card.name():
            pytest.skip(card.NONE)


@pytest.fixture(scope="module")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API address of a Prefect server that answers its health check."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tmp_path_factory.mktemp("prefect")
    command = [
        sys.executable,
        "-m",
        "prefect",
        "server",
        "start",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--no-ui",
    ]
    often = {"PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2"}
    environment = {**os.environ, **often, "PREFECT_HOME": str(home)}
    environment.pop("PREFECT_API_URL", None)
    with (
        (home / "server.log").open("w") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as server,
    ):
        api = f"http://127.0.0.1:{port}/api"
        _wait_until_healthy(api, home / "server.log")
        yield api
        server.terminate()


@pytest.fixture(scope="session")
def reader() -> "Reader":
    """Reads the face of held-out clip `INDEX` from pictures of 256 x 256: `score` finds the same one. Fitted in 7 s."""
    from actalker.puppet.clip import held_out_clip
    from actalker.training.evaluation import reader

    return reader(held_out_clip(INDEX, 1).person, 256)


def _wait_until_healthy(api: str, log: Path) -> None:
    deadline = time.monotonic() + SERVER_START_LIMIT_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{api}/health", timeout=5) as answer:
                if answer.read() == b"true":
                    return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the Prefect server is not healthy after {SERVER_START_LIMIT_S} s:\n{log.read_text()[-2000:]}")
