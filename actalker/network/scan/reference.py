"""The selective scan as in the papers, step by step: slow, readable, differentiable.

S6 recurrence (Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", section 3.2),
run in two directions over the same sequence as ACTalker's PCM layer does:

    h_t = exp(delta_t A) h_(t-1) + delta_t B_t u_t        y_t = C_t h_t + D u_t

S sequences, L steps, E channels, N states; direction 0 runs forward, direction 1 from the end.
    u (S, L, E)   delta (2, S, L, E)   A (2, E, N)   B, C (2, S, L, N)   D (2, E)   ->   y (S, L, E)
"""

import torch
from torch import Tensor


def scan_one_direction(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """The recurrence above for one direction: u, delta (S, L, E); A (E, N); B, C (S, L, N); D (E) -> (S, L, E)."""
    decay = torch.exp(delta[..., None] * A)  # (S, L, E, N)
    drive = (delta * u)[..., None] * B[:, :, None, :]  # (S, L, E, N)
    h = torch.zeros_like(decay[:, 0])  # (S, E, N)
    y = []
    for t in range(u.shape[1]):
        h = decay[:, t] * h + drive[:, t]
        y.append((h * C[:, t, None, :]).sum(-1))
    return torch.stack(y, dim=1) + D * u


def selective_scan_reference(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """Sum of the forward scan and of the scan from the end, re-reversed (shapes above)."""
    forward = scan_one_direction(u, delta[0], A[0], B[0], C[0], D[0])
    backward = scan_one_direction(u.flip(1), delta[1].flip(1), A[1], B[1].flip(1), C[1].flip(1), D[1])
    return forward + backward.flip(1)
