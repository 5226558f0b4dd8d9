"""`python -m tests.card`: names the GPU, or says that there is none and exits with 1.

Tests that compute on a GPU have the mark `gpu`; they pass their device to `moved` and take `exact_float32`.
"""

import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import pytest
import torch
from torch import Tensor, nn

from actalker.network import Conditions

T = TypeVar("T")

NONE = "There is no GPU: torch.cuda.is_available() is false."
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
on_every_device: Callable[..., Any] = pytest.mark.parametrize("device", DEVICES)
"""The test runs on the CPU, and, with `-m gpu`, on the GPU."""


def name() -> str:
    """The GPU's name, empty where there is none."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""


def moved(value: T, device: str) -> T:
    """The same with all tensors on a device: of a tensor, a module, a tuple, or a frozen dataclass."""
    made: Any = value
    if isinstance(value, Tensor | nn.Module):
        made = value.to(device)
    elif isinstance(value, Conditions):
        made = value.to(device, value.identity.dtype)  # gates stay on the CPU
    elif isinstance(value, tuple):
        made = tuple(moved(part, device) for part in value)
    elif is_dataclass(value) and not isinstance(value, type):
        made = replace(value, **{entry.name: moved(getattr(value, entry.name), device) for entry in fields(value)})
    return made


if __name__ == "__main__":
    print(f"GPU: {name()}" if name() else f"{NONE} Nothing was run.")
    sys.exit(not name())
