"""500 rows of 40 segments with a renderer that costs nothing: what the rest costs, and how quickly it is looked at.

    pytest -m bench -s tests/flows/test_large_batch_bench.py

LARGE_ROWS=100 for fewer rows: the start, 4 s of the driver, is in its figure, and decides it below that.

Speech, ffmpeg, Ray, Prefect, store and journal are real; the picture is a still one of 64 x 64. The batch
is looked at while it runs, from half of it on, with both cores busy.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil
import pytest

from tests.course import ROOT, events, wait_for, write_manifest
from tests.flows.test_farm_bench import Costs
from tests.flows.web.workspaces import served

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]

ROWS = int(os.environ.get("LARGE_ROWS", "500"))
SEGMENTS = 40
MOST_OVERHEAD_MS = 5.0
MOST_MEMORY_MIB = 1024
MOST_LOOK_MS = 300
LOOKS = 9
EVERY_S = 10.0
"""How long the batch runs between two looks, so that looking at it does not become the load."""


def look_at_page(opener: urllib.request.OpenerDirector, address: str, server: psutil.Process) -> tuple[float, float]:
    """Wall and processor time of the page of a batch, in ms."""
    before, began = server.cpu_times(), time.monotonic()
    with opener.open(address, timeout=60) as answer:
        assert b"row0" in answer.read()
    after = server.cpu_times()
    return 1000 * (time.monotonic() - began), 1000 * (after.user + after.system - before.user - before.system)


def look_at_status(workspace: Path) -> tuple[float, float]:
    """Wall and processor time of `actalker status`, its start included, in ms."""
    began, before = time.monotonic(), os.times()
    done = subprocess.run(
        [sys.executable, "-m", "flows", "status", "--workspace", workspace], cwd=ROOT, capture_output=True, check=True
    )
    assert b"running" in done.stdout, done.stdout
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return 1000 * (time.monotonic() - began), 1000 * spent


def write_large_manifest(folder: Path) -> Path:
    """Rows of the same words, but with a seed each, so that no row finds the segments of another one."""
    text = "\n\n".join(f"{first}{vowel}ta." for first in "BDFGKLMN" for vowel in "aeiou")
    manifest = write_manifest(folder, {f"row{number}": text for number in range(ROWS)}, size="64")
    head, *lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join([f"{head},voice,seed", *(f"{line},en-us,{i}" for i, line in enumerate(lines))]))
    return manifest


@dataclass
class Seen:
    """While a batch ran: wall and processor time of its page and of `status`, in ms, and the driver's memory."""

    pages: list[tuple[float, float]] = field(default_factory=list)
    statuses: list[tuple[float, float]] = field(default_factory=list)
    memory_mib: float = 0.0


def watch(command: subprocess.Popen[bytes], costs: Costs, workspace: Path) -> Seen:
    """Look at a batch until it ends."""
    seen, looked = Seen(), 0.0
    wait_for(lambda: list(workspace.glob("batches/*")) or command.poll() is not None, "the batch has begun")
    assert command.poll() is None, "the batch ended early"
    with served(workspace) as (page, link):
        opener, server = urllib.request.build_opener(urllib.request.HTTPCookieProcessor()), psutil.Process(page.pid)
        opener.open(link, timeout=60).close()
        address = f"{link.partition('?')[0]}batches/{next((workspace / 'batches').iterdir()).name}"
        while command.poll() is None:
            costs.sample()
            with suppress(psutil.NoSuchProcess):
                seen.memory_mib = max(seen.memory_mib, psutil.Process(command.pid).memory_info().rss / 2**20)
            delivered = len(list(workspace.glob("videos/*/*/*.mp4")))
            if ROWS // 2 <= delivered < ROWS - 4 and len(seen.pages) < LOOKS and time.monotonic() > looked + EVERY_S:
                seen.pages.append(look_at_page(opener, address, server))
                seen.statuses.append(look_at_status(workspace))
                looked = time.monotonic()
            time.sleep(1)
    return seen


def test_a_batch_of_twenty_thousand_segments(tmp_path: Path, prefect_server: str) -> None:
    arguments = ["submit", write_large_manifest(tmp_path), "--workspace", tmp_path / "w", "--preset", "still"]
    surroundings = {"FARM_MS_PER_FRAME": "0", "FARM_STAGES": str(tmp_path / "stages.json")}
    began = time.monotonic()
    with (
        (tmp_path / "log.txt").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "tests.farm", *map(str, arguments), "--actors", "2"],
            cwd=ROOT,
            env={**os.environ, **surroundings, "PYTHONPATH": str(ROOT), "PREFECT_API_URL": prefect_server},
            stdout=log,
            stderr=log,
        ) as command,
    ):
        costs = Costs(command.pid)
        try:
            seen = watch(command, costs, tmp_path / "w")
        finally:
            command.terminate()  # if it still runs
    assert command.returncode == 0, (tmp_path / "log.txt").read_text()[-4000:]
    wall_s, spent = time.monotonic() - began, costs.seconds()
    segments = sum(one["outcome"] == "done" for one in events(tmp_path / "w", "Attempt"))
    stages_s = sum(json.loads((tmp_path / "stages.json").read_text()).values())
    own_ms = 1000 * (spent["driver"] - stages_s) / segments
    page_ms, page_cpu_ms = (median(column) for column in zip(*seen.pages, strict=True))
    status_ms, status_cpu_ms = (median(column) for column in zip(*seen.statuses, strict=True))
    print(f"\n{ROWS} rows, {segments:,} segments, {wall_s:.0f} s, load {os.getloadavg()[0]:.0f}")
    print(f"driver, without the stages of rows: {own_ms:.2f} ms of processor time a segment")
    print(f"driver's stages of rows: {1000 * stages_s / ROWS:.0f} ms a row; memory: {seen.memory_mib:.0f} MiB at most")
    print(
        f"page of the running batch: {page_ms:.0f} ms, {page_cpu_ms:.0f} of them its own; median of {len(seen.pages)}"
    )
    print(f"status: {status_ms:.0f} ms, {status_cpu_ms:.0f} of them its own")
    for kind, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"  {kind:24} {seconds:7.1f} s  {1000 * seconds / segments:6.2f} ms a segment")
    assert len(events(tmp_path / "w", "SegmentEnded")) == ROWS * SEGMENTS  # some are alike, and rendered once
    assert own_ms <= MOST_OVERHEAD_MS
    assert seen.memory_mib < MOST_MEMORY_MIB
    assert page_cpu_ms < MOST_LOOK_MS
    assert status_cpu_ms < MOST_LOOK_MS
