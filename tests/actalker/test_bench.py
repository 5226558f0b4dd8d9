"""Measurements: `pytest -m bench -s tests/actalker/test_bench.py`. Ratios within one run; they print their figures."""

# printing is their purpose

import math
import resource
import time
from dataclasses import replace

import pytest
import torch

from actalker.network import TINY, Branch, NetworkConfig, UNet
from actalker.network.scan import selective_scan, selective_scan_reference
from actalker.sampling import denoise
from tests.actalker.bench_scenes import denoise_with_four_passes, straightforward
from tests.actalker.network.scenes import conditions
from tests.actalker.network.test_scan import EXP_ERROR, inputs
from tests.actalker.rounding import rounding, rounding_of
from tests.actalker.test_sampling import reference, scene, settings, vae  # noqa: F401  # fixtures
from tests.actalker.weights_by_rule import fill, relative_error, shapes

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]

PUBLISHED_SCAN = (1, 5217, 640, 16)
"""One frame at 576 x 576 in the first transformer: 72 x 72 tokens, 1 identity, 32 audio; 640 channels twice."""


def seconds(function, repeats=5):
    """Shortest of several runs, after one that compiles."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_compiled_scan_against_the_sequential_reference(capsys):
    operands = inputs(*PUBLISHED_SCAN)
    selective_scan(*[x[..., :1] if x.ndim == 2 else x for x in inputs(1, 2, 32, 16)], backend="cpu")  # compile
    before = peak_mib()
    result = selective_scan(*operands, backend="cpu")
    grown = peak_mib() - before
    fast = seconds(lambda: selective_scan(*operands, backend="cpu"))
    start = time.perf_counter()
    truth = selective_scan_reference(*operands)
    slow = time.perf_counter() - start
    trained = [x.detach().requires_grad_() for x in operands]

    def backward():
        selective_scan(*trained, backend="cpu").sum().backward()

    both = seconds(backward, repeats=2)
    with capsys.disabled():
        print(
            f"\nscan of 5217 steps, 2 x 640 channels, 16 states, {torch.get_num_threads()} thread(s): "
            f"reference {slow:.2f} s, compiled {1e3 * fast:.1f} ms ({slow / fast:.0f} times faster), "
            f"with gradient {1e3 * both:.0f} ms; memory beyond the inputs {grown:.1f} MiB, of which the result "
            f"{result.numel() * 4 / 2**20:.1f} MiB; reference {peak_mib() - before:.0f} MiB"
        )
    sequences, steps, _, states = PUBLISHED_SCAN
    assert relative_error(result, truth) < EXP_ERROR + rounding(sequences * steps * states)
    assert slow / fast > 25
    assert grown < result.numel() * 4 / 2**20 + 8


def test_tiny_network_against_a_straightforward_implementation(capsys, reference):  # noqa: F811
    clip, sampling = scene("audio_only", reference), settings("audio_only")
    noise = torch.randn(sampling.total(clip.frames), 4, 16, 24)
    ours, theirs = UNet(TINY).requires_grad_(False), UNet(TINY).requires_grad_(False)
    for network in (ours, theirs):
        fill(network, "unet", "unet.", shapes("tiny_unet_keys"))
    straightforward(theirs)
    fast = seconds(lambda: denoise(ours, clip, noise, sampling), repeats=2)
    start = time.perf_counter()
    truth = denoise_with_four_passes(theirs, clip, noise, sampling)
    slow = time.perf_counter() - start
    error = relative_error(denoise(ours, clip, noise, sampling), truth)
    with capsys.disabled():
        print(
            f"\ntiny network, audio only, 3 steps of 10 frames, {torch.get_num_threads()} thread(s): straightforward "
            f"{slow:.1f} s, ours {fast:.2f} s ({slow / fast:.1f} times faster), relative difference {error:.1e}"
        )
    assert error < math.hypot(*(weight for _, weight in sampling.guidance.passes(clip.gates))) * rounding_of(ours)
    assert slow / fast > 3


WIDE = NetworkConfig(
    channels=(128, 256),
    attention=(True, True),
    heads=(2, 4),
    layers=1,
    context_width=128,
    branches=(Branch("audio", 8), Branch("motion", 1)),
    scan_extent="clip",
)


def test_half_precision_on_the_cpu(capsys):
    torch.manual_seed(0)
    unet = UNet(WIDE).requires_grad_(False)
    known = replace(conditions(WIDE, frames=8), guide=None)
    x, timesteps = torch.randn(2, 8, 8, 32, 32), torch.tensor([0.3, 1.2])
    truth = unet(x, timesteps, known)
    exact = seconds(lambda: unet(x, timesteps, known), repeats=2)
    unet.bfloat16()
    for weight in unet.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    half, rounded = known.to("cpu", torch.bfloat16), x.bfloat16()
    faster = seconds(lambda: unet(rounded, timesteps, half), repeats=2)
    error = relative_error(unet(rounded, timesteps, half).float(), truth)
    with capsys.disabled():
        print(
            f"\n16 frames of 32 x 32 latents, widths 128 and 256, {torch.get_num_threads()} thread(s): float32 "
            f"{exact:.2f} s, bfloat16 in channels_last {faster:.2f} s ({exact / faster:.1f} times faster), "
            f"relative difference {error:.1e}"
        )
    assert error < 0.05  # six units in the last place of bfloat16
