"""What a pass of the published network holds in memory, counted on the CPU: its operations run without numbers.

Tensors of torch's device "meta" have shapes and storages, but no memory. Not counted are the workspaces that libraries
take inside an operation, such as cuDNN's for a convolution.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from actalker.encoders.svd import SvdAutoencoder
from actalker.encoders.widths import SvdWidths
from actalker.memory import GIB, frame_bytes, pass_bytes
from actalker.network import PUBLISHED, Conditions, UNet, pcm
from actalker.network.fast import install
from actalker.network.regions import GridRegions, Selection
from actalker.shapes import Size
from actalker.talker import _prepare
from tests.actalker.network.skipped_kernels import without_kernels

FRAMES, EDGE = 25, 576
BOTH, RELEASED = 966 / 5184, 1.0
"""Share of the tokens in each region."""
OUTSIDE = 0.5
"""GiB on an H100 that libraries take beside tensors: what was measured there, less what is counted here."""


class LiveMemory(TorchDispatchMode):
    """Bytes of all storages that operations have made and that are still in use: the most that they were.

    And those that were made to have the numbers of others in another layout.
    """

    def __init__(self, known: nn.Module) -> None:
        super().__init__()
        self._weights = [weight.untyped_storage() for weight in (*known.parameters(), *known.buffers())]
        self._known = {StorageWeakRef(storage).cdata for storage in self._weights}
        self._live: dict[int, tuple[StorageWeakRef, int]] = {}
        self.peak = self.copied = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func is torch.ops.aten.convolution.default and result.dim() == 4:  # as on CUDA; "meta" forgets it
            result = torch.empty_like(result, memory_format=torch.channels_last)
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and tensor.is_meta:
                reference = StorageWeakRef(tensor.untyped_storage())
                if reference.cdata not in self._known:
                    self._live[reference.cdata] = reference, tensor.untyped_storage().nbytes()
        if func is torch.ops.aten.clone.default:
            self.copied += result.nbytes
        self._live = {key: one for key, one in self._live.items() if not one[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self._live.values()))
        return result


def fused(query: Tensor, key: Tensor, value: Tensor, **options: object) -> Tensor:
    """What a fused attention allocates: its result, heads innermost. It must be one that torch lets its kernels take.

    Those of float32 ("efficient attention") want widths of a multiple of 4, those of bfloat16 of 8, and rows in one
    piece; with more than 65,535 sequences cuDNN's is left out.
    """
    for x in (query, key, value):
        assert x.dim() == 4
        assert x.stride(3) == 1
        assert x.shape[3] % 8 == 0
        assert x.storage_offset() % 8 == 0
        assert x.shape[0] <= 65_535
    S, heads, Q, width = query.shape
    return query.new_empty(S, Q, heads, width).transpose(1, 2)


def unfused(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """What torch's attention of single operations ("math") allocates, with its test for rows that are masked."""
    factor = query.shape[3] ** -0.25
    scores = (query * factor) @ (key * factor).transpose(2, 3)
    weights = scores.softmax(3)
    masked = scores == float("-inf")
    weights = torch.where(masked.all(3, keepdim=True), 0.0, weights)
    del scores, masked
    return weights @ value


def scan_in_triton(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, backend: str) -> Tensor:
    """What the plain scan on CUDA allocates."""
    y = torch.zeros(u.shape, device=u.device)
    kept = u.contiguous(), delta.float(), A.contiguous(), B.contiguous(), C.contiguous(), D
    assert len(kept) == 6
    return y.to(u.dtype)


