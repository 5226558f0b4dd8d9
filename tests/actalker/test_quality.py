"""What qualities leave out: each way has a neutral value, at which the loop is the published one, bit for bit."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from actalker.checkpoint import CheckpointConfig, Options
from actalker.quality import ALIGN_YOUR_STEPS, ALWAYS, QUALITIES
from actalker.sampling import Guidance, Sampling, Schedule, denoise
from actalker.serialization import from_dict, to_dict
from actalker.training.demo import DEMO
from tasks.job import Quality
from tests.actalker.network.scenes import FRAME, conditions, network, sample
from tests.actalker.test_sampling import SMALL, PerfectModel, small_scene
from tests.actalker.weights_by_rule import relative_error

pytestmark = pytest.mark.numeric

GUIDED = replace(SMALL, steps=4)


def sampled(sampling: Sampling) -> torch.Tensor:
    torch.manual_seed(4)
    clip = replace(small_scene(), gates=(True, True))
    return denoise(network(FRAME), clip, torch.randn(sampling.total(6), 4, 8, 8), sampling)


def guided(**changes: object) -> Sampling:
    return replace(GUIDED, guidance=replace(GUIDED.guidance, **changes))


def test_the_levels_are_the_published_ones_and_between_them_log_linear():
    few = Schedule(anchors=ALIGN_YOUR_STEPS)
    assert few.sigmas(10) == [*ALIGN_YOUR_STEPS[:-1], 0.0]
    twenty = few.sigmas(20)
    assert twenty[::2] == few.sigmas(10)
    assert twenty[1] == pytest.approx(math.sqrt(700 * 54.5))
    assert few.sigmas(1) == [700.0, 0.0]
    fifteen = few.sigmas(15)
    assert all(a > b for a, b in pairwise(fifteen))
    assert sum(sigma > 49 for sigma in Schedule().sigmas(25)) == 10
    assert sum(sigma > 49 for sigma in few.sigmas(10)) == 2
    for wrong in ((1.0,), (1.0, 2.0), (1.0, 0.0)):
        with pytest.raises(ValueError, match="anchors must be"):
            Schedule(anchors=wrong)


def test_guidance_applies_within_its_interval():
    guidance = Guidance(intervals=((0.1, 5.0), (1.0, 50.0), (1.0, 50.0)))
    both = [True, True]
    assert guidance.at(3.0).passes(both) == Guidance().passes(both)
    assert guidance.at(700.0).passes(both) == [(3, 1.0)], "outside of all: one pass with all conditions"
    assert guidance.at(20.0).passes(both) == [(1, -6.5), (2, 4.5), (3, 3.0)], "without the identity's, no empty pass"
    assert guidance.at(0.5).passes([True, False]) == [(0, -1.0), (1, 1.0), (2, 1.0)]
    assert guidance.with_equal_scales().at(0.5).passes(both) == [(0, -1.0), (1, 1.0), (3, 1.0)]
    with pytest.raises(ValueError, match="2 intervals for the identity and 2 signals"):
        Guidance(intervals=(ALWAYS, ALWAYS))


def test_guidance_is_renewed_every_second_step_and_where_the_scales_change():
    guidance = Guidance(intervals=((0.0, 50.0), ALWAYS, ALWAYS), renewed_every=2)
    plan = guidance.plan((True, False), [700, 600, 500, 40, 30, 20])
    assert [len(step.passes) for step in plan] == [2, 1, 2, 3, 1, 3]
    assert [step.adds_kept for step in plan] == [False, True, False, False, True, False]
    alone = Guidance(1.0, (1.0, 1.0), renewed_every=3).plan((True, True), [3, 2, 1])
    assert [(step.passes, step.keeps) for step in alone] == [([(3, 1.0)], False)] * 3, "nothing to keep"
    with pytest.raises(ValueError, match="n is at least 1, not 0"):
        Guidance(renewed_every=0)


def test_neutral_values_are_the_published_loop_bit_for_bit():
    published = sampled(GUIDED)
    assert torch.equal(sampled(guided(intervals=(ALWAYS,) * 3)), published)
    assert torch.equal(sampled(guided(renewed_every=1)), published)
    assert torch.equal(sampled(replace(GUIDED, deep_renewed_every=1)), published)
    # Where nothing can be used again, the same: a single step, and windows that move.
    assert torch.equal(sampled(replace(GUIDED, steps=1, deep_renewed_every=2)), sampled(replace(GUIDED, steps=1)))
    moving = replace(GUIDED, steps=2, window=3, padding=3, shift=1)
    assert torch.equal(sampled(replace(moving, deep_renewed_every=2)), sampled(moving))


class Counting(torch.nn.Module):
    """A network that counts its passes, and those of them that compute its lower stages."""

    def __init__(self) -> None:
        super().__init__()
        self.network = network(FRAME)
        self.prepared, self.whole, self.short = self.network.prepared, 0, 0

    def forward(self, sample, timesteps, known):
        self.whole += 1
        return self.network(sample, timesteps, known)

    def with_deep_features(self, sample, timesteps, known, deep=None):
        self.whole, self.short = self.whole + (deep is None), self.short + (deep is not None)
        return self.network.with_deep_features(sample, timesteps, known, deep)


@pytest.mark.parametrize(
    ("sampling", "whole", "short"),
    [
        (GUIDED, 4 * 2 * 4, 0),
        (guided(renewed_every=2), 2 * 2 * (4 + 1), 0),
        (guided(intervals=((0, 1), (0, 1), (0, 1))), 2 * (3 * 1 + 1 * 4), 0),
        (replace(GUIDED, deep_renewed_every=2, shift=0), 2 * 2 * 4, 2 * 2 * 4),
        (replace(GUIDED, deep_renewed_every=4, window=6), 1 * 1 * 4, 3 * 1 * 4),
    ],
    ids=["published", "renewed every second step", "within an interval", "deep features", "one window stands still"],
)
def test_what_is_left_out_is_not_computed(sampling, whole, short):
    counting, clip = Counting(), replace(small_scene(), gates=(True, True))
    result = denoise(counting, clip, torch.randn(6, 4, 8, 8), sampling)
    assert (counting.whole, counting.short) == (whole, short)
    assert bool(torch.isfinite(result).all())


def test_kept_guidance_of_a_network_without_conditions_changes_nothing():
    target, start = torch.randn(4, 8, 8), torch.randn(6, 4, 8, 8)
    for sampling in (GUIDED, guided(renewed_every=2), guided(intervals=((1, 2),) * 3)):
        result = denoise(PerfectModel(target, "velocity"), small_scene(), start, sampling)
        assert relative_error(result, target.expand_as(result)) < 0.01  # the first level of noise is 700


def test_deep_features_of_the_same_inputs_give_the_same_bits():
    unet, known, (x, timesteps) = network(FRAME), conditions(FRAME), sample()
    with torch.no_grad():
        v, deep = unet.with_deep_features(x, timesteps, known)
        assert torch.equal(v, unet(x, timesteps, known))
        assert torch.equal(unet.with_deep_features(x, timesteps, known, deep)[0], v)
        other = unet.with_deep_features(x, timesteps, known, torch.zeros_like(deep))[0]
    assert not torch.equal(other, v)


def test_the_qualities_of_the_published_network():
    published = Options()
    made = {name: quality.applied(published).sampling for name, quality in QUALITIES.items()}
    assert made["published"] is published.sampling or made["published"] == published.sampling
    table = {}
    for name, sampling in made.items():
        sigmas = sampling.schedule.sigmas(sampling.steps)[:-1]
        plans = (sampling.guidance.plan(gates, sigmas) for gates in ((True, False), (True, True)))
        table[name] = tuple(sum(len(step.passes) for step in plan) for plan in plans)
    # Passes a window of sound alone, and of both; docs/gpu.md has them.
    assert table == {"published": (75, 100), "balanced": (45, 60), "fast": (18, 22), "proof": (11, 14)}
    assert [sampling.total(25) for sampling in made.values()] == [50, 25, 25, 25]


def test_the_demo_keeps_its_step_and_its_guidance():
    for name, quality in QUALITIES.items():
        assert quality.applied(DEMO.options).sampling == replace(
            DEMO.options.sampling, overlap=0 if name == "proof" else DEMO.options.sampling.overlap
        )


def test_the_manifests_names_are_these():
    assert list(QUALITIES) == list(Quality)


def test_options_that_came_later_are_not_in_older_files_nor_missed_there():
    old = to_dict(DEMO)
    assert "anchors" not in old["options"]["sampling"]["schedule"]
    assert from_dict(CheckpointConfig, old) == DEMO
    fast = replace(DEMO, options=QUALITIES["fast"].applied(Options()))
    assert from_dict(CheckpointConfig, to_dict(fast)) == fast
