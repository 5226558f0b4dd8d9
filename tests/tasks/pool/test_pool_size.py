"""Who gets which part of the machine."""

import pytest

from tasks.job import Preset
from tasks.pool.pool_size import Staff, staff_of

LAPTOP = {"CPU": 8.0}
SERVER = {"CPU": 64.0, "GPU": 4.0}


@pytest.mark.parametrize(
    ("found", "preset", "actors", "expected"),
    [
        (LAPTOP, Preset.STILL, None, Staff(8, {"num_cpus": 1}, 1)),
        (LAPTOP, Preset.DEMO, None, Staff(8, {"num_cpus": 1}, 1)),
        (LAPTOP, Preset.DEMO, 2, Staff(2, {"num_cpus": 4}, 4)),
        (LAPTOP, Preset.STILL, 2, Staff(2, {"num_cpus": 1}, 1)),
        (LAPTOP, Preset.ACTALKER, None, Staff(1, {"num_cpus": 8}, 8)),
        (LAPTOP, Preset.DEMO, 16, Staff(16, {"num_cpus": 1}, 1)),
        (SERVER, Preset.ACTALKER, None, Staff(4, {"num_gpus": 1, "num_cpus": 1}, 16)),
        (SERVER, Preset.ACTALKER, 9, Staff(4, {"num_gpus": 1, "num_cpus": 1}, 16)),
        (SERVER, Preset.DEMO, 1, Staff(1, {"num_gpus": 1, "num_cpus": 1}, 16)),
        (SERVER, Preset.STILL, None, Staff(64, {"num_cpus": 1}, 1)),
        ({}, Preset.STILL, None, Staff(1, {"num_cpus": 1}, 1)),
    ],
)
def test_gpus_are_not_shared_and_cores_are(
    found: dict[str, float], preset: Preset, actors: int | None, expected: Staff
) -> None:
    assert staff_of(found, preset, actors) == expected
