"""A renderer that notes which card its worker sees."""

import os
from pathlib import Path

from tasks.job import Preset
from tests.tasks.pool.faulty_renderer import FaultyRenderer


def load(preset: Preset, weights: Path | None, threads: int) -> FaultyRenderer:
    """Write CUDA_VISIBLE_DEVICES into a file of the folder `weights`."""
    assert weights
    (weights / str(os.getpid())).write_text(os.environ["CUDA_VISIBLE_DEVICES"])
    return FaultyRenderer()
