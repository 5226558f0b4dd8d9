"""The demo checkpoint: its configuration, and its training from scratch in stages, in one folder.

    speech/                 utterances, kept on first use
    audio/  motion/  identity/  the small encoders
    transform.safetensors   the autoencoder's transform
    clips/                  encoded clips, cached on first use
    unet/                   network, guide and projections, with one block fewer at every resolution
    deeper/                 the whole network, initialised from that one
    finish/                 the finish, the refinement network of the autoencoder

Every stage resumes where it was stopped. A finished stage returns at once.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from actalker.checkpoint import CheckpointConfig, Options, Part, PictureConfig, save_checkpoint
from actalker.encoders.autoencoder import PatchAutoencoder
from actalker.encoders.build import AutoencoderConfig, EncodersConfig
from actalker.encoders.small import SmallEncoders
from actalker.encoders.widths import PatchWidths, SmallWidths
from actalker.network import Branch, NetworkConfig
from actalker.sampling import Guidance, Sampling
from actalker.sampling import Schedule as NoiseSchedule
from actalker.training.data import CachedExamples, fit_transform
from actalker.training.diffusion import DiffusionObjective, Recipe, Trainee
from actalker.training.finish import FinishObjective
from actalker.training.growth import deepen
from actalker.training.hearing import VisemeObjective
from actalker.training.loop import Objective, OnMetrics, Run, Schedule, averaged_weights, load_trained
from actalker.training.pretraining import IdentityObjective, MotionObjective
from actalker.training.takes import FootageTakes, PuppetTakes, Takes, Video
from actalker.training.utterances import Speaker, speakers

ENCODERS = ("audio", "motion", "identity")
SHALLOW, NETWORK, FINISH = "unet", "deeper", "finish"
"""Names of the other stages and of their folders: two of the network, one of the finish."""
TRANSFORM = "transform.safetensors"

DEMO = CheckpointConfig(
    network=NetworkConfig(
        latent_channels=64,
        channels=(80, 96, 96),
        attention=(False, True, False),
        heads=(2, 4, 4),
        layers=2,
        groups=16,
        feed_forward_factor=2,
        context_width=64,
        branches=(Branch("audio", 4), Branch("motion", 1)),
        scan_extent="clip",
        scan_state=8,
        film=True,
        time_norm="scale_shift",
        time_id_width=16,
        guide_channels=(8, 8, 16, 16, 32),
    ),
    encoders=EncodersConfig(published=None, small=SmallWidths(audio_width=256, audio_dilations=(1, 1, 1, 2, 4, 8))),
    autoencoder=AutoencoderConfig(svd=None, patch=PatchWidths()),
    picture=PictureConfig(frame_samples=640, short_edge=256, multiple=64, time_ids=(25.0, 12.0, 20.0), guide="place"),
    options=Options(
        sampling=Sampling(
            steps=1,
            schedule=NoiseSchedule(sigma_min=0.6, sigma_max=5.0, rho=5.0),
            temperature=0.0,
            guidance=Guidance(identity=1.0, signals=(1.6, 1.5)),
            window=16,
            overlap=4,
            shift=5,
            padding=0,
            prediction="residual",
            latent_scale=1.0,
        ),
        decode_chunk=16,
        decode_context=2,
    ),
)
"""The demo checkpoint's configuration. One guided step needs two evaluations of the network, three if sound and motion
are both open. The guidance scales compensate for the small amplitudes of the network (docs/training.md)."""


DEEPER = Recipe(
    phases=((0, 2, 8),), detail=((0, 1.5), (6000, 1.0)), start_step=0, first_pool=2500, steps_per_example=1_000_000
)
"""Recipe of the deeper network: all people, mostly with the sampler's start as input."""


