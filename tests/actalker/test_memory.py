"""How much is computed at once: by the model for cards of several sizes, and when the memory is out all the same."""

import logging
from dataclasses import replace

import pytest
import torch

from actalker.memory import (
    GIB,
    WEIGHTS_GIB,
    Work,
    deep_bytes,
    fitting,
    frame_bytes,
    free_bytes,
    halving,
    keep_to,
    pass_bytes,
)
from actalker.sampling import decode, denoise
from actalker.shapes import Size
from tests.actalker.network.scenes import FRAME, network
from tests.actalker.test_sampling import SMALL, small_scene

PUBLISHED = Size(576, 576)
PROFILES = {8: Work(1, 4), 12: Work(2, 10), 16: Work(3, 10), 24: Work(4, 10), 80: Work(4, 10)}
"""By GiB of the card."""


@pytest.mark.parametrize("card", PROFILES)
def test_the_published_network_on_cards_of_several_sizes(card):
    free = int((card - WEIGHTS_GIB) * GIB)
    work = fitting(free, PUBLISHED, 25, 10)
    assert work == PROFILES[card]
    assert work.passes * pass_bytes(PUBLISHED, 25) <= free or work.passes == 1
    assert work.decoded * frame_bytes(PUBLISHED) <= free


def test_smaller_pictures_and_windows_leave_room_for_more():
    assert fitting(3 * GIB, PUBLISHED, 25, 10).passes == 1
    assert fitting(3 * GIB, Size(320, 320), 25, 10).passes == 2
    assert fitting(3 * GIB, PUBLISHED, 12, 10).passes == 1
    assert fitting(7 * GIB, PUBLISHED, 12, 10).passes == 4
    assert fitting(0, PUBLISHED, 25, 10) == Work(1, 1), "it is tried all the same"


def test_the_model_has_what_was_measured():
    # GiB on an H100: decoding 5, 10 and 25 frames with everything loaded; a pass with released masks, weights included.
    for frames, measured in ((5, 7.9), (10, 11.0), (25, 20.5)):
        assert WEIGHTS_GIB + frames * frame_bytes(PUBLISHED) / GIB == pytest.approx(measured, abs=0.2)
    assert 3.3 + pass_bytes(PUBLISHED, 25) / GIB == pytest.approx(6.5, abs=0.1)


def test_deep_features_that_are_kept_are_counted():
    kept = 4 * 5 * deep_bytes(Size(72, 72), 640, 25)  # of a proof of 10 s
    assert kept / GIB == pytest.approx(3.1, abs=0.1)
    assert fitting(int(7.2 * GIB), PUBLISHED, 25, 10) == Work(2, 10)
    assert fitting(int(7.2 * GIB), PUBLISHED, 25, 10, kept) == Work(1, 10)


def out_of_memory_above(limit, asked):
    def work(count):
        asked.append(count)
        if count > limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return count

    return work


def test_out_of_memory_halves_what_is_done_at_once(caplog):
    asked: list[int] = []
    with caplog.at_level(logging.WARNING, logger="actalker"):
        assert halving(10, out_of_memory_above(3, asked)) == (2, 2)
    assert asked == [10, 5, 2]
    assert "going on with 2 at once" in caplog.text
    with pytest.raises(torch.OutOfMemoryError):
        halving(2, out_of_memory_above(0, []))


class Small(torch.nn.Module):
    """A network on a card with room for two passes."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.batches = network(FRAME), []
        self.prepared = self.network.prepared

    def forward(self, sample, timesteps, known):
        self.batches.append(len(sample))
        if len(sample) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return self.network(sample, timesteps, known)


def test_a_clip_goes_on_with_smaller_batches():
    small, clip, start = Small(), replace(small_scene(), gates=(True, True)), torch.randn(6, 4, 8, 8)
    result = denoise(small, clip, start, replace(SMALL, steps=1), batch=4)
    assert small.batches == [4, 2, 2, 2, 2], "it is out once; then two at once, in both windows"
    small.batches.clear()
    denoise(small, clip, start, replace(SMALL, steps=1), batch=9)
    assert small.batches == [8, 4, 2, 2, 2, 2], "both windows in one call, if there were room"
    assert torch.allclose(result, denoise(small.network, clip, start, replace(SMALL, steps=1), batch=2))


class SmallDecoder:
    """A decoder on a card with room for three frames."""

    stride = 1

    def encode(self, pictures):
        return pictures

    def decode(self, latents, frames, portrait):
        if frames > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return latents


def test_a_chunk_is_halved_and_no_frame_is_lost():
    latents = torch.randn(11, 3, 2, 2)
    chunks = list(decode(SmallDecoder(), latents, latents[0], scale=1.0, chunk=10))
    assert [len(chunk) for chunk in chunks] == [2, 2, 2, 2, 2, 1]
    assert torch.equal(torch.cat(chunks), latents)


@pytest.mark.gpu
def test_a_worker_with_a_share_of_a_card_plans_with_that():
    device = torch.device("cuda")
    free, total = torch.cuda.mem_get_info(device)
    keep_to(0.25)
    try:
        assert free_bytes(device) == min(free, int(total / 4) - torch.cuda.memory_reserved(device))
        with pytest.raises(torch.OutOfMemoryError):
            torch.empty(total // 3, dtype=torch.uint8, device=device)
    finally:
        keep_to(1.0)


@pytest.mark.parametrize(("share", "reserved", "planned"), [(1.0, 0, 60), (0.25, 0, 20), (0.25, 5, 15)])
def test_a_share_of_a_pretended_card(monkeypatch, share, reserved, planned):
    """Of 80 GiB, of which 60 are free. The share is only told of a card with a number, as torch does it."""
    shares = {3: share}
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (60 * GIB, 80 * GIB))
    monkeypatch.setattr(torch.cuda, "get_per_process_memory_fraction", shares.__getitem__)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: reserved * GIB)
    assert free_bytes(torch.device("cuda:3")) == planned * GIB
    assert free_bytes(torch.device("cuda")) == planned * GIB
