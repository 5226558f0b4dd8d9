"""A checkpoint directory: config.json with digests, and one safetensors file for each part of the model.

config.json  unet.safetensors  guide.safetensors  autoencoder.safetensors  encoders.safetensors
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from actalker.encoders.build import AutoencoderConfig, EncodersConfig, build_autoencoder, build_encoders
from actalker.encoders.crops import GuideKind, RegionRule
from actalker.network import PUBLISHED, NetworkConfig, SpatialGuide, UNet
from actalker.sampling import Sampling
from actalker.serialization import from_dict, to_dict

Part = Literal["unet", "guide", "autoencoder", "encoders"]
PARTS: tuple[Part, ...] = get_args(Part)
CONFIG_FILE = "config.json"


class WeightsError(ValueError):
    """A checkpoint is missing, incomplete or inconsistent. The message lists all problems."""


@dataclass(frozen=True)
class PictureConfig:
    """Format of the frames that the network was trained on; the defaults are the published ones."""

    frame_samples: int = 1280
    """Sound samples (16 kHz) per generated frame: 1280 at 12.5 frames per second, 640 at 25."""
    short_edge: int = 576
    multiple: int = 64
    """Both edges are multiples of this number of pixels."""
    time_ids: tuple[float, ...] = (12.5, 12.0, 20.0)
    """Micro-conditioning: frames per second, motion bucket, expression motion bucket."""
    guide: GuideKind = "box"


@dataclass(frozen=True)
class Options:
    """Options of rendering a clip; a checkpoint has its own defaults."""

    sampling: Sampling = field(default_factory=Sampling)
    regions: RegionRule = "paper"
    decode_chunk: int = 10
    """Frames decoded at a time; limits memory."""
    decode_context: int = 0
    """Frames on either side with which a chunk is decoded; 0 as published."""


@dataclass(frozen=True)
class CheckpointConfig:
    """The whole configuration of a model, without the weights; the defaults are the published model."""

    network: NetworkConfig = PUBLISHED
    encoders: EncodersConfig = field(default_factory=EncodersConfig)
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    picture: PictureConfig = field(default_factory=PictureConfig)
    options: Options = field(default_factory=Options)

    def build(self, part: Part) -> nn.Module:
        """A part with random or uninitialised weights; under `torch.device("meta")` they need no memory."""
        if part == "unet":
            return UNet(self.network)
        if part == "guide":
            return SpatialGuide(self.network)
        if part == "encoders":
            return build_encoders(self.encoders)
        return build_autoencoder(self.autoencoder)


@dataclass(frozen=True)
class FileReport:
    """One verified file."""

    name: str
    size_bytes: int
    sha256: str
    tensors: int
    parameters: int


def save_checkpoint(directory: Path, config: CheckpointConfig, parts: Mapping[Part, Mapping[str, Tensor]]) -> None:
    """Write a checkpoint from the state dict of every part, after the checks of `verify`.

    Each file is written under another name, then renamed; config.json, which has the digests, is the last.
    Raises WeightsError if a tensor is missing, unexpected or of the wrong shape.
    """
    problems = [problem for part in PARTS for problem in mismatches(config, part, parts[part])]
    if problems:
        raise WeightsError("\n".join(problems))
    directory.mkdir(parents=True, exist_ok=True)
    digests = {}
    for part in PARTS:
        path = directory / f"{part}.safetensors"
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in parts[part].items()}
        save_file(tensors, path.with_suffix(".partial"))
        path.with_suffix(".partial").replace(path)
        digests[path.name] = digest(path)
    document = {"format": 1, **to_dict(config), "sha256": digests}
    partial = directory / f"{CONFIG_FILE}.partial"
    partial.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    partial.replace(directory / CONFIG_FILE)


def read_config(directory: Path) -> CheckpointConfig:
    """Configuration of a checkpoint. Raises WeightsError if it is missing or cannot be read."""
    return _read(directory)[0]


def load_part(directory: Path, config: CheckpointConfig, part: Part) -> nn.Module:
    """One part with its weights, on the CPU, in evaluation mode, without gradients.

    The tensors of the file become the parameters, without a copy. Raises WeightsError unless names and shapes match.
    """
    tensors = _tensors(directory / f"{part}.safetensors")
    problems = mismatches(config, part, tensors)
    if problems:
        raise WeightsError("\n".join(problems))
    with torch.device("meta"):
        module = config.build(part)
    module.load_state_dict(tensors, assign=True)
    return module.eval().requires_grad_(False)


def verify(directory: Path) -> list[FileReport]:
    """Check digests, names and shapes of all files of a checkpoint. Raises WeightsError with all problems."""
    config, digests = _read(directory)
    problems, reports = [], []
    for part in PARTS:
        path = directory / f"{part}.safetensors"
        if not path.is_file():
            problems.append(f"{path.name} is missing")
            continue
        found = digest(path)
        if found != digests.get(path.name):
            problems.append(f"{path.name} has sha256 {found}, config.json says {digests.get(path.name)}")
            continue
        tensors = _tensors(path)
        problems += mismatches(config, part, tensors)
        sizes = [tensor.numel() for tensor in tensors.values()]
        reports.append(FileReport(path.name, path.stat().st_size, found, len(sizes), sum(sizes)))
    if problems:
        raise WeightsError("\n".join(problems))
    return reports


def mismatches(config: CheckpointConfig, part: Part, tensors: Mapping[str, Tensor]) -> list[str]:
    """Differences between tensors and the state dict of a part: missing, unexpected, or of another shape."""
    with torch.device("meta"):
        expected = config.build(part).state_dict()
    problems = [f"{part}: {name} is missing" for name in expected if name not in tensors]
    problems += [f"{part}: {name} belongs nowhere" for name in tensors if name not in expected]
    for name in expected.keys() & tensors.keys():
        if expected[name].shape != tensors[name].shape:
            problems.append(
                f"{part}: {name} has shape {tuple(tensors[name].shape)}, expected {tuple(expected[name].shape)}"
            )
    return problems


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(directory: Path) -> tuple[CheckpointConfig, dict[str, str]]:
    path = directory / CONFIG_FILE
    if not path.is_file():
        raise WeightsError(f"no checkpoint in {directory}: {CONFIG_FILE} is missing")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        version, digests = document.pop("format"), document.pop("sha256")
        if version != 1:
            raise WeightsError(f"{path}: format {version} is unknown; this program reads format 1")
        return from_dict(CheckpointConfig, document, "config"), digests
    except (json.JSONDecodeError, KeyError, ValueError) as error:
        raise WeightsError(f"{path}: {error}") from error


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path}: {error}") from error