@dataclass(frozen=True)
class Plan:
    """Configuration, steps, learning rates and recipes of all stages."""

    config: CheckpointConfig = DEMO
    recipe: Recipe = field(default_factory=Recipe)
    audio_steps: int = 27600
    motion_steps: int = 3700
    identity_steps: int = 1500
    people: int = 700
    """Number of people for fitting the autoencoder's transform."""
    network_steps: int = 33700
    """Steps of the shallow network: most is learned here, and a step takes two thirds of the time."""
    network_rate: float = 8e-4
    deeper_recipe: Recipe = field(default_factory=lambda: DEEPER)
    deeper_steps: int = 21100
    deeper_rate: float = 8e-4
    finish_steps: int = 42700
    finish_rate: float = 2e-3
    finish_people: int = 1000

    def steps(self, stage: str) -> int:
        """Number of steps of a stage."""
        return {
            "audio": self.audio_steps,
            "motion": self.motion_steps,
            "identity": self.identity_steps,
            SHALLOW: self.network_steps,
            NETWORK: self.deeper_steps,
            FINISH: self.finish_steps,
        }[stage]

    def shallow(self) -> "Plan":
        """The same plan, with one block fewer at every resolution of the network."""
        network = replace(self.config.network, layers=self.config.network.layers - 1)
        return replace(self, config=replace(self.config, network=network))


def train_encoder(
    folder: Path,
    plan: Plan,
    name: str,
    on_metrics: OnMetrics | None = None,
    said_by: Mapping[str, Speaker] | None = None,
) -> None:
    """Train one of the `ENCODERS`.

    Args:
        said_by: The synthesisers that the audio encoder hears. None: those of `utterances.speakers`.
    """

    def audio() -> Objective:
        assert plan.config.encoders.small is not None
        torch.manual_seed(0)
        encoder = SmallEncoders(plan.config.encoders.small).audio_encoder
        return VisemeObjective(encoder, folder / "speech", speakers() if said_by is None else said_by)

    steps = plan.steps(name)
    objectives: Mapping[str, tuple[Callable[[], Objective], Schedule]] = {
        "audio": (audio, Schedule(steps, 1e-3, 100, cooldown_share=0.9, ema=0.999)),
        "motion": (MotionObjective, Schedule(steps, 1.5e-3, 50, cooldown_share=0.5, ema=0.99)),
        "identity": (IdentityObjective, Schedule(steps, 1.5e-3, 50, cooldown_share=0.5, ema=0.99)),
    }
    objective, schedule = objectives[name]
    Run(objective(), schedule, folder / name).train(on_metrics)


def training_takes(folder: Path, plan: Plan, footage: Sequence[Video]) -> Takes:
    """Takes to train on: the footage, with signals from the trained encoders; without footage, drawn people."""
    size = plan.config.picture.short_edge
    if footage:
        return FootageTakes(footage, trained_encoders(folder, plan.config), size)
    return PuppetTakes(size)


def fit(folder: Path, plan: Plan, footage: Sequence[Video] = ()) -> None:
    """Fit the autoencoder's transform, unless its file exists."""
    path = folder / TRANSFORM
    if not path.exists():
        autoencoder = PatchAutoencoder(_patch_widths(plan.config))
        fit_transform(autoencoder, training_takes(folder, plan, footage), plan.people)
        save_file({name: buffer.contiguous() for name, buffer in autoencoder.named_buffers()}, path)


def fitted_autoencoder(folder: Path, config: CheckpointConfig) -> PatchAutoencoder:
    """An autoencoder with its fitted transform and an untrained finish."""
    autoencoder, path = PatchAutoencoder(_patch_widths(config)), folder / TRANSFORM
    fitted = load_file(path)
    if fitted.keys() != dict(autoencoder.named_buffers()).keys():
        raise ValueError(f"{path} holds another transform: remove it, and it is fitted again")
    autoencoder.load_state_dict(fitted, strict=False)  # all buffers; the finish, the parameters, has its own file
    return autoencoder


def _patch_widths(config: CheckpointConfig) -> PatchWidths:
    if config.autoencoder.patch is None:
        raise ValueError("this training makes the autoencoder of patches: the configuration names another")
    return config.autoencoder.patch


def trained_encoders(folder: Path, config: CheckpointConfig, names: Sequence[str] = ENCODERS) -> SmallEncoders:
    """Encoders with the averaged weights of their stages, if in `names`. The projections are untrained."""
    assert config.encoders.small is not None
    encoders = SmallEncoders(config.encoders.small)
    for name in names:
        getattr(encoders, f"{name}_encoder").load_state_dict(averaged_weights(folder / name))
    return encoders


