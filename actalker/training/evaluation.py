"""Judging a checkpoint on people, sentences and voices that it never saw, from the pixels of what it makes.

Per clip three videos are made: by sound alone; by another person's clip alone; and by both, where the other person says
something else. Mouth, brows, blinks and smile are read back by `puppet.measure.Reader` and compared with what was
asked for.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from actalker.puppet.clip import Clip, held_out_clip
from actalker.puppet.measure import Reader, correlation
from actalker.puppet.performance import signal
from actalker.shapes import Size
from actalker.talker import Controls, Talker

Curve = npt.NDArray[np.float64]
Pictures = npt.NDArray[np.uint8]

_SILENT_OPENING = 0.02  # the truth counts as closed below this
_LAGS = range(-5, 6)
_STILL = 3.0  # grey levels a pixel of the true clip may vary by and still count as not moving


@dataclass(frozen=True)
class ClipScores:
    """One held-out clip. Correlations are Pearson's over its frames; nan where the truth does not move."""

    clip: int
    reader_open: float
    """How well the measure itself reads the mouth, on the true frames."""
    audio_open: float
    audio_wide: float
    audio_round: float
    audio_range: float
    """Spread of the opening, as a share of the truth's."""
    audio_lag_frames: int
    """Delay at which the opening correlates best."""
    audio_silence: float
    """Mean opening where the truth is closed; 1 is fully open."""
    motion_open: float
    motion_brow: float
    motion_blink: float
    motion_smile: float
    both_open: float
    """Mouth against the sound."""
    both_driver_open: float
    """Mouth against the driving clip's, which says something else."""
    both_brow: float
    both_blink: float
    still_psnr_db: float
    """Of the parts that do not move in the true clip, against the portrait."""
    seconds_per_frame: float
    """Generation by sound alone, the portrait's encoding and all decoding included."""


@dataclass(frozen=True)
class Table:
    """All clips' scores."""

    rows: tuple[ClipScores, ...]

    def summary(self) -> dict[str, tuple[float, float]]:
        """Per column the mean over clips and the worst value, which is the smallest."""
        columns = [name for name in ClipScores.__dataclass_fields__ if name != "clip"]
        found = {name: np.array([getattr(row, name) for row in self.rows], float) for name in columns}
        return {name: (float(np.nanmean(column)), float(np.nanmin(column))) for name, column in found.items()}

    def markdown(self) -> str:
        """The summary as a table."""
        lines = ["| measure | mean | smallest |", "| --- | --- | --- |"]
        lines += [f"| {name} | {mean:.3f} | {worst:.3f} |" for name, (mean, worst) in self.summary().items()]
        return "\n".join(lines) + "\n"


