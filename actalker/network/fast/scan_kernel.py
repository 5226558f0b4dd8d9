"""The forward scan of a whole scan unit in Triton: softplus and its bias inside, operands loaded steps ahead.

S sequences, L steps, E channels, N states. `network/scan/reference.py` has the recurrence; `scan.py` launches it. One
program is one warp. It computes one direction of one sequence for a block of channels.

A lane owns channels with all of their states, one register for each, so that the sum over states needs no other lane.
As a tile (channels, states), which the compiler spreads over the lanes, a step had 8 shuffles and 3 exchanges through
shared memory. B and C are the same for all lanes, which load them as words of 64 bits: four bfloat16 in one.

On an H100 latency decides, since 25 frames of 640 channels give each scheduler two warps. So the operands of the next
steps are always on their way.
"""

# ruff: noqa: RUF005  # the compiler of the kernels adds tuples, but does not unpack into them
# mypy: disable-error-code="untyped-decorator,no-untyped-def,assignment,misc"

import triton
import triton.language as tl


@triton.jit
def _row(step, k, L):
    """Where a step is in memory: direction 1 runs from the end. Beyond the last step, where that one is."""
    at = tl.minimum(step, L - 1)
    return at + k * (L - 1 - 2 * at)


@triton.jit
def _load(u_ptr, dt_ptr, words_ptr, t, E, width, in_e, WORDS: tl.constexpr):
    """u, dt, and the words of B and C, in row t."""
    x = tl.load(u_ptr + t * E, mask=in_e, other=0.0)
    dt = tl.load(dt_ptr + t * E, mask=in_e, other=0.0)
    words = ()
    for i in tl.static_range(2 * WORDS):
        words = words + (tl.load(words_ptr + t * width + i),)
    return x, dt, words


@triton.jit
def _numbers(words, kind: tl.constexpr):
    """The numbers of a type in words of 64 bits, in float32."""
    numbers = ()
    for i in tl.static_range(len(words)):
        for j in tl.static_range(2):
            half = (words[i] >> 32 * j).to(tl.int32)
            if kind.primitive_bitwidth == 32:
                numbers = numbers + (half.to(tl.float32, bitcast=True),)
            elif kind == tl.bfloat16:  # the upper half of a float32: one instruction each
                low = (half << 16).to(tl.float32, bitcast=True)
                high = (half & -65536).to(tl.float32, bitcast=True)
                numbers = numbers + (low, high)
            else:
                low = half.to(tl.int16).to(kind, bitcast=True).to(tl.float32)
                high = (half >> 16).to(tl.int16).to(kind, bitcast=True).to(tl.float32)
                numbers = numbers + (low, high)
    return numbers


@triton.jit
def softplus(x):
    """log(1 + exp(x)), |relative error| < 3e-7: max(x, 0) + log(1 + z) with z = exp(-|x|) in (0, 1].

    log(1 + z) / z is a polynomial that was fitted with the least greatest relative error, 3e-8 exactly and 1.3e-7 in
    float32. The hardware's logarithm is not exact near 1, the library's takes 25 instructions more.
    """
    z = tl.exp2(-1.4426950408889634 * tl.abs(x))
    p = 0.0052326936 * z - 0.02950524
    p = p * z + 0.078225963
    p = p * z - 0.13663247
    p = p * z + 0.19106008
    p = p * z - 0.24842982
    p = p * z + 0.33319098
    p = p * z - 0.49999493
    p = p * z + 0.99999994
    return tl.maximum(x, 0.0) + z * p


@triton.jit
def scan_kernel(
    u_ptr, dt_ptr, words_ptr, A_ptr, D_ptr, bias_ptr, y_ptr, L, E, width, half, rank,
    N: tl.constexpr, CHANNELS: tl.constexpr, AHEAD: tl.constexpr,
):  # fmt: skip
    """Write y (2, S, L, E), a result per direction.

    u (S, L, E); dt (2, S, L, E) before bias and softplus; words (S, L, width) of 64 bits, of which B and C of direction
    k begin at k half + rank, N numbers each, in u's type; A (2, N, E) in units of log 2; D and bias (2, E). A sequence
    has less than 2^31 numbers.
    """
    kind: tl.constexpr = u_ptr.dtype.element_ty
    WORDS: tl.constexpr = N * kind.primitive_bitwidth // 64
    k, s = tl.program_id(2), tl.program_id(1).to(tl.int64)
    e = tl.program_id(0) * CHANNELS + tl.arange(0, CHANNELS)
    in_e = e < E
    D = tl.load(D_ptr + k * E + e, mask=in_e, other=0.0)
    bias = tl.load(bias_ptr + k * E + e, mask=in_e, other=0.0)
    A = ()
    h = ()
    for n in tl.static_range(N):
        A = A + (tl.load(A_ptr + (k * N + n) * E + e, mask=in_e, other=0.0),)
        h = h + (tl.zeros([CHANNELS], dtype=tl.float32),)
    both = (k * tl.num_programs(1) + s) * L * E  # 64 bits: all sequences together exceed 2^31 numbers
    u_ptr += s * L * E + e
    dt_ptr += both + e
    y_ptr += both + e
    words_ptr += s * L * width + k * half + rank
    ahead = ()
    for j in tl.static_range(AHEAD):
        ahead = ahead + (_load(u_ptr, dt_ptr, words_ptr, _row(j, k, L), E, width, in_e, WORDS),)
    for start in range(0, L, AHEAD):
        for j in tl.static_range(AHEAD):
            step = start + j
            x, dt, words = ahead[0]
            later = _load(u_ptr, dt_ptr, words_ptr, _row(step + AHEAD, k, L), E, width, in_e, WORDS)
            ahead = ahead[1:] + (later,)
            x = x.to(tl.float32)
            b_and_c = _numbers(words, kind)
            delta = softplus(dt.to(tl.float32) + bias)
            drive = delta * x
            even = D * x  # two sums, because each addition waits for the one before
            odd = tl.zeros([CHANNELS], dtype=tl.float32)
            states = ()
            for n in tl.static_range(N):
                state = tl.exp2(delta * A[n]) * h[n] + drive * b_and_c[n]
                states = states + (state,)
                if n % 2 == 0:
                    even += state * b_and_c[N + n]
                else:
                    odd += state * b_and_c[N + n]
            h = states
            y = (even + odd).to(y_ptr.dtype.element_ty)
            tl.store(y_ptr + _row(step, k, L) * E, y, mask=in_e & (step < L))
