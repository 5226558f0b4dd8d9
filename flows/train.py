"""Training: the demo checkpoint from nothing. One process on a CPU, one worker per GPU through Ray Train."""

import logging
from pathlib import Path

import ray
import torch
from prefect import flow, get_run_logger
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer, get_device

from actalker.training import demo
from actalker.training.charts import write_curves
from actalker.training.loop import Metrics

WORKER_STAGE = "unet"


@flow(name="train", persist_result=False, validate_parameters=False)
def train_checkpoint(folder: Path, checkpoint: Path, plan: demo.Plan) -> Path:
    """Run, or go on with, every stage in `folder`; write the checkpoint and, beside each stage's log, its curves.

    The small stages take minutes and run here. The network runs here on a CPU, and with GPUs on one worker for each;
    a killed run goes on where its last saved state left it, under the same command.
    """
    logger = get_run_logger()

    def tell(step: int, metrics: Metrics) -> None:
        logger.info("step %d: %s", step, ", ".join(f"{name} {value:.3f}" for name, value in metrics.items()))

    demo.train_encoders(folder, plan, tell)
    workers = torch.cuda.device_count()
    if workers:
        train_on_workers(folder, plan, workers, use_gpu=True)
    else:
        demo.train_network(folder, plan, tell, WORKER_STAGE)
    demo.train_finish(folder, plan, tell, WORKER_STAGE)
    for stage in ("audio", "faces", WORKER_STAGE, "finish"):
        logger.info("curves: %s", write_curves(folder / stage))
    demo.export(folder, checkpoint, plan.config, WORKER_STAGE)
    return checkpoint


def train_on_workers(folder: Path, plan: demo.Plan, workers: int, use_gpu: bool) -> None:
    """Train the network on Ray workers that share every step; `folder` must be one that all of them reach."""

    def work() -> None:
        demo.train_network(folder.resolve(), plan, name=WORKER_STAGE, device=str(get_device()))

    if not ray.is_initialized():
        ray.init(include_dashboard=False, logging_level=logging.WARNING)
    TorchTrainer(
        work,
        scaling_config=ScalingConfig(num_workers=workers, use_gpu=use_gpu),
        run_config=RunConfig(name="train", storage_path=str((folder / "ray").resolve())),
    ).fit()
