"""The training loop: AdamW with warm-up and cool-down, an exponential moving average (EMA), and atomic saves.

A step is a pure function of the state before it and of its number, so that a resumed run equals an uninterrupted one
bit for bit. The loop is independent of what is trained: an `Objective` has a module and a loss.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, distributed, nn

_LOG, _STATE = "metrics.jsonl", "state.pt"

Metrics = dict[str, float]
OnMetrics = Callable[[int, Metrics], None]


class Objective(Protocol):
    """A module and its loss."""

    def loss(self, step: int) -> tuple[Tensor, Metrics]:
        """Scalar loss of batch number `step`, which depends on that number only, and metrics for the log."""

    def module(self) -> nn.Module:
        """The module. Its parameters that require gradients are trained."""


@dataclass(frozen=True)
class Schedule:
    """Steps and optimiser settings."""

    steps: int
    learning_rate: float
    warmup_steps: int = 100
    cooldown_share: float = 0.3
    """Share of the steps, at the end, in which the learning rate falls linearly to a twentieth."""
    weight_decay: float = 0.01
    ema: float = 0.998
    """Decay of the moving average."""
    clip_norm: float = 1.0

    def rate(self, step: int) -> float:
        """Learning rate of a step: a trapezoid, so that a longer and a shorter run begin alike."""
        left = (self.steps - step) / max(self.cooldown_share * self.steps, 1)
        return self.learning_rate * min((step + 1) / max(self.warmup_steps, 1), max(left, 0.05), 1.0)


class Run:
    """A training run in a folder, which has `state.pt` (all that a resumed run needs) and `metrics.jsonl`.

    In a torch.distributed group, every worker creates a Run with the same folder, and gradients are averaged: worker r
    of n uses the batches r, n + r, 2 n + r and so on.
    """

    def __init__(self, objective: Objective, schedule: Schedule, folder: Path) -> None:
        self.objective, self.schedule, self.folder = objective, schedule, folder
        self.weights = {n: p for n, p in objective.module().named_parameters() if p.requires_grad}
        self.average = {name: weight.detach().clone() for name, weight in self.weights.items()}
        self.optimizer = torch.optim.AdamW(
            self.weights.values(),
            schedule.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=schedule.weight_decay,
            fused=True,
        )
        self.step = 0
        is_distributed = distributed.is_available() and distributed.is_initialized()
        self._rank, self._workers = (distributed.get_rank(), distributed.get_world_size()) if is_distributed else (0, 1)
        folder.mkdir(parents=True, exist_ok=True)
        if self.state_path.exists():
            self._restore()

    @property
    def state_path(self) -> Path:
        """The file that a resumed run needs."""
        return self.folder / _STATE

    @property
    def log_path(self) -> Path:
        """One JSON object per read_metrics step."""
        return self.folder / _LOG

    def train(self, on_metrics: OnMetrics | None = None, save_every_s: float = 60.0, log_every: int = 20) -> None:
        """Train to the last step. Saves every `save_every_s` seconds and at the end; logs every `log_every` steps."""
        saved = time.monotonic()
        while self.step < self.schedule.steps:
            metrics = self._train_step()
            if self.step % log_every == 0:
                self._log(metrics, on_metrics)
            if time.monotonic() - saved > save_every_s:
                self.save()
                saved = time.monotonic()
        self.save()

    def _train_step(self) -> Metrics:
        number = self.step * self._workers + self._rank
        torch.manual_seed(number)  # for layers that draw from the global generator, such as mask-drop
        loss, metrics = self.objective.loss(number)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._average_gradients()
        norm = nn.utils.clip_grad_norm_(self.weights.values(), self.schedule.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(self.step)
        self.optimizer.step()
        self._update_average()
        self.step += 1
        return {"loss": float(loss.detach()), "gradient_norm": float(norm), **metrics}

    def _average_gradients(self) -> None:
        """Average gradients over the workers. A weight without a gradient in this batch counts as 0."""
        if self._workers == 1:
            return
        grads = [torch.zeros_like(w) if w.grad is None else w.grad for w in self.weights.values()]
        # One message: hundreds of small ones take four times as long.
        shared = torch.cat([grad.flatten() for grad in grads])
        distributed.all_reduce(shared)
        parts = torch.split(shared / self._workers, [grad.numel() for grad in grads])
        for weight, grad, mean in zip(self.weights.values(), grads, parts, strict=True):
            weight.grad = grad.copy_(mean.view(grad.shape))

    @torch.no_grad()
    def _update_average(self) -> None:
        """Update the moving average. Its decay is smaller at first, so that the initial weights do not stay in it."""
        decay = min(self.schedule.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.average.values()), [w.detach() for w in self.weights.values()], 1 - decay)

    def save(self) -> None:
        """Save the state by an atomic rename: if the process is killed, the old or the new state is complete."""
        if self._rank:
            return  # every worker has the same state
        state = {
            "step": self.step,
            "weights": {name: weight.detach() for name, weight in self.weights.items()},
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
        }
        _save_atomically(state, self.state_path)

    def _restore(self) -> None:
        device = next(iter(self.weights.values())).device
        state = torch.load(self.state_path, weights_only=True, map_location=device)
        if state["weights"].keys() != self.weights.keys():
            raise ValueError(
                f"{self.state_path} holds another network: train into an empty folder, or give its settings"
            )
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(state["weights"][name])
        self.average = {name: state["average"][name] for name in self.weights}  # in the order of the weights
        if state["optimizer"] is not None:  # a run with given initial weights has none yet
            self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        self._truncate_log()

    def _truncate_log(self) -> None:
        """Remove read_metrics steps after the restored one, because they will be read_metrics again."""
        if not self._rank:
            kept = [line for line in read_metrics(self.folder) if line["step"] <= self.step]
            self.log_path.write_text("".join(f"{json.dumps(line)}\n" for line in kept))

    def _log(self, metrics: Metrics, on_metrics: OnMetrics | None) -> None:
        if self._rank:
            return
        with self.log_path.open("a") as file:
            file.write(json.dumps({"step": self.step, "time_s": round(time.time(), 1), **metrics}) + "\n")
        if on_metrics is not None:
            on_metrics(self.step, metrics)


def read_metrics(folder: Path) -> list[Metrics]:
    """Lines that a run has read_metrics: step, time_s and metrics. An incomplete last line is left out."""
    path = folder / _LOG
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def load_trained(module: nn.Module, weights: Mapping[str, Tensor]) -> set[str]:
    """Load the trained weights of a run into a module. Frozen parameters and buffers are not in them and stay.

    Returns:
        Mismatched names: weights that are not in the module, and trainable parameters that are not in the weights.
    """
    found = module.load_state_dict(weights, strict=False)
    trainable = {name for name, weight in module.named_parameters() if weight.requires_grad}
    return (set(found.missing_keys) & trainable) | set(found.unexpected_keys)


def save_initial_weights(folder: Path, weights: Mapping[str, Tensor], step: int) -> None:
    """Write the state of a future run: initial weights at `step`, which are also its average."""
    folder.mkdir(parents=True, exist_ok=True)
    _save_atomically(
        {"step": step, "weights": dict(weights), "average": dict(weights), "optimizer": None}, folder / _STATE
    )


def _save_atomically(state: Mapping[str, object], path: Path) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def averaged_weights(folder: Path) -> dict[str, Tensor]:
    """The moving average of a run's weights, which a checkpoint contains."""
    average: dict[str, Tensor] = torch.load(folder / _STATE, "cpu", weights_only=True)["average"]
    return average
