"""Training that continues from a checkpoint: its weights are written to a training folder as results of the stages."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from actalker.checkpoint import load_part, read_config
from actalker.training.demo import ENCODERS, FINISH, NETWORK, SHALLOW, TRANSFORM, Plan
from actalker.training.loop import save_initial_weights


def another_cycle(plan: Plan) -> Plan:
    """The plan for another cycle of network and finish, with the steps and rates of the bundled checkpoint's cycles."""
    return replace(plan, deeper_steps=8500, deeper_rate=3.9e-4, finish_steps=8900, finish_rate=8e-4)


def begin_from(checkpoint: Path, folder: Path, plan: Plan) -> None:
    """Prepare a training folder: encoders and transform are finished, network and finish start with these weights.

    If that was done before, the folder is not changed, so that the same command resumes the training.

    Raises:
        WeightsError: The checkpoint is missing, incomplete or inconsistent.
        ValueError: The checkpoint is of another network, or the folder has a training that began from scratch.
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
        save_initial_weights(folder / name, _part(encoders, f"{name}_encoder."), plan.steps(name))
    finish = {name: tensor for name, tensor in autoencoder.items() if name.startswith("finish.")}
    save_file({name: autoencoder[name] for name in autoencoder.keys() - finish.keys()}, folder / TRANSFORM)
    save_initial_weights(folder / FINISH, finish, 0)
    projections = {name: tensor for name, tensor in encoders.items() if not name.split(".")[0].endswith("_encoder")}
    parts = {"unet": unet, "guide": guide, "encoders": projections}
    network = {f"{part}.{name}": tensor for part, tensors in parts.items() for name, tensor in tensors.items()}
    save_initial_weights(folder / NETWORK, network, 0)  # the last: if it exists, all others do


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
