"""The `actalker` command with a renderer that waits: a farm of cards, simulated on a CPU.

    FARM_MS_PER_FRAME=40 python -m tests.farm submit ... --preset still --actors 64

A worker takes as long for a segment as a card would, and next to nothing of a core. Everything else is real: Prefect,
Ray, the store, the journal, speech, ffmpeg. At the end, the processor time that each stage took in the driver
is written to the file that FARM_STAGES names; the programs that a stage starts are not in it.
"""

import importlib
import json
import os
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from flows.cli import main
from tasks.job import Preset
from tasks.records import ledger
from tasks.records.batch_context import RowContext
from tasks.renderers import renderer
from tests.slow import Slow


def load(preset: Preset, weights: Path | None, threads: int) -> Slow:
    """See `tasks.renderers.renderer.load`: the same frames, but each takes as long as a card would."""
    frame_s = float(os.environ["FARM_MS_PER_FRAME"]) / 1000
    return Slow(renderer.load(preset, weights, threads), lambda segment: segment.frames * frame_s)


def measure_stages(report: Path) -> None:
    """Have every stage of a row add its thread's processor time, and a batch's end write the sums, in seconds."""
    run, snapshot, guard = RowContext.run, ledger.snapshot, threading.Lock()
    spent: dict[str, float] = defaultdict(float)

    def measured(row: RowContext, stage: Any, *arguments: Any, **options: Any) -> Any:
        began = time.thread_time()
        try:
            return run(row, stage, *arguments, **options)
        finally:
            with guard:
                spent[getattr(stage, "name", "") or stage.__name__] += time.thread_time() - began

    def written(*arguments: Any) -> Any:
        report.write_text(json.dumps(spent))
        return snapshot(*arguments)

    RowContext.run, ledger.snapshot = measured, written  # type: ignore[method-assign]


if __name__ == "__main__":
    renderer.load = importlib.import_module("tests.farm").load  # workers cannot import what belongs to __main__
    measure_stages(Path(os.environ["FARM_STAGES"]))
    main()
