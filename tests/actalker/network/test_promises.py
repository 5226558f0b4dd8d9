"""The paper's promises, each as a property of the network that must hold for any weights."""

from dataclasses import replace

import pytest
import torch

from actalker.network.pcm import PCM, ScanUnit
from actalker.network.regions import grid_regions
from tests.actalker.network.scenes import CLIP, FRAME, conditions, network, sample
from tests.actalker.rounding import rounding_of
from tests.actalker.weights_by_rule import relative_error

pytestmark = pytest.mark.numeric

both_extents = pytest.mark.parametrize("config", [FRAME, CLIP], ids=["frame", "clip"])


@both_extents
@pytest.mark.parametrize("closed", [0, 1])
def test_behind_a_closed_gate_a_signal_has_no_influence_at_all(config, closed):
    unet, gates = network(config), tuple(k != closed for k in range(2))
    known = conditions(config, gates)
    with torch.no_grad():
        expected = unet(*sample(), known)
        for value in (0.0, 1e30, float("nan")):
            signals = list(known.signals)
            signals[closed] = torch.full_like(signals[closed], value)
            assert torch.equal(unet(*sample(), replace(known, signals=tuple(signals))), expected)


@both_extents
def test_a_gate_closed_in_one_clip_only_silences_that_clip(config):
    unet, known = network(config), conditions(config)
    mixed = replace(known, gates=torch.tensor([[True, False], [True, True]]))
    other = replace(mixed, signals=(known.signals[0], known.signals[1] + 1))
    with torch.no_grad():
        before, after = unet(*sample(), mixed), unet(*sample(), other)
        alone = unet(*sample(), replace(known, gates=torch.tensor([[True, False]] * 2)))
    assert torch.equal(before[0], after[0])
    assert not torch.equal(before[1], after[1])
    assert relative_error(before[0], alone[0]) < rounding_of(unet)


@both_extents
def test_an_open_gate_lets_the_signal_through(config):
    unet, known = network(config), conditions(config)
    with torch.no_grad():
        expected = unet(*sample(), known)
        for k in range(2):
            signals = [signal + (j == k) for j, signal in enumerate(known.signals)]
            changed = unet(*sample(), replace(known, signals=tuple(signals)))
            assert relative_error(changed, expected) > 0.01  # it is 0.15 and more


