"""The fast forms without their kernels: what these read and write has been allocated before, and is looked at."""

import pytest
import torch

from actalker.network.fast import norms, scan

GRID = 65_535
"""CUDA's limit of all dimensions of a grid but the first."""


class SkippedKernel:
    """In place of a kernel: its launches are not run."""

    def __init__(self, device: str) -> None:
        self.device, self.count = device, 0

    def __getitem__(self, grid):
        assert grid[0] > 0
        assert all(0 < size <= GRID for size in grid[1:])
        return self.launch

    def launch(self, *operands, num_warps):
        self.count += 1
        tensors = [operand for operand in operands if isinstance(operand, torch.Tensor)]
        assert {tensor.device.type for tensor in tensors} == {self.device}
        assert all(tensor.is_contiguous() for tensor in tensors)


def without_kernels(monkeypatch: pytest.MonkeyPatch, device: str) -> SkippedKernel:
    """No kernel of the fast forms runs; all their operands must be on a device, without gaps. It counts launches."""
    skipped = SkippedKernel(device)
    monkeypatch.setattr(scan, "scan_kernel", skipped)
    for name in (name for name in dir(norms.kernels) if name.endswith("_kernel")):
        monkeypatch.setattr(norms.kernels, name, skipped)
    return skipped
