"""Small manifests to render, the command to render them with, and what its ledger says: used by whole-batch tests."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

ROOT = Path(__file__).parents[1]


def write_portrait(path: Path, seed: int = 0) -> Path:
    """A picture of soft colours, 160 x 160."""
    colours = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(colours).resize((160, 160), Image.Resampling.BICUBIC).save(path)
    return path


def write_manifest(folder: Path, scripts: Mapping[str, str], size: str = "128") -> Path:
    """A manifest with one row per script, named by the mapping."""
    write_portrait(folder / "p.png")
    lines = ["id,portrait,script,size"]
    for name, text in scripts.items():
        (folder / f"{name}.md").write_text(text)
        lines.append(f"{name},p.png,{name}.md,{size}")
    (folder / "course.csv").write_text("\n".join(lines))
    return folder / "course.csv"


def actalker(
    *arguments: str | Path, api: str = "", program: Sequence[str] = ("-m", "flows"), own_group: bool = False
) -> subprocess.Popen[str]:
    """Start the command, on the Prefect server of this address; in a process group of its own, as a shell does."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)} | ({"PREFECT_API_URL": api} if api else {})
    return subprocess.Popen(
        [sys.executable, *program, *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0 if own_group else None,
    )


def finished(command: subprocess.Popen[str], limit_s: float = 240) -> tuple[int, str]:
    """The exit code and the output of a command that ends by itself."""
    output, _ = command.communicate(timeout=limit_s)
    return command.returncode, output


def events(workspace: Path, kind: str = "") -> list[dict[str, object]]:
    """The events of all batches of a workspace, in the order of each journal."""
    lines = [
        line for path in sorted(workspace.glob("ledger/journal/*.jsonl")) for line in path.read_text().splitlines()
    ]
    found = [json.loads(line) for line in lines]
    return [event for event in found if not kind or event["event"] == kind]


def rendered(workspace: Path) -> list[str]:
    """The key of every segment each time that it was rendered to its end."""
    return [str(event["key"]) for event in events(workspace, "Attempt") if event["outcome"] == "done"]


def wait_for(condition: Callable[[], object], what: str, limit_s: float = 120) -> None:
    """Wait until something is true, or fail."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what}"
        time.sleep(0.05)


def family(pid: int) -> list[psutil.Process]:
    """A process and all below it."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; zombies wait for their parent only."""
    return [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def arguments_of(process: psutil.Process) -> list[str]:
    """A process's command line; empty when it has just ended."""
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []


def log_of(workspace: Path) -> str:
    """The logs of all batches of a workspace."""
    return "".join(path.read_text() for path in workspace.glob("batches/*/log.txt"))
