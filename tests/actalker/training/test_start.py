import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from actalker.checkpoint import WeightsError
from actalker.training.demo import DEMO, Plan, deepen_network, export, train_encoder
from actalker.training.diffusion import Recipe
from actalker.training.loop import averaged_weights
from actalker.training.start import begin_from
from tasks.renderers.renderer import DEMO_WEIGHTS

PLAN = Plan(deeper_steps=1, deeper_recipe=Recipe(first_pool=1), network_steps=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    begin_from(DEMO_WEIGHTS, tmp_path / "training", PLAN)
    return tmp_path / "training"


def test_what_was_begun_with_is_exported_unchanged(folder: Path) -> None:
    export(folder, folder / "checkpoint")
    given, made = (json.loads((path / "config.json").read_text()) for path in (DEMO_WEIGHTS, folder / "checkpoint"))
    assert made["sha256"] == given["sha256"]


def test_encoders_are_done_and_the_network_goes_on_from_its_weights(folder: Path) -> None:
    steps: list[int] = []
    train_encoder(folder, PLAN, "audio", lambda step, _: steps.append(step))
    assert not steps  # it has no step left to take
    before = averaged_weights(folder / "deeper")
    deepen_network(folder, PLAN)
    after = averaged_weights(folder / "deeper")
    changes = [(after[name] - weight).abs().max().item() for name, weight in before.items()]
    assert 0 < max(changes) < 0.01
    assert torch.load(folder / "deeper" / "state.pt", weights_only=True)["step"] == 1
    begin_from(DEMO_WEIGHTS, folder, PLAN)  # the same command again
    assert torch.equal(averaged_weights(folder / "deeper")["unet.conv_in.weight"], after["unet.conv_in.weight"])


def test_what_cannot_be_begun_with_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no checkpoint in"):
        begin_from(tmp_path, tmp_path / "training", PLAN)
    other = replace(PLAN, config=replace(DEMO, network=replace(DEMO.network, scan_extent="frame")))
    with pytest.raises(ValueError, match="no checkpoint of drawn heads of this size"):
        begin_from(DEMO_WEIGHTS, tmp_path / "training", other)
    assert not (tmp_path / "training").exists()


def test_a_training_from_nothing_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "state.pt").touch()
    with pytest.raises(ValueError, match="began from nothing: name an empty folder"):
        begin_from(DEMO_WEIGHTS, tmp_path, PLAN)
