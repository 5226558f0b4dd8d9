"""What is reported to Prefect while rows end, without a server: Prefect's two functions are replaced by lists."""

import threading
import time
from uuid import UUID, uuid4

import pytest

from flows import artifacts
from flows.artifacts import PrefectReporter


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The percentages that Prefect was told."""
    told: list[float] = []

    def create(percent: float, *, key: str, description: str) -> UUID:
        told.append(percent)
        return uuid4()

    monkeypatch.setattr(artifacts, "create_progress_artifact", create)
    monkeypatch.setattr(artifacts, "update_progress_artifact", lambda _, percent: told.append(percent))
    return told


def test_progress_is_reported_now_and_then_and_at_the_end(
    reported: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "LOOK_S", 0.01)
    monkeypatch.setattr(artifacts, "PROGRESS_S", 0.5)
    with PrefectReporter("b", 100) as reporter:
        begun = time.monotonic()
        for row in range(1, 101):
            reporter.progress(row)
            time.sleep(0.01)
        most = 2 + (time.monotonic() - begun) / 0.5
    assert reported == sorted(reported) and reported[-1] == 100
    assert 3 <= len(reported) <= most + 1  # the first, those in between, the last


def test_a_cancellation_is_seen_while_rows_end_all_the_time(
    reported: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = threading.Event()
    monkeypatch.setattr(artifacts, "LOOK_S", 0.05)
    monkeypatch.setattr(PrefectReporter, "_look_for_cancellation", lambda _: looked.set())
    with PrefectReporter("b", 10_000) as reporter:
        looked.wait(5)
        looked.clear()  # at the beginning there is time for it in any case
        ends = time.monotonic() + 5
        row = 0
        while not looked.is_set():
            assert time.monotonic() < ends, "nobody looked"
            row += 1
            reporter.progress(row)
            time.sleep(0.005)
