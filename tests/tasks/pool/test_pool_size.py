"""Who gets which part of the machine."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tasks.job import Preset
from tasks.pool.pool_size import Node, PoolSize, pool_size
from tasks.pool.render_pool import RenderPool
from tasks.records.store import Store
from tests.tasks.pool import card_reports
from tests.tasks.pool.faulty_renderer import Behaviour, job, segments
from tests.tasks.pool.test_render_pool import NEVER

LAPTOP = [{"CPU": 8.0}]
SERVER = [{"CPU": 64.0, "GPU": 4.0}]
HEAD = {"memory": 1e9}
PODS = [HEAD, *[{"CPU": 4.0, "GPU": 1.0}] * 2]
CPU_CLUSTER = [HEAD, {"CPU": 16.0}, {"CPU": 16.0}, {"CPU": 6.0}]
SLICED = [{"CPU": 14.0, "GPU": 7.0}]
"""A card in seven MIG devices."""


@pytest.mark.parametrize(
    ("nodes", "preset", "actors", "expected"),
    [
        (LAPTOP, Preset.STILL, None, PoolSize(8, {"num_cpus": 1}, 1)),
        (LAPTOP, Preset.DRAFT, None, PoolSize(8, {"num_cpus": 1}, 1)),
        (SERVER, Preset.DRAFT, None, PoolSize(64, {"num_cpus": 1}, 1)),
        (LAPTOP, Preset.DEMO, None, PoolSize(8, {"num_cpus": 1}, 1)),
        (LAPTOP, Preset.DEMO, 2, PoolSize(2, {"num_cpus": 4}, 4)),
        (LAPTOP, Preset.STILL, 2, PoolSize(2, {"num_cpus": 1}, 1)),
        (LAPTOP, Preset.ACTALKER, None, PoolSize(1, {"num_cpus": 8}, 8)),
        (LAPTOP, Preset.DEMO, 16, PoolSize(16, {"num_cpus": 1}, 1)),
        (SERVER, Preset.STILL, None, PoolSize(64, {"num_cpus": 1}, 1)),
        ([{}], Preset.STILL, None, PoolSize(1, {"num_cpus": 1}, 1)),
        # On cards: a whole one for the published network, a quarter for the demo, no smaller part than is needed.
        (SERVER, Preset.ACTALKER, None, PoolSize(4, {"num_gpus": 1, "num_cpus": 1}, 16)),
        (SERVER, Preset.ACTALKER, 9, PoolSize(4, {"num_gpus": 1, "num_cpus": 1}, 16)),
        (SERVER, Preset.DEMO, None, PoolSize(16, {"num_gpus": 0.25, "num_cpus": 1}, 4)),
        (SERVER, Preset.DEMO, 1, PoolSize(1, {"num_gpus": 1, "num_cpus": 1}, 16)),
        (SERVER, Preset.DEMO, 4, PoolSize(4, {"num_gpus": 1, "num_cpus": 1}, 16)),
        (SERVER, Preset.DEMO, 8, PoolSize(8, {"num_gpus": 0.5, "num_cpus": 1}, 8)),
        (SERVER, Preset.DEMO, 99, PoolSize(16, {"num_gpus": 0.25, "num_cpus": 1}, 4)),
        (SLICED, Preset.ACTALKER, None, PoolSize(7, {"num_gpus": 1, "num_cpus": 1}, 2)),
        # A worker fits on one node, whatever the cluster has in all.
        (PODS, Preset.ACTALKER, None, PoolSize(2, {"num_gpus": 1, "num_cpus": 1}, 4)),
        (PODS, Preset.DEMO, None, PoolSize(8, {"num_gpus": 0.25, "num_cpus": 1}, 1)),
        (CPU_CLUSTER, Preset.ACTALKER, None, PoolSize(2, {"num_cpus": 16}, 16)),
        (CPU_CLUSTER, Preset.ACTALKER, 1, PoolSize(1, {"num_cpus": 16}, 16)),
        (CPU_CLUSTER, Preset.DEMO, None, PoolSize(38, {"num_cpus": 1}, 1)),
        (CPU_CLUSTER, Preset.DEMO, 3, PoolSize(3, {"num_cpus": 8}, 8)),
        (CPU_CLUSTER, Preset.DEMO, 7, PoolSize(7, {"num_cpus": 5}, 5)),
        # Fewer cores than cards hold workers.
        ([{"CPU": 2.0, "GPU": 4.0}], Preset.DEMO, None, PoolSize(2, {"num_gpus": 0.25, "num_cpus": 1}, 1)),
    ],
)
def test_every_worker_gets_a_part_of_one_node(
    nodes: Sequence[Node], preset: Preset, actors: int | None, expected: PoolSize
) -> None:
    size = pool_size(nodes, preset, actors)
    assert size == expected
    if size.workers > 1 and actors != 16:
        cpus, gpus = size.resources["num_cpus"], size.resources.get("num_gpus", 0)
        places = [
            min(int(node.get("CPU", 0) // cpus), int(node.get("GPU", 0) / gpus) if gpus else 10**6) for node in nodes
        ]
        assert sum(places) >= size.workers


def test_mig_devices_count_as_cards_and_workers_of_the_demo_share_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray hands out what CUDA_VISIBLE_DEVICES names, without looking at a card."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-a,MIG-b")
    reports = tmp_path / "reports"
    reports.mkdir()
    store, slow = Store(tmp_path / "w"), dict.fromkeys(range(12), Behaviour.SLOW)
    with RenderPool(Preset.DEMO, reports, store, actors=4, load=card_reports.load) as pool:
        pool.render(job("row"), segments("row", 12, 10, slow), NEVER.is_set)
    seen = [path.read_text() for path in reports.iterdir()]
    assert sorted(set(seen)) == ["MIG-a", "MIG-b"]
    assert max(map(seen.count, set(seen))) <= 2
