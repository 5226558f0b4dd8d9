from pathlib import Path

import pytest

from actalker.checkpoint import verify
from actalker.talker import Talker
from actalker.training.charts import read_log, write_curves
from actalker.training.demo import (
    ENCODERS,
    Plan,
    deepen_network,
    export,
    train_encoder,
    train_finish,
    train_network,
)
from actalker.training.diffusion import GATES, Recipe
from actalker.training.evaluation import evaluate
from actalker.training.scores import write

SHORT = Plan(
    audio_steps=2,
    motion_steps=1,
    identity_steps=1,
    people=4,
    network_steps=2,
    deeper_steps=1,
    deeper_recipe=Recipe(first_pool=2),
    finish_steps=2,
    finish_people=2,
)


@pytest.mark.slow
def test_every_stage_trains_and_the_result_is_a_checkpoint_that_renders_and_is_judged(tmp_path: Path) -> None:
    folder, checkpoint = tmp_path / "training", tmp_path / "checkpoint"
    seen: list[int] = []
    for _ in range(2):  # the second time everything is finished, and returns at once
        for name in ENCODERS:
            train_encoder(folder, SHORT, name, lambda step, _: seen.append(step))
        for stage in (train_network, deepen_network, train_finish):
            stage(folder, SHORT, lambda step, _: seen.append(step))
    export(folder, checkpoint)
    assert sum(report.size_bytes for report in verify(checkpoint)) < 30e6
    sampling = Talker.load(checkpoint).options.sampling
    assert sampling.steps * max(len(sampling.guidance.passes(gates)) for gates in GATES) <= 4
    table = evaluate(checkpoint, clips=1, frames=20)
    write(table, checkpoint)
    assert table.rows[0].reader_open > 0.9
    assert table.rows[0].seconds_per_frame > 0
    assert "| audio_open |" in (checkpoint / "evaluation.md").read_text()


def test_nothing_trained_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing is logged"):
        write_curves(tmp_path)


def test_curves_are_drawn_from_the_log(tmp_path: Path) -> None:
    lines = [f'{{"step": {step}, "loss": {1 / step}, "gradient_norm": 0.5}}\n' for step in range(20, 400, 20)]
    (tmp_path / "metrics.jsonl").write_text("".join(lines))
    assert read_log(tmp_path)["loss"][0] == 0.05
    assert write_curves(tmp_path).stat().st_size > 2000
