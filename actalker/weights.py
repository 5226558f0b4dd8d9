"""Conversion of the published files to a checkpoint directory. Pickle files are read with `weights_only`.

docs/network.md has the sources and licences of the files. `renames.py` has the table of tensor names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors.torch import load_file
from torch import Tensor

from actalker.checkpoint import (
    PARTS,
    CheckpointConfig,
    FileReport,
    Part,
    WeightsError,
    mismatches,
    save_checkpoint,
    verify,
)
from actalker.renames import rename

__all__ = ["SOURCES", "Conversion", "Source", "convert", "verify"]


@dataclass(frozen=True)
class Source:
    """One published file, or a part of it, and the module that its tensors belong to."""

    part: Part
    module: str
    """Module inside the part; empty for the part itself."""
    patterns: tuple[str, ...]
    """File names, below the source directory, of which exactly one must exist."""
    entry: str = ""
    """Entry of the file's top-level dictionary that holds the tensors; empty when it is the dictionary."""
    prefix: str = ""
    """Only tensors with this prefix are used, and it is removed; others belong to networks that are not used here."""


SOURCES = (
    Source("unet", "", ("unet-*.pth",)),
    Source("guide", "", ("pose_guider-*.pth",)),
    Source(
        "autoencoder",
        "model",
        ("vae/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.fp16.safetensors"),
    ),
    Source("encoders", "audio_projection", ("audio_linear-*.pth",)),
    Source("encoders", "identity_projection", ("id_proj_model-*.pth",)),
    Source("encoders", "expression_projection", ("vasa_linear-*.pth",)),
    Source("encoders", "expression_network", ("MX31c_32k.ckpt",), "generator", "expression_model."),
    Source("encoders", "pose_network", ("MX31c_32k.ckpt",), "pose_model"),
    Source("encoders", "arcface", ("arcface/backbone.pth",)),
    Source("encoders", "whisper", ("whisper-tiny/model.safetensors",), prefix="model."),
)
"""All files that are needed. `adapter_module-*.pth` is not: the UNet's file has the same adapters."""


@dataclass(frozen=True)
class Conversion:
    """Result of `convert`."""

    files: list[FileReport]
    unused: dict[str, list[str]] = field(default_factory=dict)
    """By source file, the tensors of networks that are not used here (Whisper's decoder, the expression file's
    generator)."""


def convert(source_dir: Path, target_dir: Path, config: CheckpointConfig | None = None) -> Conversion:
    """Convert the published files to a checkpoint and verify it.

    Raises WeightsError, before anything is written, with all missing files, missing or unexpected tensors and wrong
    shapes.
    """
    config = config or CheckpointConfig()
    parts: dict[Part, dict[str, Tensor]] = {part: {} for part in PARTS}
    unused: dict[str, list[str]] = {}
    problems = []
    for source in SOURCES:
        try:
            path = _find(source_dir, source.patterns)
            tensors, others = place(source, _entry(path, source.entry))
        except WeightsError as error:
            problems.append(str(error))
            continue
        parts[source.part] |= tensors
        if others:
            unused[path.name] = others
    problems = problems or [problem for part in PARTS for problem in mismatches(config, part, parts[part])]
    if problems:
        raise WeightsError("\n".join(problems))
    save_checkpoint(target_dir, config, parts)
    return Conversion(verify(target_dir), unused)


def place(source: Source, tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Tensors of one source under our names, and the names of those that belong to other networks.

    Raises WeightsError if two of them have the same name.
    """
    used = {key.removeprefix(source.prefix): value for key, value in tensors.items() if key.startswith(source.prefix)}
    if source.module == "whisper":  # its text decoder is not used
        used = {key: value for key, value in used.items() if key.startswith("encoder.")}
    used_keys = {f"{source.prefix}{key}" for key in used}
    named: dict[str, Tensor] = {}
    for key, value in used.items():
        name = rename(source.module or source.part, key)
        name = f"{source.module}.{name}" if source.module else name
        if name in named:
            raise WeightsError(f"{source.patterns[0]}: {key} and another tensor are both {name}")
        named[name] = value
    return named, [key for key in tensors if key not in used_keys]


def _find(directory: Path, patterns: tuple[str, ...]) -> Path:
    found = sorted(path for pattern in patterns for path in directory.glob(pattern))
    if len(found) != 1:
        names = " or ".join(patterns)
        raise WeightsError(f"{len(found)} files match {names} in {directory}, exactly one must")
    return found[0]


def _entry(path: Path, entry: str) -> Mapping[str, Tensor]:
    """Tensors of a file, memory-mapped. Pickle files are read with weights_only, which loads no other objects."""
    if path.suffix == ".safetensors":
        return load_file(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except UnpicklingError as error:
        raise WeightsError(f"{path.name}: {error}") from error
    if entry:
        if entry not in content:
            raise WeightsError(f"{path.name} has no entry {entry!r}, only {', '.join(sorted(content))}")
        content = content[entry]
    others = [key for key, value in content.items() if not isinstance(value, Tensor)]
    if others:
        raise WeightsError(f"{path.name} holds other things than tensors: {', '.join(others)}")
    tensors: Mapping[str, Tensor] = content
    return tensors
