"""What each part of the network is good for: trained without it, from the same start, on the same batches, and scored.

The paper's own ablation (table 5) takes away mask-drop, identity and the second signal; here every part can go. To be
trained in minutes, the network is the one that training begins with (`Plan.shallow`).
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
"""Name -> what changes. Without mask-drop, tokens outside a region are never dropped in training, always in use.
Without identity, its token is zero in training and in use; the portrait's latents are given all the same."""

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
"""What the table shows."""


def train_variant(folder: Path, plan: Plan, name: str, steps: int, on_metrics: OnMetrics | None = None) -> None:
    """Train one variant in a run of its own, or go on. Encoders and transform are those of the folder.

    The first phase of the recipe alone, starts like the sampler's at once, and a fast average: the runs are short.
    """
    changed = VARIANTS[name](plan)
    changed = replace(changed, recipe=replace(changed.recipe, phases=changed.recipe.phases[:1], start_step=0))
    schedule = Schedule(steps, plan.network_rate, 80, cooldown_share=0.5, ema=0.99)
    Run(network_objective(folder, changed), schedule, folder / run_of(name)).train(on_metrics)


def score_variant(folder: Path, plan: Plan, name: str, clips: int, frames: int) -> Table:
    """Judge a trained variant on held-out clips. The autoencoder's finish has no part in it."""
    checkpoint = folder / run_of(name) / "checkpoint"
    export(folder, checkpoint, VARIANTS[name](plan).config, run_of(name), finish=False)
    return evaluate(checkpoint, clips, frames)


def run_of(name: str) -> str:
    """A variant's run, relative to the training's folder."""
    return f"ablation/{name.replace(' ', '-')}"


def markdown(tables: dict[str, Table]) -> str:
    """All variants' means, side by side."""
    lines = ["| variant | " + " | ".join(COLUMNS) + " |", "| --- " * (1 + len(COLUMNS)) + "|"]
    for name, table in tables.items():
        means = table.summary()
        lines.append(f"| {name} | " + " | ".join(f"{means[column][0]:.3f}" for column in COLUMNS) + " |")
    return "\n".join(lines) + "\n"
