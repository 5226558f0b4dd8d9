import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from actalker.training.loop import Run, Schedule, averaged_weights, save_initial_weights
from tests.actalker.rounding import rounding
from tests.actalker.training.fit_line import STEPS, fit
from tests.actalker.weights_by_rule import relative_error
from tests.course import ROOT


def test_a_run_killed_again_and_again_ends_as_the_uninterrupted_one(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    fit(whole)
    command = [sys.executable, "-m", "tests.actalker.training.fit_line", str(broken), "0.03"]
    kills = 0
    while kills < 2:
        with subprocess.Popen(command, cwd=ROOT) as process:
            before = _step(broken)
            while process.poll() is None and _step(broken) <= before:
                time.sleep(0.05)
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
    assert 0 < _step(broken) < STEPS  # it really was stopped on the way
    fit(broken)
    one, two = (torch.load(folder / "state.pt", weights_only=True) for folder in (whole, broken))
    assert one["step"] == two["step"] == STEPS
    for part in ("weights", "average"):
        assert all(torch.equal(one[part][name], two[part][name]) for name in one[part])
    logs = [[json.loads(line) for line in (f / "metrics.jsonl").read_text().splitlines()] for f in (whole, broken)]
    assert [(line["step"], line["loss"]) for line in logs[0]] == [(line["step"], line["loss"]) for line in logs[1]]


def _step(folder: Path) -> int:
    path = folder / "state.pt"
    return int(torch.load(path, weights_only=True)["step"]) if path.exists() else 0


class _Line:
    """y = 3 x, learned by one weight."""

    def __init__(self) -> None:
        self.net = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.zeros_(self.net.weight)

    def module(self) -> torch.nn.Module:
        return self.net

    def loss(self, step: int) -> tuple[torch.Tensor, dict[str, float]]:
        x = torch.randn(32, 1, generator=torch.Generator().manual_seed(step))
        return (self.net(x) - 3 * x).square().mean(), {}


def test_training_learns_and_calls_back(tmp_path: Path) -> None:
    seen: list[int] = []
    schedule = Schedule(steps=200, learning_rate=0.1, warmup_steps=1, ema=0.9, weight_decay=0)
    Run(_Line(), schedule, tmp_path).train(lambda step, _: seen.append(step), log_every=50)
    assert seen == [50, 100, 150, 200]
    assert averaged_weights(tmp_path)["weight"].item() == pytest.approx(3, abs=0.05)


def test_the_rate_rises_holds_and_falls() -> None:
    schedule = Schedule(steps=100, learning_rate=1.0, warmup_steps=10, cooldown_share=0.5)
    assert schedule.rate(0) == pytest.approx(0.1)
    assert schedule.rate(30) == 1.0
    assert schedule.rate(75) == pytest.approx(0.5)
    assert schedule.rate(100) == pytest.approx(0.05)


def test_another_network_in_the_folder_is_refused(tmp_path: Path) -> None:
    Run(_Line(), Schedule(1, 0.1), tmp_path).train()
    other = _Line()
    other.net = torch.nn.Linear(1, 1)
    with pytest.raises(ValueError, match="another network"):
        Run(other, Schedule(1, 0.1), tmp_path)


def test_given_weights_are_averaged_by_name_whatever_their_order(tmp_path: Path) -> None:
    objective = _Line()
    objective.net = torch.nn.Linear(1, 1)
    save_initial_weights(tmp_path, {"bias": torch.tensor([-1.0]), "weight": torch.tensor([[1.0]])}, 0)
    Run(objective, Schedule(1, 1e-9), tmp_path).train()
    average = averaged_weights(tmp_path)
    assert (average["bias"].item(), average["weight"].item()) == pytest.approx((-1, 1), abs=1e-3)  # a step of 1e-9


def _work(rank: int, folder: Path, port: int) -> None:
    torch.distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    Run(_Line(), Schedule(steps=30, learning_rate=0.1, warmup_steps=1, weight_decay=0), folder).train()
    torch.distributed.destroy_process_group()


class _TwoLines(_Line):
    """Both workers' batches in one."""

    def loss(self, step: int) -> tuple[torch.Tensor, dict[str, float]]:
        losses = [super(_TwoLines, self).loss(2 * step + rank)[0] for rank in range(2)]
        return (losses[0] + losses[1]) / 2, {}


def test_two_workers_take_the_steps_of_one_with_both_batches(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    other = torch.multiprocessing.get_context("spawn").Process(target=_work, args=(1, tmp_path / "two", port))
    other.start()
    _work(0, tmp_path / "two", port)
    other.join()
    assert other.exitcode == 0
    Run(_TwoLines(), Schedule(steps=30, learning_rate=0.1, warmup_steps=1, weight_decay=0), tmp_path / "one").train()
    two, one = (averaged_weights(tmp_path / name)["weight"] for name in ("two", "one"))
    assert relative_error(two, one) < rounding(30 * 64)  # steps of 64 examples, added up in two parts or in one
