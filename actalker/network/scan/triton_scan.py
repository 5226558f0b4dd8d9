"""The selective scan on CUDA, in Triton: forward and backward, both directions in one launch.

Same function and shapes as `reference.py`: u (S, L, E), delta (2, S, L, E), A (2, E, N), B, C (2, S, L, N), D (2, E).
All arithmetic is float32. The forward pass stores no states; the backward pass stores one per chunk of steps and
recomputes the rest. Gradients of B and C are summed over blocks of channels by atomic additions, whose order is not
fixed: they may differ between runs in their last bits.
"""

import torch
import triton
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from actalker.network.scan.triton_kernels import backward_kernel, forward_kernel

BLOCK_E = 32
CHUNK = 32


def selective_scan_triton(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """Same function and shapes as `selective_scan_reference`, with gradients; CUDA tensors of any float type."""
    result: Tensor = _Scan.apply(u, delta, A, B, C, D)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return result


class _Scan(torch.autograd.Function):
    """Forward and backward kernels; saves only its inputs."""

    @staticmethod
    def forward(ctx: FunctionCtx, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
        ctx.save_for_backward(u, delta, A, B, C, D)
        S, L, E = u.shape
        N = A.shape[2]
        y = torch.zeros(u.shape, dtype=torch.float32, device=u.device)
        operands = _operands(u, delta, A, B, C, D)
        # Triton launches on the current device, which may be another GPU than the tensors'.
        with torch.cuda.device_of(u):  # type: ignore[no-untyped-call]  # torch leaves it untyped
            forward_kernel[_grid(u)](*operands, y, S, L, E, N, BLOCK_E, _block(N), num_warps=1)
        return y.to(u.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, dy: Tensor) -> tuple[Tensor, ...]:
        saved: tuple[Tensor, ...] = ctx.saved_tensors  # type: ignore[attr-defined]  # set by save_for_backward
        u, delta, A, B, _, _ = saved
        S, L, E = u.shape
        N, grid = A.shape[2], _grid(u)

        def buffer(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=torch.float32, device=u.device)

        du, ddelta, dA, dD = buffer(S, L, E), buffer(*delta.shape), buffer(2, S, E, N), buffer(2, S, E)
        dB, dC = buffer(*B.shape), buffer(*B.shape)
        tile = grid[0] * BLOCK_E * _block(N)
        starts, insides = buffer(2 * S * -(-L // CHUNK) * tile), buffer(2 * S * CHUNK * tile)
        with torch.cuda.device_of(u):  # type: ignore[no-untyped-call]  # as above
            backward_kernel[grid](
                *_operands(*saved), dy.contiguous(), du, ddelta, dA, dB, dC, dD, starts, insides, S, L, E, N,
                BLOCK_E, _block(N), CHUNK, num_warps=1,
            )  # fmt: skip
        grads = (du, ddelta, dA.sum(1), dB, dC, dD.sum(1))
        return tuple(grad.to(like.dtype) for grad, like in zip(grads, saved, strict=True))


def _grid(u: Tensor) -> tuple[int, int, int]:
    """Channel blocks, sequences, directions."""
    return (-(-u.shape[2] // BLOCK_E), u.shape[0], 2)


def _block(states: int) -> int:
    """Tile size for N states: Triton needs a power of two."""
    return int(triton.next_power_of_2(states))


def _operands(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> tuple[Tensor, ...]:
    """Contiguous operands; delta, A and D in float32."""
    return (
        u.contiguous(), delta.float().contiguous(), A.float().contiguous(),
        B.contiguous(), C.contiguous(), D.float().contiguous(),
    )  # fmt: skip
