"""The fast forms give the plain forms' numbers: in Triton's interpreter, and, with `-m gpu`, compiled on a GPU."""

import copy
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import triton
import triton.language as tl
from diffusers.models.activations import GEGLU
from torch import nn
from torch._dynamo.utils import counters
from torch._inductor.runtime.cache_dir_utils import default_cache_dir

from actalker.encoders.svd import SvdAutoencoder
from actalker.encoders.widths import SvdWidths
from actalker.network import NetworkConfig
from actalker.network.blocks import ResBlock
from actalker.network.fast import install, norms, scan
from actalker.network.fast.blocks import FastDecoderBlock, FastResBlock, FastTransformer
from actalker.network.fast.install import CACHE_VARIABLE, _compile, _keep_what_is_compiled
from actalker.network.fast.norms import FastGEGLU, FastLayerNorm
from actalker.network.fast.pcm import FastPCM
from actalker.network.fast.scan import FastScanUnit, Launch, launch_for
from actalker.network.fast.scan_kernel import softplus
from actalker.network.pcm import PCM, ScanUnit
from actalker.network.regions import grid_regions
from actalker.network.scan import selective_scan_reference
from actalker.network.transformer import SpatialBlock, TemporalBlock
from actalker.sampling import Guidance, Scene, denoise
from tests.actalker.network.scenes import CLIP, FRAME, conditions, network, sample
from tests.actalker.network.test_scan import EXP_ERROR
from tests.actalker.rounding import rounding, rounding_of
from tests.actalker.test_sampling import SMALL, small_scene
from tests.actalker.weights_by_rule import relative_error
from tests.card import NONE, moved, name

pytestmark = pytest.mark.numeric

# The interpreter takes tensors of the CPU, the compiler those of a GPU.
DEVICES = [
    pytest.param("cpu", marks=pytest.mark.skipif(bool(name()), reason="with a GPU the kernels are compiled")),
    pytest.param("cuda", marks=pytest.mark.gpu),
]
on_both = pytest.mark.parametrize("device", DEVICES)
FUSED = 8 * EXP_ERROR
"""What a fused kernel may be off by beyond its sums: of a variance from sums of squares, an exponential, a root."""


LAUNCHES = scan.LAUNCHES


@pytest.fixture(autouse=True)
def few_programs(monkeypatch):
    """The interpreter takes its time for each program, not for the numbers in it."""
    if not name():
        monkeypatch.setattr(norms, "PROGRAMS", 1)
        monkeypatch.setattr(norms, "TILE", 1 << 16)
        monkeypatch.setattr(scan, "LAUNCHES", ((0.0, Launch(256, 2)),))


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def affine(norm: nn.Module) -> nn.Module:
    """With weights and biases that are not one and zero."""
    torch.manual_seed(0)
    for weight in norm.parameters():
        nn.init.normal_(weight, 1.0, 0.3)
    return norm.requires_grad_(False)


