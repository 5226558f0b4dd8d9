"""The demo checkpoint: what it is made of, and its training from nothing, stage by stage, in one folder.

    audio/  faces/          the small encoders
    transform.safetensors   the autoencoder's transform
    clips/                  encoded clips, made on first use
    unet/                   network, guide and projections
    finish/                 the learned part of the autoencoder

Every stage goes on where it was stopped; a finished one returns at once.
"""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from actalker.checkpoint import CheckpointConfig, Options, Part, PictureConfig, save_checkpoint
from actalker.encoders.autoencoder import PatchAutoencoder
from actalker.encoders.build import AutoencoderConfig, EncodersConfig
from actalker.encoders.small import SmallEncoders
from actalker.encoders.widths import PatchWidths, SmallWidths
from actalker.network import Branch, NetworkConfig
from actalker.sampling import Guidance, Sampling
from actalker.sampling import Schedule as NoiseSchedule
from actalker.training.data import PuppetExamples
from actalker.training.diffusion import DiffusionObjective, Recipe, Trainee
from actalker.training.finish import FinishObjective
from actalker.training.loop import OnMetrics, Run, Schedule, averaged_weights
from actalker.training.pictures import fit_transform
from actalker.training.pretraining import FaceObjective, VisemeObjective

DEMO = CheckpointConfig(
    network=NetworkConfig(
        latent_channels=64,
        channels=(96, 128, 96),
        attention=(False, True, False),
        heads=(2, 4, 4),
        layers=1,
        groups=16,
        feed_forward_factor=2,
        context_width=64,
        branches=(Branch("audio", 4), Branch("motion", 1)),
        scan_extent="clip",
        scan_state=8,
        film=True,
        time_id_width=16,
        guide_channels=(8, 8, 16, 16, 32),
    ),
    encoders=EncodersConfig(published=None, small=SmallWidths()),
    autoencoder=AutoencoderConfig(svd=None, patch=PatchWidths()),
    picture=PictureConfig(frame_samples=640, short_edge=256, multiple=64, time_ids=(25.0, 12.0, 20.0)),
    options=Options(
        sampling=Sampling(
            steps=4,
            schedule=NoiseSchedule(sigma_min=0.15, sigma_max=20.0, rho=5.0),
            guidance=Guidance(identity=1.0, signals=(1.0, 1.0)),
            window=16,
            overlap=4,
            shift=5,
            padding=0,
            prediction="clean",
            latent_scale=1.0,
        ),
        decode_chunk=16,
        decode_context=2,
    ),
)
"""The demo checkpoint's configuration. Guidance of 1 everywhere is one network pass per step."""


@dataclass(frozen=True)
class Plan:
    """What is trained, for how long and how."""

    config: CheckpointConfig = DEMO
    recipe: Recipe = field(default_factory=Recipe)
    liveliness: float = 0.6
    """Scales the heads' movement (see `performance`)."""
    audio_steps: int = 1300
    faces_steps: int = 250
    people: int = 700
    """Persons whose pictures the autoencoder's transform is fitted on."""
    network_steps: int = 5600
    network_rate: float = 1.2e-3
    finish_steps: int = 400


def train(folder: Path, plan: Plan, on_metrics: OnMetrics | None = None) -> None:
    """Run, or go on with, every stage."""
    train_encoders(folder, plan, on_metrics)
    train_network(folder, plan, on_metrics)
    train_finish(folder, plan, on_metrics)


def train_encoders(folder: Path, plan: Plan, on_metrics: OnMetrics | None = None) -> None:
    """The audio encoder, then motion and identity encoder."""
    Run(VisemeObjective(), Schedule(plan.audio_steps, 2e-3, 20, cooldown_share=0.5, ema=0.99), folder / "audio").train(
        on_metrics
    )
    Run(FaceObjective(), Schedule(plan.faces_steps, 1.5e-3, 20, ema=0.99), folder / "faces").train(on_metrics)


def transform(folder: Path, config: CheckpointConfig, people: int) -> PatchAutoencoder:
    """An autoencoder with its fitted transform and an untrained finish."""
    autoencoder, path = PatchAutoencoder(_patch_widths(config)), folder / "transform.safetensors"
    if not path.exists():
        fit_transform(autoencoder, people)
        save_file({name: buffer.contiguous() for name, buffer in autoencoder.named_buffers()}, path)
    fitted = load_file(path)
    if fitted.keys() != dict(autoencoder.named_buffers()).keys():
        raise ValueError(f"{path} holds another transform: remove it, and it is fitted again")
    autoencoder.load_state_dict(fitted, strict=False)  # all buffers; the finish, its parameters, has its own file
    return autoencoder


