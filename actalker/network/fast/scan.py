"""The scan unit for inference on CUDA: `ScanUnit` of `network/pcm.py` is the plain form and has its shapes.

What differs: the scan takes raw step sizes and writes a result per direction; the low rank is filled up to a multiple
of 8, for which matrix products are aligned.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
import triton
from torch import Tensor, nn

from actalker.network.fast.scan_kernel import scan_kernel
from actalker.network.pcm import ScanUnit

ALIGNED = 8
WORD = 4
"""States are filled up to a multiple: so many numbers of bfloat16 fill a word of 64 bits."""
SCHEDULERS = 528
"""Of an H100: each runs one warp at a time."""


@dataclass(frozen=True)
class Launch:
    """How the scan is split into programs, of one warp each."""

    channels: int
    """Of a program: 32, one for each lane, or 64, which read B and C half as often."""
    ahead: int
    """Steps whose operands are on their way while one is computed."""


LAUNCHES = (
    (4.0, Launch(64, 2)),
    (2.0, Launch(32, 4)),
    (0.0, Launch(32, 8)),
)
"""By warps of 32 channels that there would be for each scheduler: the first row that has no more.

72 x 72 tokens of 25 frames (640 channels) are 1.9, of four passes 7.6; 36 x 36 (1,280) are 3.8, 18 x 18 (2,560) 7.6.

On an H100 these are within 0.05 ms of the best that were measured (docs/gpu.md). With 1.9 warps latency decides, and
8 steps ahead are best; with 7.6 the work itself. 8 steps ahead need 255 registers, of which a scheduler has enough for
two warps. `make bench-gpu` times all.
"""


def launch_for(sequences: int, channels: int) -> Launch:
    """The row of the table for S sequences of E channels in two directions."""
    warps = 2 * sequences * channels / 32 / SCHEDULERS
    return next(launch for least, launch in LAUNCHES if warps >= least)


class FastScanUnit(nn.Module):
    """In place of a loaded `ScanUnit`; its weights in the order in which they are read."""

    def __init__(self, plain: ScanUnit) -> None:
        super().__init__()
        E, N = plain.x_proj_weight.shape[2], plain.state
        self.rank, self.state = -(-plain.rank // ALIGNED) * ALIGNED, -(-N // WORD) * WORD
        low, B, C = torch.split(plain.x_proj_weight.detach(), [plain.rank, N, N], dim=1)
        # A state of the filling has A = B = C = 0: it stays 0 and adds 0.
        filled = [_filled(low, self.rank), _filled(B, self.state), _filled(C, self.state)]
        self.x_proj = nn.Buffer(torch.cat(filled, dim=1).flatten(0, 1).contiguous())
        dt_proj = F.pad(plain.dt_projs_weight.detach(), (0, self.rank - plain.rank))
        self.dt_proj = nn.Buffer(dt_proj.transpose(1, 2).contiguous())
        self.bias = nn.Buffer(plain.dt_projs_bias.detach().float().contiguous())
        A = -torch.exp(plain.A_logs.detach().float()) / math.log(2)
        self.A = nn.Buffer(_filled(A.view(2, E, N).transpose(1, 2), self.state).contiguous())
        self.D = nn.Buffer(plain.Ds.detach().float().view(2, E).contiguous())
        self.launch: Launch | None = None
        """None: by the table."""

    def forward(self, x: Tensor) -> Tensor:
        """(S, L, E) -> the results of both directions, (2, S, L, E), to be added."""
        S, L, E = x.shape
        half = self.rank + 2 * self.state
        rows = F.linear(x, self.x_proj)  # (S, L, 2 (R + 2 N))
        low = rows.view(S * L, 2, half).permute(1, 0, 2)[:, :, : self.rank]
        raw = torch.bmm(low, self.dt_proj).view(2, S, L, E)
        y = torch.empty(2, S, L, E, device=x.device, dtype=x.dtype)
        launch = self.launch or launch_for(S, E)
        word = 8 // x.element_size()  # numbers in a word
        with torch.cuda.device_of(x):  # type: ignore[no-untyped-call]  # torch leaves it untyped
            scan_kernel[(triton.cdiv(E, launch.channels), S, 2)](
                x, raw, rows.view(torch.int64), self.A, self.D, self.bias, y, L, E, 2 * half // word, half // word,
                self.rank // word, self.state, launch.channels, launch.ahead, num_warps=1,
            )  # fmt: skip
        return y


def _filled(x: Tensor, rows: int) -> Tensor:
    """(2, n, E) -> (2, rows, E), with zeros."""
    return F.pad(x, (0, 0, 0, rows - x.shape[1]))
