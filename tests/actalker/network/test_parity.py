"""PCM layer and UNet give the published network's numbers (data/, computed in float32 on a CPU)."""

import pytest
import torch

from actalker.network import TINY, Conditions, UNet
from actalker.network.pcm import PCM
from actalker.network.regions import grid_regions
from actalker.renames import rename
from tests.actalker.rounding import rounding_of
from tests.actalker.weights_by_rule import fill, noise, relative_error, results, shapes, weight
from tests.card import moved, on_every_device

pytestmark = pytest.mark.numeric

GATES = {"both": [True, True], "audio_only": [True, False], "expression_only": [False, True]}


@pytest.fixture(scope="module")
def unet():
    network = UNet(TINY)
    fill(network, "unet", "unet.", shapes("tiny_unet_keys"))
    return network.requires_grad_(False)


@pytest.mark.parametrize("case", ["both", "audio_only", "expression_only", "overlapping"])
@on_every_device
def test_pcm(case, device):
    layer, truth = PCM(32, TINY).requires_grad_(False), results("pcm")
    prefix = "down_blocks.0.attentions.0.mamba_blocks.0."
    published = {key: shape for key, shape in shapes("tiny_unet_keys").items() if key.startswith(prefix)}
    layer.load_state_dict(
        {
            rename("unet", key).removeprefix("down_blocks.0.attentions.0.pcm."): weight(
                f"pcm.{key.removeprefix(prefix)}", shape
            )
            for key, shape in published.items()
        }
    )
    masks = torch.cat([truth[f"{case}.audio_mask"], truth[f"{case}.expression_mask"]], dim=1)
    layer.to(device)
    regions = grid_regions(masks.to(device), torch.ones(1, 2, dtype=torch.bool), (8, 12))
    audio, motion = noise("pcm.cond", (3, 33, 64))[None].to(device).split([32, 1], dim=2)
    x, identity = noise("pcm.x", (3, 96, 32))[None].to(device), noise("pcm.id", (3, 1, 64))[None].to(device)
    result = layer(x, identity, [audio, motion], regions.selections)[0]
    assert relative_error(result, truth[f"{case}.out"]) < rounding_of(layer)


@pytest.mark.parametrize("timestep", ["1.637", "0.25"])
@pytest.mark.parametrize("case", GATES)
@on_every_device
def test_unet(unet, case, timestep, device):
    truth = results("unet")
    masks = torch.cat([truth[f"{case}.audio_mask"], truth[f"{case}.expression_mask"]], dim=1)
    conditions = Conditions(
        identity=noise("unet.id", (6, 1, 64)).unflatten(0, (2, 3)),
        signals=(
            noise("unet.audio", (6, 32, 64)).unflatten(0, (2, 3)),
            noise("unet.exp", (6, 1, 64)).unflatten(0, (2, 3)),
        ),
        masks=masks.expand(2, -1, -1, -1),
        gates=torch.tensor([GATES[case]] * 2),
        time_ids=truth["added_time_ids"],
        guide=noise("unet.spatial", (2, 3, 32, 16, 24), 0.3),
    )
    sample, timesteps = noise("unet.sample", (2, 3, 8, 16, 24)), torch.full((2,), float(timestep))
    result = unet.to(device)(sample.to(device), timesteps.to(device), moved(conditions, device))
    assert relative_error(result, truth[f"{case}.t{timestep}.out"]) < rounding_of(unet)
