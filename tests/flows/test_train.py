"""The training flow, whole: every stage, on drawn heads and on footage. So few steps make no talker.

In a process of its own: whatever imports Ray before the pool has set its token up keeps the pool from starting.
"""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from actalker.checkpoint import verify
from actalker.puppet.clip import training_clip
from tests.course import ROOT
from tests.tasks.test_footage import film

STAGES = ("audio", "motion", "identity", "unet", "deeper", "finish")
TRAIN = """
import sys
from pathlib import Path
from actalker.training.demo import Plan
from actalker.training.diffusion import Recipe
from flows.train import train_checkpoint
encoders = dict(audio_steps=21, motion_steps=21, identity_steps=21)
network = dict(network_steps=21, deeper_steps=21, deeper_recipe=Recipe())  # of people who are encoded already
plan = Plan(**encoders, **network, people=2, finish_steps=21, finish_people=2)
folder, footage = Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None
train_checkpoint(folder, folder / "checkpoint", plan, footage)
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
    subprocess.run(command, env=environment, cwd=ROOT, check=True)
    assert len(verify(folder / "checkpoint")) == 4
    for stage in STAGES:
        log = pq.read_table(folder / stage / "metrics.parquet")
        assert log["step"].to_pylist() == [20]
        assert {"loss", "gradient_norm", "time_s"} <= set(log.column_names)
        assert (folder / stage / "curves.png").stat().st_size > 2000
    with Image.open(folder / "samples.png") as sheet:
        assert sheet.size == (8 * 256, 4 * 256)
