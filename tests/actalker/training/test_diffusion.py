from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from actalker.checkpoint import PictureConfig
from actalker.encoders.autoencoder import PatchAutoencoder
from actalker.encoders.small import SmallEncoders
from actalker.encoders.widths import PatchWidths, SmallWidths
from actalker.network import Branch, NetworkConfig
from actalker.sampling import Sampling
from actalker.training.data import CachedExamples, Example
from actalker.training.diffusion import DiffusionObjective, Recipe, Trainee
from actalker.training.takes import FRAMES, PuppetTakes

NETWORK = NetworkConfig(
    latent_channels=4,
    channels=(16, 16),
    attention=(True, False),
    heads=(1, 1),
    layers=1,
    groups=8,
    feed_forward_factor=1,
    context_width=16,
    branches=(Branch("audio", 2), Branch("motion", 1)),
    scan_extent="clip",
    scan_state=2,
    film=True,
    time_id_width=8,
    guide_channels=(4, 4, 4, 4, 4),
)
RECIPE = Recipe(phases=((0, 2, 2), (5, 1, 4)), first_pool=2, steps_per_example=1000)


@pytest.fixture(scope="module")
def objective(tmp_path_factory: pytest.TempPathFactory) -> DiffusionObjective:
    torch.manual_seed(0)
    encoders = SmallEncoders(SmallWidths(tokens=16, audio_tokens=2))
    autoencoder = PatchAutoencoder(PatchWidths(latent_channels=4))
    examples = CachedExamples(tmp_path_factory.mktemp("clips"), PuppetTakes(64), autoencoder, encoders.identity_encoder)
    sampling, picture = Sampling(prediction="residual"), PictureConfig(short_edge=64)
    return DiffusionObjective(Trainee(NETWORK, encoders), examples, torch.ones(4), RECIPE, sampling, picture)


def test_an_example_is_kept_and_comes_back_the_same(objective: DiffusionObjective) -> None:
    examples = objective.examples
    assert isinstance(examples, CachedExamples)
    first: Example = examples[0]
    assert first.latents.shape == (FRAMES, 4, 4, 4)
    assert first.motion.shape == first.other_motion.shape == (FRAMES, 11)
    assert not torch.equal(first.motion, first.other_motion)
    kept = list(Path(examples.folder).iterdir())
    assert torch.equal(examples[0].latents, first.latents)
    assert list(Path(examples.folder).iterdir()) == kept


def test_clips_of_other_encoders_are_not_used_by_mistake(objective: DiffusionObjective) -> None:
    kept = objective.examples
    assert isinstance(kept, CachedExamples)
    CachedExamples(kept.folder, kept.takes, kept.autoencoder, kept.identity_encoder)  # the same again is no mistake
    stranger = SmallEncoders(SmallWidths()).identity_encoder
    with pytest.raises(ValueError, match="other takes or encoders: remove it"):
        CachedExamples(kept.folder, kept.takes, kept.autoencoder, stranger)


def test_a_step_is_a_function_of_its_number(objective: DiffusionObjective) -> None:
    def loss(step: int) -> float:
        torch.manual_seed(step)
        return float(objective.loss(step)[0].detach())

    assert loss(3) == loss(3)
    assert loss(3) != loss(4)


def test_steps_grow_longer_by_phases() -> None:
    assert [RECIPE.shape(step) for step in (0, 4, 5, 900)] == [(2, 2), (2, 2), (1, 4), (1, 4)]


def test_the_mouth_counts_less_towards_the_end() -> None:
    recipe = Recipe(detail=((0, 2.0), (5, 1.0)))
    assert [recipe.detail_power(step) for step in (0, 4, 5, 900)] == [2.0, 2.0, 1.0, 1.0]


def test_everything_that_is_trained_gets_a_gradient_and_nothing_else(objective: DiffusionObjective) -> None:
    trainee = objective.trainee
    trainee.zero_grad()
    torch.nn.init.normal_(trainee.unet.conv_out.weight)  # it starts at zero, and nothing behind it would move
    for step in range(12):  # all gate settings occur
        torch.manual_seed(step)
        objective.loss(step)[0].backward()
    for name, weight in trainee.named_parameters():
        frozen = name.startswith(("encoders.audio_encoder", "encoders.identity_encoder", "encoders.motion_encoder"))
        assert weight.requires_grad is not frozen, name
        # Behind the guide's last layer, which starts at zero, the first gradients are zero; keys of a single token
        # never matter.
        silent = frozen or name.startswith("guide.") or ".to_k" in name or ".to_q" in name
        assert silent or (weight.grad is not None and bool(weight.grad.abs().sum() > 0)), name


def test_a_start_holds_nothing_of_the_clip(objective: DiffusionObjective) -> None:
    """What the sampler starts from is the portrait and noise: the estimate must not depend on the clean latents."""
    example, span, sigma = objective.examples[0], slice(0, 2), torch.tensor([5.0])
    other = replace(example, spoken=example.spoken + 1)

    def estimate(one: Example, starts: bool) -> torch.Tensor:
        torch.manual_seed(0)
        rng = np.random.default_rng(0)
        with torch.no_grad():
            found = objective.estimate(
                [(one, span)], (True, False), sigma, 1, rng, (False, False), torch.tensor([starts])
            )
        return found[1]

    torch.nn.init.normal_(objective.trainee.unet.conv_out.weight)
    assert torch.equal(estimate(example, True), estimate(other, True))
    assert not torch.equal(estimate(example, False), estimate(other, False))


def test_sound_alone_is_shown_what_sound_tells_and_motion_all(objective: DiffusionObjective) -> None:
    example, span = objective.examples[0], slice(4, 6)
    for gates, wanted in (((True, False), example.spoken), ((False, True), example.latents)):
        rng = np.random.default_rng(0)
        with torch.no_grad():
            clean, _ = objective.estimate([(example, span)], gates, torch.tensor([5.0]), 1, rng)
        assert torch.equal(clean[0], wanted[span].float())


def test_signals_are_dropped_as_guidance_drops_them_and_never_sound_alone(objective: DiffusionObjective) -> None:
    """Guidance compares with neither signal, and with the sound alone; dropped signals are `unconditional`."""
    batch, heard = [(objective.examples[0], slice(0, 2))], set()
    for seed in range(300):
        known, _ = objective.conditions(batch, (True, True), np.random.default_rng(seed))
        heard.add(tuple(bool(signal.abs().sum() > 0) for signal in known.signals))
    assert heard == {(True, True), (True, False), (False, False)}
    known, _ = objective.conditions(batch, (True, True), np.random.default_rng(0), dropped=(True, False))
    for signal, quiet in zip(known.signals, objective.trainee.encoders.unconditional(), strict=True):
        assert torch.equal(signal[0, 0].float(), quiet)


def test_a_few_steps_lower_the_loss(objective: DiffusionObjective) -> None:
    optimizer = torch.optim.Adam([w for w in objective.trainee.parameters() if w.requires_grad], 3e-3)
    losses = []
    for _ in range(15):
        torch.manual_seed(0)
        loss, _figures = objective.loss(0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