def evaluate(
    checkpoint: Path,
    clips: int = 24,
    frames: int = 100,
    on_clip: Callable[[ClipScores], None] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Table:
    """Score a checkpoint on held-out clips 0 .. `clips` - 1 of `frames` frames (25 per second)."""
    talker = Talker.load(checkpoint, dtype=dtype)
    rows = []
    for index in range(clips):
        rows.append(score(talker, index, clips, frames))
        if on_clip is not None:
            on_clip(rows[-1])
    return Table(tuple(rows))


def write(table: Table, checkpoint: Path) -> None:
    """evaluation.json with every clip, evaluation.md with the summary, next to the weights."""
    document = {"summary": table.summary(), "clips": [asdict(row) for row in table.rows]}
    (checkpoint / "evaluation.json").write_text(json.dumps(document, indent=1) + "\n")
    (checkpoint / "evaluation.md").write_text(table.markdown())


def score(talker: Talker, index: int, clips: int, frames: int) -> ClipScores:
    """Make and judge the three videos of one held-out clip."""
    size = talker.config.picture.short_edge
    clip, driver = held_out_clip(index, frames), held_out_clip((index + 1) % max(clips, 2), frames)
    reader, true_frames = Reader(clip.person, size), clip.pictures(size)
    started = time.perf_counter()
    heard = render(talker, clip, index)
    seconds = (time.perf_counter() - started) / frames
    spoken, moved, mixed = (
        reader.read(made)
        for made in (heard, render(talker, clip, index, driver, audio=False), render(talker, clip, index, driver))
    )
    truth, driven = _truth(clip), _truth(driver)
    return ClipScores(
        clip=index,
        reader_open=correlation(reader.read(true_frames)["open"], truth["open"]),
        audio_open=correlation(spoken["open"], truth["open"]),
        audio_wide=correlation(spoken["wide"], truth["wide"]),
        audio_round=correlation(spoken["round"], truth["round"]),
        audio_range=float(spoken["open"].std() / truth["open"].std()),
        audio_lag_frames=best_lag(spoken["open"], truth["open"]),
        audio_silence=_silence(spoken["open"], truth["open"]),
        motion_open=correlation(moved["open"], driven["open"]),
        motion_brow=correlation(moved["brow"], driven["brow"]),
        motion_blink=correlation(moved["blink"], driven["blink"]),
        motion_smile=correlation(moved["smile"], driven["smile"]),
        both_open=correlation(mixed["open"], truth["open"]),
        both_driver_open=correlation(mixed["open"], driven["open"]),
        both_brow=correlation(mixed["brow"], driven["brow"]),
        both_blink=correlation(mixed["blink"], driven["blink"]),
        still_psnr_db=still_psnr(heard, clip.portrait(size), true_frames),
        seconds_per_frame=seconds,
    )


def render(talker: Talker, clip: Clip, seed: int, driver: Clip | None = None, audio: bool = True) -> Pictures:
    """The clip's person, from the portrait, driven by the clip's sound, a driving clip's frames, or both."""
    size = talker.config.picture.short_edge
    controls = Controls(
        face=clip.person.face_box(size),
        audio_gate=audio,
        motion_gate=driver is not None,
        driving=None if driver is None else driver.pictures(size),
        driving_face=None if driver is None else driver.person.face_box(size),
    )
    sound = clip.audio()
    plan = talker.plan(Size(size, size), len(sound), controls, talker.options)
    noise = torch.randn(plan.noise_shape, generator=torch.Generator().manual_seed(seed))
    return talker.generate(clip.portrait(size), sound, controls, talker.options, noise)


def _truth(clip: Clip) -> dict[str, Curve]:
    return {name: signal(clip.faces, name) for name in ("open", "wide", "round", "brow", "blink", "smile")}


def best_lag(made: Curve, truth: Curve) -> int:
    """Frames by which `made` is late, of those within 5 either way, where it correlates best."""
    inner = slice(max(_LAGS), len(truth) - max(_LAGS))
    return max(_LAGS, key=lambda lag: correlation(np.roll(made, -lag)[inner], truth[inner]))


def _silence(made: Curve, truth: Curve) -> float:
    closed = truth < _SILENT_OPENING
    return float(made[closed].mean()) if closed.any() else float("nan")


def still_psnr(made: Pictures, portrait: Pictures, true_frames: Pictures) -> float:
    """Decibels between made frames and portrait, over the pixels that hold still in the true clip."""
    still = (np.ptp(true_frames.astype(np.int16), axis=0).max(-1) <= _STILL) & (
        np.abs(true_frames[0].astype(np.int16) - portrait).max(-1) <= _STILL
    )
    miss = (made.astype(np.float32) - portrait)[:, still]
    return float(-10 * np.log10(max(float((miss**2).mean()), 1e-6) / 255**2))


def contact_sheet(talker: Talker, indices: Sequence[int], frames: int = 100, columns: int = 10) -> Pictures:
    """Rows of made frames above the true ones, for the eye."""
    rows = []
    for index in indices:
        clip = held_out_clip(index, frames)
        picked = np.linspace(0, frames - 1, columns).astype(int)
        size = talker.config.picture.short_edge
        rows += [
            np.concatenate(list(part[picked]), axis=1) for part in (render(talker, clip, index), clip.pictures(size))
        ]
    return np.concatenate(rows)
