"""How many rows the pool lets begin: as many as keep its workers busy, and no more."""

from contextlib import ExitStack
from pathlib import Path

from tasks.job import Preset
from tasks.pool.render_pool import FIRST_ROWS, RenderPool
from tasks.records.store import Store


def test_rows_begin_while_the_pool_needs_them(tmp_path: Path) -> None:
    pool = RenderPool(Preset.STILL, None, Store(tmp_path))
    assert [pool.admit() for _ in range(FIRST_ROWS + 1)] == [True] * FIRST_ROWS + [False]
    with ExitStack() as rows:
        for _ in range(2):
            rows.enter_context(pool.preparing())
        assert not pool.admit()
    assert [pool.admit() for _ in range(3)] == [True, True, False]  # two are ready


def test_a_pool_that_is_over_keeps_no_row_waiting(tmp_path: Path) -> None:
    """They begin, and fail for its reason."""
    pool = RenderPool(Preset.STILL, None, Store(tmp_path), address="127.0.0.1:1")
    with pool:
        pool._thread.join(60)
        assert all(pool.admit() for _ in range(3 * FIRST_ROWS))
