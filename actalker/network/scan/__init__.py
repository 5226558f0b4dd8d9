"""The selective scan: several implementations of one function, compared by parity tests."""

from actalker.network.scan.choice import Backend, available_backends, selective_scan
from actalker.network.scan.reference import selective_scan_reference

__all__ = ["Backend", "available_backends", "selective_scan", "selective_scan_reference"]
