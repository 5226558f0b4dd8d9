"""Who gets which part of the machine."""

import pytest

from tasks.job import Preset
from tasks.pool.pool_size import PoolSize, pool_size

LAPTOP = {"CPU": 8.0}
SERVER = {"CPU": 64.0, "GPU": 4.0}


@pytest.mark.parametrize(
    ("found", "preset", "actors", "expected"),
    [
        (LAPTOP, Preset.STILL, None, PoolSize(8, {"num_cpus": 1}, 1)),
        (LAPTOP, Preset.DEMO, None, PoolSize(8, {"num_cpus": 1}, 1)),
        (LAPTOP, Preset.DEMO, 2, PoolSize(2, {"num_cpus": 4}, 4)),
        (LAPTOP, Preset.STILL, 2, PoolSize(2, {"num_cpus": 1}, 1)),
        (LAPTOP, Preset.ACTALKER, None, PoolSize(1, {"num_cpus": 8}, 8)),
        (LAPTOP, Preset.DEMO, 16, PoolSize(16, {"num_cpus": 1}, 1)),
        (SERVER, Preset.ACTALKER, None, PoolSize(4, {"num_gpus": 1, "num_cpus": 1}, 16)),
        (SERVER, Preset.ACTALKER, 9, PoolSize(4, {"num_gpus": 1, "num_cpus": 1}, 16)),
        (SERVER, Preset.DEMO, 1, PoolSize(1, {"num_gpus": 1, "num_cpus": 1}, 16)),
        (SERVER, Preset.STILL, None, PoolSize(64, {"num_cpus": 1}, 1)),
        ({}, Preset.STILL, None, PoolSize(1, {"num_cpus": 1}, 1)),
    ],
)
def test_gpus_are_not_shared_and_cores_are(
    found: dict[str, float], preset: Preset, actors: int | None, expected: PoolSize
) -> None:
    assert pool_size(found, preset, actors) == expected
