"""The selective scan by mamba-ssm's CUDA kernel, if that package is installed and passes a self-test."""

import logging
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from actalker.network.scan.reference import selective_scan_reference

_log = logging.getLogger(__name__)


def selective_scan_mamba(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """Same function and shapes as `selective_scan_reference`, with gradients; CUDA tensors.

    Directions become groups of channels: the kernel's inputs are (S, 2 E, L), with B and C in two groups.
    Raises RuntimeError if mamba-ssm is not installed.
    """
    kernel = _kernel()
    if kernel is None:
        raise RuntimeError("mamba-ssm is not installed")
    S, L, E = u.shape

    def by_step(x: Tensor) -> Tensor:
        """(2, S, L, X) -> (S, 2, X, L), direction 1 reversed, so that both run forward."""
        return torch.stack([x[0], x[1].flip(1)], dim=1).transpose(2, 3).contiguous()

    both = by_step(torch.stack([u, u])).view(S, 2 * E, L)
    y = kernel(
        both.float(), by_step(delta).view(S, 2 * E, L).float(), A.reshape(2 * E, -1).float(),
        by_step(B).float(), by_step(C).float(), D.reshape(2 * E).float(),
    )  # fmt: skip
    forward, backward = y.view(S, 2, E, L).transpose(2, 3).unbind(1)
    return (forward + backward.flip(1)).to(u.dtype)


@cache
def usable() -> bool:
    """Whether the package can be imported and agrees with the reference within 1e-4; if not, the reason is logged."""
    if _kernel() is None:
        return False
    S, L, E, N = 2, 40, 16, 8
    generator = torch.Generator().manual_seed(0)  # must not change the state of the global generator

    def random(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    operands = [random(S, L, E), random(2, S, L, E), -random(2, E, N) - 0.1]
    operands += [random(2, S, L, N), random(2, S, L, N), random(2, E)]
    truth = selective_scan_reference(*operands)
    try:
        result = selective_scan_mamba(*(x.cuda() for x in operands)).cpu()
    except RuntimeError as error:  # a kernel built for another GPU or another torch
        _log.warning("mamba-ssm does not run here: %s", error)
        return False
    difference = float((result - truth).norm() / truth.norm())
    if difference > 1e-4:
        _log.warning("mamba-ssm fails its self-test: relative error %.1e", difference)
    return difference <= 1e-4


@cache
def _kernel() -> Callable[..., Tensor] | None:
    if not torch.cuda.is_available():
        return None
    try:
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn  # noqa: PLC0415  # optional, CUDA only
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        _log.info("mamba-ssm is not used: %s", error)
        return None
    kernel: Callable[..., Tensor] = selective_scan_fn
    return kernel
