"""Evaluation of a checkpoint on held-out people, sentences and voices, from the pixels of its frames.

Four videos are generated per clip: by sound; by sound and random blinks, as for a row without a driving video; by the
clip of another person; by sound and that clip, in which something else is said. `puppet.measure.Reader` measures mouth,
brows, blinks and smile in them, which are compared with the targets.
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
from actalker.training.image_quality import quality_scores
from actalker.training.pictures import to_tensor
from actalker.training.scores import ClipScores, Table

Curve = npt.NDArray[np.float64]
Curves = Mapping[str, Curve]
Pictures = npt.NDArray[np.uint8]

CLIPS, FRAMES = 24, 100
"""Clips and frames of the evaluation that is stored with a checkpoint."""

_TIMED_CLIPS = 4
_CLOSED_OPENING = 0.02  # below this, the mouth of the target counts as closed
_LAGS = range(-5, 6)
_STILL = 3.0  # largest range of grey levels of a pixel that does not move in the true clip


def evaluate(
    checkpoint: Path,
    clips: int = CLIPS,
    frames: int = FRAMES,
    on_clip: Callable[[ClipScores], None] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Table:
    """Score a checkpoint on held-out clips 0 .. `clips` - 1 of `frames` frames (25 per second).

    Clips are scored in separate processes, one per core, and reported to `on_clip` in order. Then the generation of the
    first few is timed, with all cores and without other work.
    """
    score_one, rows = partial(_score_clip, checkpoint, clips, frames, dtype), []
    # Not forked: this process may have threads that hold locks. One thread per process, as there is one per core.
    workers = min(clips, len(os.sched_getaffinity(0)))
    with ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        for row in pool.map(score_one, range(clips)):
            rows.append(row)
            if on_clip is not None:
                on_clip(row)
    timed = _seconds_per_frame(Talker.load(checkpoint, dtype=dtype), min(clips, _TIMED_CLIPS), frames)
    for index, seconds in enumerate(timed):
        rows[index] = replace(rows[index], seconds_per_frame=seconds)
    return Table(tuple(rows))


def _score_clip(checkpoint: Path, clips: int, frames: int, dtype: torch.dtype, index: int) -> ClipScores:
    return score(*_loaded(checkpoint, clips, dtype), index, clips, frames)


@lru_cache(maxsize=1)
def _loaded(checkpoint: Path, clips: int, dtype: torch.dtype) -> "tuple[Talker, Portraits]":
    return Talker.load(checkpoint, dtype=dtype), Portraits(checkpoint, clips)


def _seconds_per_frame(talker: Talker, clips: int, frames: int) -> list[float]:
    """Time of generating the first clips by sound with random blinks."""
    render(talker, held_out_clip(0, FPS), 0)  # without the time of what is only computed once
    seconds = []
    for index in range(clips):
        clip, lids = held_out_clip(index, frames), blinks(np.random.default_rng(index), frames)
        started = time.perf_counter()
        render(talker, clip, index, lids=lids)
        seconds.append((time.perf_counter() - started) / frames)
    return seconds


class Portraits:
    """Identity embeddings of the held-out people's portraits, by the checkpoint's own encoder.

    Raises ValueError unless the checkpoint has encoders for drawn people.
    """

    def __init__(self, checkpoint: Path, clips: int) -> None:
        config = read_config(checkpoint)
        encoders = load_part(checkpoint, config, "encoders").float()
        if not isinstance(encoders, SmallEncoders):
            raise ValueError(f"{checkpoint} has encoders for real faces, the held-out people are drawn")
        self.encoder, self.size = encoders.identity_encoder, config.picture.short_edge
        people = [held_out_clip(index, 1).person for index in range(clips)]
        self.embeddings = torch.stack([self._embed(draw(one, size=self.size)[None], one)[0] for one in people])

    @torch.no_grad()
    def _embed(self, pictures: Pictures, person: Person) -> torch.Tensor:
        """(n, S, S, 3) -> (n, 64)."""
        crops = face_crops(to_tensor(pictures) / 2 + 0.5, person.face_box(self.size))
        result: torch.Tensor = self.encoder(crops)
        return result

    def nearest(self, pictures: Pictures, person: Person) -> int:
        """Index of the portrait that is nearest to the mean embedding of these pictures (n, S, S, 3) of `person`."""
        return int((self.embeddings @ self._embed(pictures, person).mean(0)).argmax())


def score(talker: Talker, portraits: Portraits, index: int, clips: int, frames: int) -> ClipScores:
    """Generate and score the four videos of one held-out clip, without timing."""
    size = talker.config.picture.short_edge
    clip, driver = held_out_clip(index, frames), held_out_clip((index + 1) % max(clips, 2), frames)
    fitted, true_frames = reader(clip.person, size), clip.pictures(size)
    by_audio, lids = render(talker, clip, index), blinks(np.random.default_rng(index), frames)
    idle = render(talker, clip, index, lids=lids)
    idle_curves = fitted.read(idle)
    by_motion, by_both = (render(talker, clip, index, driver, audio=audio) for audio in (False, True))
    truth, driven = truth_of(clip), truth_of(driver)
    return ClipScores(
        clip=index,
        **reader_scores(fitted.read(true_frames), truth),
        **audio_scores(fitted.read(by_audio), truth),
        idle_open=correlation(idle_curves["open"], truth["open"]),
        idle_blink=correlation(idle_curves["blink"], lids),
        **motion_scores(fitted.read(by_motion), driven),
        **combined_scores(fitted.read(by_both), truth, driven),
        **quality_scores(clip, driver, lids, {"audio": by_audio, "idle": idle, "motion": by_motion, "both": by_both}),
        still_psnr_db=still_psnr(by_audio, clip.portrait(size), true_frames),
        own_identity=float(portraits.nearest(by_audio, clip.person) == index),
        seconds_per_frame=float("nan"),
    )


@lru_cache(maxsize=CLIPS)
def reader(person: Person, size: int) -> Reader:
    """The reader of a person, fitted once for several checkpoints."""
    return Reader(person, size)


def reader_scores(read: Curves, truth: Curves) -> dict[str, Any]:
    """The columns reader_*: curves that are read from the true frames, against the true curves."""
    return {f"reader_{name}": correlation(read[name], truth[name]) for name in SIGNALS}


def audio_scores(made: Curves, truth: Curves) -> dict[str, Any]:
    """The columns audio_*: curves of frames that were generated by sound, against the clip's true curves."""
    return {
        **{f"audio_{name}": correlation(made[name], truth[name]) for name in ("open", "wide", "round")},
        "audio_range": float(made["open"].std() / truth["open"].std()),
        "audio_lag_frames": best_lag(made["open"], truth["open"]),
        "audio_silence": _opening_in_silence(made["open"], truth["open"]),
    }


