"""The training flow, whole: every stage, on drawn heads and on footage. So few steps make no talker.

In a process of its own: whatever imports Ray before the pool has set its token up keeps the pool from starting.
"""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from actalker.checkpoint import verify
from actalker.puppet.clip import training_clip
from actalker.training.loop import read_metrics
from tests.course import ROOT
from tests.tasks.manifest.test_training_videos import film

STAGES = ("audio", "motion", "identity", "unet", "deeper", "finish")
PLAN = """
import sys
from pathlib import Path
from prefect import flow
from actalker.training.demo import ENCODERS, Plan, fit, train_encoder
from actalker.training.diffusion import Recipe
from flows.train import LARGE, train_checkpoint, train_on_workers
encoders = dict(audio_steps=21, motion_steps=21, identity_steps=21)
network = dict(network_steps=21, deeper_steps=21, deeper_recipe=Recipe())  # of people who are encoded already
plan = Plan(**encoders, **network, people=2, finish_steps=21, finish_people=2)
folder, footage = Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None
tell = lambda stage, step, steps, metrics: print(stage, step, "of", steps, *metrics)
"""
TRAIN = f"""{PLAN}
train_checkpoint(folder, folder / "checkpoint", plan, footage, tell)
"""
TRAIN_ON = f"""{PLAN}
from tasks.renderers.renderer import DEMO_WEIGHTS
train_checkpoint(folder, folder / "checkpoint", plan, None, tell, start=DEMO_WEIGHTS)
"""
TRAIN_ON_WORKERS = f"""{PLAN}
@flow
def train():
    for name in ENCODERS:
        train_encoder(folder, plan, name)
    fit(folder, plan)
    for stage in LARGE:
        train_on_workers(folder, plan, stage, workers=2, use_gpu=False, on_step=tell)

train()
"""


@pytest.mark.slow
@pytest.mark.parametrize("footage", [False, True])
def test_all_stages_leave_a_checkpoint_logs_curves_and_samples(
    footage: bool, prefect_server: str, tmp_path: Path
) -> None:
    manifest = tmp_path / "footage.csv"
    film(tmp_path / "one.mp4", training_clip(3, 70))
    manifest.write_text("video\none.mp4\n")
    folder = tmp_path / "training"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_API_URL": prefect_server}
    command = [sys.executable, "-c", TRAIN, str(folder), *([str(manifest)] if footage else [])]
    result = subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True)
    for stage in STAGES:
        assert f"{stage} 20 of 21 loss" in result.stdout
    assert len(verify(folder / "checkpoint")) == 4
    for stage in STAGES:
        log = pq.read_table(folder / stage / "metrics.parquet")
        assert log["step"].to_pylist() == [20]
        assert {"loss", "gradient_norm", "time_s"} <= set(log.column_names)
        assert (folder / stage / "curves.png").stat().st_size > 2000
    with Image.open(folder / "samples.png") as sheet:
        assert sheet.size == (8 * 256, 4 * 256)


@pytest.mark.slow
def test_the_bundled_checkpoint_can_be_trained_on(prefect_server: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_API_URL": prefect_server}
    command = [sys.executable, "-c", TRAIN_ON, str(tmp_path)]
    result = subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True)
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["deeper", "finish"]  # the rest was done
    assert len(verify(tmp_path / "checkpoint")) == 4
    psnr, given = (read_metrics(tmp_path / "finish")[0][name] for name in ("psnr_db", "given_db"))
    assert psnr > given + 2  # it has not forgotten what it knew


def test_a_training_that_began_with_a_checkpoint_does_not_go_on_as_from_nothing(tmp_path: Path) -> None:
    from actalker.training.demo import Plan
    from flows.train import train_checkpoint
    from tasks.errors import BadInput

    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "state.pt").touch()
    with pytest.raises(BadInput, match="began with a checkpoint"):
        train_checkpoint.fn(tmp_path, tmp_path / "checkpoint", Plan())


@pytest.mark.slow
def test_several_workers_share_the_steps_and_what_they_log_is_shown_here(prefect_server: str, tmp_path: Path) -> None:
    """As with several GPUs, on CPUs."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_API_URL": prefect_server}
    command = [sys.executable, "-c", TRAIN_ON_WORKERS, str(tmp_path)]
    result = subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True)
    for stage in ("unet", "deeper", "finish"):
        assert f"{stage} 20 of 21 loss" in result.stdout
        assert [line["step"] for line in read_metrics(tmp_path / stage)] == [20]
        assert torch.load(tmp_path / stage / "state.pt", weights_only=True)["step"] == 21
    assert not result.stderr  # Ray's own talk is no news
