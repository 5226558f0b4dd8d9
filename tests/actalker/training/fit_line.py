"""`python -m tests.actalker.training.fit_line FOLDER PAUSE_S`: a training to be killed, with dropout and many saves."""

import sys
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from actalker.training.loop import Run, Schedule

STEPS = 120


class Fit:
    """The sum of eight numbers, learned by a small network; every step takes so long."""

    def __init__(self, pause_s: float) -> None:
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(8, 32), nn.Dropout(0.2), nn.Linear(32, 1))
        self.pause_s = pause_s

    def module(self) -> nn.Module:
        return self.net

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        x = torch.randn(16, 8, generator=torch.Generator().manual_seed(step))
        loss = (self.net(x) - x.sum(1, keepdim=True)).square().mean()
        time.sleep(self.pause_s)
        return loss, {}


def fit(folder: Path, pause_s: float = 0) -> None:
    """Train, or go on with a training that was broken off."""
    schedule = Schedule(steps=STEPS, learning_rate=1e-2, warmup_steps=10)
    Run(Fit(pause_s), schedule, folder).train(save_every_s=0.05, log_every=5)


if __name__ == "__main__":
    fit(Path(sys.argv[1]), float(sys.argv[2]))
