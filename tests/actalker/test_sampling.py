"""Schedule, guidance, windows and solvers; the whole loop gives the published script's latents (data/)."""

import json
import math
from dataclasses import replace

import pytest
import torch

from actalker.encoders.projections import IdentityProjection
from actalker.encoders.svd import SvdAutoencoder
from actalker.encoders.widths import SvdWidths
from actalker.network import TINY, SpatialGuide, UNet
from actalker.sampling import (
    LATENT_SCALE,
    CancelledError,
    Guidance,
    Sampling,
    Scene,
    Schedule,
    advance,
    clean_latents,
    decode,
    denoise,
    windows,
)
from tests.actalker.network.scenes import FRAME, conditions, heard_scene, network
from tests.actalker.rounding import HALF_UNIT, rounding_of
from tests.actalker.weights_by_rule import DATA, fill, noise, relative_error, results, shapes, weight
from tests.card import moved, on_every_device

pytestmark = pytest.mark.numeric

CASES = json.loads((DATA / "sampling_cases.json").read_text())


def filled(module, prefix):
    module.load_state_dict({key: weight(prefix + key, value.shape) for key, value in module.state_dict().items()})
    return module.requires_grad_(False)


@pytest.fixture(scope="module")
def unet():
    network = UNet(TINY)
    fill(network, "unet", "unet.", shapes("tiny_unet_keys"))
    return network.requires_grad_(False)


@pytest.fixture(scope="module")
def vae():
    autoencoder = SvdAutoencoder(SvdWidths(channels=(32,) * 4, layers=1))
    filled(autoencoder.model, "vae.")
    return autoencoder


@pytest.fixture(scope="module")
def reference(vae):
    return vae.encode(noise("pipe.ref", (1, 3, 128, 192), 0.5).clamp(-1, 1))[0].detach()


def scene(case, reference):
    gates, frames = tuple(bool(gate) for gate in CASES[case]["gate"]), CASES[case]["n"]
    face = torch.zeros(128, 192)
    face[16:112, 32:160] = 1
    masks = torch.stack([face * gate for gate in gates])
    if all(gates):
        masks = torch.zeros(2, 128, 192)
        masks[0, 64:], masks[1, :64] = 1, 1
    guide = filled(SpatialGuide(TINY), "pose_guider.")
    project = filled(IdentityProjection(512, 96, 64), "id_proj_model.")
    return Scene(
        reference=reference,
        identity=project(noise("pipe.idvec", (1, 512))),
        signals=(noise(f"pipe.{case}.audio", (frames, 32, 64)), noise(f"pipe.{case}.exp", (frames, 1, 64))),
        unconditional=(noise(f"pipe.{case}.uaudio", (32, 64)), noise(f"pipe.{case}.uexp", (1, 64))),
        masks=masks,
        gates=gates,
        time_ids=torch.tensor([12.5, 12.0, 20.0]),
        guide=guide(face.expand(1, 1, 3, -1, -1))[0, 0],
    )


def settings(case):
    values = CASES[case]
    return Sampling(steps=values["steps"], window=values["fpb"], overlap=values["overlap"], shift=values["shift"])


def test_the_reference_latents_are_the_published_ones(vae, reference):
    assert relative_error(reference[None], results("sampling")["ref_latents"]) < rounding_of(vae.model)


PORTRAIT = torch.zeros(3, 1, 1)  # the published decoder does not look at it


@pytest.mark.parametrize("case", CASES)
@on_every_device
def test_the_whole_loop_gives_the_published_latents(case, device, unet, reference):
    clip, sampling = scene(case, reference), settings(case)
    total = sampling.total(clip.frames)
    start = noise(f"pipe.{case}.latents", (total, 4, 16, 24))
    result = denoise(unet.to(device), moved(clip, device), start.to(device), sampling)
    guided = math.hypot(*(weight for _, weight in sampling.guidance.passes(clip.gates)))  # so do its roundings grow
    assert relative_error(result[None], results("sampling")[f"{case}.latents"]) < guided * rounding_of(unet)


@on_every_device
def test_decoded_frames_are_the_published_ones(vae, device):
    truth = results("sampling")
    latents = truth["both.latents"][0, :4] / 50
    (frames,) = decode(vae.to(device), latents.to(device), PORTRAIT.to(device))
    vae.cpu()
    assert relative_error(frames.transpose(0, 1)[None], truth["decoded"]) < rounding_of(vae.model)


