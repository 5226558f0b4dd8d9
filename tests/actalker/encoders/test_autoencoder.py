import pytest
import torch
import torch.nn.functional as F
from torch import nn

from actalker.encoders.autoencoder import PATCH, PatchAutoencoder, TimeConv, warp
from actalker.encoders.widths import PatchWidths
from actalker.training.data import fit_transform
from actalker.training.pictures import to_tensor
from actalker.training.takes import PuppetTakes
from tests.actalker.rounding import HALF_UNIT, rounding, rounding_of
from tests.actalker.weights_by_rule import relative_error

pytestmark = pytest.mark.numeric

SHIFTED = 3 * HALF_UNIT * 64 / 2
"""Pixels by which rounding moves a place in a picture of up to 64: places are numbers from -1 to 1, rounded three times
(the grid, the flow, their sum). A picture changes by about as much as it is moved."""


@pytest.fixture(scope="module")
def autoencoder() -> PatchAutoencoder:
    torch.manual_seed(0)
    fitted = PatchAutoencoder(PatchWidths(latent_channels=64))
    fit_transform(fitted, PuppetTakes(128), people=30)
    return fitted.eval()


def test_the_linear_part_recovers_what_it_was_fitted_on(autoencoder: PatchAutoencoder) -> None:
    from actalker.puppet.clip import training_clip

    pictures = to_tensor(training_clip(5, 40).pictures(128, 3, 5))
    latents = autoencoder.encode(pictures)
    assert latents.shape == (2, 64, 8, 8)
    found = autoencoder.decode_linear(latents)
    assert -10 * torch.log10(((found - pictures) / 2).square().mean()) > 26  # dB


def test_pictures_of_the_components_come_back_exactly(autoencoder: PatchAutoencoder) -> None:
    latents = torch.randn(1, 64, 2, 3, generator=torch.Generator().manual_seed(1))
    again = autoencoder.encode(autoencoder.decode_linear(latents))
    assert relative_error(again, latents) < rounding(3 * PATCH * PATCH + 64)  # over a patch, over components


def test_components_are_ordered_and_strong_ones_damped(autoencoder: PatchAutoencoder) -> None:
    assert autoencoder.scale[0] < 0.5
    assert bool((autoencoder.scale.diff() >= 0).all())
    assert autoencoder.scale[-1] == 1


def test_the_finish_starts_as_the_identity(autoencoder: PatchAutoencoder) -> None:
    pictures = torch.rand(4, 3, 32, 48, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        made = autoencoder.finish(pictures, pictures[0], pictures[1], frames=2)
    assert torch.equal(made.pictures, pictures)
    assert relative_error(made.warped, pictures[0].expand(4, -1, -1, -1)) < SHIFTED
    assert torch.equal(F.avg_pool2d(made.painted, 4)[1], F.avg_pool2d(made.painted, 4)[0])


def test_a_flow_says_from_where_each_place_has_come() -> None:
    portrait = torch.zeros(3, 32, 48)
    portrait[:, 8:16, 12:24] = 1
    flow = torch.zeros(2, 2, 8, 12)
    flow[1, 0], flow[1, 1] = 1.0, -0.5  # from four pixels to the right and two above, on a grid of 1/4
    carried = warp(portrait, flow)
    assert relative_error(carried[0], portrait) < SHIFTED
    assert relative_error(carried[1], portrait.roll((2, -4), dims=(1, 2))) < SHIFTED


def test_a_flow_is_exact_in_half_precision_too() -> None:
    portrait, flow = torch.rand(3, 64, 64), torch.zeros(1, 2, 16, 16)
    flow[:, 0] = 2.0
    with torch.autocast("cpu", torch.bfloat16):
        carried = warp(portrait, flow.bfloat16())
    assert relative_error(carried[0, :, :, :56], portrait[:, :, 8:]) < SHIFTED


def test_the_finish_can_learn_to_carry_what_has_moved() -> None:
    """A square on stripes that moved by six pixels: from the picture alone, the finish finds where it came from."""
    torch.manual_seed(0)
    finish = PatchAutoencoder(PatchWidths(4, finish_width=16, finish_blocks=2, finish_coarse_blocks=1)).finish
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    square = torch.exp(-(((x - 30) / 10) ** 4) - ((y - 30) / 10) ** 4).expand(3, -1, -1)
    moved = torch.stack([square.roll((k, 0), dims=(1, 2)) for k in (0, 2, 4, 6)])
    optimizer, lost = torch.optim.Adam(finish.parameters(), 3e-3), torch.zeros(3, 64, 64)
    misses = []
    for _ in range(60):
        miss = (finish(moved, square, lost, 4).warped - moved).square().mean()
        optimizer.zero_grad()
        miss.backward()
        optimizer.step()
        misses.append(float(miss.detach()))
    assert misses[-1] < 0.1 * misses[0]


def test_with_the_portrait_what_holds_still_is_exact(autoencoder: PatchAutoencoder) -> None:
    portrait = torch.rand(3, 2 * PATCH, 3 * PATCH, generator=torch.Generator().manual_seed(3)) * 2 - 1
    with torch.no_grad():
        still = autoencoder.encode(portrait[None]).expand(4, -1, -1, -1)
        truth = portrait.expand(4, -1, -1, -1)
        assert relative_error(autoencoder.decode(still, 2, portrait), truth) < 4 * HALF_UNIT  # taken away, added again
        assert relative_error(autoencoder.decode_linear(still), truth) > 0.1  # noise is no sum of components


def test_decoding_has_the_stride_and_the_frames(autoencoder: PatchAutoencoder) -> None:
    with torch.no_grad():
        pictures = autoencoder.decode(torch.randn(6, 64, 4, 5), 3, torch.zeros(3, 4 * PATCH, 5 * PATCH))
    assert pictures.shape == (6, 3, 4 * PATCH, 5 * PATCH)
    assert autoencoder.stride == PATCH


def test_convolutions_over_time_equal_the_three_dimensional_ones() -> None:
    torch.manual_seed(0)
    fast = TimeConv(4, 4, (3, 1, 1), padding=(1, 0, 0))
    slow = nn.Conv3d(4, 4, (3, 1, 1), padding=(1, 0, 0))
    slow.load_state_dict(fast.state_dict())
    x = torch.randn(2, 4, 5, 3, 6)
    assert relative_error(fast(x), slow(x)) < rounding_of(slow)
    x16 = x[:, :, :2].bfloat16()
    loss = F.mse_loss(fast.bfloat16()(x16), torch.zeros_like(x16))
    loss.backward()
    assert fast.weight.grad is not None
    assert bool(fast.weight.grad.isfinite().all())
