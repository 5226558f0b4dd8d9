"""How many workers a machine or a cluster holds, and what each one occupies."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tasks.job import Preset

WORKERS_A_CARD: Final = {Preset.DEMO: 4, Preset.ACTALKER: 1}
"""The demo's passes are small: one worker leaves most of a card idle. Four workers with four passes each at a time take
10 GiB at 256 x 256, by the model of `actalker/memory.py`; on smaller cards each of them computes less at once. The
published network fills a card, and its weights take 4.8 GiB for each worker."""

Node = Mapping[str, float]
"""What a node offers, in Ray's words: `CPU`, and `GPU` where there are any. A MIG device counts as one GPU."""


@dataclass(frozen=True, slots=True)
class PoolSize:
    """The workers of a pool.

    Attributes:
        resources: What one worker occupies, in Ray's words: `num_cpus`, `num_gpus`. It fits on one node.
        threads: With how many one computes.
    """

    workers: int
    resources: dict[str, float]
    threads: int


def pool_size(nodes: Sequence[Node], preset: Preset, actors: int | None) -> PoolSize:
    """A network's workers are on GPUs if there are any. Otherwise the cores are shared out.

    Args:
        nodes: All that are alive.
        actors: How many workers are wanted; None for as many as fit.
    """
    with_cards = [node for node in nodes if int(node.get("GPU", 0))]
    if preset.has_network and with_cards:
        return _on_cards(with_cards, WORKERS_A_CARD[preset], actors)
    return _on_cores([int(node.get("CPU", 0)) for node in nodes], preset, actors)


def _on_cards(nodes: Sequence[Node], most: int, actors: int | None) -> PoolSize:
    """At most `most` workers a card, and no more than are wanted: Ray fills one card before it begins the next."""

    def places(a_card: int) -> int:
        return sum(min(int(node["GPU"]) * a_card, int(node.get("CPU", 0))) for node in nodes)

    wanted = actors or math.inf
    a_card = next((number for number in range(1, most) if places(number) >= wanted), most)
    workers = max(1, int(min(wanted, places(a_card))))
    threads = min(int(node.get("CPU", 0)) // (int(node["GPU"]) * a_card) for node in nodes)
    return PoolSize(workers, {"num_gpus": 1 / a_card, "num_cpus": 1}, max(1, threads))


def _on_cores(cores: Sequence[int], preset: Preset, actors: int | None) -> PoolSize:
    """As many threads for each worker as let all of them find a place on some node."""
    largest = max([1, *cores])
    # Several copies of SVD do not fit into a machine's memory.
    fitting = cores.count(largest) if preset is Preset.ACTALKER else sum(cores)
    workers = actors or max(1, fitting)
    most = largest if preset.has_network else 1
    threads = next((t for t in range(most, 0, -1) if sum(count // t for count in cores) >= workers), 1)
    return PoolSize(workers, {"num_cpus": threads}, threads)