def test_chunks_with_context_decode_like_the_whole_nearer_than_without(vae):
    latents = noise("decode", (8, 4, 4, 4))
    (whole,) = decode(vae, latents, PORTRAIT)
    with_context = torch.cat(list(decode(vae, latents, PORTRAIT, chunk=4, context=2)))
    without = torch.cat(list(decode(vae, latents, PORTRAIT, chunk=4)))
    assert with_context.shape == whole.shape
    assert relative_error(with_context, whole) < 0.5 * relative_error(without, whole)


def test_the_schedule_is_svds():
    truth = results("sampling")
    sigmas = Schedule().sigmas(2)
    ours = [*sigmas, *(0.25 * math.log(s) for s in sigmas[:-1])]
    assert ours == pytest.approx([*truth["sigmas"].tolist(), *truth["timesteps"].tolist()], rel=4 * HALF_UNIT)


def test_guidance_runs_no_pass_that_equals_another():
    published = Guidance()
    assert published.passes([True, True]) == [(0, -1.0), (1, -5.5), (2, 4.5), (3, 3.0)]
    assert published.passes([True, False]) == [(0, -1.0), (1, -5.5), (2, 7.5)]
    assert published.passes([False, True]) == [(0, -1.0), (1, -1.0), (3, 3.0)]
    assert published.passes([False, False]) == [(0, -1.0), (1, 2.0)]
    assert Guidance(1.0, (1.0, 1.0)).passes([True, True]) == [(3, 1.0)], "no guidance, one pass"
    assert published.with_equal_scales().passes([True, True]) == [(0, -1.0), (1, -5.5), (3, 7.5)]
    assert published.with_equal_scales().passes([True, False]) == published.passes([True, False])
    for gates in ([True, True], [True, False], [False, False]):
        assert sum(weight for _, weight in published.passes(gates)) == pytest.approx(1)


@pytest.mark.parametrize("frames", [1, 4, 5, 9, 23])
@pytest.mark.parametrize("padding", [None, 0, 3])
@pytest.mark.parametrize("overlap", [0, 2])
def test_windows_cover_every_frame(frames, padding, overlap):
    sampling = Sampling(window=5, overlap=overlap, padding=padding)
    total = sampling.total(frames)
    for shift in range(5):
        found = windows(total, sampling, shift)
        assert {i for window in found for i in window} == set(range(total))
        assert all(len(window) == min(5, total) for window in found)
        if padding == 0:
            assert all(window == list(range(window[0], window[-1] + 1)) for window in found), "no window wraps around"


def gaussian_clean(x, sigma, mean=2.0, spread=0.5):
    """The exact clean estimate for data that is normal with this mean and spread."""
    return (x * spread**2 + mean * sigma**2) / (spread**2 + sigma**2)


def solve(solver, steps):
    sigmas = Schedule(0.02, 20, 7).sigmas(steps)
    x, previous = torch.tensor([-15.0, 3.0, 20.0], dtype=torch.float64), None
    for step in range(steps):
        clean = gaussian_clean(x, sigmas[step])
        x, previous = advance(x, clean, previous, sigmas=sigmas, step=step, solver=solver), clean
    return x


def test_the_second_order_solver_needs_fewer_steps():
    truth = solve("euler", 20_000)
    errors = {name: [(solve(name, n) - truth).abs().max().item() for n in (20, 40)] for name in ("euler", "dpm++2m")}
    assert errors["dpm++2m"][0] < 0.3 * errors["euler"][0]
    assert errors["euler"][0] / errors["euler"][1] == pytest.approx(2, abs=0.5), "first order"
    assert errors["dpm++2m"][0] / errors["dpm++2m"][1] > 3, "second order"


SMALL = Sampling(steps=3, window=4, shift=2, padding=0)


def small_scene():
    """Six frames of 8 x 8 latents for the small networks of `scenes`; audio alone."""
    return heard_scene(conditions(FRAME, frames=6), torch.randn(4, 8, 8))


