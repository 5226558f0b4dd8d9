"""Which implementation of the selective scan runs: by device, or by name. The choice is logged, once per device."""

# ruff: noqa: PLR0917  # the operands of a scan are six, in the order of the papers

import logging
from collections.abc import Callable
from functools import cache
from typing import Literal, get_args

from torch import Tensor

from actalker.network.scan.reference import selective_scan_reference

Backend = Literal["auto", "reference", "cpu"]
Scan = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]

_log = logging.getLogger(__name__)


def selective_scan(
    u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, backend: Backend = "auto"
) -> Tensor:
    """Two-directional selective scan (equations and shapes in `reference.py`).

    u (S, L, E)  delta (2, S, L, E)  A (2, E, N)  B, C (2, S, L, N)  D (2, E)  ->  (S, L, E), in u's type.
    Raises ValueError for an unknown backend, RuntimeError for one that this device cannot run.
    """
    return _implementation(u.device.type, backend)(u, delta, A, B, C, D)


def available_backends(device: str) -> list[Backend]:
    """Names that `selective_scan` accepts for tensors on this kind of device, fastest first."""
    return ["cpu", "reference"] if device == "cpu" else ["reference"]


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


def _load(name: str) -> Scan:
    # Imported on first use: each compiled implementation costs its compiler's import.
    if name == "cpu":
        from actalker.network.scan.cpu import selective_scan_cpu  # noqa: PLC0415

        return selective_scan_cpu
    return selective_scan_reference
