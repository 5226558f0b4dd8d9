"""`python -m tests.actalker.bench_float32`: what takes the memory of a pass in float32 on a GPU, in one table.

An H100 allocates 60.8 GiB, where the weights need 6 and its tensors 4.3 (`test_live_memory.py`). This names the
operation that takes the rest, and leaves out attention's kernels and cuDNN one after the other (docs/gpu.md).
`--miniature` as in `bench_gpu`.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from actalker.memory import GIB
from actalker.network import UNet
from actalker.precision import exact_float32
from actalker.talker import _prepare
from tests import card
from tests.actalker.bench_gpu import MINIATURE, Measured, Setting, conditions

CAP_MIB = 1024
CAP = "CUDNN_CONV_WSCAP_DBG"
"""cuDNN's limit for the workspace of a convolution, in MiB. It is read once for each process."""


class Workspaces(TorchDispatchMode):
    """How much each operation has allocated beyond what is left of it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, float] = {}
        """GiB by operation and shapes, the most of several."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        torch.cuda.reset_peak_memory_stats()
        result = func(*args, **(kwargs or {}))
        beyond = (torch.cuda.max_memory_allocated() - torch.cuda.memory_allocated()) / GIB
        shapes = " ".join(str(tuple(x.shape)) for x in tree_leaves(args) if isinstance(x, Tensor) and x.dim() > 1)
        name = f"{func} {shapes}"
        self.found[name] = max(self.found.get(name, 0.0), beyond)
        return result


def pass_in_float32(setting: Setting) -> Callable[[], object]:
    """A pass with both signals."""
    torch.manual_seed(0)
    with torch.device(setting.device):
        unet = UNet(setting.config)
    _prepare(unet, torch.device(setting.device), torch.float32)
    known, cells = conditions(unet, setting, released=False), setting.edge // 8
    x = torch.randn(1, setting.frames, 2 * setting.config.latent_channels, cells, cells).to(setting.device)
    timesteps = torch.full((1,), 0.4, device=setting.device)
    return lambda: unet(x, timesteps, known)


def peak(measured: Measured, name: str, work: Callable[[], object], context: AbstractContextManager[object]) -> None:
    """Add the most memory of a call, weights included."""
    try:
        with context:
            found = f"{measured.peak_gib(work):.1f} GiB"
    except torch.OutOfMemoryError:
        found = "out of memory"
    if measured.device == "cuda":
        torch.cuda.empty_cache()
    measured.add(name, found)


def main() -> None:
    """Measure all and print the table; with `--capped` only print the peak, for the process with the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--miniature", action="store_true", help="a small network on the CPU, for tests")
    parser.add_argument("--capped", action="store_true", help="one line, under the limit of the environment")
    given = parser.parse_args()
    setting = replace(MINIATURE if given.miniature else Setting(), dtype=torch.float32)
    if setting.device == "cuda" and not card.name():
        raise SystemExit(f"{card.NONE} Nothing was measured.")
    exact_float32()
    measured, work = Measured(setting.device), pass_in_float32(setting)
    if given.capped:
        peak(measured, f"workspaces of convolutions up to {CAP_MIB} MiB", work, nullcontext())
        return
    peak(measured, "as it is, weights included", work, nullcontext())
    if setting.device == "cuda":
        peak(measured, "attention fused (efficient)", work, sdpa_kernel(SDPBackend.EFFICIENT_ATTENTION))
        with Workspaces() as spaces:
            work()
        for name, size in sorted(spaces.found.items(), key=lambda one: -one[1])[:5]:
            measured.add(name, f"{size:.1f} GiB within the operation")
    peak(measured, "attention of single operations (math)", work, sdpa_kernel(SDPBackend.MATH))
    peak(measured, "convolutions without cuDNN", work, torch.backends.cudnn.flags(enabled=False))
    peak(measured, "cuDNN with tf32", work, torch.backends.cudnn.flags(enabled=True, allow_tf32=True))
    command = [sys.executable, "-m", "tests.actalker.bench_float32", "--capped", *sys.argv[1:]]
    capped = subprocess.run(
        command, env=os.environ | {CAP: str(CAP_MIB)}, stdout=subprocess.PIPE, text=True, check=True
    )
    name, _, found = capped.stdout.strip().rpartition(": ")
    measured.add(name, found)
    where = card.name() or "CPU, miniature: these figures mean nothing"
    print(f"\nA pass in float32: {where}, torch {torch.__version__}\n\n{measured.markdown()}")


if __name__ == "__main__":
    with torch.no_grad():
        main()
