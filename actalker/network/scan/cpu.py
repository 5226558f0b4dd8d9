"""The selective scan on the CPU, compiled by numba, so that no C compiler is needed. The L x N states are not stored.

Threads share the (sequence, channel block) pairs. The forward pass holds the state of one block. The backward pass
stores the state at the start of every chunk of steps and recomputes the others. All arithmetic is float32.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from actalker.network.scan.cpu_kernels import BLOCK, Array, backward_items, forward_items

MIN_UPDATES_PER_THREAD = 1 << 20
"""State updates (about 1 ms of work) below which another thread does not pay off."""


def selective_scan_cpu(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """Same function and shapes as `selective_scan_reference`, with gradients; CPU tensors of any float type."""
    result: Tensor = _Scan.apply(u, delta, A, B, C, D)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return result


class _Scan(torch.autograd.Function):
    """Compiled forward and backward; saves only its inputs."""

    @staticmethod
    def forward(ctx: FunctionCtx, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
        ctx.save_for_backward(u, delta, A, B, C, D)
        inputs = _arrays(u, delta, A, B, C, D)
        y = np.zeros(u.shape, np.float32)
        _share(lambda first, last, _: forward_items(first, last, *inputs, y), u, A, workers=_workers(u, A))
        return torch.from_numpy(y).to(u.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, dy: Tensor) -> tuple[Tensor, ...]:
        saved: tuple[Tensor, ...] = ctx.saved_tensors  # type: ignore[attr-defined]  # set by save_for_backward
        u, delta, A, B, _, D = saved
        inputs = _arrays(*saved)
        g = _array(dy)
        workers = _workers(u, A)
        du, ddelta = np.zeros(u.shape, np.float32), np.empty(delta.shape, np.float32)
        # A, B, C and D are shared by workers: each sums its own gradients.
        dA = np.zeros((workers, *inputs[2].shape), np.float32)
        dB, dC = np.zeros((2, workers, *B.shape), np.float32)
        dD = np.zeros((workers, *D.shape), np.float32)

        def run(first: int, last: int, worker: int) -> None:
            backward_items(first, last, *inputs, g, du, ddelta, dA[worker], dB[worker], dC[worker], dD[worker])

        _share(run, u, A, workers)
        grads = (du, ddelta, dA.sum(0).swapaxes(1, 2), dB.sum(0), dC.sum(0), dD.sum(0))
        return tuple(torch.from_numpy(grad).to(like.dtype) for grad, like in zip(grads, saved, strict=True))


def _array(tensor: Tensor) -> Array:
    array: Array = tensor.detach().float().contiguous().numpy()
    return array


def _arrays(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> tuple[Array, ...]:
    """The kernels' inputs; A becomes (2, N, E), so that its channels are neighbours in memory."""
    return _array(u), _array(delta), _array(A.transpose(1, 2)), _array(B), _array(C), _array(D)


def _items(u: Tensor) -> int:
    sequences, _, channels = u.shape
    return sequences * -(-channels // BLOCK)


def _workers(u: Tensor, A: Tensor) -> int:
    updates = 2 * u.numel() * A.shape[2]
    return max(1, min(torch.get_num_threads(), _items(u), updates // MIN_UPDATES_PER_THREAD))


def _share(run: Callable[[int, int, int], None], u: Tensor, A: Tensor, workers: int) -> None:
    """Call run(first, last, worker) over all items, one contiguous range per worker."""
    items = _items(u)
    if workers == 1:
        run(0, items, 0)
        return
    edges = [items * worker // workers for worker in range(workers + 1)]
    # Not numba's pool: its portable threading layer aborts when two Python threads call it.
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(run, edges[:-1], edges[1:], range(workers)))
