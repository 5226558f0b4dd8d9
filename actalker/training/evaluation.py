"""Judging a checkpoint on people, sentences and voices that it never saw, from the pixels of what it makes.

Per clip four videos are made: by sound alone; by sound and blinks of its own, as a row without a driving video is; by
another person's clip alone; and by both, where the other person says something else. Mouth, brows, blinks and smile are
read back by `puppet.measure.Reader` and compared with what was asked for.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from actalker.checkpoint import load_part, read_config
from actalker.encoders.small import SmallEncoders, face_crops
from actalker.puppet.clip import Clip, held_out_clip, target_clip
from actalker.puppet.drawing import draw
from actalker.puppet.measure import SIGNALS, Reader, correlation
from actalker.puppet.performance import blinks, signal
from actalker.puppet.person import Person
from actalker.puppet.visemes import FPS
from actalker.shapes import Size
from actalker.talker import Controls, Talker
from actalker.training.cleanness import clean_scores
from actalker.training.pictures import to_tensor
from actalker.training.scores import ClipScores, Table

Curve = npt.NDArray[np.float64]
Curves = Mapping[str, Curve]
Pictures = npt.NDArray[np.uint8]

CLIPS, FRAMES = 24, 100
"""The evaluation whose table stands beside a checkpoint."""

_TIMED = 4  # clips
_SILENT_OPENING = 0.02  # the truth counts as closed below this
_LAGS = range(-5, 6)
_STILL = 3.0  # grey levels a pixel of the true clip may vary by and still count as not moving


def evaluate(
    checkpoint: Path,
    clips: int = CLIPS,
    frames: int = FRAMES,
    on_clip: Callable[[ClipScores], None] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Table:
    """Score a checkpoint on held-out clips 0 .. `clips` - 1 of `frames` frames (25 per second).

    Clips are judged in processes of their own, one for each core, and told in order. Then the first few are timed, with
    all cores and nothing beside them.
    """
    judge, rows = partial(_judge, checkpoint, clips, frames, dtype), []
    # Not forked: this process may have threads that hold locks. One thread each: two would wait for one another.
    workers = min(clips, len(os.sched_getaffinity(0)))
    with ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        for row in pool.map(judge, range(clips)):
            rows.append(row)
            if on_clip is not None:
                on_clip(row)
    timed = _seconds_per_frame(Talker.load(checkpoint, dtype=dtype), min(clips, _TIMED), frames)
    for index, seconds in enumerate(timed):
        rows[index] = replace(rows[index], seconds_per_frame=seconds)
    return Table(tuple(rows))


def _judge(checkpoint: Path, clips: int, frames: int, dtype: torch.dtype, index: int) -> ClipScores:
    return score(*_loaded(checkpoint, clips, dtype), index, clips, frames)


@lru_cache(maxsize=1)
def _loaded(checkpoint: Path, clips: int, dtype: torch.dtype) -> "tuple[Talker, Portraits]":
    return Talker.load(checkpoint, dtype=dtype), Portraits(checkpoint, clips)


def _seconds_per_frame(talker: Talker, clips: int, frames: int) -> list[float]:
    """How long the first clips take by sound, with blinks of their own."""
    render(talker, held_out_clip(0, FPS), 0)  # what is made once is not counted
    seconds = []
    for index in range(clips):
        clip, lids = held_out_clip(index, frames), blinks(np.random.default_rng(index), frames)
        started = time.perf_counter()
        render(talker, clip, index, lids=lids)
        seconds.append((time.perf_counter() - started) / frames)
    return seconds


class Portraits:
    """The held-out people as a checkpoint's own identity encoder sees them."""

    def __init__(self, checkpoint: Path, clips: int) -> None:
        config = read_config(checkpoint)
        encoders = load_part(checkpoint, config, "encoders").float()
        if not isinstance(encoders, SmallEncoders):
            raise ValueError(f"{checkpoint} has encoders for real faces, the held-out people are drawn")
        self.encoder, self.size = encoders.identity_encoder, config.picture.short_edge
        people = [held_out_clip(index, 1).person for index in range(clips)]
        self.known = torch.stack([self._embed(draw(one, size=self.size)[None], one)[0] for one in people])

    @torch.no_grad()
    def _embed(self, pictures: Pictures, person: Person) -> torch.Tensor:
        """(n, S, S, 3) -> (n, 64)."""
        crops = face_crops(to_tensor(pictures) / 2 + 0.5, person.face_box(self.size))
        result: torch.Tensor = self.encoder(crops)
        return result

    def nearest(self, pictures: Pictures, person: Person) -> int:
        """Whose portrait these pictures of `person` are nearest to, all frames together."""
        return int((self.known @ self._embed(pictures, person).mean(0)).argmax())


