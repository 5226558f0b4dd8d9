"""Inner loops of the CUDA scan in Triton. `triton_scan.py` launches them and states the shapes.

One program computes one direction of one sequence for a block of channels, with all states in registers. Channels are
contiguous in memory, so that every load is coalesced. Both directions are programs of one launch and add to the same
result. The result is deterministic, since the sum of two numbers does not depend on their order.
"""

# ruff: noqa: PLR0915  # kernels: pointers in, sizes in; a call inside one is inlined anyway
# mypy: disable-error-code="untyped-decorator,no-untyped-def"

import triton
import triton.language as tl


@triton.jit
def forward_kernel(
    u_ptr, delta_ptr, A_ptr, B_ptr, C_ptr, D_ptr, y_ptr, S, L, E, N: tl.constexpr,
    BLOCK_E: tl.constexpr, BLOCK_N: tl.constexpr,
):  # fmt: skip
    """Add one direction's y to y_ptr (S, L, E), float32, zero before."""
    k, s = tl.program_id(2), tl.program_id(1)
    e = tl.program_id(0) * BLOCK_E + tl.arange(0, BLOCK_E)
    n = tl.arange(0, BLOCK_N)
    in_e, in_n = e < E, n < N
    in_en = in_e[:, None] & in_n[None, :]
    A = tl.load(A_ptr + (k * E + e[:, None]) * N + n[None, :], mask=in_en, other=0.0)
    D = tl.load(D_ptr + k * E + e, mask=in_e, other=0.0)
    h = tl.zeros([BLOCK_E, BLOCK_N], dtype=tl.float32)
    # 64-bit offsets: two directions of a long clip exceed 2^31 numbers.
    row = s.to(tl.int64) * L
    both = (k.to(tl.int64) * S + s) * L
    for step in range(L):
        t = step + k * (L - 1 - 2 * step)  # direction 1 runs from the end
        x = tl.load(u_ptr + (row + t) * E + e, mask=in_e, other=0.0).to(tl.float32)
        dt = tl.load(delta_ptr + (both + t) * E + e, mask=in_e, other=0.0)
        b = tl.load(B_ptr + (both + t) * N + n, mask=in_n, other=0.0).to(tl.float32)
        c = tl.load(C_ptr + (both + t) * N + n, mask=in_n, other=0.0).to(tl.float32)
        h = tl.exp(dt[:, None] * A) * h + (dt * x)[:, None] * b[None, :]
        y = tl.sum(h * c[None, :], axis=1) + D * x
        tl.atomic_add(y_ptr + (row + t) * E + e, y, mask=in_e, sem="relaxed")