def test_progress_and_cancel():
    unet, clip, start, seen, asked = network(FRAME), small_scene(), torch.randn(6, 4, 8, 8), [], []
    denoise(unet, clip, start, SMALL, on_step=lambda done, of: seen.append((done, of)))
    assert seen == [(1, 3), (2, 3), (3, 3)]

    def cancelled():
        asked.append(1)
        return len(seen) == 4

    with pytest.raises(CancelledError, match="cancelled in step 2 of 3"):
        denoise(unet, clip, start, SMALL, on_step=lambda done, of: seen.append((done, of)), cancelled=cancelled)
    assert len(asked) == 3, "two windows of the first step, then the first of the second"


@on_every_device
def test_a_closed_gate_makes_the_whole_result_independent_of_its_signal(device):
    unet, clip, start = network(FRAME).to(device), moved(small_scene(), device), torch.randn(6, 4, 8, 8).to(device)
    other = replace(clip, signals=(clip.signals[0], torch.full_like(clip.signals[1], float("nan"))))
    assert torch.equal(denoise(unet, clip, start, SMALL), denoise(unet, other, start, SMALL))
    louder = replace(clip, signals=(clip.signals[0] + 1, clip.signals[1]))
    assert not torch.equal(denoise(unet, clip, start, SMALL), denoise(unet, louder, start, SMALL))


class PerfectModel:
    """Knows the clean latents, and says so in the form that it is asked for."""

    def __init__(self, clean, prediction):
        self.clean, self.prediction = clean, prediction

    def prepared(self, known, size):
        return known

    def __call__(self, sample, timestep, known):
        sigma = float(torch.exp(4 * timestep))
        scale = 1 / math.sqrt(sigma**2 + 1)
        clean = self.clean.expand_as(sample[:, :, :4])
        noisy = sample[:, :, :4] / scale
        if self.prediction == "velocity":
            return (noisy * scale**2 - clean) / (sigma * scale)
        return (clean - sample[:, :, 4:] * LATENT_SCALE) / Sampling.residual_spread


@pytest.mark.parametrize("solver", ["euler", "dpm++2m"])
@pytest.mark.parametrize("prediction", ["velocity", "residual"])
def test_a_perfect_model_is_followed_to_the_data_whatever_it_predicts(prediction, solver):
    target = torch.randn(4, 8, 8)
    sampling = replace(SMALL, prediction=prediction, solver=solver, schedule=Schedule(0.02, 20.0))
    result = denoise(PerfectModel(target, prediction), small_scene(), torch.randn(6, 4, 8, 8), sampling)
    assert relative_error(result, target.expand_as(result)) < 1e-5  # the last level of noise is 0.02


def test_a_network_that_says_nothing_of_the_residual_gives_the_reference():
    x, reference = torch.randn(2, 4), torch.randn(4)
    estimate = clean_latents(torch.zeros(2, 4), x, reference, torch.tensor(0.5), "residual", 0.5)
    assert torch.equal(estimate, reference.expand(2, 4))


def test_at_temperature_zero_nothing_is_left_to_chance():
    unet, clip, calm = network(FRAME), small_scene(), replace(SMALL, temperature=0.0)
    one, other = (denoise(unet, clip, torch.randn(6, 4, 8, 8), calm) for _ in range(2))
    assert torch.equal(one, other)
    warm = replace(SMALL, temperature=1.0)
    assert not torch.equal(*(denoise(unet, clip, torch.randn(6, 4, 8, 8), warm) for _ in range(2)))


def test_noise_of_the_wrong_length_is_refused(unet, reference):
    unet.cpu()
    clip, sampling = scene("both", reference), settings("both")
    with pytest.raises(ValueError, match=r"noise has shape \(7, 4, 16, 24\), expected \(11, 4, 16, 24\)"):
        denoise(unet, clip, torch.randn(7, 4, 16, 24), sampling)


def test_one_step_of_a_perfect_model_lands_on_the_data():
    clean = torch.randn(3)
    assert torch.equal(advance(torch.randn(3), clean, None, sigmas=[1.0, 0.0], step=0, solver="euler"), clean)
    assert LATENT_SCALE == 0.18215


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match=r"overlap \(25\)"):
        Sampling(overlap=25)
    with pytest.raises(ValueError, match="not 'heun'"):
        Sampling(solver="heun")
    with pytest.raises(ValueError, match="not 'noise'"):
        Sampling(prediction="noise")
    with pytest.raises(ValueError, match="at least one step"):
        Schedule().sigmas(0)