@on_both
@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("timed", [False, True], ids=["", "time"])
def test_group_norm(device, frames, timed, monkeypatch):
    monkeypatch.setattr(norms, "PROGRAMS", 16)  # several sums for each frame, of unequal lengths
    monkeypatch.setattr(norms, "TILE", 64)
    norm, x, time = affine(nn.GroupNorm(4, 24, eps=1e-6)), random(6, 37, 24), random(6, 24)
    clips = (x + time[:, None] if timed else x).view(6 // frames, frames * 37, 24)
    expected = F.silu(norm(clips.transpose(1, 2)).transpose(1, 2)).reshape(x.shape)
    norm, x, time = norm.to(device), x.to(device), time.to(device)
    result = norms.group_norm(norm, x, frames, time if timed else None)
    assert relative_error(result, expected) < FUSED + rounding(frames * 37 * 6)
    plain = norms.group_norm(norm, x, frames, time if timed else None, silu=False)
    assert relative_error(F.silu(plain), expected) < FUSED + rounding(frames * 37 * 6)


@on_both
def test_a_sum_is_kept_and_normalised(device):
    norm, x, h, bias = affine(nn.GroupNorm(4, 24)), random(4, 9, 24), random(4, 9, 24) + 1, random(24)
    total, normed = norms.add_and_group_norm(*moved((norm, x, h, bias), device), 2)
    assert torch.allclose(total.cpu(), x + h + bias, atol=1e-6)
    expected = norm.cpu()((x + h + bias).view(2, 18, 24).transpose(1, 2)).transpose(1, 2)
    assert relative_error(normed, F.silu(expected).reshape(x.shape)) < FUSED + rounding(18 * 6)
    assert torch.allclose(norms.residual(*moved((x, h, bias), device)).cpu(), x + h + bias, atol=1e-6)


@on_both
def test_layer_norm_and_geglu(device):
    norm, x, z = affine(nn.LayerNorm(40)), random(3, 7, 40), random(3, 7, 40)
    expected, of_sum = norm(x), norm(x + z)
    norm, x, z = moved((norm, x, z), device)
    assert relative_error(FastLayerNorm(norm)(x), expected) < FUSED + rounding(40)
    assert relative_error(norms.layer_norm(norm, x, z), of_sum) < FUSED + rounding(40)
    gated = GEGLU(40, 72).requires_grad_(False)
    expected = gated(x.cpu())
    assert relative_error(FastGEGLU(gated.to(device))(x), expected) < FUSED + rounding_of(gated)


@on_both
@pytest.mark.parametrize("launch", [Launch(32, 8), Launch(64, 2), Launch(32, 3)], ids=str)
@pytest.mark.parametrize(("steps", "channels", "states"), [(1, 4, 3), (9, 40, 4), (16, 33, 16)])
def test_scan_unit(device, steps, channels, states, launch):
    """One step, fewer than are loaded ahead, multiples of them and not; blocks that are not full; states filled up."""
    torch.manual_seed(1)
    plain = ScanUnit(channels, 3, states).requires_grad_(False)
    x = random(1, steps, channels)
    projected = F.linear(x, plain.x_proj_weight.flatten(0, 1)).view(1, steps, 2, -1).permute(2, 0, 1, 3)
    low, B, C = torch.split(projected, [3, states, states], dim=-1)
    raw = torch.einsum("kslr,ker->ksle", low, plain.dt_projs_weight) + plain.dt_projs_bias[:, None, None]
    A, D = -torch.exp(plain.A_logs).view(2, channels, -1), plain.Ds.view(2, -1)
    operands = [one.double() for one in (x, F.softplus(raw), A, B, C, D)]
    expected = selective_scan_reference(*operands)
    fast = FastScanUnit(plain.to(device))
    fast.launch = launch
    result = fast(x.to(device)).sum(0)
    bound = FUSED + rounding_of_unit(channels) + rounding(2 * steps * states)
    assert relative_error(result, expected) < bound
    assert relative_error(result, plain(x.to(device))) < bound


@on_both
@pytest.mark.parametrize(("dtype", "states"), [(torch.bfloat16, 16), (torch.float16, 4)], ids=str)
def test_half_precision_words(device, dtype, states):
    """Four numbers of 16 bits in a word: the errors are those of the plain form, which has the same roundings."""
    torch.manual_seed(1)
    plain = ScanUnit(40, 3, states).requires_grad_(False)
    x = random(1, 9, 40).to(dtype)
    truth = plain(x.float())
    plain = plain.to(device, dtype)
    of_plain = relative_error(plain(x.to(device)).float(), truth)
    assert relative_error(FastScanUnit(plain)(x.to(device)).float().sum(0), truth) < 2 * of_plain


@on_both
def test_softplus_is_exact_to_rounding(device):
    x = torch.linspace(-80, 40, 4096, device=device)
    y = torch.empty_like(x)
    softplus_kernel[(1,)](x, y, 4096)
    truth = F.softplus(x.double(), threshold=100)
    assert ((y - truth).abs() / truth).max() < EXP_ERROR + 80 * 2**-24  # of log2(e) x, which is 80 at most


@triton.jit
def softplus_kernel(x_ptr, y_ptr, COUNT: tl.constexpr):
    i = tl.arange(0, COUNT)
    tl.store(y_ptr + i, softplus(tl.load(x_ptr + i)))


def test_the_launch_follows_from_the_warps(monkeypatch):
    monkeypatch.setattr(scan, "LAUNCHES", LAUNCHES)
    few, some, many = Launch(32, 8), Launch(32, 4), Launch(64, 2)
    shapes = [(25, 640), (25, 1280), (25, 2560), (100, 640), (1, 1)]
    assert [launch_for(*shape) for shape in shapes] == [few, some, many, many, few]


def rounding_of_unit(channels: int) -> float:
    """Of the projections of a scan unit."""
    return rounding(2 * channels)


@on_both
@pytest.mark.parametrize("masks", ["halves", "everything", "different", "nothing"])
def test_pcm(device, masks):
    torch.manual_seed(1)
    plain, clips = PCM(32, FRAME).requires_grad_(False), 2
    mask = torch.zeros(1, 2, 8, 8)
    mask[:, 0, 4:], mask[:, 1, :4] = 1, 1
    if masks in ("everything", "nothing"):
        mask = torch.full_like(mask, float(masks == "everything"))
    gates = torch.ones(1, 2, dtype=torch.bool)
    selections = [one.expand(clips) for one in grid_regions(mask, gates, (4, 4)).selections]
    if masks == "different":
        both = torch.cat([mask, mask.flip(2)])
        selections = list(grid_regions(both, gates.expand(2, -1), (4, 4)).selections)
    inputs = random(clips, 2, 16, 32), random(clips, 2, 1, 16), (random(clips, 2, 3, 16), random(clips, 2, 1, 16))
    expected = plain(*inputs, selections)
    fast = FastPCM(copy.deepcopy(plain).to(device))
    result = fast(*moved(inputs, device), [moved(one, device) for one in selections])
    assert relative_error(result, expected) < FUSED + rounding_of(plain)


SIMPLE = replace(FRAME, groups=4, attention=(False, True))
"""Few tokens: the interpreter takes its time for each step of a scan."""
ONE_STEP = replace(SMALL, steps=1, guidance=Guidance(1.0, (1.0, 3.0)))
"""Two passes: audio, and audio with motion."""


@on_both
@pytest.mark.parametrize(("before", "after"), [(16, 16), (16, 32)], ids=["same", "wider"])
def test_res_block(device, before, after):
    torch.manual_seed(2)
    plain = affine_all(ResBlock(before, after, SIMPLE, 1e-5))
    x, time = random(6, before, 5, 4), random(2, 3, SIMPLE.time_width)
    expected = plain(x, time)
    fast = FastResBlock(plain.to(device))
    assert relative_error(fast(*moved((x, time), device)), expected) < FUSED + rounding_of(plain)


def affine_all(module: nn.Module) -> nn.Module:
    """No norm with the weights it begins with, no mix of one half, no bias of zero."""
    for part in module.modules():
        if isinstance(part, nn.GroupNorm | nn.LayerNorm):
            affine(part)
    for key, weight in module.named_parameters():
        if key.endswith("mix_factor"):
            nn.init.constant_(weight, 0.7)
    return module.requires_grad_(False)


def two_frames() -> Scene:
    """The small scene's first two frames."""
    clip = small_scene()
    return replace(clip, signals=tuple(signal[:2] for signal in clip.signals))


@on_both
def test_the_whole_network_and_the_loop(device):
    """All guidance passes as one batch, as on a GPU."""
    plain, clip, start = affine_all(network(SIMPLE)), replace(two_frames(), gates=(True, True)), random(2, 4, 8, 8)
    expected = denoise(plain, clip, start, ONE_STEP)
    fast = copy.deepcopy(plain).to(device)
    install(fast, compiled=False)
    kinds = {type(part) for part in fast.modules()}
    assert {FastResBlock, FastTransformer, FastPCM, FastLayerNorm, FastGEGLU} <= kinds
    result = denoise(fast, moved(clip, device), start.to(device), ONE_STEP, batch=2)
    guided = sum(abs(weight) for _, weight in ONE_STEP.guidance.passes(clip.gates))
    assert relative_error(result, expected) < guided * (FUSED + rounding_of(plain))


@on_both
def test_closed_gates_are_bit_equal_in_the_fast_forms(device):
    fast = network(SIMPLE).to(device)
    install(fast, compiled=False)
    clip, start = moved(two_frames(), device), random(2, 4, 8, 8).to(device)
    other = replace(clip, signals=(clip.signals[0], torch.full_like(clip.signals[1], float("nan"))))
    one, two = (denoise(fast, scene, start, ONE_STEP) for scene in (clip, other))
    assert torch.equal(one, two)


@on_both
def test_the_decoder(device):
    torch.manual_seed(3)
    plain = SvdAutoencoder(SvdWidths(channels=(32, 32), layers=1))
    affine_all(plain)
    latents = random(3, 4, 4, 4).contiguous(memory_format=torch.channels_last)
    expected = plain.decode(latents, 3, latents)
    fast = copy.deepcopy(plain).to(device)
    install(fast, compiled=False)
    assert any(isinstance(part, FastDecoderBlock) for part in fast.modules())
    assert relative_error(fast.decode(latents.to(device), 3, latents), expected) < FUSED + rounding_of(plain)


@pytest.mark.parametrize("config", [CLIP, replace(FRAME, time_norm="scale_shift")], ids=["clip", "scale_shift"])
def test_what_has_no_fast_form_stays(config: NetworkConfig):
    unet = network(config)
    install(unet, compiled=False)
    kinds = {type(part) for part in unet.modules()}
    assert (ResBlock in kinds) == (config.time_norm == "scale_shift")
    assert (FastPCM in kinds) == (config.scan_extent == "frame")


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # torch warns of itself
def test_compiled_blocks_give_the_plain_ones_numbers(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    plain, known, (x, timesteps) = network(FRAME).requires_grad_(False), conditions(FRAME), sample()
    expected = plain(x, timesteps, known)
    blocks = [part for part in plain.modules() if isinstance(part, SpatialBlock | TemporalBlock)]
    for worker in range(2):
        torch._dynamo.reset()
        counters.clear()
        _compile(blocks)
        assert relative_error(plain(x, timesteps, known), expected) < FUSED + rounding_of(plain)
        kept = {name for name in counters["aot_autograd"] if name.startswith("autograd_cache")}
        assert ("autograd_cache_hit" in kept, "autograd_cache_miss" in kept) == (bool(worker), not worker)
    assert any(tmp_path.iterdir())


def test_what_is_compiled_is_kept_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(CACHE_VARIABLE, default_cache_dir())  # as torch sets it, when diffusers is imported
    _keep_what_is_compiled()
    assert os.environ[CACHE_VARIABLE] == str(tmp_path / "actalker" / "inductor")
    monkeypatch.delenv(CACHE_VARIABLE)
    _keep_what_is_compiled()
    assert os.environ[CACHE_VARIABLE] == str(tmp_path / "actalker" / "inductor")
    monkeypatch.setenv(CACHE_VARIABLE, "/elsewhere")
    _keep_what_is_compiled()
    assert os.environ[CACHE_VARIABLE] == "/elsewhere", "the user's own"


@pytest.mark.gpu
def test_a_gpu_is_there():
    assert name(), NONE


COMPILE = """
from actalker.network.fast import norm_kernels as norms, scan
from actalker.network.fast.scan_kernel import scan_kernel
from tests.actalker.network.schedule import TYPES, compiled

for launch in dict.fromkeys(launch for _, launch in scan.LAUNCHES):
    made = compiled(scan_kernel, {"N": 16, "CHANNELS": launch.channels, "AHEAD": launch.ahead}, TYPES)
    print(made.registers, made.spilled, made.count("SHFL", "LDS", "STS", "BAR"), made.count("MUFU") * 32 // (
        launch.channels * launch.ahead))

BLOCKS = {"BLOCK_R": 4, "BLOCK_C": 1024}
ADD = BLOCKS | {"ADD": True}
for kernel, fixed, halves, warps in (
    (norms.group_sums_kernel, ADD | {"ROWS": 128}, "x h bias y", 8),
    (norms.group_scales_kernel, {"TIME": True, "BLOCK_F": 32, "BLOCK_S": 2, "BLOCK_C": 32}, "t", 4),
    (norms.apply_kernel, BLOCKS | {"SILU": True}, "x y", 8),
    (norms.residual_kernel, BLOCKS, "x h bias y", 8),
    (norms.layer_norm_kernel, ADD, "x z y weight bias", 4),
    (norms.geglu_kernel, {"BLOCK": 2048}, "x y", 4),
):
    types = {f"{name}_ptr": "*bf16" for name in halves.split()}
    types |= {"eps": "fp32"} if "eps" in kernel.arg_names else {}
    made = compiled(kernel, fixed, types, warps)
    print(made.registers, made.spilled)
"""


@pytest.mark.slow
def test_the_kernels_compile_for_an_h100_without_one(tmp_path):
    """And the scan does as it should: 16 states and a softplus need 17 exponentials, and no lane another one."""
    # In a process of its own: here the interpreter has taken the place of the compiler.
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE],
        env=environment | {"TRITON_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    made = [[int(number) for number in line.split()] for line in done.stdout.splitlines()]
    assert len(made) == 3 + 6
    assert all(registers <= 255 and not spilled for registers, spilled, *_ in made)
    assert all(rest == [0, 17] for _, _, *rest in made[:3])
    assert [2**14 // (32 * -(-row[0] // 8) * 8) for row in made[:3]] == [4, 4, 2], "warps that fit a scheduler"
