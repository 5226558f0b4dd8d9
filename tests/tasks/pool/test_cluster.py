"""The pool on a cluster that somebody else runs: two nodes on loopback, one of which dies in the middle."""

import os
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks.errors import BadInput, Infrastructure
from tasks.job import Preset
from tasks.media import processes
from tasks.pool.events import Kind
from tasks.pool.post import Post
from tasks.pool.ray_session import LOCAL_ENVIRONMENT, QUIET_ENVIRONMENT
from tasks.pool.render_pool import RenderPool
from tasks.pool.worker import RenderWorker, WorkerSettings
from tasks.records.store import Store
from tests.tasks.pool.faulty_renderer import Behaviour, job, load, segments
from tests.tasks.pool.some_stages import who
from tests.tasks.pool.test_render_pool import NEVER, PoolFixture

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> "Iterator[Cluster]":
    """Two nodes of one core."""
    for name, value in {**QUIET_ENVIRONMENT, **LOCAL_ENVIRONMENT, "RAY_AUTH_TOKEN": secrets.token_hex(32)}.items():
        os.environ.setdefault(name, value)
    from ray.cluster_utils import Cluster

    sessions = processes.own_folder(processes.state_folder()) / "cluster"  # sockets need a short path
    # A Cluster tells its address to whoever comes next, in a folder of the whole machine that need not exist.
    monkeypatch.setenv("RAY_TMPDIR", str(sessions))
    (sessions / "ray").mkdir(parents=True, exist_ok=True)
    node = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False, "temp_dir": str(sessions)}
    cluster = Cluster(initialize_head=True, head_node_args=node, shutdown_at_exit=False)
    cluster.add_node(**node)
    yield cluster
    cluster.shutdown()
    shutil.rmtree(sessions)


def test_a_node_that_dies_costs_only_what_it_was_at(cluster: "Cluster", tmp_path: Path) -> None:
    fixture = PoolFixture(Store(tmp_path), address=cluster.address)
    wanted = segments("cluster", 12, frames=25, behaviours=dict.fromkeys(range(12), Behaviour.SLOW))
    with fixture.pool, ThreadPoolExecutor(1) as row:
        result = row.submit(fixture.render, *wanted)
        fixture.wait_until(lambda: fixture.count(Kind.STARTED, "cluster") >= 3)
        cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
        clips = result.result(timeout=120)
    assert [clip.key for clip in clips] == [segment.key for segment in wanted]
    assert fixture.count(Kind.FAILED, "cluster") == 1
    assert fixture.count(Kind.FINISHED, "cluster") == 12
    assert cluster.head_node.remaining_processes_alive()  # it is not ours to end
    assert list(fixture.store.scratch.iterdir()) == []


def test_on_a_cluster_stages_get_the_cores_that_workers_leave(cluster: "Cluster", tmp_path: Path) -> None:
    """Two nodes of one core: one renders, and the other one has the stages."""
    store = Store(tmp_path)
    with RenderPool(Preset.STILL, None, store, address=cluster.address, load=load, post=Post.CLUSTER) as pool:
        assert pool.render(job("row"), segments("row", 2), NEVER.is_set)
        assert pool.placed(who, lambda: False)("hello")[0] == "hello"
    taken = RenderPool(Preset.STILL, None, store, address=cluster.address, actors=2, load=load, post=Post.CLUSTER)
    with taken:
        problem = "2 workers take all 2 cores of the cluster: --post cluster needs one more"
        with pytest.raises(Infrastructure, match=problem):
            taken.placed(who, lambda: False)("hello")
        with pytest.raises(Infrastructure, match=problem):
            taken.render(job("late"), segments("late", 1), NEVER.is_set)


def test_a_worker_that_sees_another_workspace_refuses_to_begin(tmp_path: Path) -> None:
    here = tmp_path / "here" / "driver.token"
    here.parent.mkdir()
    here.write_text("another driver's")
    for token in (here, tmp_path / "nowhere.token"):
        worker = RenderWorker(WorkerSettings(tmp_path, token, "ours", Preset.STILL, None, 1, load))
        with pytest.raises(BadInput, match=r"does not see the workspace .*\. Put it on a shared disk"):
            worker.set_up()
