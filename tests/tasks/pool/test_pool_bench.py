"""What the pool costs beside the pixels: `pytest -m bench -s -k pool`."""

import sys
import time
from pathlib import Path

import psutil
import pytest

from tasks.pool.events import Kind
from tasks.records.store import Store
from tests.tasks.pool.faulty_renderer import segments
from tests.tasks.pool.test_render_pool import PoolFixture

SEGMENTS = 1000
LIMIT_MS = 20.0

pytestmark = pytest.mark.bench


def test_overhead_of_a_segment_and_memory_of_the_driver(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Segments of one frame of 64 x 64: what remains is handing out, opening, publishing with fsync, and reporting."""
    fixture = PoolFixture(Store(tmp_path))
    began = time.monotonic()
    with fixture.pool:
        fixture.render(*segments("warm", 8, frames=1))
        ready_s = time.monotonic() - began
        memory = [psutil.Process().memory_info().rss]
        spent_s = 0.0
        for row in range(10):
            wanted = segments(f"row {row}", SEGMENTS // 10, frames=1)
            began = time.monotonic()
            fixture.render(*wanted)
            spent_s += time.monotonic() - began
            memory.append(psutil.Process().memory_info().rss)
        began = time.monotonic()
    closed_s = time.monotonic() - began
    each_ms = spent_s / SEGMENTS * 1000
    grown_mib = (memory[-1] - memory[2]) / 2**20
    renders_ms = sum(event.render_ms for event in fixture.events if event.kind is Kind.FINISHED)
    with capsys.disabled():
        sys.stdout.write(
            f"\npool, 2 actors: first clips {ready_s:.1f} s after opening, closed in {closed_s:.1f} s\n"
            f"{SEGMENTS} segments in {spent_s:.1f} s: {each_ms:.1f} ms each, writing {renders_ms / SEGMENTS:.1f} ms\n"
            f"driver's memory over the last {SEGMENTS * 8 // 10}: {grown_mib:+.1f} MiB\n"
        )
    assert each_ms <= LIMIT_MS
    assert grown_mib < 16
