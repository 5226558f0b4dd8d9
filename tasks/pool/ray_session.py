"""A session of Ray: joined, or held on this machine, quiet and closed to everybody else.

Ray is imported when a session is opened, and not before: it reads its environment when it is imported, and commands
that render nothing should not wait for it.
"""

import math
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from tasks.errors import Infrastructure
from tasks.media import processes

START_TRIES = 3
CONNECT_TIMEOUT_S = 10.0
OBJECT_STORE_BYTES = 80 << 20
"""Ray's least: nothing of ours goes through it."""

QUIET_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # the coming default; without it Ray warns about it
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # a lost worker is an event of ours; Ray prints a paragraph to stdout
    "RAY_DISABLE_FAILURE_SIGNAL_HANDLER": "1",  # it prints a stack of addresses when the driver is asked to end
    "RAY_ENABLE_AUTO_CONNECT": "0",  # a call without a session is a bug, no reason to start another one
}
LOCAL_ENVIRONMENT = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on every system: listen on loopback alone
    "RAY_AUTH_MODE": "token",  # other users of this machine cannot run code through our ports
}


@contextmanager
def session(
    address: str | None, actors: int | None = None, *, gpus: bool = True, spare: float = 0.0
) -> Iterator[ModuleType]:
    """Join the cluster at this address, or hold a session of our own on this machine; gone afterwards.

    Args:
        actors: At least so many can run side by side in a session of our own, whatever the cores.
        gpus: Whether that hands out this machine's GPUs: those in CUDA_VISIBLE_DEVICES, or all.
        spare: The share of its cores that actors leave: a session of our own says that it has so many more.

    Raises:
        Infrastructure: Ray does not start, or this process has a session already.
    """
    if address:
        _check_reachable(address)
    ray = _imported_ray(local=address is None)
    folder = processes.own_folder(processes.state_folder()) / f"ray-{secrets.token_hex(2)}"
    try:
        _init(ray, {"address": address} if address else _local_options(folder, actors, gpus=gpus, spare=spare))
        processes.remember(processes.state_folder())
        yield ray
    finally:
        ray.shutdown(wait_for_processes=True)
        shutil.rmtree(folder, ignore_errors=True)


def _check_reachable(address: str) -> None:
    """See whether anybody is there: Ray itself would go on trying for a quarter of an hour.

    Raises:
        Infrastructure: Nobody answers at `host:port`.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return  # `auto`, or another name that Ray knows
    try:
        socket.create_connection((host, int(port)), CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise Infrastructure(f"no Ray cluster answers at {address}: {error}") from error


def _init(ray: ModuleType, options: dict[str, Any]) -> None:
    """Start or join Ray. A node that is not up within 30 s, which Ray does not let us change, is given another try.

    Raises:
        Infrastructure: It does not come up.
    """
    for tries_left in reversed(range(START_TRIES)):
        try:
            ray.init(logging_level="ERROR", log_to_driver=False, **options)
        except Exception as error:  # Ray raises the bare class for a slow start
            ray.shutdown()
            if not tries_left:
                raise Infrastructure(f"Ray did not start: {error}") from error
        else:
            return


def _imported_ray(*, local: bool) -> ModuleType:
    """Ray, quiet; with `local`, on loopback and closed to everybody else. It reads this when it is imported."""
    own = {**LOCAL_ENVIRONMENT, "RAY_AUTH_TOKEN": secrets.token_hex(32)} if local else {}
    for name, value in {**QUIET_ENVIRONMENT, **own}.items():
        os.environ.setdefault(name, value)
    import ray  # noqa: PLC0415 - not before the environment is set, and not in commands that render nothing

    if ray.is_initialized():
        raise Infrastructure("this process has a session of Ray already: close the pool that holds it")
    return ray


def _local_options(folder: Path, actors: int | None, *, gpus: bool, spare: float) -> dict[str, Any]:
    cores = max(len(os.sched_getaffinity(0)), actors or 1)
    return {
        "include_dashboard": False,
        "num_cpus": math.ceil(cores / (1 - spare)),
        "num_gpus": _mig_devices() if gpus else 0,
        "object_store_memory": OBJECT_STORE_BYTES,
        "_node_ip_address": "127.0.0.1",
        "_temp_dir": str(folder),
    }


def _mig_devices() -> int | None:
    """How many MIG devices CUDA_VISIBLE_DEVICES names. None where it names other cards, or none: Ray counts those.

    Ray counts a card as one, however many MIG devices it is cut into; CUDA names those only by their own ids.
    """
    names = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    return len(names) if all(name.strip().startswith("MIG-") for name in names) else None