@both_extents
def test_gradients_reach_every_parameter_and_every_signal(config):
    unet, known = network(config), conditions(config)
    inputs = [known.identity.clone().requires_grad_(), *(s.clone().requires_grad_() for s in known.signals)]
    seen = replace(known, identity=inputs[0], signals=tuple(inputs[1:]))
    unet(*sample(), seen).square().sum().backward()
    # The query of a cross-attention with one identity token and one motion token still serves the audio tokens.
    silent = [name for name, p in unet.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    one_token = [name for name in silent if "attn2.to_k" in name or "adapters.1.to_k" in name]
    assert silent == one_token, "only keys of a single token, whose softmax is constant, may have no gradient"
    for tensor in inputs:
        assert tensor.grad is not None and tensor.grad.abs().min() >= 0 and tensor.grad.abs().sum() > 0


@both_extents
def test_a_signal_cannot_change_pcm_outputs_outside_its_region(config):
    torch.manual_seed(0)
    layer, known = PCM(32, config).requires_grad_(False), conditions(config)
    regions = grid_regions(known.masks, known.gates, (8, 8))
    x = torch.randn(2, 3, 64, 32)
    before = layer(x, known.identity, known.signals, regions.selections)
    for k in range(2):
        signals = [signal + 3 * (j == k) for j, signal in enumerate(known.signals)]
        after = layer(x, known.identity, signals, regions.selections)
        changed = (after != before).any(-1).any(1)  # (B, L)
        inside = torch.zeros(2, 64, dtype=torch.bool).scatter(
            1, regions.selections[k].index, regions.selections[k].valid
        )
        assert not (changed & ~inside).any()
        assert (changed == inside).all(), "and every token inside feels it"


def test_clips_of_different_masks_give_in_a_batch_what_they_give_alone():
    unet, known = network(CLIP), conditions(CLIP)
    x, timesteps = sample()
    with torch.no_grad():
        together = unet(x, timesteps, known)
        for b in range(2):
            one = slice(b, b + 1)
            alone = replace(
                known,
                identity=known.identity[one],
                signals=tuple(signal[one] for signal in known.signals),
                masks=known.masks[one],
                gates=known.gates[one],
                time_ids=known.time_ids[one],
                guide=known.guide[one],
            )
            assert relative_error(unet(x[one], timesteps[one], alone), together[one]) < rounding_of(unet)


def test_a_clip_of_one_frame_is_the_published_layer():
    layer, clip = PCM(32, FRAME), PCM(32, CLIP)
    clip.load_state_dict(layer.state_dict())
    known = conditions(CLIP, frames=1)
    regions = grid_regions(known.masks, known.gates, (8, 8))
    x = torch.randn(2, 1, 64, 32)
    arguments = (x, known.identity, known.signals, regions.selections)
    assert torch.equal(layer(*arguments), clip(*arguments))


def test_only_a_scan_over_the_clip_carries_a_signal_to_other_frames():
    for config, reaches in ((FRAME, False), (CLIP, True)):
        torch.manual_seed(0)
        layer, known = PCM(32, config).requires_grad_(False), conditions(config)
        selections = grid_regions(known.masks, known.gates, (8, 8)).selections
        x = torch.randn(2, 3, 64, 32)
        audio = known.signals[0].clone()
        audio[:, 1] += 3
        before = layer(x, known.identity, known.signals, selections)
        after = layer(x, known.identity, [audio, known.signals[1]], selections)
        assert (after[:, 1] != before[:, 1]).any()
        assert bool((after[:, 2] != before[:, 2]).any()) is reaches
        assert bool((after[:, 0] != before[:, 0]).any()) is reaches


def test_an_empty_mask_leaves_the_branch_silent():
    unet, known = network(FRAME), conditions(FRAME)
    masks = known.masks.clone()
    masks[:, 0] = 0
    layer = PCM(32, FRAME).requires_grad_(False)
    regions = grid_regions(masks, known.gates, (8, 8))
    assert regions.selections[0].count == 0
    x = torch.randn(2, 3, 64, 32)
    before = layer(x, known.identity, known.signals, regions.selections)
    after = layer(x, known.identity, [known.signals[0] + 1, known.signals[1]], regions.selections)
    assert torch.equal(before, after)
    with torch.no_grad():
        assert unet(*sample(), replace(known, masks=masks)).isfinite().all()


def test_mask_drop_lets_a_random_part_of_the_outside_through():
    known = conditions(FRAME)
    inside = grid_regions(known.masks, known.gates, (8, 8)).selections[0].valid.sum(1)
    torch.manual_seed(0)
    counts = torch.stack(
        [grid_regions(known.masks, known.gates, (8, 8), drop=0.75).selections[0].valid.sum(1) for _ in range(200)]
    ).float()
    assert (counts >= inside).all()
    expected = inside + 0.25 * (64 - inside)
    assert (counts.mean(0) - expected).abs().max() < 1.0  # 4 standard errors of the mean are 0.98
    everything = grid_regions(known.masks, known.gates, (8, 8), drop=0.0).selections[0]
    assert everything.valid.all() and everything.count == 64


def test_mask_drop_opens_no_closed_gate():
    closed = conditions(FRAME, gates=(False, True))
    assert grid_regions(closed.masks, closed.gates, (8, 8), drop=0.0).selections[0].count == 0


def test_without_region_masks_a_branch_sees_the_whole_picture():
    unet, known = network(replace(FRAME, region_masks=False)), conditions(FRAME)
    with torch.no_grad():
        expected = unet(*sample(), replace(known, masks=torch.ones_like(known.masks)))
        assert torch.equal(unet(*sample(), known), expected)


def test_any_number_of_branches():
    three = replace(FRAME, branches=(*FRAME.branches, replace(FRAME.branches[0], name="gaze", tokens=2)))
    known = conditions(FRAME)
    gaze = torch.randn(2, 3, 2, 16)
    wider = replace(
        known,
        signals=(*known.signals, gaze),
        masks=torch.cat([known.masks, known.masks[:, 1:]], dim=1),
        gates=torch.ones(2, 3, dtype=torch.bool),
    )
    assert network(three)(*sample(), wider).isfinite().all()


def test_without_pcm_the_network_has_no_such_layer():
    bare = network(replace(FRAME, pcm=False))
    assert not any(isinstance(module, PCM) for module in bare.modules())
    assert bare(*sample(), conditions(FRAME)).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_scans_parameters_stay_in_float32(dtype):
    unit = ScanUnit(32, 2, 4)
    before = {name: getattr(unit, name).clone() for name in ScanUnit.KEPT_IN_FLOAT32}
    unit.to(dtype)
    for name, value in before.items():
        assert torch.equal(getattr(unit, name), value), name
    assert unit.x_proj_weight.dtype == dtype
    assert unit(torch.randn(1, 5, 32, dtype=dtype)).dtype == dtype


@both_extents
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_agrees_with_float32_to_its_rounding(config, dtype):
    unet, known = network(config), conditions(config)
    x, timesteps = sample()
    with torch.no_grad():
        exact = unet(x, timesteps, known)
        rounded = unet.to(dtype)(x.to(dtype), timesteps, known.to("cpu", dtype))
    assert rounded.dtype == dtype
    # Products are summed in float32, so that every layer rounds once: a random walk of some ten steps to the result.
    assert relative_error(rounded.float(), exact) < 4 * torch.finfo(dtype).eps


def test_conditions_that_do_not_fit_are_refused_by_name():
    unet, known = network(FRAME), conditions(FRAME)
    with pytest.raises(ValueError, match=r"audio has shape \(2, 3, 3, 8\), expected \(2, 3, 3, 16\)"):
        unet(*sample(), replace(known, signals=(known.signals[0][..., :8], known.signals[1])))
    with pytest.raises(ValueError, match="1 signals for 2 branches"):
        unet(*sample(), replace(known, signals=known.signals[:1]))


def test_a_grid_that_does_not_halve_evenly_works():
    unet, known = network(FRAME), conditions(FRAME)
    odd = torch.randn(2, 3, 8, 7, 9)
    guide = torch.randn(2, 1, 32, 7, 9)
    assert unet(odd, sample()[1], replace(known, guide=guide)).shape == (2, 3, 4, 7, 9)
