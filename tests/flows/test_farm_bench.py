"""A simulated farm: how busy the driver keeps 8 and 64 cards, and what that costs it.

    pytest -m bench -s tests/flows/test_farm_bench.py        FARM_ROWS=100 for fewer rows

Time is not that of a real card: a segment takes as long as lets the benchmark end in about eight minutes. What the
driver costs for a row and a segment is real, and so is the number of cards that it can feed, for any time per frame.
"""

import json
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.course import actalker, events, write_manifest

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

ROWS = int(os.environ.get("FARM_ROWS", "500"))
MINUTES = float(os.environ.get("FARM_MINUTES", "6"))
"""How long workers that never wait would take."""
OPTIONS = os.environ.get("FARM_OPTIONS", "").split()
FRAMES_OF_A_ROW = 180
"""About; what the scripts below come to."""
SCRIPT = "Here is row number {0}. It says a second sentence, number {0}, for another segment."
LEAST_BUSY = {8: 0.97, 64: 0.95}
SAMPLE_S = 1.0


class Costs:
    """Processor time of a process and of all that it starts, by kind; sampled, because children come and go."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._seen: dict[tuple[int, float], tuple[str, float, int]] = {}

    def sample(self) -> None:
        """Look at everything that lives."""
        try:
            family = [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]
            ray_runs = "raylet" in {process.name() for process in family}
        except psutil.NoSuchProcess:
            return  # one of them has just ended: the next sample is a second away
        for process in family:
            try:
                with process.oneshot():
                    kind = self._kind_of(process)
                    times = process.cpu_times()
                    own = times.user + times.system
                    ended = times.children_user + times.children_system
                    memory = process.memory_info().rss
                    self._seen[process.pid, process.create_time()] = kind, own, memory
                    if process.pid == self.pid and ray_runs:  # later Ray, and all that it ran, count among the ended
                        self._seen[-1, 0.0] = "ffmpeg and other tools", ended, 0
            except psutil.Error:
                continue

    def _kind_of(self, process: psutil.Process) -> str:
        line = " ".join(process.cmdline())
        if process.pid == self.pid:
            return "driver"
        if line.startswith("ray::RenderWorker"):
            return "render workers"
        if line.startswith("ray::") or "default_worker" in line:
            return "other Ray workers"
        if process.name() in {"raylet", "gcs_server"} or "/ray/" in line:
            return "Ray's daemons"
        return "Prefect's server" if "uvicorn" in line or "prefect" in line else "short-lived"

    def seconds(self) -> dict[str, float]:
        """By kind. What is short-lived counts when its parent has waited for it."""
        sums: dict[str, float] = defaultdict(float)
        for kind, spent, _ in self._seen.values():
            sums[kind] += spent
        sums.pop("short-lived", None)
        return dict(sums)

    def memory_mib(self, kind: str) -> float:
        """The mean of one of its processes, when last seen."""
        found = [memory for one, _, memory in self._seen.values() if one == kind]
        return sum(found) / max(1, len(found)) / 2**20


def busy_share(attempts: list[dict[str, Any]]) -> tuple[float, float]:
    """Which part of the workers' time was drawing: from the first start to the last end, and for each worker from its
    own first start to its own last end, which leaves out how they come up and how the batch runs out."""
    first, last = min(one["started_ms"] for one in attempts), max(one["ended_ms"] for one in attempts)
    workers = defaultdict(list)
    for one in attempts:
        workers[one["worker"]].append(one)
    own = sum(max(a["ended_ms"] for a in w) - min(a["started_ms"] for a in w) for w in workers.values())
    busy = sum(one["busy_ms"] for one in attempts)
    return busy / (len(workers) * (last - first)), busy / own


@pytest.mark.parametrize("workers", [8, 64])
def test_a_farm_of_cards_is_kept_busy(workers: int, tmp_path: Path, prefect_server: str) -> None:
    manifest = write_manifest(tmp_path, {f"row{number}": SCRIPT.format(number) for number in range(ROWS)})
    head, *lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join([f"{head},voice", *(f"{line},en-us" for line in lines)]))
    frame_ms = MINUTES * 60_000 * workers / (ROWS * FRAMES_OF_A_ROW)
    os.environ |= {"FARM_MS_PER_FRAME": str(frame_ms), "FARM_STAGES": str(tmp_path / "stages.json")}
    arguments = ["submit", manifest, "--workspace", tmp_path / "w", "--preset", "still", "--actors", str(workers)]
    began = time.monotonic()
    command = actalker(*arguments, *OPTIONS, program=("-m", "tests.farm"), api=prefect_server)
    costs = Costs(command.pid)
    while command.poll() is None:
        costs.sample()
        time.sleep(SAMPLE_S)
    output, _ = command.communicate()
    assert command.returncode == 0, output
    wall_s = time.monotonic() - began
    done = [one for one in events(tmp_path / "w", "Attempt") if one["outcome"] == "done"]
    whole, own = busy_share(done)
    spent = costs.seconds()
    driver_s = spent["driver"] + spent["ffmpeg and other tools"] + spent.get("Ray's daemons", 0.0)
    worker_s = sum(int(str(one["busy_ms"])) for one in done) / 1000
    print(
        f"\n{workers} workers, {ROWS} rows, {len(done)} segments, {frame_ms:.1f} ms a frame, {wall_s:.0f} s, load "
        f"{os.getloadavg()[0]:.0f}: busy {whole:.1%}, each worker from its first to its last segment {own:.1%}"
    )
    print(f"driver, its tools and Ray's daemons: {driver_s / ROWS:.3f} s a row, {driver_s / len(done):.3f} s a segment")
    print(f"so one core feeds {worker_s / driver_s:.1f} such workers")
    for kind, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        row_ms, memory = 1000 * seconds / ROWS, costs.memory_mib(kind)
        print(f"  {kind:24} {seconds:7.1f} s  {row_ms:7.1f} ms a row  {memory:6.0f} MiB each")
    stages = json.loads((tmp_path / "stages.json").read_text())
    print("  the driver's stages, ms a row:", {name: round(1000 * spent / ROWS, 1) for name, spent in stages.items()})
    assert own >= LEAST_BUSY[workers]