def conditions(share: float, dtype: torch.dtype) -> Conditions:
    """Of one window with both signals, regions prepared."""
    config, size, regions = PUBLISHED, (EDGE // 8, EDGE // 8), {}
    for _ in config.channels:
        tokens = size[0] * size[1]
        index = torch.empty(1, round(share * tokens), dtype=torch.long)
        selection = Selection(index, index.bool(), even=True, shared=True)
        regions[size] = GridRegions(torch.empty(1, 2, tokens), (selection,) * 2)
        size = (-(-size[0] // 2), -(-size[1] // 2))
    return Conditions(
        identity=torch.empty(1, 1, 1, config.context_width, dtype=dtype).expand(-1, FRAMES, -1, -1),
        signals=tuple(torch.empty(1, FRAMES, one.tokens, config.context_width, dtype=dtype) for one in config.branches),
        masks=torch.empty(1, 2, EDGE, EDGE),
        gates=torch.tensor([[True, True]], device="cpu"),
        time_ids=torch.empty(1, 3),
        guide=torch.empty(1, 1, config.channels[0], EDGE // 8, EDGE // 8, dtype=dtype),
        regions=regions,
    )


def counted(monkeypatch, dtype, share, attention, *, fast=False, passes=1) -> LiveMemory:
    """A pass, or several as one batch, in the plain forms or in the fast ones."""
    monkeypatch.setattr(F, "scaled_dot_product_attention", attention)
    monkeypatch.setattr(pcm, "selective_scan", scan_in_triton)
    without_kernels(monkeypatch, "meta")
    with torch.device("meta"), torch.no_grad():
        unet = UNet(PUBLISHED)
        known = Conditions.stacked([conditions(share, dtype)] * passes)
        x = torch.empty(passes, FRAMES, 8, EDGE // 8, EDGE // 8, dtype=dtype)
        timesteps = torch.empty(passes)
    _prepare(unet, torch.device("meta"), dtype)
    if fast:
        install(unet, compiled=False)
    with torch.no_grad(), LiveMemory(unet) as memory:
        assert unet(x, timesteps, known).shape == (passes, FRAMES, 4, EDGE // 8, EDGE // 8)
    return memory


def peak_gib(*args, **options) -> float:
    """Most memory beside the weights."""
    return counted(*args, **options).peak / GIB


@pytest.mark.parametrize(("share", "measured"), [(BOTH, 5.9 - 3.3), (RELEASED, 6.5 - 3.3)], ids=["both", "released"])
def test_a_pass_holds_what_was_measured_and_what_the_model_plans_with(monkeypatch, share, measured):
    held = peak_gib(monkeypatch, torch.bfloat16, share, fused)
    assert held + OUTSIDE == pytest.approx(measured, abs=0.1)
    assert held + OUTSIDE < pass_bytes(Size(EDGE, EDGE), FRAMES) / GIB + 0.1


@pytest.mark.parametrize("share", [BOTH, RELEASED], ids=["both", "released"])
def test_a_pass_in_float32_holds_no_more_than_twice_that_of_bfloat16(monkeypatch, share):
    held = peak_gib(monkeypatch, torch.float32, share, fused)
    assert 4.2 < held < 4.3
    assert held <= 2.01 * peak_gib(monkeypatch, torch.bfloat16, share, fused)


def test_without_a_fused_attention_it_would_hold_three_matrices_of_all_tokens(monkeypatch):
    matrix = FRAMES * PUBLISHED.heads[0] * 5184**2 * 4 / GIB
    held = peak_gib(monkeypatch, torch.float32, BOTH, unfused)
    assert matrix == pytest.approx(12.5, abs=0.05)
    assert held == pytest.approx(3 * matrix + matrix / 4 + 2, abs=0.5), "one of flags, and what else is alive"
    assert held < 54 - 10, "not what was measured, either"


@pytest.mark.parametrize("share", [BOTH, RELEASED], ids=["both", "released"])
def test_the_fast_forms_hold_less_and_copy_nothing_into_another_layout(monkeypatch, share):
    memory = counted(monkeypatch, torch.bfloat16, share, fused, fast=True)
    assert memory.peak / GIB == pytest.approx(1.8, abs=0.01)
    guide = FRAMES * PUBLISHED.channels[0] * (EDGE // 8) ** 2 * 2
    assert memory.copied < 1.1 * guide, "the guide for each frame, and what is small"


def test_a_batch_of_four_holds_what_was_measured(monkeypatch):
    held = peak_gib(monkeypatch, torch.bfloat16, BOTH, fused, fast=True, passes=4)
    assert held + OUTSIDE == pytest.approx(10.9 - 3.3, abs=0.15)
    assert held + OUTSIDE < 4 * pass_bytes(Size(EDGE, EDGE), FRAMES) / GIB


@pytest.mark.parametrize(("fast", "a_frame"), [(False, 0.63), (True, 0.475)], ids=["plain", "fast"])
def test_a_decoded_frame_holds_what_was_measured_and_less_in_the_fast_forms(monkeypatch, fast, a_frame):
    monkeypatch.setattr(F, "scaled_dot_product_attention", fused)
    without_kernels(monkeypatch, "meta")
    frames = 10
    with torch.device("meta"):
        vae = SvdAutoencoder(SvdWidths())
        latents = torch.empty(frames, 4, EDGE // 8, EDGE // 8, dtype=torch.bfloat16)
    _prepare(vae, torch.device("meta"), torch.bfloat16)
    if fast:
        install(vae, compiled=False)
    with torch.no_grad(), LiveMemory(vae) as memory:
        vae.decode(latents.contiguous(memory_format=torch.channels_last), frames, latents)
    assert memory.peak / frames / GIB == pytest.approx(a_frame, abs=0.005)
    assert memory.peak < 1.01 * frames * frame_bytes(Size(EDGE, EDGE))
