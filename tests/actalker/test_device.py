"""Every public path on a GPU, without one: nothing that is made on the CPU meets what is on the card.

On a pretended card (`pretended_card.py`) the CPU computes, so that the results are the CPU's but for the order of sums.
"""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from actalker.checkpoint import PARTS, CheckpointConfig
from actalker.encoders.autoencoder import PatchAutoencoder
from actalker.encoders.small import SmallEncoders
from actalker.encoders.svd import SvdAutoencoder
from actalker.encoders.widths import PatchWidths, SmallWidths, SvdWidths
from actalker.network.fast import install
from actalker.sampling import denoise
from actalker.shapes import Box, Size
from actalker.talker import Controls, Talker
from actalker.training import demo
from actalker.training.diffusion import DiffusionObjective
from actalker.training.finish import FinishObjective
from actalker.training.takes import PuppetTakes
from tests.actalker.network.scenes import FRAME, network
from tests.actalker.network.skipped_kernels import without_kernels
from tests.actalker.pretended_card import DEVICE, CardError, pretended_card
from tests.actalker.rounding import rounding_of
from tests.actalker.test_sampling import SMALL, small_scene
from tests.actalker.test_talker import CONFIG, FACE
from tests.actalker.training.test_diffusion import NETWORK, RECIPE
from tests.actalker.weights_by_rule import relative_error
from tests.card import moved

LEVELS = 2
"""Grey levels by which a picture on the card may differ: sums in another order, then rounding to bytes."""
SOUND = np.random.default_rng(0).normal(0, 0.1, 4_000).astype(np.float32)
PORTRAIT = np.random.default_rng(1).integers(0, 255, (80, 120, 3), np.uint8)
DRIVING = np.random.default_rng(2).integers(0, 255, (6, 64, 64, 3), np.uint8)
SIGNALS = {
    "sound": Controls(FACE),
    "motion": Controls(FACE, False, motion_gate=True, driving=DRIVING, driving_face=Box(10, 10, 50, 50)),
    "both": Controls(FACE, motion_gate=True, driving=DRIVING, driving_face=Box(10, 10, 50, 50)),
    "lids": Controls(FACE, lids=np.linspace(0, 1, 6).astype(np.float32)),
}
PUBLISHED = replace(CONFIG, options=replace(CONFIG.options, sampling=replace(CONFIG.options.sampling, steps=1)))
DEMO = replace(demo.DEMO, picture=replace(demo.DEMO.picture, short_edge=128))


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch):
    with pretended_card(monkeypatch) as made:
        yield made


def talker(config: CheckpointConfig, device: str) -> Talker:
    torch.manual_seed(0)
    return Talker(config, {part: config.build(part) for part in PARTS}, device, torch.float32)


def frames(config: CheckpointConfig, controls: Controls, device: str) -> np.ndarray:
    made = talker(config, device)
    plan = made.plan(Size(80, 120), len(SOUND), controls, made.options)
    noise = torch.randn(plan.noise_shape, generator=torch.Generator().manual_seed(7))
    return made.generate(PORTRAIT, SOUND if controls.audio_gate else None, controls, made.options, noise)


CLIPS = pytest.mark.parametrize(
    ("config", "signals"),
    [(PUBLISHED, name) for name in ("sound", "motion", "both")] + [(DEMO, name) for name in SIGNALS],
    ids=lambda value: value if isinstance(value, str) else "published" if value is PUBLISHED else "demo",
)


@CLIPS
def test_a_clip_on_the_card_is_the_cpus(monkeypatch, config, signals):
    with pretended_card(monkeypatch):
        result = frames(config, SIGNALS[signals], DEVICE)
    assert difference(config, signals, result) <= LEVELS


@pytest.mark.gpu
@CLIPS
def test_a_clip_on_a_gpu_is_the_cpus(config, signals):
    assert difference(config, signals, frames(config, SIGNALS[signals], "cuda")) <= LEVELS


def difference(config: CheckpointConfig, signals: str, result: np.ndarray) -> int:
    """Largest difference in grey levels to the CPU's clip, of the generated frames.

    Those between follow a flow that random weights make arbitrary.
    """
    generated = slice(None, None, 1 if config is DEMO else 2)
    expected = frames(config, SIGNALS[signals], "cpu")
    return int(np.abs(expected.astype(int) - result)[generated].max())


def test_sampling_waits_for_the_card_once_a_clip(card):
    """For the token counts of each branch and grid; after that the host prepares steps while the card computes."""
    scene, unet = moved(small_scene(), DEVICE), network(FRAME).to(DEVICE)
    noise = torch.randn(6, 4, 8, 8).to(DEVICE)
    counts = []
    for steps in (1, 4):
        card.waits.clear()
        card.copies = 0
        denoise(unet, scene, noise, replace(SMALL, steps=steps))
        counts.append((dict(card.waits), card.copies))
    assert counts[0] == counts[1], "steps add none"
    grids, branches = len(FRAME.channels), len(FRAME.branches)
    assert counts[0][0] == {"_local_scalar_dense": 2 * grids * branches}, "a count and whether it is even"
    assert counts[0][1] == grids + 1, "gates for each grid, and the windows' indices"


