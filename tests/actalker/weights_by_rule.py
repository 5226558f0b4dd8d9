"""Weights and inputs as pure functions of a name and a shape: how the published network was filled for `data/`.

Every value comes from a 32-bit integer hash of its position and the CRC of the name, so that any machine and any
version of any library makes the same tensors.
"""

import json
import math
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from actalker.renames import rename

DATA = Path(__file__).parent / "data"
Shape = Iterable[int]


def uniform(name: str, count: int) -> NDArray[np.float64]:
    """`count` values in [-1, 1)."""
    mask = np.uint64(0xFFFFFFFF)
    bits = (np.arange(count, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(zlib.crc32(name.encode()))) & mask
    bits ^= bits >> np.uint64(15)
    bits = (bits * np.uint64(2246822519)) & mask
    bits ^= bits >> np.uint64(13)
    return bits.astype(np.float64) / 2**31 - 1


def weight(key: str, shape: Shape) -> Tensor:
    """A tensor by its published state-dict key."""
    shape = tuple(shape)
    u, leaf = uniform(key, math.prod(shape)), key.rsplit(".", 1)[-1]
    if leaf == "A_logs":  # log(1..N), perturbed
        states = np.tile(np.arange(1, shape[-1] + 1), math.prod(shape[:-1]))
        u = np.log(states) + 0.1 * u
    elif leaf == "Ds":
        u = 1 + 0.1 * u
    elif leaf == "dt_projs_bias":
        u = u - 3
    elif leaf == "mix_factor":
        u = 0.5 + 0.5 * u
    elif len(shape) == 1:
        u = 0.1 * u + (leaf == "weight")
    else:
        fan_in = shape[-1] if leaf in ("x_proj_weight", "dt_projs_weight") else math.prod(shape[1:])
        u = u * (3 / fan_in) ** 0.5
    return torch.from_numpy(u.reshape(shape)).float()


def noise(name: str, shape: Shape, scale: float = 1.0) -> Tensor:
    """Standard normal input by name (Box and Muller's transform)."""
    shape = tuple(shape)
    first = torch.from_numpy(uniform(f"in.{name}.a.bias", math.prod(shape)))
    second = torch.from_numpy(uniform(f"in.{name}.b.bias", math.prod(shape)))
    radius = torch.sqrt(-2 * torch.log(((first + 1) / 2).clamp(1e-9, 1)))
    return (scale * radius * torch.cos(math.pi * (second + 1))).float().reshape(shape)


def shapes(name: str) -> dict[str, list[int]]:
    """Published key -> shape, from a JSON file in data/."""
    found: dict[str, list[int]] = json.loads((DATA / f"{name}.json").read_text())
    return found


def results(name: str) -> dict[str, Tensor]:
    """Published results, from a safetensors file in data/."""
    return load_file(DATA / f"{name}.safetensors")


def fill(module: nn.Module, part: str, prefix: str, published: Mapping[str, Shape]) -> None:
    """Fill a module of ours with the weights that the published one had, through the rename table, strictly."""
    module.load_state_dict({rename(part, key): weight(prefix + key, shape) for key, shape in published.items()})


def relative_error(result: Tensor, truth: Tensor) -> float:
    """Norm of the difference over the norm of the truth."""
    assert result.shape == truth.shape, f"{tuple(result.shape)} against {tuple(truth.shape)}"
    result, truth = result.detach().cpu(), truth.detach().cpu()
    return float((result - truth).norm() / truth.norm())
