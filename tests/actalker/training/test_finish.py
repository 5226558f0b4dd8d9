import numpy as np
import pytest
import torch

from actalker.checkpoint import PictureConfig
from actalker.encoders.autoencoder import PatchAutoencoder
from actalker.encoders.small import MOTION_SIGNALS, SmallEncoders
from actalker.encoders.widths import PatchWidths, SmallWidths
from actalker.sampling import Sampling
from actalker.training.data import CachedExamples
from actalker.training.diffusion import DiffusionObjective, Recipe, Trainee
from actalker.training.finish import Batch, FinishObjective
from actalker.training.takes import PuppetTakes
from tests.actalker.training.test_diffusion import NETWORK

SIZE, FRAMES = 64, 4


@pytest.fixture(scope="module")
def objective(tmp_path_factory: pytest.TempPathFactory) -> FinishObjective:
    torch.manual_seed(0)
    encoders, takes = SmallEncoders(SmallWidths(tokens=16, audio_tokens=2)), PuppetTakes(SIZE)
    autoencoder = PatchAutoencoder(PatchWidths(4, finish_width=8, finish_blocks=2, finish_coarse_width=8))
    examples = CachedExamples(tmp_path_factory.mktemp("clips"), takes, autoencoder, encoders.identity_encoder)
    sampling, picture = Sampling(prediction="residual"), PictureConfig(short_edge=SIZE)
    network = DiffusionObjective(Trainee(NETWORK, encoders), examples, torch.ones(4), Recipe(), sampling, picture)
    return FinishObjective(autoencoder, network, takes, people=2, guidance=(1.6, 1.4), frames=FRAMES)


def _batch(objective: FinishObjective, step: int) -> Batch:
    torch.manual_seed(step)
    return objective.batch(step)


def test_a_batch_is_a_function_of_its_number(objective: FinishObjective) -> None:
    first, again = (_batch(objective, 3) for _ in range(2))
    assert all(torch.equal(getattr(first, name), getattr(again, name)) for name in Batch.__dataclass_fields__)
    assert not torch.equal(first.pictures, _batch(objective, 6).pictures)


def test_most_batches_are_cut_around_the_features_and_some_are_whole(objective: FinishObjective) -> None:
    sizes = [tuple(_batch(objective, step).pictures.shape) for step in range(24)]
    assert set(sizes) == {(FRAMES, 3, 40, 32), (FRAMES, 3, SIZE, SIZE)}
    assert sizes.count((FRAMES, 3, 40, 32)) > 12


def test_all_parts_of_a_batch_are_cut_alike(objective: FinishObjective) -> None:
    """What holds still is the portrait's in the guess and in the truth: at the same place in each."""
    for step in range(12):
        batch = _batch(objective, step)
        assert batch.portrait.shape == batch.lost_detail.shape == batch.pictures.shape[1:]
        assert batch.weight.shape == batch.pictures.shape[2:]
        still = (batch.pictures == batch.portrait).all(1).all(0)
        assert still.float().mean() > 0.3
        # Untrained, it changes nothing; latents are kept in half precision and estimated in bfloat16.
        assert torch.allclose(batch.decoded[0][:, still], batch.portrait[:, still], atol=0.05)


def test_blinks_are_shown_more_often_than_they_happen(objective: FinishObjective) -> None:
    example, rng = objective.network.examples[0], np.random.default_rng(0)
    blinks = example.motion[:, MOTION_SIGNALS.index("blink")]
    shown = [float(blinks[objective._span(example, (False, True), rng)].max()) for _ in range(200)]
    plain = [float(blinks[start : start + FRAMES].max()) for start in range(len(blinks) - FRAMES + 1)]
    assert np.mean(shown) > np.mean(plain) + 0.1


def test_a_few_steps_lower_the_loss_and_move_every_part(objective: FinishObjective) -> None:
    before = {name: weight.detach().clone() for name, weight in objective.module().named_parameters()}
    optimizer, losses = torch.optim.Adam(objective.module().parameters(), 1e-3), []
    for _ in range(12):
        torch.manual_seed(0)
        loss, _ = objective.loss(0)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    unmoved = [name for name, weight in objective.module().named_parameters() if torch.equal(weight, before[name])]
    assert not unmoved
