"""Normalisations and GEGLU in Triton, over rows of channels, as channels_last has them in memory.

n frames of R positions and C channels; G groups. All sums are float32.
"""

# mypy: disable-error-code="untyped-decorator,no-untyped-def"

import triton
import triton.language as tl


@triton.jit
def group_sums_kernel(
    x_ptr, h_ptr, bias_ptr, y_ptr, part_ptr, R, C,
    ADD: tl.constexpr, ROWS: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """Sums and sums of squares per channel over ROWS positions: x (n, R, C) -> part (n, splits, 2, C).

    With ADD, y = x + h + bias is summed, and written. The sum over positions is formed once, at the end: inside the
    loop it took three times as long.
    """
    split, n = tl.program_id(0), tl.program_id(1)
    c = tl.arange(0, BLOCK_C)
    in_c = c < C
    total = tl.zeros([BLOCK_R, BLOCK_C], dtype=tl.float32)
    squares = tl.zeros([BLOCK_R, BLOCK_C], dtype=tl.float32)
    bias = tl.zeros([BLOCK_C], dtype=tl.float32)
    if ADD:
        bias = tl.load(bias_ptr + c, mask=in_c, other=0.0).to(tl.float32)
    for start in range(0, ROWS, BLOCK_R):
        r = split * ROWS + start + tl.arange(0, BLOCK_R)
        at = (n.to(tl.int64) * R + r[:, None]) * C + c[None, :]
        inside = (r[:, None] < R) & in_c[None, :]
        x = tl.load(x_ptr + at, mask=inside, other=0.0).to(tl.float32)
        if ADD:
            x += tl.load(h_ptr + at, mask=inside, other=0.0).to(tl.float32) + bias[None, :]
            rounded = x.to(y_ptr.dtype.element_ty)
            tl.store(y_ptr + at, rounded, mask=inside)
            x = tl.where(inside, rounded.to(tl.float32), 0.0)
        total += x
        squares += x * x
    place = part_ptr + (n.to(tl.int64) * tl.num_programs(0) + split) * 2 * C
    tl.store(place + c, tl.sum(total, axis=0), mask=in_c)
    tl.store(place + C + c, tl.sum(squares, axis=0), mask=in_c)


@triton.jit
def group_scales_kernel(
    part_ptr, t_ptr, weight_ptr, bias_ptr, out_ptr, R, C, G, splits, frames, eps, ROWS,
    TIME: tl.constexpr, BLOCK_F: tl.constexpr, BLOCK_S: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """Scale and shift per frame and channel, out (n, 2, C), from the sums. A group spans `frames` frames.

    With TIME, t (n, C) is added before: the sums of x + t follow from those of x.
    """
    g, clip = tl.program_id(0), tl.program_id(1)
    width = C // G
    c = tl.arange(0, BLOCK_C)
    in_c = c < width
    channel = g * width + c
    row = tl.arange(0, BLOCK_F * BLOCK_S)
    f, p = row // BLOCK_S, row % BLOCK_S
    n = clip * frames + f
    in_f = f < frames
    t = tl.zeros([BLOCK_F * BLOCK_S, BLOCK_C], dtype=tl.float32)
    if TIME:
        there = in_f[:, None] & in_c[None, :]
        t = tl.load(t_ptr + n[:, None] * C + channel[None, :], mask=there, other=0.0).to(tl.float32)
    total = tl.zeros([BLOCK_F * BLOCK_S, BLOCK_C], dtype=tl.float32)
    squares = tl.zeros([BLOCK_F * BLOCK_S, BLOCK_C], dtype=tl.float32)
    for start in range(0, splits, BLOCK_S):
        q = start + p
        both = (in_f & (q < splits))[:, None] & in_c[None, :]
        at = part_ptr + (n.to(tl.int64) * splits + q)[:, None] * 2 * C + channel[None, :]
        own = tl.load(at, mask=both, other=0.0)
        own_squares = tl.load(at + C, mask=both, other=0.0)
        rows = tl.minimum(ROWS, R - q * ROWS).to(tl.float32)[:, None]
        total += own + tl.where(both, rows * t, 0.0)
        squares += own_squares + 2 * t * own + tl.where(both, rows * t * t, 0.0)
    count = 1.0 * frames * R * width
    mean = tl.sum(tl.sum(total, axis=0), axis=0) / count
    variance = tl.sum(tl.sum(squares, axis=0), axis=0) / count - mean * mean
    inverse = tl.rsqrt(tl.maximum(variance, 0.0) + eps)
    scale = tl.load(weight_ptr + channel, mask=in_c, other=0.0).to(tl.float32) * inverse
    shift = tl.load(bias_ptr + channel, mask=in_c, other=0.0).to(tl.float32) - mean * scale
    frame = tl.arange(0, BLOCK_F)
    m = clip * frames + frame
    both = (frame < frames)[:, None] & in_c[None, :]
    moved = tl.zeros([BLOCK_F, BLOCK_C], dtype=tl.float32) + shift[None, :]
    if TIME:
        added = tl.load(t_ptr + m[:, None] * C + channel[None, :], mask=both, other=0.0).to(tl.float32)
        moved += scale[None, :] * added
    place = out_ptr + m[:, None] * 2 * C + channel[None, :]
    tl.store(place, tl.zeros([BLOCK_F, BLOCK_C], dtype=tl.float32) + scale[None, :], mask=both)
    tl.store(place + C, moved, mask=both)


@triton.jit
def apply_kernel(x_ptr, scales_ptr, y_ptr, R, C, SILU: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr):
    """y = scale x + shift, and SiLU of it: x and y (n, R, C), scales (n, 2, C)."""
    block, n = tl.program_id(0), tl.program_id(1)
    c = tl.arange(0, BLOCK_C)
    r = block * BLOCK_R + tl.arange(0, BLOCK_R)
    inside = (r[:, None] < R) & (c < C)[None, :]
    scale = tl.load(scales_ptr + n * 2 * C + c, mask=c < C, other=0.0)
    shift = tl.load(scales_ptr + n * 2 * C + C + c, mask=c < C, other=0.0)
    at = (n.to(tl.int64) * R + r[:, None]) * C + c[None, :]
    y = tl.load(x_ptr + at, mask=inside, other=0.0).to(tl.float32) * scale[None, :] + shift[None, :]
    if SILU:
        y = y / (1.0 + tl.exp(-y))
    tl.store(y_ptr + at, y.to(y_ptr.dtype.element_ty), mask=inside)


@triton.jit
def residual_kernel(x_ptr, h_ptr, bias_ptr, y_ptr, M, C, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr):
    """y = x + h + bias: x, h and y (M, C)."""
    c = tl.arange(0, BLOCK_C)
    r = tl.program_id(0).to(tl.int64) * BLOCK_R + tl.arange(0, BLOCK_R)
    inside = (r[:, None] < M) & (c < C)[None, :]
    at = r[:, None] * C + c[None, :]
    bias = tl.load(bias_ptr + c, mask=c < C, other=0.0).to(tl.float32)
    x, h = tl.load(x_ptr + at, mask=inside, other=0.0), tl.load(h_ptr + at, mask=inside, other=0.0)
    y = x.to(tl.float32) + h.to(tl.float32) + bias[None, :]
    tl.store(y_ptr + at, y.to(y_ptr.dtype.element_ty), mask=inside)


@triton.jit
def layer_norm_kernel(
    x_ptr, z_ptr, y_ptr, weight_ptr, bias_ptr, M, C, eps,
    ADD: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """LayerNorm of x, or with ADD of x + z: x, z and y (M, C)."""
    c = tl.arange(0, BLOCK_C)
    r = tl.program_id(0).to(tl.int64) * BLOCK_R + tl.arange(0, BLOCK_R)
    inside = (r[:, None] < M) & (c < C)[None, :]
    at = r[:, None] * C + c[None, :]
    x = tl.load(x_ptr + at, mask=inside, other=0.0).to(tl.float32)
    if ADD:
        x += tl.load(z_ptr + at, mask=inside, other=0.0).to(tl.float32)
    mean = tl.sum(x, axis=1) / C
    away = tl.where(inside, x - mean[:, None], 0.0)
    inverse = tl.rsqrt(tl.sum(away * away, axis=1) / C + eps)
    weight = tl.load(weight_ptr + c, mask=c < C, other=0.0).to(tl.float32)
    bias = tl.load(bias_ptr + c, mask=c < C, other=0.0).to(tl.float32)
    y = away * inverse[:, None] * weight[None, :] + bias[None, :]
    tl.store(y_ptr + at, y.to(y_ptr.dtype.element_ty), mask=inside)


@triton.jit
def geglu_kernel(x_ptr, y_ptr, K, BLOCK: tl.constexpr):
    """y = a GELU(g), for rows x of a, then g: x (M, 2 K) -> y (M, K)."""
    row = tl.program_id(0).to(tl.int64)
    k = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    a = tl.load(x_ptr + row * 2 * K + k, mask=k < K, other=0.0).to(tl.float32)
    g = tl.load(x_ptr + row * 2 * K + K + k, mask=k < K, other=0.0).to(tl.float32)
    y = a * (0.5 * g * (1.0 + tl.erf(g * 0.7071067811865476)))
    tl.store(y_ptr + row * K + k, y.to(y_ptr.dtype.element_ty), mask=k < K)
