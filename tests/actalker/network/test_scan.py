"""The selective scan: every implementation that this machine has gives the reference's numbers and gradients."""

import logging

import pytest
import torch
from torch import Tensor

from actalker.network.scan import available_backends, mamba, selective_scan, selective_scan_reference
from actalker.network.scan.choice import _implementation
from tests.actalker.rounding import rounding
from tests.actalker.weights_by_rule import relative_error

pytestmark = pytest.mark.numeric


def inputs(sequences: int, steps: int, channels: int, states: int) -> list[Tensor]:
    torch.manual_seed(steps)
    delta = torch.nn.functional.softplus(torch.randn(2, sequences, steps, channels) - 2)
    return [
        torch.randn(sequences, steps, channels),
        delta,
        -8 * torch.rand(2, channels, states),
        torch.randn(2, sequences, steps, states),
        torch.randn(2, sequences, steps, states),
        torch.randn(2, channels),
    ]


NAMES = ("u", "delta", "A", "B", "C", "D")
EXP_ERROR = 2e-7
"""What the compiled kernels' exponential is off by at most; the reference's is exact to a rounding."""
SHAPES = [(1, 1, 1, 1), (3, 50, 40, 5), (1, 97, 64, 16), (2, 33, 31, 16), (1, 32, 32, 4)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("backend", [name for name in available_backends("cpu") if name != "reference"])
def test_every_backend_gives_the_references_numbers_and_gradients(backend, shape):
    agrees(lambda *operands: selective_scan(*operands, backend=backend), shape, "cpu")


def agrees(scan, shape, device, exp_error=EXP_ERROR):
    """A scan has the reference's result and gradients, but for rounding: A's is a sum over sequences, steps, states."""
    truth = [x.to(device).requires_grad_() for x in inputs(*shape)]
    ours = [x.detach().clone().requires_grad_() for x in truth]
    expected, result = selective_scan_reference(*truth), scan(*ours)
    seed = torch.randn_like(expected)
    expected.backward(seed)
    result.backward(seed)
    sequences, steps, _, states = shape
    bound = exp_error + rounding(sequences * steps * states)
    assert relative_error(result, expected) < bound
    for name, x, y in zip(NAMES, ours, truth, strict=True):
        error, size = (x.grad - y.grad).norm(), y.grad.norm()  # of A in a single step: zero
        assert error <= bound * size, f"gradient of {name}: {error:.1e} of {size:.1e}"


def test_reference_is_the_recurrence_written_out_by_hand():
    u, delta, A, B, C, D = inputs(1, 3, 1, 1)
    h, forward = 0.0, []
    for t in range(3):
        h = torch.exp(delta[0, 0, t] * A[0, 0]) * h + delta[0, 0, t] * B[0, 0, t] * u[0, t]
        forward.append(C[0, 0, t] * h + D[0] * u[0, t])
    h, backward = 0.0, []
    for t in (2, 1, 0):
        h = torch.exp(delta[1, 0, t] * A[1, 0]) * h + delta[1, 0, t] * B[1, 0, t] * u[0, t]
        backward.insert(0, C[1, 0, t] * h + D[1] * u[0, t])
    expected = torch.stack([a + b for a, b in zip(forward, backward, strict=True)])[None]
    assert relative_error(selective_scan(u, delta, A, B, C, D, backend="reference"), expected) < rounding(3 * 2)


def test_a_step_of_no_duration_changes_nothing():
    u, delta, A, B, C, D = inputs(2, 20, 8, 4)
    delta[:, :, 7:12] = 0
    kept = [t for t in range(20) if not 7 <= t < 12]
    full = selective_scan(u, delta, A, B, C, D)
    short = selective_scan(u[:, kept], delta[:, :, kept], A, B[:, :, kept], C[:, :, kept], D)
    assert relative_error(full[:, kept], short) < rounding(20 * 4)


def test_two_threads_give_the_numbers_of_one(monkeypatch):
    x = [t.requires_grad_() for t in inputs(3, 40, 96, 16)]
    y = [t.detach().clone().requires_grad_() for t in x]
    one = selective_scan(*x, backend="cpu")
    one.sum().backward()
    monkeypatch.setattr("actalker.network.scan.cpu._workers", lambda u, A: 2)
    two = selective_scan(*y, backend="cpu")
    two.sum().backward()
    assert torch.equal(one, two)
    for a, b in zip(x, y, strict=True):
        assert relative_error(b.grad, a.grad) < rounding(3 * 40)  # a worker sums its own sequences and steps


def test_half_precision_inputs_are_scanned_in_float32():
    u, delta, A, B, C, D = inputs(1, 200, 32, 16)
    expected = selective_scan(u.bfloat16().float(), delta, A, B, C, D)
    result = selective_scan(u.bfloat16(), delta, A, B, C, D)
    assert result.dtype == torch.bfloat16
    assert torch.equal(result, expected.bfloat16())


def test_unknown_and_impossible_backends_are_refused():
    x = inputs(1, 2, 2, 2)
    with pytest.raises(ValueError, match="unknown scan backend 'fast'"):
        selective_scan(*x, backend="fast")


def test_the_choice_is_logged(caplog):
    _implementation.cache_clear()
    with caplog.at_level(logging.INFO, logger="actalker"):
        selective_scan(*inputs(1, 2, 2, 2))
    assert "selective scan on cpu: cpu" in caplog.text


def kernel_of_mamba_ssm(u, delta, A, B, C, D):
    """What mamba-ssm documents of selective_scan_fn: u, delta (S, X, L), A (X, N), B, C (S, G, N, L), D (X)."""
    S, X, L = u.shape
    B, C = (x.repeat_interleave(X // x.shape[1], dim=1) for x in (B, C))  # (S, X, N, L): a group is a run of channels
    h, y = u.new_zeros(S, X, A.shape[1]), []
    for t in range(L):
        h = torch.exp(delta[:, :, t, None] * A) * h + (delta[:, :, t] * u[:, :, t])[..., None] * B[..., t]
        y.append((h * C[..., t]).sum(-1) + D * u[:, :, t])
    return torch.stack(y, dim=2)


def test_the_operands_of_mamba_ssm_are_ours_in_its_order(monkeypatch):
    monkeypatch.setattr(mamba, "_kernel", lambda: kernel_of_mamba_ssm)
    operands = inputs(2, 9, 6, 3)
    result, expected = mamba.selective_scan_mamba(*operands), selective_scan_reference(*operands)
    assert relative_error(result, expected) < rounding(9 * 3)


def test_mamba_ssm_is_not_used_without_cuda():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert mamba._kernel() is None
    with pytest.raises(RuntimeError, match="'mamba' does not run on cpu: available are cpu, reference"):
        selective_scan(*inputs(1, 2, 2, 2), backend="mamba")
