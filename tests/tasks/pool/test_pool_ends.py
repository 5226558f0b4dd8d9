"""How a pool ends: by itself, by Ctrl-C, and by a kill that leaves it no time."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tasks.errors import BadInput, Cancelled, Infrastructure
from tasks.job import Preset
from tasks.media import processes
from tasks.pool.render_pool import RenderPool
from tasks.records.store import Store
from tests.tasks.pool.faulty_renderer import job, load, segments
from tests.tasks.pool.test_render_pool import NEVER

DRIVER = """
import signal, sys, threading
from pathlib import Path
from tasks.job import Preset
from tasks.pool.render_pool import RenderPool
from tasks.records.store import Store
from tests.tasks.pool.faulty_renderer import Behaviour, job, load, segments

def main() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    tell = lambda event: print(event.kind, flush=True)
    with RenderPool(Preset.STILL, None, Store(Path(sys.argv[1])), actors=2, on_event=tell, load=load) as pool:
        wanted = segments("row", 4, 5000, dict.fromkeys(range(4), Behaviour.SLOW))
        pool.render(job("row"), wanted, threading.Event().is_set)

main()
"""


def test_missing_weights_fail_every_row_with_the_reason(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with RenderPool(Preset.STILL, tmp_path / "unet.safetensors", store, actors=1, load=load) as pool:
        with pytest.raises(BadInput, match=r"no worker is left: .*unet\.safetensors is missing"):
            pool.render(job("row"), segments("row", 2), NEVER.is_set)
        with pytest.raises(BadInput, match="no worker is left"):
            pool.render(job("next"), segments("next", 2), NEVER.is_set)
    with pytest.raises(Cancelled, match="the pool was closed"):
        pool.render(job("late"), segments("late", 2), NEVER.is_set)


def test_no_cluster_at_the_address_fails_every_row_with_the_reason(tmp_path: Path) -> None:
    with (
        RenderPool(Preset.STILL, None, Store(tmp_path), address="127.0.0.1:9", load=load) as pool,
        pytest.raises(Infrastructure, match=r"no Ray cluster answers at 127\.0\.0\.1:9"),
    ):
        pool.render(job("row"), segments("row", 2), NEVER.is_set)


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process with a pool whose two actors are at work."""
    command = [sys.executable, "-W", "error", "-c", DRIVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as driver:
        assert driver.stdout
        begun = 0
        while begun < 2:
            begun += driver.stdout.readline().strip() == "started"
        yield driver
        driver.kill()


def family(driver: subprocess.Popen[str]) -> list[psutil.Process]:
    """Ray's own processes, its agents and the actors."""
    members = psutil.Process(driver.pid).children(recursive=True)
    assert {"raylet", "gcs_server"} <= {member.name() for member in members}
    return members


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_a_driver_that_is_asked_to_end_leaves_no_process_no_file_and_no_noise(
    driver: subprocess.Popen[str], tmp_path: Path, asked: signal.Signals
) -> None:
    members = family(driver)
    driver.send_signal(asked)
    _, errors = driver.communicate(timeout=60)
    assert errors.strip().splitlines()[-1] == "KeyboardInterrupt"
    assert errors.startswith("Traceback")
    assert "SIGTERM received" not in errors
    _, alive = psutil.wait_procs(members, timeout=10)
    assert alive == []
    assert list((tmp_path / "store" / "tmp").iterdir()) == []
    assert list((processes.state_folder() / str(driver.pid)).glob("ray*")) == []


def test_what_a_killed_driver_leaves_is_gone_when_the_next_one_starts(
    driver: subprocess.Popen[str], tmp_path: Path
) -> None:
    members = family(driver)
    driver.kill()
    driver.wait()
    time.sleep(0.5)
    processes.reap(processes.state_folder())
    _, alive = psutil.wait_procs(members, timeout=10)
    assert alive == []
    assert not (processes.state_folder() / str(driver.pid)).exists()
    Store(tmp_path).sweep()
    assert list((tmp_path / "store" / "tmp").iterdir()) == []
