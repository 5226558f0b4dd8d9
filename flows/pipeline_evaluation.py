"""A minute of somebody whom training never saw, through the whole pipeline, scored: does it drift, do joints show?

Three rows are rendered like any others: by sound, by a driving video, by both. Every ten seconds are scored; the last
ten ask for what the first ten did, so that what they lose is lost to time. The step from frame to frame at a joint of
two segments is held against the steps elsewhere.
"""

import csv
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from actalker.puppet.clip import SAMPLE_RATE, Clip, held_out_repeating_clip, target_clip
from actalker.puppet.measure import Reader
from actalker.training.evaluation import Curves, audio_scores, combined_scores, motion_scores, truth_of
from flows.batch import render_batch
from flows.options import RenderOptions
from tasks.job import FPS, Preset
from tasks.manifest.intake import check_manifest
from tasks.media.decode import decode_frames
from tasks.media.lossless import SUFFIX, LosslessWriter
from tasks.records import ledger

SIZE = 256
_STRETCH = 10 * FPS
_NEXT_TO_NOTHING = 0.05
ROWS = {"sound": (True, False), "driving": (False, True), "both": (True, True)}
"""Name of the row -> its gates."""


@dataclass(frozen=True)
class RowScores:
    """One row: the scores of every ten seconds, and its joints."""

    scores: Sequence[Mapping[str, float]]
    joints: int
    worst_joint: float
    """Mean step from frame to frame where two segments are blended, of the joint where it is largest, in units of the
    median step elsewhere."""
    true_joint: float
    """The same of the frames that were asked for, at the same place: a head that moves there is no seam."""


def evaluate_pipeline(workspace: Path, seconds: int = 60) -> dict[str, RowScores]:
    """Render and score the three rows in `workspace`; videos of earlier calls are used again.

    Raises:
        RuntimeError: A row failed; the ledger in the workspace says why.
    """
    clip, driver = (held_out_repeating_clip(index, seconds * FPS, _STRETCH) for index in (0, 1))
    manifest = check_manifest(_write_inputs(workspace / "inputs", clip, driver))
    state = render_batch(manifest, workspace, RenderOptions(Preset.DEMO), return_state=True)
    if not state.is_completed():
        raise RuntimeError(f"not every row was rendered: {state.message}")
    reader, scored = Reader(clip.person, SIZE), {}
    videos, segments = (_newest(workspace, name) for name in ("videos", "segments"))
    spans: dict[str, list[tuple[int, int]]] = {name: [] for name in ROWS}
    for row in ledger.read(segments).sort_by("index").to_pylist():
        spans[row["job_id"]].append((row["start_frame"], row["end_frame"]))
    for row in ledger.read(videos).to_pylist():
        frames = np.stack(list(decode_frames(workspace / row["path"])))
        scored[row["job_id"]] = score(row["job_id"], frames, spans[row["job_id"]], reader, clip, driver)
    return {name: scored[name] for name in ROWS}


def _newest(workspace: Path, table: str) -> Path:
    """The table that was written last: this batch's, whatever else the workspace holds."""
    return max(workspace.glob(f"ledger/{table}/**/*.parquet"), key=lambda path: path.stat().st_mtime)


def _write_inputs(folder: Path, clip: Clip, driver: Clip) -> Path:
    """Portrait, recording, driving video and a manifest of the three rows."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(clip.portrait(SIZE)).save(folder / "portrait.png")
    with wave.open(str(folder / "speech.wav"), "wb") as wav:
        wav.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        wav.writeframes((clip.audio() * 32767).astype("<i2").tobytes())
    (folder / "speech.md").write_text(_said(clip))
    with LosslessWriter(folder / f"driver{SUFFIX}", SIZE, SIZE) as writer:
        for picture in driver.pictures(SIZE):
            writer.write(picture)
    box = clip.person.face_box(SIZE)
    with (folder / "minute.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "portrait", "audio", "script", "driving_video", "audio_gate", "motion_gate", "face_box"])
        for name, (sound, motion) in ROWS.items():
            driving = f"driver{SUFFIX}" if motion else ""
            place = f"{box.left} {box.top} {box.right} {box.bottom}"
            rows.writerow([name, "portrait.png", "speech.wav", "speech.md", driving, int(sound), int(motion), place])
    return folder / "minute.csv"


def _said(clip: Clip) -> str:
    """The words that fit into the clip, with nothing but spaces between them."""
    end = clip.frames / FPS * clip.speech.sample_rate
    return " ".join(word.text for word in clip.speech.words if word.start_sample < end)


def score(
    name: str, frames: NDArray[np.uint8], spans: Sequence[tuple[int, int]], reader: Reader, clip: Clip, driver: Clip
) -> RowScores:
    """Score one row's frames (n, S, S, 3), whose segments were rendered over `spans`."""
    made, truth, driven = reader.read(frames), truth_of(clip), truth_of(driver)
    starts = range(0, len(frames) - _STRETCH + 1, _STRETCH)
    scores = [_scores(name, *(_part(curves, start) for curves in (made, truth, driven))) for start in starts]
    joints = [slice(max(start - 1, 0), end) for (_, end), (start, _) in pairwise(spans)]
    if not joints:
        return RowScores(scores, 0, float("nan"), float("nan"))
    sound, motion = ROWS[name]
    target = target_clip(clip, driver if motion else None, sound=sound)
    shown, drawn = _joint_steps(frames, joints), _joint_steps(target.pictures(SIZE), joints)
    worst = int(shown.argmax())
    return RowScores(scores, len(joints), float(shown[worst]), float(drawn[worst]))


def _joint_steps(frames: NDArray[np.uint8], joints: Sequence[slice]) -> NDArray[np.float64]:
    """Mean step from frame to frame within each joint, in units of the median step elsewhere."""
    steps = np.array([cv2.absdiff(*pair).mean() for pair in pairwise(frames)])
    elsewhere = np.ones(len(steps), bool)
    for joint in joints:
        elsewhere[joint] = False
    return np.asarray([steps[joint].mean() for joint in joints] / np.median(steps[elsewhere]))


def _part(curves: Curves, start: int) -> Curves:
    return {name: curve[start : start + _STRETCH] for name, curve in curves.items()}


def _scores(name: str, made: Curves, truth: Curves, driven: Curves) -> dict[str, float]:
    if name == "both":
        return combined_scores(made, truth, driven)
    return audio_scores(made, truth) if name == "sound" else motion_scores(made, driven)


def markdown(minutes: Mapping[str, RowScores]) -> str:
    """A table of the scores of all rows, and one of their joints."""
    seconds = _STRETCH // FPS
    stretches = [
        f"{k * seconds} to {(k + 1) * seconds} s" for k in range(max(len(minute.scores) for minute in minutes.values()))
    ]
    lines = [_row("row", "measure", *stretches, "last to first"), _row(*["---"] * (3 + len(stretches)))]
    for name, minute in minutes.items():
        for measure in minute.scores[0]:
            scores = [one[measure] for one in minute.scores]
            lines.append(_row(name, measure, *(f"{score:.3f}" for score in scores), _change(scores[0], scores[-1])))
    lines += ["", _row("row", "joints", "worst, in steps elsewhere", "there in true frames"), _row(*["---"] * 4)]
    for name, minute in minutes.items():
        lines.append(_row(name, str(minute.joints), f"{minute.worst_joint:.2f}", f"{minute.true_joint:.2f}"))
    return "\n".join(lines) + "\n"


def _change(first: float, last: float) -> str:
    """No share of next to nothing: it would be noise."""
    return f"{last / first - 1:+.1%}" if abs(first) >= _NEXT_TO_NOTHING else ""


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
