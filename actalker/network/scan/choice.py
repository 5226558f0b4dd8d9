"""Selects the implementation of the selective scan, by device or by name. The choice is logged once per device."""

# ruff: noqa: PLC0415  # implementations are imported on first use, because their compilers are slow to import

import logging
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Literal, get_args

import torch
from torch import Tensor

from actalker.network.scan.reference import selective_scan_reference

Backend = Literal["auto", "reference", "cpu", "triton", "mamba"]
Scan = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]

_log = logging.getLogger(__name__)


# The implementations are already compiled, by other compilers.
@torch.compiler.disable  # type: ignore[untyped-decorator]  # torch leaves it untyped
def selective_scan(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, backend: Backend = "auto"
) -> Tensor:
    """Two-directional selective scan (equations and shapes in `reference.py`).

    u (S, L, E)  delta (2, S, L, E)  A (2, E, N)  B, C (2, S, L, N)  D (2, E)  ->  (S, L, E), in u's type.
    Raises ValueError for an unknown backend, RuntimeError for one that this device cannot run.
    """
    return _implementation(u.device.type, backend)(u, delta, A, B, C, D)


@cache
def available_backends(device: str) -> tuple[Backend, ...]:
    """Names that `selective_scan` accepts for tensors on this type of device. `auto` selects the first.

    mamba-ssm comes after Triton: its operands have another memory layout and must be copied.
    """
    if device == "cpu":
        return ("cpu", "reference")
    if device != "cuda":
        return ("reference",)
    from actalker.network.scan import mamba

    triton: tuple[Backend, ...] = ("triton",) if find_spec("triton") else ()
    mamba_ssm: tuple[Backend, ...] = ("mamba",) if mamba.usable() else ()
    return (*triton, *mamba_ssm, "reference")


@cache
def _implementation(device: str, backend: Backend) -> Scan:
    if backend not in get_args(Backend):
        raise ValueError(f"unknown scan backend {backend!r}: one of {', '.join(get_args(Backend))}")
    names = available_backends(device)
    name = names[0] if backend == "auto" else backend
    if name not in names:
        raise RuntimeError(f"scan backend {name!r} does not run on {device}: available are {', '.join(names)}")
    _log.info("selective scan on %s: %s", device, name)
    return _load(name)


def _load(name: Backend) -> Scan:
    if name == "cpu":
        from actalker.network.scan.cpu import selective_scan_cpu

        return selective_scan_cpu
    if name == "triton":
        from actalker.network.scan.triton_scan import selective_scan_triton

        return selective_scan_triton
    if name == "mamba":
        from actalker.network.scan.mamba import selective_scan_mamba

        return selective_scan_mamba
    return selective_scan_reference
