"""The parallel-control mamba layer (ACTalker, section 3.3): each driving signal steers its own facial region.

B clips, F frames, L tokens a frame of width C; E = 2 C inside the layer, N states, R = ceil(C / 16), D token width.

For every branch: project to E; gather the tokens of its region; append identity and condition tokens; scan in both
directions; scatter the region's tokens back. The other tokens keep their projection. The sum over branches is
normalised and projected to C. There is no residual connection around the layer.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from actalker.network.config import NetworkConfig
from actalker.network.regions import Selection
from actalker.network.scan import Backend, selective_scan

RANK_DIVISOR = 16


class ScanUnit(nn.Module):
    """Selective scan with its input-dependent parameters, in two directions over the same sequence.

    `A_logs`, `Ds` and `dt_projs_bias` stay in float32 when the module is cast to bf16 or fp16, because the rounding
    error of a decay rate accumulates over all steps.
    """

    KEPT_IN_FLOAT32 = ("A_logs", "Ds", "dt_projs_bias")

    def __init__(self, width: int, rank: int, state: int, backend: Backend = "auto") -> None:
        super().__init__()
        self.rank, self.state, self.backend = rank, state, backend
        self.x_proj_weight = nn.Parameter(torch.empty(2, rank + 2 * state, width))
        self.dt_projs_weight = nn.Parameter(torch.empty(2, width, rank))
        self.dt_projs_bias = nn.Parameter(torch.empty(2, width))
        self.A_logs = nn.Parameter(torch.empty(2 * width, state))
        self.Ds = nn.Parameter(torch.empty(2 * width))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Mamba's initialisation: A = -(1..N), D = 1, delta log-uniform in [0.001, 0.1]."""
        nn.init.normal_(self.x_proj_weight, std=self.x_proj_weight.shape[-1] ** -0.5)
        nn.init.uniform_(self.dt_projs_weight, -(self.rank**-0.5), self.rank**-0.5)
        delta = torch.empty_like(self.dt_projs_bias).uniform_(-6.9078, -2.3026).exp()  # log 0.001 .. log 0.1
        self.dt_projs_bias.copy_(delta + torch.log(-torch.expm1(-delta)))  # inverse of softplus
        self.A_logs.copy_(torch.arange(1, self.state + 1).float().log().expand_as(self.A_logs))
        nn.init.ones_(self.Ds)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "ScanUnit":
        kept = {id(getattr(self, name)) for name in self.KEPT_IN_FLOAT32}

        def move(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            halved = id(tensor) in kept and moved.dtype in (torch.bfloat16, torch.float16)
            return tensor.to(moved.device) if halved else moved

        super()._apply(move, recurse)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return self

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """x (S, L, E) -> (S, L, E). Steps where `keep` (S, L) is false leave the state unchanged."""
        E = x.shape[-1]
        projected = F.linear(x, self.x_proj_weight.flatten(0, 1))  # (S, L, 2 (R + 2N))
        projected = projected.view(*x.shape[:2], 2, -1).permute(2, 0, 1, 3)  # (2, S, L, R + 2N)
        low_rank, B, C = torch.split(projected, [self.rank, self.state, self.state], dim=-1)
        delta = torch.einsum("kslr,ker->ksle", low_rank, self.dt_projs_weight)
        delta = F.softplus(delta.float() + self.dt_projs_bias[:, None, None])
        if keep is not None:
            delta = delta * keep[None, :, :, None]  # exp(0 A) = 1 and 0 B u = 0: the state stays
        A = -torch.exp(self.A_logs.float()).view(2, E, -1)
        D = self.Ds.float().view(2, E)
        y: Tensor = selective_scan(x, delta, A, B, C, D, backend=self.backend)
        return y


class PCM(nn.Module):
    """Parallel-control mamba layer with one branch per driving signal."""

    def __init__(self, width: int, config: NetworkConfig) -> None:
        super().__init__()
        inner, rank = 2 * width, -(-width // RANK_DIVISOR)
        self.extent = config.scan_extent
        self.in_projs = nn.ModuleList(nn.Linear(width, inner, bias=False) for _ in config.branches)
        self.signal_projs = nn.ModuleList(nn.Linear(config.context_width, inner, bias=False) for _ in config.branches)
        self.scans = nn.ModuleList(ScanUnit(inner, rank, config.scan_state) for _ in config.branches)
        self.identity_proj = nn.Linear(config.context_width, inner, bias=False)
        self.out_norm = nn.LayerNorm(inner)
        self.out_proj = nn.Linear(inner, width, bias=False)

    def forward(
        self, x: Tensor, identity: Tensor, signals: Sequence[Tensor | None], selections: Sequence[Selection]
    ) -> Tensor:
        """x (B, F, L, C); identity (B, F, 1, D); per branch a signal (B, F, T_k, D) and a selection -> (B, F, L, C).

        A signal is None if the gate of its branch is closed in every clip.
        """
        identity = F.silu(self.identity_proj(identity))
        mixed = torch.stack(
            [self._branch(k, x, identity, signals[k], selections[k]) for k in range(len(self.scans))]
        ).sum(0)
        result: Tensor = self.out_proj(self.out_norm(mixed))
        return result

    def _branch(self, k: int, x: Tensor, identity: Tensor, signal: Tensor | None, selection: Selection) -> Tensor:
        projected: Tensor = self.in_projs[k](x)  # (B, F, L, E)
        if signal is None or selection.count == 0:
            return projected  # no tokens to scan: results at identity and condition tokens are not used
        B, frames, _, E = projected.shape
        index = selection.index[:, None, :, None].expand(B, frames, -1, E)
        region = projected.gather(2, index)  # (B, F, n, E)
        context = torch.cat([identity, F.silu(self.signal_projs[k](signal))], dim=2)
        sequence = torch.cat([region, context], dim=2)  # (B, F, n + 1 + T, E)
        keep: Tensor | None = None
        if not selection.even:
            keep = F.pad(selection.valid, (0, context.shape[2]), value=True)[:, None].expand(B, frames, -1)
        scanned = self._scan(k, sequence, keep)[:, :, : selection.count]
        if not selection.even:
            scanned = torch.where(selection.valid[:, None, :, None], scanned, region)
        return projected.scatter(2, index, scanned)

    def _scan(self, k: int, sequence: Tensor, keep: Tensor | None) -> Tensor:
        """Scan (B, F, M, E): one sequence per frame, or, as in the paper, one sequence per clip.

        In the sequence of a clip, every frame's tokens are followed by that frame's identity and condition tokens. For
        clips of one frame, both are the published layer.
        """
        last = 1 if self.extent == "frame" else 2
        flat = sequence.flatten(0, 1) if last == 1 else sequence.flatten(1, 2)  # (S, steps, E)
        steps = None if keep is None else (keep.flatten(0, 1) if last == 1 else keep.flatten(1, 2))
        scanned: Tensor = self.scans[k](flat, steps)
        return scanned.view_as(sequence)
