"""Initialises a deeper network from a shallower one: the additional block at every resolution is the identity.

A residual block whose last layer is zero is the identity (Goyal et al. 2017, section 5.1; for growing networks, Chen et
al. 2016, "Net2Net", section 3.2). So the deeper network first computes the same function.
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
    """Initialise `trainee` from a network with one block fewer at every resolution, without a change of the function.

    In the down stages the last block is new. In the up stages it is the second: the first block's skip is the output of
    the new down block, which equals the one that it was trained with.

    Raises:
        ValueError: The weights are of another network.
    """
    added = [block for stage in (*trainee.unet.down_blocks, *trainee.unet.up_blocks) for block in _added_blocks(stage)]
    new = {id(weight) for block in added for weight in block.parameters()}
    named = dict(trainee.named_parameters())
    mismatched = load_trained(trainee, {_shifted_name(name): weight for name, weight in weights.items()})
    mismatched = {name for name in mismatched if name not in named or id(named[name]) not in new}
    if mismatched:
        raise ValueError(f"these weights are of another network: {sorted(mismatched)[:5]}")
    for block in added:
        if isinstance(block, ResBlock):
            _make_identity(block)
        elif isinstance(block, Transformer):
            _zero_parameters(block.proj_out)


def _added_blocks(stage: nn.Module) -> list[nn.Module]:
    assert isinstance(stage, DownStage | UpStage)
    place = -1 if isinstance(stage, DownStage) else 1
    return [blocks[place] for blocks in (stage.resnets, stage.attentions) if len(blocks)]


def _shifted_name(name: str) -> str:
    """Name in the deeper network: in the up stages, all blocks but the first have an index that is larger by 1."""
    place = name.split(".")
    if place[:2] == ["unet", "up_blocks"] and place[3] in {"resnets", "attentions"} and place[4] != "0":
        place[4] = str(int(place[4]) + 1)
    return ".".join(place)


def _make_identity(block: ResBlock) -> None:
    """Make the block return its input; of input and skip connection, the input."""
    _zero_parameters(block.spatial.conv2)
    _zero_parameters(block.temporal.conv2)
    if block.spatial.conv_shortcut is not None:
        _zero_parameters(block.spatial.conv_shortcut)
        nn.init.dirac_(block.spatial.conv_shortcut.weight)


def _zero_parameters(layer: nn.Module) -> None:
    for weight in layer.parameters():
        nn.init.zeros_(weight)
