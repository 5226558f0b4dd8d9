"""How many workers a machine or a cluster holds, and what each one occupies."""

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.job import Preset


@dataclass(frozen=True, slots=True)
class PoolSize:
    """The workers of a pool.

    Attributes:
        resources: What one worker occupies, in Ray's words: `num_cpus`, `num_gpus`.
        threads: With how many one computes.
    """

    workers: int
    resources: dict[str, float]
    threads: int


def pool_size(found: Mapping[str, float], preset: Preset, actors: int | None) -> PoolSize:
    """A worker on a GPU has a whole one. Without GPUs the cores are shared out.

    Args:
        found: What there is: `CPU`, and `GPU` where there are any.
        actors: How many workers are wanted; None for as many as fit.
    """
    gpus, cores = int(found.get("GPU", 0)), max(1, int(found.get("CPU", 1)))
    if gpus and preset is not Preset.STILL:
        return PoolSize(min(actors or gpus, gpus), {"num_gpus": 1, "num_cpus": 1}, max(1, cores // gpus))
    fitting = 1 if preset is Preset.ACTALKER else cores  # several copies of SVD do not fit into memory
    workers = actors or fitting
    threads = 1 if preset is Preset.STILL else max(1, cores // workers)
    return PoolSize(workers, {"num_cpus": threads}, threads)
