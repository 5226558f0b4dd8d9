"""A network that grows: the same function before and after, and from there on every block is trained."""

from dataclasses import replace

import pytest
import torch

from actalker.encoders.small import SmallEncoders
from actalker.encoders.widths import SmallWidths
from actalker.network import NetworkConfig
from actalker.training.diffusion import DiffusionObjective, Trainee
from actalker.training.growth import deepen
from tests.actalker.training.test_diffusion import NETWORK
from tests.actalker.training.test_diffusion import objective as objective  # noqa: PLC0414 - a fixture

pytestmark = pytest.mark.numeric


def trainee(config: NetworkConfig, seed: int) -> Trainee:
    """One whose every block does something."""
    torch.manual_seed(seed)
    made = Trainee(config, SmallEncoders(SmallWidths(tokens=16, audio_tokens=2)))
    torch.nn.init.normal_(made.unet.conv_out.weight, std=0.1)
    return made


def trained(made: Trainee) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in made.named_parameters() if weight.requires_grad}


@pytest.mark.parametrize("layers", [1, 2])
def test_a_deeper_network_begins_as_the_shallower_one_and_every_block_learns(
    objective: DiffusionObjective, layers: int
) -> None:
    small = trainee(replace(NETWORK, layers=layers), 1)
    large = trainee(replace(NETWORK, layers=layers + 1), 2)
    large.encoders.load_state_dict(small.encoders.state_dict())
    deepen(large, trained(small))
    losses = []
    for one in (small, large):
        objective.trainee = one
        torch.manual_seed(0)  # mask-drop
        losses.append(objective.loss(3)[0])
    assert losses[1].item() == pytest.approx(losses[0].item(), rel=2e-3)  # bfloat16
    losses[1].backward()
    before = trained(large)
    torch.optim.AdamW(large.parameters(), 1e-3, weight_decay=0).step()
    held = {name for name, weight in trained(large).items() if torch.equal(weight, before[name])}
    assert not {name for name in held if name.endswith(("conv2.weight", "proj_out.weight"))}


def test_weights_of_another_network_are_refused() -> None:
    weights = trained(trainee(NETWORK, 1))
    with pytest.raises(ValueError, match="of another network"):
        deepen(trainee(NETWORK, 2), weights)
    with pytest.raises(ValueError, match="of another network"):
        deepen(trainee(replace(NETWORK, layers=2), 2), {"unet.conv_in.bias": weights["unet.conv_in.bias"]})