def _patch_widths(config: CheckpointConfig) -> PatchWidths:
    if config.autoencoder.patch is None:
        raise ValueError("this training makes the autoencoder of patches: the configuration names another")
    return config.autoencoder.patch


def trained_encoders(folder: Path, config: CheckpointConfig) -> SmallEncoders:
    """Encoders as their stages left them; the projections are untrained."""
    assert config.encoders.small is not None
    encoders, faces = SmallEncoders(config.encoders.small), averaged_weights(folder / "faces")
    encoders.audio_encoder.load_state_dict(averaged_weights(folder / "audio"))
    for name in ("motion", "identity"):
        part: nn.Module = getattr(encoders, f"{name}_encoder")
        part.load_state_dict({key.removeprefix(f"{name}."): w for key, w in faces.items() if key.startswith(name)})
    return encoders


def train_network(
    folder: Path, plan: Plan, on_metrics: OnMetrics | None = None, name: str = "unet", device: str = "cpu"
) -> None:
    """Network, guide and projections, on encoders and transform as they are; the run's folder is `name`."""
    schedule = Schedule(plan.network_steps, plan.network_rate, 80, cooldown_share=0.5, ema=0.998)
    Run(network_objective(folder, plan, device), schedule, folder / name).train(on_metrics)


def network_objective(folder: Path, plan: Plan, device: str = "cpu") -> DiffusionObjective:
    """The network's objective, with untrained weights."""
    encoders = trained_encoders(folder, plan.config)
    autoencoder = transform(folder, plan.config, plan.people)
    torch.manual_seed(1)
    trainee = Trainee(plan.config.network, encoders).to(device)
    size = plan.config.picture.short_edge
    examples = PuppetExamples(folder / "clips", autoencoder, encoders, size, plan.liveliness)
    return DiffusionObjective(trainee, examples, 1 / autoencoder.scale, plan.recipe, size)


def train_finish(folder: Path, plan: Plan, on_metrics: OnMetrics | None = None, name: str = "unet") -> None:
    """The autoencoder's finish, on what the network of folder `name` makes; without the stage it does nothing."""
    network = network_objective(folder, plan)
    _load_averages(network.trainee, folder / name)
    torch.manual_seed(0)
    autoencoder = transform(folder, plan.config, plan.people)
    objective = FinishObjective(autoencoder, network, plan.liveliness, people=8 * plan.recipe.first_pool)
    Run(objective, Schedule(plan.finish_steps, 1.5e-3, 20, ema=0.98), folder / "finish").train(on_metrics)


def export(folder: Path, target: Path, config: CheckpointConfig = DEMO, name: str = "unet") -> None:
    """Write the checkpoint that a training folder has reached; it may be still training."""
    trainee = Trainee(config.network, trained_encoders(folder, config))
    _load_averages(trainee, folder / name)
    autoencoder = transform(folder, config, Plan.people)
    if (folder / "finish" / "state.pt").exists():  # it starts as the identity, and is trained last
        _load_averages(autoencoder, folder / "finish")
    parts: dict[Part, nn.Module] = {
        "unet": trainee.unet,
        "guide": trainee.guide,
        "encoders": trainee.encoders,
        "autoencoder": autoencoder,
    }
    # Half precision halves the file; the difference to float32 is far below a grey level.
    save_checkpoint(target, config, {part: module.half().state_dict() for part, module in parts.items()})


def _load_averages(module: nn.Module, folder: Path) -> None:
    if not (folder / "state.pt").exists():
        raise FileNotFoundError(f"nothing was trained in {folder}: run `actalker train` first")
    found = module.load_state_dict(averaged_weights(folder), strict=False)  # frozen parts and buffers are not in it
    missing = set(found.missing_keys) & {name for name, w in module.named_parameters() if w.requires_grad}
    if missing or found.unexpected_keys:
        raise ValueError(f"{folder} holds another network: {sorted(missing | set(found.unexpected_keys))[:5]}")