@triton.jit
def backward_kernel(
    u_ptr, delta_ptr, A_ptr, B_ptr, C_ptr, D_ptr, dy_ptr,
    du_ptr, ddelta_ptr, dA_ptr, dB_ptr, dC_ptr, dD_ptr, start_ptr, inside_ptr, S, L, E, N: tl.constexpr,
    BLOCK_E: tl.constexpr, BLOCK_N: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """Gradients of one direction. The state at each chunk's start is stored, the states inside are recomputed.

    du (S, L, E), dB and dC (2, S, L, N) are added to; ddelta (2, S, L, E), dA (2, S, E, N), dD (2, S, E) are written.
    start_ptr holds every program's (chunks, BLOCK_E, BLOCK_N), inside_ptr its (CHUNK, BLOCK_E, BLOCK_N).
    """
    k, s = tl.program_id(2), tl.program_id(1)
    e = tl.program_id(0) * BLOCK_E + tl.arange(0, BLOCK_E)
    n = tl.arange(0, BLOCK_N)
    in_e, in_n = e < E, n < N
    in_en = in_e[:, None] & in_n[None, :]
    A = tl.load(A_ptr + (k * E + e[:, None]) * N + n[None, :], mask=in_en, other=0.0)
    D = tl.load(D_ptr + k * E + e, mask=in_e, other=0.0)
    row = s.to(tl.int64) * L
    both = (k.to(tl.int64) * S + s) * L
    chunks = (L + CHUNK - 1) // CHUNK
    program = (k.to(tl.int64) * S + s) * tl.num_programs(0) + tl.program_id(0)
    tile = tl.arange(0, BLOCK_E)[:, None] * BLOCK_N + n[None, :]
    starts = start_ptr + program * chunks * BLOCK_E * BLOCK_N + tile
    insides = inside_ptr + program * CHUNK * BLOCK_E * BLOCK_N + tile
    h = tl.zeros([BLOCK_E, BLOCK_N], dtype=tl.float32)
    for step in range(L):
        if step % CHUNK == 0:
            tl.store(starts + (step // CHUNK) * BLOCK_E * BLOCK_N, h)
        t = step + k * (L - 1 - 2 * step)
        x = tl.load(u_ptr + (row + t) * E + e, mask=in_e, other=0.0).to(tl.float32)
        dt = tl.load(delta_ptr + (both + t) * E + e, mask=in_e, other=0.0)
        b = tl.load(B_ptr + (both + t) * N + n, mask=in_n, other=0.0).to(tl.float32)
        h = tl.exp(dt[:, None] * A) * h + (dt * x)[:, None] * b[None, :]
    tl.debug_barrier()
    dh = tl.zeros([BLOCK_E, BLOCK_N], dtype=tl.float32)
    dA = tl.zeros([BLOCK_E, BLOCK_N], dtype=tl.float32)
    dD = tl.zeros([BLOCK_E], dtype=tl.float32)
    for back in range(chunks):
        first = (chunks - 1 - back) * CHUNK
        size = tl.minimum(CHUNK, L - first)
        h = tl.load(starts + (chunks - 1 - back) * BLOCK_E * BLOCK_N)
        for i in range(size):
            tl.store(insides + i * BLOCK_E * BLOCK_N, h)  # the state before step first + i
            t = first + i + k * (L - 1 - 2 * (first + i))
            x = tl.load(u_ptr + (row + t) * E + e, mask=in_e, other=0.0).to(tl.float32)
            dt = tl.load(delta_ptr + (both + t) * E + e, mask=in_e, other=0.0)
            b = tl.load(B_ptr + (both + t) * N + n, mask=in_n, other=0.0).to(tl.float32)
            h = tl.exp(dt[:, None] * A) * h + (dt * x)[:, None] * b[None, :]
        tl.debug_barrier()
        for j in range(size):
            i = size - 1 - j
            t = first + i + k * (L - 1 - 2 * (first + i))
            before = tl.load(insides + i * BLOCK_E * BLOCK_N)
            x = tl.load(u_ptr + (row + t) * E + e, mask=in_e, other=0.0).to(tl.float32)
            dt = tl.load(delta_ptr + (both + t) * E + e, mask=in_e, other=0.0)
            b = tl.load(B_ptr + (both + t) * N + n, mask=in_n, other=0.0).to(tl.float32)
            c = tl.load(C_ptr + (both + t) * N + n, mask=in_n, other=0.0).to(tl.float32)
            g = tl.load(dy_ptr + (row + t) * E + e, mask=in_e, other=0.0).to(tl.float32)
            decay = tl.exp(dt[:, None] * A)
            state = decay * before + (dt * x)[:, None] * b[None, :]
            gh = dh + g[:, None] * c[None, :]
            through_decay = gh * before * decay
            through_drive = tl.sum(gh * b[None, :], axis=1)
            ddt = tl.sum(through_decay * A, axis=1) + through_drive * x
            tl.store(ddelta_ptr + (both + t) * E + e, ddt, mask=in_e)
            tl.atomic_add(du_ptr + (row + t) * E + e, through_drive * dt + g * D, mask=in_e, sem="relaxed")
            db = tl.sum(gh * (dt * x)[:, None], axis=0)
            dc = tl.sum(g[:, None] * state, axis=0)
            tl.atomic_add(dB_ptr + (both + t) * N + n, db, mask=in_n, sem="relaxed")
            tl.atomic_add(dC_ptr + (both + t) * N + n, dc, mask=in_n, sem="relaxed")
            dA += through_decay * dt[:, None]
            dD += g * x
            dh = gh * decay
        tl.debug_barrier()
    here = (k * S + s).to(tl.int64) * E
    tl.store(dA_ptr + (here + e[:, None]) * N + n[None, :], dA, mask=in_en)
    tl.store(dD_ptr + here + e, dD, mask=in_e)
