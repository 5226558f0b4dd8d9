"""Inner loops of the CPU scan, compiled by numba on first use. `cpu.py` calls them and states the shapes.

The innermost loop runs over a block of channels, so that a state's update is one vector instruction and the sum over
states needs no horizontal addition. The forward pass only holds the states of one block (N x BLOCK).
"""

# mypy: disable-error-code="untyped-decorator"

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float32]

BLOCK = 32  # channels per inner loop: two AVX-512 registers, four AVX2
CHUNK = 32  # steps recomputed at a time in the backward pass: 128 KiB of states and decays at 16 states

_f = np.float32
_LOG2E, _LN2 = _f(1.4426950408889634), _f(0.6931471805599453)
_FAST = {"contract", "nsz", "arcp", "reassoc"}  # reassociate sums and fuse multiply-adds, but keep NaN and inf


@njit(nogil=True, fastmath=_FAST, inline="always", cache=True)
def _exp2(x: np.float32) -> np.float32:
    """2 to the power x, |relative error| < 2e-7, as arithmetic that vectorises (libm's exp does not)."""
    x = min(max(x, _f(-126.0)), _f(126.0))
    whole = np.floor(x + _f(0.5))
    f = x - whole  # [-0.5, 0.5)
    p = _f(1.5403530e-4) * f + _f(1.3333558e-3)
    p = p * f + _f(9.6181291e-3)
    p = p * f + _f(5.5504109e-2)
    p = p * f + _f(2.4022651e-1)
    p = p * f + _f(6.9314718e-1)
    p = p * f + _f(1.0)
    scale = np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)
    return _f(p * scale)


@njit(nogil=True, fastmath=_FAST, cache=True)
def _load(row: Array, start: int, width: int, into: Array) -> None:
    for c in range(width):
        into[c] = row[start + c]


@njit(nogil=True, fastmath=_FAST, cache=True)
def _load_decay(A: Array, start: int, width: int) -> Array:
    a = np.zeros((A.shape[0], BLOCK), np.float32)
    for n in range(A.shape[0]):
        for c in range(width):
            a[n, c] = A[n, start + c] * _LOG2E
    return a


@njit(nogil=True, fastmath=_FAST, cache=True)
def _forward_block(
    u: Array, delta: Array, A: Array, B: Array, C: Array, D: Array, y: Array, start: int, reverse: bool
) -> None:
    """Add one direction's result for channels [start, start + BLOCK) of one sequence to y (L, E)."""
    L, E = u.shape
    N = A.shape[0]
    width = min(BLOCK, E - start)
    a = _load_decay(A, start, width)
    h = np.zeros((N, BLOCK), np.float32)
    dt, x, skip, drive, total = np.zeros((5, BLOCK), np.float32)
    _load(D, start, width, skip)
    for step in range(L):
        t = L - 1 - step if reverse else step
        _load(delta[t], start, width, dt)
        _load(u[t], start, width, x)
        for c in range(BLOCK):
            drive[c] = dt[c] * x[c]
            total[c] = skip[c] * x[c]
        for n in range(N):
            b, cn = B[t, n], C[t, n]
            for c in range(BLOCK):
                state = _exp2(dt[c] * a[n, c]) * h[n, c] + drive[c] * b
                h[n, c] = state
                total[c] += state * cn
        for c in range(width):
            y[t, start + c] += total[c]


@njit(nogil=True, fastmath=_FAST, cache=True)
def _step_forward(h: Array, a: Array, dt: Array, x: Array, b: Array, before: Array, decay: Array) -> None:
    """One step of the state; also stores the state before it and the decay."""
    for n in range(h.shape[0]):
        for c in range(BLOCK):
            before[n, c] = h[n, c]
            decay[n, c] = _exp2(dt[c] * a[n, c])
            h[n, c] = decay[n, c] * h[n, c] + dt[c] * x[c] * b[n]


@njit(nogil=True, fastmath=_FAST, inline="always", cache=True)
def _step_backward(
    g: Array, dh: Array, a: Array, dt: Array, x: Array, b: Array, cn: Array, before: Array, decay: Array,
    ddt: Array, dx: Array, dA: Array, dB: Array, dC: Array,
) -> None:  # fmt: skip
    """One step of the gradient: from dL/dy_t (g) and dL/dh_t (dh) to those of the step's inputs and dL/dh_(t-1) (dh).

    Inlined, because a loop that writes several arrays is only vectorised if the compiler can prove that they do not
    overlap, as it can for arrays that the calling function allocates.
    """
    for n in range(dh.shape[0]):
        sum_b, sum_c = _f(0), _f(0)
        for c in range(BLOCK):
            drive = dt[c] * x[c]
            state = decay[n, c] * before[n, c] + drive * b[n]
            sum_c += g[c] * state
            gh = dh[n, c] + g[c] * cn[n]
            sum_b += gh * drive
            through_decay = gh * before[n, c] * decay[n, c]
            ddt[c] += through_decay * a[n, c] * _LN2 + gh * x[c] * b[n]
            dx[c] += gh * dt[c] * b[n]
            dA[n, c] += through_decay * dt[c]
            dh[n, c] = gh * decay[n, c]
        dB[n] += sum_b
        dC[n] += sum_c


