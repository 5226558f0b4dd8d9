"""What a checkpoint scores: a row for each held-out clip, and the table that stands beside the weights."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from actalker.puppet.measure import SIGNALS


@dataclass(frozen=True)
class ClipScores:
    """One held-out clip. Correlations are Pearson's over its frames; nan where the truth does not move."""

    clip: int
    reader_open: float
    """How well the measure itself reads the mouth, on the true frames; the next five likewise."""
    reader_wide: float
    reader_round: float
    reader_smile: float
    reader_brow: float
    reader_blink: float
    audio_open: float
    audio_wide: float
    audio_round: float
    audio_range: float
    """Spread of the opening, as a share of the truth's."""
    audio_lag_frames: int
    """Delay at which the opening correlates best."""
    audio_silence: float
    """Mean opening where the truth is closed; 1 is fully open."""
    idle_open: float
    """By sound, with blinks of its own."""
    idle_blink: float
    motion_open: float
    motion_brow: float
    motion_blink: float
    motion_smile: float
    both_open: float
    """Mouth against the sound."""
    both_driver_open: float
    """Mouth against the driving clip's, which says something else."""
    true_driver_open: float
    """The sound's own mouth against the driving clip's: they meet by chance, and a perfect result would as often."""
    both_brow: float
    both_blink: float
    audio_grain: float
    """By sound alone: speckle and shadows, see `cleanness`; here and below against the frames that were asked for."""
    audio_flicker: float
    audio_psnr_db: float
    """Of what moves."""
    idle_grain: float
    idle_flicker: float
    idle_psnr_db: float
    motion_grain: float
    motion_flicker: float
    motion_psnr_db: float
    both_grain: float
    both_flicker: float
    both_psnr_db: float
    still_psnr_db: float
    """Of the parts that do not move in the true clip, against the portrait."""
    own_identity: float
    """1 where the identity encoder finds what was made by sound nearest to its own portrait of all, else 0."""
    seconds_per_frame: float
    """Generation by sound with blinks of its own, the portrait's encoding and all decoding included; nan where it was
    not timed."""


AIMS = {
    **{f"reader_{name}": "0.97" for name in SIGNALS},
    "audio_open": "0.93, every clip 0.85",
    "audio_wide": "0.8",
    "audio_round": "0.8",
    "audio_range": "0.9 to 1.1",
    "audio_lag_frames": "0 or 1",
    "audio_silence": "under 0.10",
    "idle_open": "0.93",
    "idle_blink": "0.8",
    "motion_open": "0.8",
    "motion_brow": "0.8",
    "motion_blink": "0.8",
    "motion_smile": "0.8",
    "both_open": "0.85",
    "both_driver_open": "at most 0.3",
    "both_brow": "0.8",
    "both_blink": "0.8",
    "still_psnr_db": "30",
    "own_identity": "1",
    "seconds_per_frame": "0.1",
}


@dataclass(frozen=True)
class Table:
    """All clips' scores."""

    rows: tuple[ClipScores, ...]

    def summary(self) -> dict[str, tuple[float, float, float]]:
        """Per column mean, smallest and largest value over the clips; nan where it is undefined for all of them."""
        columns = [name for name in ClipScores.__dataclass_fields__ if name != "clip"]
        found = {name: np.array([getattr(row, name) for row in self.rows], float) for name in columns}
        defined = {name: column[~np.isnan(column)] for name, column in found.items()}
        undefined = (float("nan"),) * 3
        return {
            name: (float(column.mean()), float(column.min()), float(column.max())) if len(column) else undefined
            for name, column in defined.items()
        }

    def markdown(self) -> str:
        """The summary as a table, beside what a checkpoint that really talks would reach."""
        lines = ["| measure | mean | smallest | largest | aim |", "| --- | --- | --- | --- | --- |"]
        for name, figures in self.summary().items():
            lines.append(f"| {name} | {' | '.join(f'{figure:.3f}' for figure in figures)} | {AIMS.get(name, '')} |")
        return "\n".join(lines) + "\n"


def write(table: Table, checkpoint: Path) -> None:
    """evaluation.json with every clip, null where undefined, evaluation.md with the summary, next to the weights."""
    clips = [{name: _defined(figure) for name, figure in asdict(row).items()} for row in table.rows]
    summary = {name: [_defined(figure) for figure in figures] for name, figures in table.summary().items()}
    document = json.dumps({"summary": summary, "clips": clips}, indent=1, allow_nan=False)
    (checkpoint / "evaluation.json").write_text(document + "\n")
    (checkpoint / "evaluation.md").write_text(table.markdown())


def _defined(figure: float) -> float | None:
    return None if np.isnan(figure) else figure