def train_network(
    folder: Path,
    plan: Plan,
    on_metrics: OnMetrics | None = None,
    device: str = "cpu",
    footage: Sequence[Video] = (),
) -> None:
    """Train the shallow network (`Plan.shallow`), guide and projections; encoders and transform are frozen."""
    fit(folder, plan, footage)
    schedule = Schedule(plan.network_steps, plan.network_rate, 80, cooldown_share=1.0, ema=0.998)
    Run(network_objective(folder, plan.shallow(), device, footage), schedule, folder / SHALLOW).train(on_metrics)


def deepen_network(
    folder: Path,
    plan: Plan,
    on_metrics: OnMetrics | None = None,
    device: str = "cpu",
    footage: Sequence[Video] = (),
) -> None:
    """Train the plan's whole network, initialised from the result of `train_network`."""
    objective = network_objective(folder, replace(plan, recipe=plan.deeper_recipe), device, footage)
    if not (folder / NETWORK / "state.pt").exists():
        deepen(objective.trainee, _averages(folder / SHALLOW))
    schedule = Schedule(plan.deeper_steps, plan.deeper_rate, 200, cooldown_share=1.0, ema=0.998)
    Run(objective, schedule, folder / NETWORK).train(on_metrics)


def network_objective(
    folder: Path, plan: Plan, device: str = "cpu", footage: Sequence[Video] = ()
) -> DiffusionObjective:
    """Objective of the network, with initial weights."""
    encoders = trained_encoders(folder, plan.config, ["identity"])  # audio and motion signals come from the takes
    autoencoder = fitted_autoencoder(folder, plan.config)
    torch.manual_seed(1)
    trainee = Trainee(plan.config.network, encoders)
    takes = training_takes(folder, plan, footage)
    # Takes are encoded on the CPU, so by a copy: the trainee's own encoder moves to the device.
    examples = CachedExamples(folder / "clips", takes, autoencoder, deepcopy(encoders.identity_encoder))
    trainee.to(device)
    config = plan.config
    return DiffusionObjective(
        trainee, examples, 1 / autoencoder.scale, plan.recipe, config.options.sampling, config.picture
    )


def train_finish(
    folder: Path,
    plan: Plan,
    on_metrics: OnMetrics | None = None,
    device: str = "cpu",
    footage: Sequence[Video] = (),
) -> None:
    """Train the autoencoder's finish on the outputs of the network. Before, the finish is the identity."""
    network = network_objective(folder, plan, device, footage)
    _load_averages(network.trainee, folder / NETWORK)
    torch.manual_seed(0)
    autoencoder = fitted_autoencoder(folder, plan.config).to(device)
    guidance = plan.config.options.sampling.guidance.signals
    objective = FinishObjective(
        autoencoder, network, training_takes(folder, plan, footage), plan.finish_people, guidance
    )
    schedule = Schedule(plan.finish_steps, plan.finish_rate, 100, cooldown_share=1.0, ema=0.99)
    Run(objective, schedule, folder / FINISH).train(on_metrics)


def export(
    folder: Path, target: Path, config: CheckpointConfig = DEMO, name: str = NETWORK, finish: bool = True
) -> None:
    """Write a checkpoint of the current state of a training folder, during or after the training."""
    trainee = Trainee(config.network, trained_encoders(folder, config))
    _load_averages(trainee, folder / name)
    autoencoder = fitted_autoencoder(folder, config)
    if finish and (folder / FINISH / "state.pt").exists():  # it starts as the identity, and is trained last
        _load_averages(autoencoder, folder / FINISH)
    parts: dict[Part, nn.Module] = {
        "unet": trainee.unet,
        "guide": trainee.guide,
        "encoders": trainee.encoders,
        "autoencoder": autoencoder,
    }
    # Half precision halves the file size. The difference to float32 is far below one grey level.
    save_checkpoint(target, config, {part: module.half().state_dict() for part, module in parts.items()})


def _averages(folder: Path) -> dict[str, Tensor]:
    if not (folder / "state.pt").exists():
        raise FileNotFoundError(f"nothing was trained in {folder}: run `actalker train` first")
    return averaged_weights(folder)


def _load_averages(module: nn.Module, folder: Path) -> None:
    if mismatched := load_trained(module, _averages(folder)):
        raise ValueError(f"{folder} holds another network: {sorted(mismatched)[:5]}")
