"""A training that begins where a checkpoint is: laid out in a folder as if the stages before had ended there."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from actalker.checkpoint import load_part, read_config
from actalker.training.demo import ENCODERS, FINISH, NETWORK, SHALLOW, TRANSFORM, Plan
from actalker.training.loop import keep_weights


def another_cycle(plan: Plan) -> Plan:
    """Network and finish trained on for as long, and as fast, as in one of the bundled checkpoint's own cycles."""
    return replace(plan, deeper_steps=8500, deeper_rate=3.9e-4, finish_steps=8900, finish_rate=8e-4)


def begin_from(checkpoint: Path, folder: Path, plan: Plan) -> None:
    """Lay a training folder out: encoders and transform are done, network and finish begin with these weights.

    A folder in which that was done before is left alone, so that the same command goes on.

    Raises:
        WeightsError: There is no whole checkpoint.
        ValueError: The checkpoint is of another network, or the folder holds a training that began elsewhere.
    """
    if (folder / NETWORK / "state.pt").exists():
        return
    if (folder / SHALLOW / "state.pt").exists():
        raise ValueError(f"{folder} holds a training that began from nothing: name an empty folder")
    config = read_config(checkpoint)
    if (config.network, config.encoders, config.autoencoder) != (
        plan.config.network,
        plan.config.encoders,
        plan.config.autoencoder,
    ):
        raise ValueError(f"{checkpoint} is no checkpoint of drawn heads of this size: training goes on only from one")
    unet, guide, encoders, autoencoder = (
        load_part(checkpoint, config, part).float().state_dict()
        for part in ("unet", "guide", "encoders", "autoencoder")
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name in ENCODERS:
        keep_weights(folder / name, _part(encoders, f"{name}_encoder."), plan.steps(name))
    finish = {name: tensor for name, tensor in autoencoder.items() if name.startswith("finish.")}
    save_file({name: autoencoder[name] for name in autoencoder.keys() - finish.keys()}, folder / TRANSFORM)
    keep_weights(folder / FINISH, finish, 0)
    projections = {name: tensor for name, tensor in encoders.items() if not name.split(".")[0].endswith("_encoder")}
    parts = {"unet": unet, "guide": guide, "encoders": projections}
    network = {f"{part}.{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}
    keep_weights(folder / NETWORK, network, 0)  # last: where it is, all is


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
