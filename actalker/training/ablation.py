"""Ablation: networks without one of their parts, trained from the same start on the same batches, and evaluated.

The paper's ablation (table 5) removes mask-drop, identity and the second signal; here every part can be removed. To
train in minutes, the network is the shallow one that training begins with (`Plan.shallow`).
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from actalker.training.demo import Plan, export, network_objective
from actalker.training.evaluation import evaluate
from actalker.training.loop import OnMetrics, Run, Schedule
from actalker.training.scores import Table


def _network(**changes: object) -> Callable[[Plan], Plan]:
    def change(plan: Plan) -> Plan:
        network = replace(plan.config.network, **changes)  # type: ignore[arg-type]  # names and types are below
        return replace(plan, config=replace(plan.config, network=network))

    return change


def _without_mask_drop(plan: Plan) -> Plan:
    return replace(plan, recipe=replace(plan.recipe, mask_drop=(0.0, 0.0)))


VARIANTS: dict[str, Callable[[Plan], Plan]] = {
    "full": lambda plan: plan,
    "no region masks": _network(region_masks=False),
    "no mask-drop": _without_mask_drop,
    "no PCM layers": _network(pcm=False),
    "scan over frames": _network(scan_extent="frame"),
    "no identity": _network(identity=False),
}
"""Name -> change of the plan. Without mask-drop, tokens outside a region are never dropped in training, but always at
inference. Without identity, its token is always zero; the portrait's latents are still an input."""

COLUMNS = (
    "audio_open",
    "audio_range",
    "motion_brow",
    "motion_blink",
    "both_open",
    "both_driver_open",
    "both_brow",
    "still_psnr_db",
)
"""Columns of the table."""


def train_variant(folder: Path, plan: Plan, name: str, steps: int, on_metrics: OnMetrics | None = None) -> None:
    """Train one variant in its own run, or resume it. Encoders and transform are those of the folder.

    Runs are short: only the first phase of the recipe, examples at the sampler's start from step 0, and a fast average.
    """
    changed = VARIANTS[name](plan)
    changed = replace(changed, recipe=replace(changed.recipe, phases=changed.recipe.phases[:1], start_step=0))
    schedule = Schedule(steps, plan.network_rate, 80, cooldown_share=0.5, ema=0.99)
    Run(network_objective(folder, changed), schedule, folder / run_name(name)).train(on_metrics)


def score_variant(folder: Path, plan: Plan, name: str, clips: int, frames: int) -> Table:
    """Evaluate a trained variant on held-out clips, without the autoencoder's finish."""
    checkpoint = folder / run_name(name) / "checkpoint"
    export(folder, checkpoint, VARIANTS[name](plan).config, run_name(name), finish=False)
    return evaluate(checkpoint, clips, frames)


def run_name(name: str) -> str:
    """Name of a variant's run: its folder, relative to the training folder."""
    return f"ablation/{name.replace(' ', '-')}"


def markdown(tables: dict[str, Table]) -> str:
    """A table of the means of all variants."""
    lines = ["| variant | " + " | ".join(COLUMNS) + " |", "| --- " * (1 + len(COLUMNS)) + "|"]
    for name, table in tables.items():
        means = table.summary()
        lines.append(f"| {name} | " + " | ".join(f"{means[column][0]:.3f}" for column in COLUMNS) + " |")
    return "\n".join(lines) + "\n"
