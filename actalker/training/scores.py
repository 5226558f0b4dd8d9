"""Scores of a checkpoint: one row per held-out clip, and the table that is stored with the weights."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from actalker.puppet.measure import SIGNALS


@dataclass(frozen=True)
class ClipScores:
    """Scores of one held-out clip.

    Those without a comment are Pearson correlations with the true curves over the frames; nan if a curve is constant.
    """

    clip: int
    reader_open: float
    """Accuracy of the measurement: `Reader` on the true frames. Also the next five."""
    reader_wide: float
    reader_round: float
    reader_smile: float
    reader_brow: float
    reader_blink: float
    audio_open: float
    audio_wide: float
    audio_round: float
    audio_range: float
    """Standard deviation of the mouth opening, divided by the true one."""
    audio_lag_frames: int
    """Delay at which the correlation of the mouth opening is largest."""
    audio_silence: float
    """Mean opening where the true mouth is closed; 1 is fully open."""
    idle_open: float
    """By sound and random blinks; also the next one."""
    idle_blink: float
    motion_open: float
    motion_brow: float
    motion_blink: float
    motion_smile: float
    both_open: float
    """Mouth opening against that of the sound."""
    both_driver_open: float
    """Mouth opening against that of the driving clip, in which something else is said."""
    true_driver_open: float
    """True mouth opening of the sound against that of the driving clip: the value of a perfect result for
    both_driver_open."""
    both_brow: float
    both_blink: float
    audio_grain: float
    """By sound alone, against the target frames; this and the next ones: see `ImageQuality`."""
    audio_flicker: float
    audio_psnr_db: float
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
    """PSNR against the portrait, of the pixels that do not move in the true clip."""
    own_identity: float
    """1 if, by the identity encoder, the frames by sound are nearest to their own portrait among all, else 0."""
    seconds_per_frame: float
    """Time of generation by sound and random blinks, with encoding and decoding; nan if it was not measured."""


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
    """Scores of all clips."""

    rows: tuple[ClipScores, ...]

    def summary(self) -> dict[str, tuple[float, float, float]]:
        """By column mean, smallest and largest value over the clips where it is defined; nan if there are none."""
        columns = [name for name in ClipScores.__dataclass_fields__ if name != "clip"]
        found = {name: np.array([getattr(row, name) for row in self.rows], float) for name in columns}
        defined = {name: column[~np.isnan(column)] for name, column in found.items()}
        undefined = (float("nan"),) * 3
        return {
            name: (float(column.mean()), float(column.min()), float(column.max())) if len(column) else undefined
            for name, column in defined.items()
        }

    def markdown(self) -> str:
        """The summary as a table, with the aim of each measure."""
        lines = ["| measure | mean | smallest | largest | aim |", "| --- | --- | --- | --- | --- |"]
        for name, figures in self.summary().items():
            lines.append(f"| {name} | {' | '.join(f'{figure:.3f}' for figure in figures)} | {AIMS.get(name, '')} |")
        return "\n".join(lines) + "\n"

    def document(self) -> dict[str, object]:
        """The summary and every clip, with null for what is undefined."""
        clips = [{name: _defined(figure) for name, figure in asdict(row).items()} for row in self.rows]
        summary = {name: [_defined(figure) for figure in figures] for name, figures in self.summary().items()}
        return {"summary": summary, "clips": clips}


def write(table: Table, checkpoint: Path) -> None:
    """Write evaluation.json and evaluation.md (the summary) next to the weights."""
    (checkpoint / "evaluation.json").write_text(json.dumps(table.document(), indent=1, allow_nan=False) + "\n")
    (checkpoint / "evaluation.md").write_text(table.markdown())


def _defined(figure: float) -> float | None:
    return None if np.isnan(figure) else figure
