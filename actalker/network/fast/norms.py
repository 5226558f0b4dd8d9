"""Launches of `norm_kernels.py`, and modules that take the place of torch's.

n frames of R positions and C channels.
"""

import torch
import triton
from diffusers.models.activations import GEGLU
from torch import Tensor, nn

from actalker.network.fast import norm_kernels as kernels

TILE = 4096
"""Numbers that a program holds at once."""
PROGRAMS = 1056
"""Programs that the first kernel of a group normalisation is split into: eight for each processor of an H100."""


def group_norm(norm: nn.GroupNorm, x: Tensor, frames: int = 1, time: Tensor | None = None, silu: bool = True) -> Tensor:
    """Group normalisation over `frames` frames, then SiLU: x (n, R, C) -> the same. time (n, C) is added before."""
    return _normalised(norm, x, _sums(x, x, None, x), frames, time, silu)


def add_and_group_norm(norm: nn.GroupNorm, x: Tensor, h: Tensor, bias: Tensor, frames: int) -> tuple[Tensor, Tensor]:
    """x + h + bias, and its group normalisation with SiLU; all (n, R, C), bias (C)."""
    total = torch.empty_like(x)
    return total, _normalised(norm, total, _sums(x, h, bias, total), frames, None, silu=True)


def _blocks(C: int, tile: int = TILE) -> tuple[int, int]:
    """Rows and channels that a program holds at once."""
    block = int(triton.next_power_of_2(C))
    return max(1, tile // block), block


def _rows(n: int, R: int, C: int) -> int:
    """Positions that a program of the first kernel sums."""
    return max(_blocks(C)[0], int(triton.next_power_of_2(-(-R * n // PROGRAMS))))


def _sums(x: Tensor, h: Tensor, bias: Tensor | None, total: Tensor) -> Tensor:
    n, R, C = x.shape
    rows = _rows(n, R, C)
    parts = torch.empty(n, -(-R // rows), 2, C, device=x.device, dtype=torch.float32)
    with torch.cuda.device_of(x):  # type: ignore[no-untyped-call]  # torch leaves it untyped
        kernels.group_sums_kernel[(parts.shape[1], n)](
            x, h, x if bias is None else bias, total, parts, R, C, bias is not None, rows, *_blocks(C), num_warps=8
        )
    return parts


def _normalised(norm: nn.GroupNorm, x: Tensor, parts: Tensor, frames: int, time: Tensor | None, silu: bool) -> Tensor:
    n, R, C = x.shape
    groups, splits = norm.num_groups, parts.shape[1]
    block_f = int(triton.next_power_of_2(frames))
    blocks = (block_f, max(1, 64 // block_f), int(triton.next_power_of_2(C // groups)))
    scales, y = torch.empty(n, 2, C, device=x.device, dtype=torch.float32), torch.empty_like(x)
    block_r, block_c = _blocks(C)
    with torch.cuda.device_of(x):  # type: ignore[no-untyped-call]  # torch leaves it untyped
        kernels.group_scales_kernel[(groups, n // frames)](
            parts, parts if time is None else time, norm.weight, norm.bias, scales, R, C, groups, splits, frames,
            norm.eps, _rows(n, R, C), time is not None, *blocks, num_warps=4,
        )  # fmt: skip
        kernels.apply_kernel[(-(-R // block_r), n)](x, scales, y, R, C, silu, block_r, block_c, num_warps=8)
    return y


def residual(x: Tensor, h: Tensor, bias: Tensor) -> Tensor:
    """x + h + bias: (n, R, C), bias (C)."""
    C = x.shape[-1]
    M, y = x.numel() // C, torch.empty_like(x)
    block_r, block_c = _blocks(C)
    with torch.cuda.device_of(x):  # type: ignore[no-untyped-call]  # torch leaves it untyped
        kernels.residual_kernel[(-(-M // block_r),)](x, h, bias, y, M, C, block_r, block_c, num_warps=8)
    return y


def layer_norm(norm: nn.LayerNorm, x: Tensor, added: Tensor | None = None) -> Tensor:
    """LayerNorm of x (..., C), or of x + added."""
    x = x.contiguous()
    C = x.shape[-1]
    M, y, z = x.numel() // C, torch.empty_like(x), x if added is None else added.contiguous()
    block_r, block_c = _blocks(C, TILE // 2)
    with torch.cuda.device_of(x):  # type: ignore[no-untyped-call]  # torch leaves it untyped
        kernels.layer_norm_kernel[(-(-M // block_r),)](
            x, z, y, norm.weight, norm.bias, M, C, norm.eps, added is not None, block_r, block_c, num_warps=4
        )
    return y


class FastLayerNorm(nn.Module):
    """In place of a loaded `nn.LayerNorm`."""

    def __init__(self, plain: nn.LayerNorm) -> None:
        super().__init__()
        self.plain = plain

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> the same."""
        return layer_norm(self.plain, x)


class FastGEGLU(nn.Module):
    """In place of a loaded `GEGLU` of diffusers."""

    def __init__(self, plain: GEGLU) -> None:
        super().__init__()
        self.proj = plain.proj

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., K)."""
        wide: Tensor = self.proj(x)
        K = wide.shape[-1] // 2
        y = wide.new_empty(*wide.shape[:-1], K)
        block = min(2048, int(triton.next_power_of_2(K)))
        with torch.cuda.device_of(x):  # type: ignore[no-untyped-call]  # torch leaves it untyped
            kernels.geglu_kernel[(y.numel() // K, -(-K // block))](wide, y, K, block, num_warps=4)
        return y