@njit(nogil=True, fastmath=_FAST, cache=True)
def _backward_block(
    u: Array, delta: Array, A: Array, B: Array, C: Array, D: Array, dy: Array,
    du: Array, ddelta: Array, dA: Array, dB: Array, dC: Array, dD: Array, start: int, reverse: bool,
) -> None:  # fmt: skip
    """Add the gradients of one direction, one sequence and one channel block to the d-arrays."""
    L, E = u.shape
    N = A.shape[0]
    width = min(BLOCK, E - start)
    a = _load_decay(A, start, width)
    chunks = (L + CHUNK - 1) // CHUNK
    at_start = np.zeros((chunks, N, BLOCK), np.float32)
    before, decay = np.zeros((CHUNK, N, BLOCK), np.float32), np.zeros((CHUNK, N, BLOCK), np.float32)
    h, dh, dA_block = (
        np.zeros((N, BLOCK), np.float32),
        np.zeros((N, BLOCK), np.float32),
        np.zeros((N, BLOCK), np.float32),
    )
    dt, x, skip = np.zeros(BLOCK, np.float32), np.zeros(BLOCK, np.float32), np.zeros(BLOCK, np.float32)
    g, ddt, dx, dskip = (
        np.zeros(BLOCK, np.float32),
        np.zeros(BLOCK, np.float32),
        np.zeros(BLOCK, np.float32),
        np.zeros(BLOCK, np.float32),
    )
    _load(D, start, width, skip)
    for step in range(L):
        t = L - 1 - step if reverse else step
        if step % CHUNK == 0:
            at_start[step // CHUNK] = h
        _load(delta[t], start, width, dt)
        _load(u[t], start, width, x)
        _step_forward(h, a, dt, x, B[t], before[0], decay[0])
    for chunk in range(chunks - 1, -1, -1):
        first, last = chunk * CHUNK, min(L, (chunk + 1) * CHUNK)
        h[:] = at_start[chunk]
        for step in range(first, last):
            t = L - 1 - step if reverse else step
            _load(delta[t], start, width, dt)
            _load(u[t], start, width, x)
            _step_forward(h, a, dt, x, B[t], before[step - first], decay[step - first])
        for step in range(last - 1, first - 1, -1):
            t = L - 1 - step if reverse else step
            _load(delta[t], start, width, dt)
            _load(u[t], start, width, x)
            _load(dy[t], start, width, g)
            ddt[:] = 0
            for c in range(BLOCK):
                dx[c] = g[c] * skip[c]
                dskip[c] += g[c] * x[c]
            k = step - first
            _step_backward(g, dh, a, dt, x, B[t], C[t], before[k], decay[k], ddt, dx, dA_block, dB[t], dC[t])
            for c in range(width):
                ddelta[t, start + c] = ddt[c]
                du[t, start + c] += dx[c]
    for c in range(width):
        dD[start + c] += dskip[c]
        for n in range(N):
            dA[n, start + c] += dA_block[n, c]


@njit(nogil=True, fastmath=_FAST, cache=True)
def forward_items(
    first: int, last: int, u: Array, delta: Array, A: Array, B: Array, C: Array, D: Array, y: Array
) -> None:
    """Both directions of items [first, last); item i is channel block i % blocks of sequence i // blocks."""
    blocks = (u.shape[2] + BLOCK - 1) // BLOCK
    for item in range(first, last):
        s, start = item // blocks, item % blocks * BLOCK
        for k in range(2):
            _forward_block(u[s], delta[k, s], A[k], B[k, s], C[k, s], D[k], y[s], start, k == 1)


@njit(nogil=True, fastmath=_FAST, cache=True)
def backward_items(
    first: int, last: int, u: Array, delta: Array, A: Array, B: Array, C: Array, D: Array, dy: Array,
    du: Array, ddelta: Array, dA: Array, dB: Array, dC: Array, dD: Array,
) -> None:  # fmt: skip
    """Gradients of items [first, last), added to the d-arrays; dA, dB, dC, dD are shared between items."""
    blocks = (u.shape[2] + BLOCK - 1) // BLOCK
    for item in range(first, last):
        s, start = item // blocks, item % blocks * BLOCK
        for k in range(2):
            _backward_block(
                u[s], delta[k, s], A[k], B[k, s], C[k, s], D[k], dy[s],
                du[s], ddelta[k, s], dA[k], dB[k, s], dC[k, s], dD[k], start, k == 1,
            )  # fmt: skip
