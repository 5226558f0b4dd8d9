"""Training, from nothing: on drawn heads or on footage. One process on a CPU, one worker per GPU through Ray Train."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from prefect import flow, get_run_logger

from actalker.training import demo
from actalker.training.charts import read_log, write_curves
from actalker.training.evaluation import contact_sheet
from actalker.training.loop import Metrics, OnMetrics
from actalker.training.takes import Video
from tasks.footage import Footage

STAGES = ("audio", "motion", "identity", demo.SHALLOW, demo.NETWORK, "finish")
NETWORKS = {demo.SHALLOW: demo.train_network, demo.NETWORK: demo.deepen_network}
_SHOWN_EVERY = 500  # steps


@flow(name="train", persist_result=False, validate_parameters=False)
def train_checkpoint(folder: Path, checkpoint: Path, plan: demo.Plan, footage: Path | None = None) -> Path:
    """Run, or go on with, every stage in `folder`, and write the checkpoint.

    The small stages take minutes and run here. The network runs here on a CPU, and with GPUs on one worker for each;
    a killed run goes on where its last saved state left it, under the same command.

    Args:
        footage: A manifest of videos (see `tasks.footage`) that transform, network and finish are trained on; the
            encoders' truth is drawn people's all the same.

    Raises:
        BadInput: The footage cannot be used; said before anything is trained.
    """
    videos = Footage(footage, folder / "footage", plan.config.picture.short_edge) if footage else ()
    demo.train_encoders(folder, plan, reporter(folder, plan, "encoders"))
    demo.fit(folder, plan, videos)
    workers = torch.cuda.device_count()
    for stage, train in NETWORKS.items():
        if workers:
            train_on_workers(folder, plan, stage, workers, use_gpu=True, footage=videos)
        else:
            train(folder, plan, reporter(folder, plan, stage), footage=videos)
    demo.train_finish(folder, plan, reporter(folder, plan, "finish"), footage=videos)
    for stage in STAGES:
        publish_log(folder / stage)
    sample_sheet(folder, plan, demo.NETWORK)
    demo.export(folder, checkpoint, plan.config)
    return checkpoint


def train_on_workers(
    folder: Path, plan: demo.Plan, stage: str, workers: int, use_gpu: bool, footage: Sequence[Video] = ()
) -> None:
    """Train the network, or deepen it, on Ray workers that share every step; all must reach `folder`."""
    import ray  # noqa: PLC0415 - not before the pool has set its environment: see tasks.ray_session
    from ray.train import RunConfig, ScalingConfig  # noqa: PLC0415
    from ray.train.torch import TorchTrainer, get_device  # noqa: PLC0415

    folder = folder.resolve()

    def work() -> None:
        tell = reporter(folder, plan, stage, logging.getLogger("actalker.train"))
        NETWORKS[stage](folder, plan, tell, str(get_device()), footage)

    if not ray.is_initialized():
        ray.init(include_dashboard=False, logging_level=logging.WARNING)
    TorchTrainer(
        work,
        scaling_config=ScalingConfig(num_workers=workers, use_gpu=use_gpu),
        run_config=RunConfig(name="train", storage_path=str(folder / "ray")),
    ).fit()


def reporter(folder: Path, plan: demo.Plan, stage: str, logger: logging.Logger | None = None) -> OnMetrics:
    """What a stage tells: every logged step to the log; every 500 of the network, log, curves and samples as files."""
    log = logger or get_run_logger()

    def tell(step: int, metrics: Metrics) -> None:
        log.info("%s, step %d: %s", stage, step, ", ".join(f"{name} {value:.3f}" for name, value in metrics.items()))
        if stage in NETWORKS and step % _SHOWN_EVERY == 0:
            publish_log(folder / stage)
            sample_sheet(folder, plan, stage)

    return tell


def publish_log(run: Path) -> None:
    """A run's log as metrics.parquet, one row for each logged step, and as curves.png."""
    part = run / "metrics.parquet.partial"
    pq.write_table(pa.table(read_log(run)), part)
    part.replace(run / "metrics.parquet")
    write_curves(run)


def sample_sheet(folder: Path, plan: demo.Plan, stage: str) -> None:
    """samples.png: what the weights of this moment make for two held-out people, above the truth."""
    shown = plan.shallow() if stage == demo.SHALLOW else plan
    demo.export(folder, folder / "preview", shown.config, stage)
    Image.fromarray(contact_sheet(folder / "preview", indices=(0, 1), frames=32, columns=8)).save(
        folder / "samples.png"
    )
