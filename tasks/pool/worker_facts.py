"""Who a worker is: the device that computes, and the software, for the ledger."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tasks.job import Preset, WorkerFacts

PACKAGES = ("actalker-batch", "torch", "diffusers", "numpy", "opencv-python-headless", "onnxruntime", "av")


def worker_facts(address: str, preset: Preset) -> WorkerFacts:
    """What is known of this process, once it holds the renderer of a preset.

    Args:
        address: `node/pid`.
    """
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # ours is not installed where a cluster has it on its path
            continue
    gpu = _gpu() if preset.has_network else ""
    if gpu:
        versions["cuda"] = str(sys.modules["torch"].version.cuda)
    return WorkerFacts(address, platform.node(), gpu or _processor(), versions)


def _gpu() -> str:
    """The name of the GPU; empty where torch sees none."""
    torch = sys.modules.get("torch")  # loaded, if it is what draws
    return str(torch.cuda.get_device_name()) if torch is not None and torch.cuda.is_available() else ""


def _processor() -> str:
    """The name of the processor, as Linux gives it; else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.machine()