def test_the_guidance_passes_as_one_batch_are_those_one_after_another():
    unet, clip, start = network(FRAME), replace(small_scene(), gates=(True, True)), torch.randn(6, 4, 8, 8)
    one = denoise(unet, clip, start, SMALL)
    guided = math.hypot(*(weight for _, weight in SMALL.guidance.passes(clip.gates)))  # so do its roundings grow
    for batch in (2, 3, 4, 9):
        assert relative_error(denoise(unet, clip, start, SMALL, batch=batch), one) < guided * rounding_of(unet)


def test_the_fast_forms_meet_nothing_of_the_cpu(card, monkeypatch):
    """Without their kernels: which numbers they compute, tests/actalker/network/test_fast.py says."""
    skipped, scene = without_kernels(monkeypatch, DEVICE), moved(small_scene(), DEVICE)
    unet = network(replace(FRAME, groups=4)).to(DEVICE).requires_grad_(False)
    install(unet, compiled=False)
    assert (
        denoise(unet, scene, torch.randn(6, 4, 8, 8).to(DEVICE), replace(SMALL, steps=1), batch=4).device.type == DEVICE
    )
    of_the_network = skipped.count
    vae = SvdAutoencoder(SvdWidths(channels=(32, 32), layers=1)).to(DEVICE).requires_grad_(False)
    install(vae, compiled=False)
    latents = torch.randn(3, 4, 4, 4).to(DEVICE)
    assert vae.decode(latents, 3, latents).device.type == DEVICE
    assert skipped.count > of_the_network > 0


def objective(folder: Path, device: str) -> DiffusionObjective:
    """As `demo.network_objective` makes it, but small, of untrained encoders."""
    torch.manual_seed(0)
    widths = SmallWidths(tokens=16, audio_tokens=2)
    plan = demo.Plan(
        replace(
            demo.DEMO,
            network=NETWORK,
            encoders=replace(demo.DEMO.encoders, small=widths),
            autoencoder=replace(demo.DEMO.autoencoder, patch=PatchWidths(latent_channels=4)),
            picture=replace(demo.DEMO.picture, short_edge=64),
        ),
        RECIPE,
    )
    return demo.network_objective(folder, plan, device)


@pytest.fixture
def untrained(monkeypatch):
    """A training that begins with untrained encoders and an autoencoder that was fitted to nothing."""

    def encoders(folder, config, names=()):
        torch.manual_seed(0)
        return SmallEncoders(config.encoders.small)

    monkeypatch.setattr(demo, "trained_encoders", encoders)
    monkeypatch.setattr(demo, "fitted_autoencoder", lambda folder, config: PatchAutoencoder(config.autoencoder.patch))


def training_step(folder: Path, device: str) -> tuple[float, float]:
    """Loss of a step, and the squared norm of its gradient."""
    made = objective(folder / device, device)
    assert next(made.trainee.unet.parameters()).device.type == device
    torch.manual_seed(0)
    loss, _ = made.loss(3)
    loss.backward()
    gradients = [x.grad for x in made.module().parameters() if x.grad is not None]
    return float(loss.detach()), float(sum((gradient.cpu() ** 2).sum() for gradient in gradients))


def test_a_training_step_on_the_card_is_the_cpus(monkeypatch, tmp_path, untrained):
    with pretended_card(monkeypatch):  # which turns autocast off, here and on the CPU
        expected = training_step(tmp_path, "cpu")
        assert training_step(tmp_path, DEVICE) == pytest.approx(expected, rel=1e-4)


@pytest.mark.gpu
def test_a_training_step_on_a_gpu_is_the_cpus(tmp_path, untrained):
    # Both in bfloat16, whose roundings come at other places.
    assert training_step(tmp_path, "cuda") == pytest.approx(training_step(tmp_path, "cpu"), rel=0.05)


def test_the_finishs_batch_is_on_the_card(monkeypatch, tmp_path, untrained):
    with pretended_card(monkeypatch):
        network_objective = objective(tmp_path, DEVICE)
        finish = PatchAutoencoder(PatchWidths(4, 8, 2, 8, 1)).to(DEVICE)
        made = FinishObjective(finish, network_objective, PuppetTakes(64), 1, (1.0, 1.0), frames=2)
        loss, _ = made.loss(0)
        assert loss.device.type == DEVICE


def test_the_card_notices_what_a_real_one_would_refuse(card):
    here, there = torch.ones(3), torch.ones(3).to(DEVICE)
    with pytest.raises(CardError, match=r"on the CPU, \(3,\)"):
        there + here
    with pytest.raises(CardError, match=r"index.*on the CPU, \(2,\)"):
        there[[0, 1]]
    with pytest.raises(CardError, match="generator of the CPU"):
        torch.randn(3, device=DEVICE, generator=torch.Generator())
    assert (there + 1.0 + torch.tensor(1.0)).cpu().tolist() == [3, 3, 3]
    assert card.waits["_to_copy"] == 1
