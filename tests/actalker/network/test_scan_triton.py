"""The Triton kernels: compiled on a GPU, else under Triton's interpreter, which conftest.py turns on."""

import pytest
import torch

from actalker.network.scan import available_backends, selective_scan, selective_scan_reference, triton_scan
from tests.actalker.network.test_scan import NAMES, inputs

interpreted = pytest.mark.skipif(torch.cuda.is_available(), reason="with a GPU the kernels are compiled")


def agrees(scan, shape, device):
    truth = [x.to(device).requires_grad_() for x in inputs(*shape)]
    ours = [x.detach().clone().requires_grad_() for x in truth]
    expected, result = selective_scan_reference(*truth), scan(*ours)
    seed = torch.randn_like(expected)
    expected.backward(seed)
    result.backward(seed)
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)
    for name, x, y in zip(NAMES, ours, truth, strict=True):
        error = (x.grad - y.grad).norm() / y.grad.norm().clamp_min(1e-6)
        assert error < 2e-6, f"gradient of {name}: relative error {error:.1e}"


@interpreted
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 10, 6, 3), (1, 9, 4, 4)], ids=str)
def test_interpreted_numbers_and_gradients_are_the_references(monkeypatch, shape):
    monkeypatch.setattr(triton_scan, "BLOCK_E", 4)
    monkeypatch.setattr(triton_scan, "CHUNK", 4)
    agrees(triton_scan.selective_scan_triton, shape, "cpu")


@pytest.mark.gpu
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 50, 40, 5), (2, 400, 96, 16)], ids=str)
@pytest.mark.parametrize("backend", [name for name in available_backends("cuda") if name != "reference"])
def test_compiled_numbers_and_gradients_are_the_references(backend, shape):
    agrees(lambda *operands: selective_scan(*operands, backend=backend), shape, "cuda")
