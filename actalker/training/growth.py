"""A deeper network that begins as a shallower one: one more block at every resolution, which does nothing yet.

Blocks at the end of a residual branch that are all zeros hand their input through (Goyal et al. 2017, section 5.1; for
growing networks, Chen et al. 2016, "Net2Net", section 3.2). So training goes on where it was.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from actalker.network.blocks import DownStage, ResBlock, UpStage
from actalker.network.transformer import Transformer
from actalker.training.diffusion import Trainee
from actalker.training.loop import load_trained


@torch.no_grad()
def deepen(trainee: Trainee, weights: Mapping[str, Tensor]) -> None:
    """Give `trainee` the function of the network of these weights, which has one block fewer at every resolution.

    On the way down the last block is new. On the way up it is the second: there the first takes over the copy that the
    new block on the way down has left, and the new one hands it on.

    Raises:
        ValueError: The weights are of another network.
    """
    added = [block for stage in (*trainee.unet.down_blocks, *trainee.unet.up_blocks) for block in _added(stage)]
    new = {id(weight) for block in added for weight in block.parameters()}
    named = dict(trainee.named_parameters())
    misfits = load_trained(trainee, {_later(name): weight for name, weight in weights.items()})
    misfits = {name for name in misfits if name not in named or id(named[name]) not in new}
    if misfits:
        raise ValueError(f"these weights are of another network: {sorted(misfits)[:5]}")
    for block in added:
        if isinstance(block, ResBlock):
            _hand_on(block)
        elif isinstance(block, Transformer):
            _silence(block.proj_out)


def _added(stage: nn.Module) -> list[nn.Module]:
    assert isinstance(stage, DownStage | UpStage)
    place = -1 if isinstance(stage, DownStage) else 1
    return [blocks[place] for blocks in (stage.resnets, stage.attentions) if len(blocks)]


def _later(name: str) -> str:
    """On the way up, all blocks but the first stand one place further on."""
    place = name.split(".")
    if place[:2] == ["unet", "up_blocks"] and place[3] in {"resnets", "attentions"} and place[4] != "0":
        place[4] = str(int(place[4]) + 1)
    return ".".join(place)


def _hand_on(block: ResBlock) -> None:
    """Its result is its input; of input and skip, the input."""
    _silence(block.spatial.conv2)
    _silence(block.temporal.conv2)
    if block.spatial.conv_shortcut is not None:
        _silence(block.spatial.conv_shortcut)
        nn.init.dirac_(block.spatial.conv_shortcut.weight)


def _silence(layer: nn.Module) -> None:
    for weight in layer.parameters():
        nn.init.zeros_(weight)