def score(talker: Talker, portraits: Portraits, index: int, clips: int, frames: int) -> ClipScores:
    """Make and judge the four videos of one held-out clip; they are not timed."""
    size = talker.config.picture.short_edge
    clip, driver = held_out_clip(index, frames), held_out_clip((index + 1) % max(clips, 2), frames)
    reader, true_frames = _reader(clip.person, size), clip.pictures(size)
    heard, lids = render(talker, clip, index), blinks(np.random.default_rng(index), frames)
    idle = render(talker, clip, index, lids=lids)
    seen = reader.read(idle)
    moved, mixed = (render(talker, clip, index, driver, audio=audio) for audio in (False, True))
    truth, driven = truth_of(clip), truth_of(driver)
    return ClipScores(
        clip=index,
        **reader_scores(reader.read(true_frames), truth),
        **heard_scores(reader.read(heard), truth),
        idle_open=correlation(seen["open"], truth["open"]),
        idle_blink=correlation(seen["blink"], lids),
        **moved_scores(reader.read(moved), driven),
        **mixed_scores(reader.read(mixed), truth, driven),
        **clean_scores(clip, driver, lids, {"audio": heard, "idle": idle, "motion": moved, "both": mixed}),
        still_psnr_db=still_psnr(heard, clip.portrait(size), true_frames),
        own_identity=float(portraits.nearest(heard, clip.person) == index),
        seconds_per_frame=float("nan"),
    )


@lru_cache(maxsize=CLIPS)
def _reader(person: Person, size: int) -> Reader:
    """Fitted once, though several checkpoints are judged."""
    return Reader(person, size)


def reader_scores(read: Curves, truth: Curves) -> dict[str, Any]:
    """The columns reader_*: curves read from the clip's own frames, against what was drawn."""
    return {f"reader_{name}": correlation(read[name], truth[name]) for name in SIGNALS}


def heard_scores(made: Curves, truth: Curves) -> dict[str, Any]:
    """The columns audio_*: curves read from what was made by sound, against the clip's own."""
    return {
        **{f"audio_{name}": correlation(made[name], truth[name]) for name in ("open", "wide", "round")},
        "audio_range": float(made["open"].std() / truth["open"].std()),
        "audio_lag_frames": best_lag(made["open"], truth["open"]),
        "audio_silence": _silence(made["open"], truth["open"]),
    }


def moved_scores(made: Curves, driven: Curves) -> dict[str, Any]:
    """The columns motion_*: what was made by a driving clip alone, against that clip's curves."""
    return {f"motion_{name}": correlation(made[name], driven[name]) for name in ("open", "brow", "blink", "smile")}


def mixed_scores(made: Curves, truth: Curves, driven: Curves) -> dict[str, Any]:
    """The columns both_*: made by the clip's sound and by a driving clip that says something else."""
    return {
        "both_open": correlation(made["open"], truth["open"]),
        "both_driver_open": correlation(made["open"], driven["open"]),
        "true_driver_open": correlation(truth["open"], driven["open"]),
        "both_brow": correlation(made["brow"], driven["brow"]),
        "both_blink": correlation(made["blink"], driven["blink"]),
    }


def render(
    talker: Talker,
    clip: Clip,
    seed: int,
    driver: Clip | None = None,
    audio: bool = True,
    lids: Curve | None = None,
) -> Pictures:
    """The clip's person, from the portrait, driven by the clip's sound, a driving clip's frames, or both; without a
    driving clip it may be told when to blink."""
    size = talker.config.picture.short_edge
    controls = Controls(
        face=clip.person.face_box(size),
        audio_gate=audio,
        motion_gate=driver is not None,
        driving=None if driver is None else driver.pictures(size),
        driving_face=None if driver is None else driver.person.face_box(size),
        lids=None if lids is None else lids.astype(np.float32),
    )
    sound = clip.audio()
    plan = talker.plan(Size(size, size), len(sound), controls, talker.options)
    noise = torch.randn(plan.noise_shape, generator=torch.Generator().manual_seed(seed))
    return talker.generate(clip.portrait(size), sound, controls, talker.options, noise)


def truth_of(clip: Clip) -> Curves:
    """What a reader should find."""
    return {name: signal(clip.faces, name) for name in SIGNALS}


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


def contact_sheet(checkpoint: Path, indices: Sequence[int], frames: int = 100, columns: int = 10) -> Pictures:
    """Rows of frames made by sound with blinks of their own, above those that were asked for, for the eye."""
    talker, rows = Talker.load(checkpoint), []
    for index in indices:
        clip, lids = held_out_clip(index, frames), blinks(np.random.default_rng(index), frames)
        picked = np.linspace(0, frames - 1, columns).astype(int)
        size = talker.config.picture.short_edge
        made, target = render(talker, clip, index, lids=lids), target_clip(clip, lids=lids).pictures(size)
        rows += [np.concatenate(list(part[picked]), axis=1) for part in (made, target)]
    return np.concatenate(rows)