def motion_scores(made: Curves, driven: Curves) -> dict[str, Any]:
    """The columns motion_*: curves of frames that were generated by a driving clip, against its true curves."""
    return {f"motion_{name}": correlation(made[name], driven[name]) for name in ("open", "brow", "blink", "smile")}


def combined_scores(made: Curves, truth: Curves, driven: Curves) -> dict[str, Any]:
    """The columns both_* and true_driver_open: by the clip's sound and a driving clip with another speech."""
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
    """Generated frames (n, S, S, 3) of the clip's person.

    Args:
        seed: Of the noise.
        driver: Clip whose frames drive the motion. None: closed motion gate.
        audio: Whether the clip's sound drives the mouth.
        lids: (n,) How far the eyelids are shut; only without a driver.
    """
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
    """True curves of a clip, one for each of `SIGNALS`."""
    return {name: signal(clip.faces, name) for name in SIGNALS}


def best_lag(made: Curve, truth: Curve) -> int:
    """Delay of `made` in frames, from -5 to 5, at which the correlation is largest."""
    inner = slice(max(_LAGS), len(truth) - max(_LAGS))
    return max(_LAGS, key=lambda lag: correlation(np.roll(made, -lag)[inner], truth[inner]))


def _opening_in_silence(made: Curve, truth: Curve) -> float:
    """Mean opening where the true mouth is closed; nan if it never is."""
    closed = truth < _CLOSED_OPENING
    return float(made[closed].mean()) if closed.any() else float("nan")


def still_psnr(made: Pictures, portrait: Pictures, true_frames: Pictures) -> float:
    """PSNR in decibels of generated frames against the portrait, over the pixels that do not move in the true clip."""
    still = (np.ptp(true_frames.astype(np.int16), axis=0).max(-1) <= _STILL) & (
        np.abs(true_frames[0].astype(np.int16) - portrait).max(-1) <= _STILL
    )
    error = (made.astype(np.float32) - portrait)[:, still]
    return float(-10 * np.log10(max(float((error**2).mean()), 1e-6) / 255**2))


def contact_sheet(checkpoint: Path, indices: Sequence[int], frames: int = 100, columns: int = 10) -> Pictures:
    """Picture with rows of frames generated by sound with random blinks, each above a row of target frames."""
    talker, rows = Talker.load(checkpoint), []
    for index in indices:
        clip, lids = held_out_clip(index, frames), blinks(np.random.default_rng(index), frames)
        picked = np.linspace(0, frames - 1, columns).astype(int)
        size = talker.config.picture.short_edge
        made, target = render(talker, clip, index, lids=lids), target_clip(clip, lids=lids).pictures(size)
        rows += [np.concatenate(list(part[picked]), axis=1) for part in (made, target)]
    return np.concatenate(rows)
