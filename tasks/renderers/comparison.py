"""Renderings of one row in several qualities: measured against `published`, and side by side in one video."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from actalker.shapes import Box, Size
from tasks.job import OVERLAP_FRAMES, Job, Quality, Segment
from tasks.media import ffmpeg
from tasks.media.decode import decode_frames
from tasks.media.lossless import SUFFIX, LosslessWriter
from tasks.picture import provenance, typeface
from tasks.picture.portrait import portrait_of
from tasks.picture.preflight import usable_face
from tasks.renderers.talker import TalkerRenderer

Frame = NDArray[np.uint8]
_LABEL = 28  # pixels above every picture
_IDENTITY_EVERY = 5  # frames
_WARM_UP_FRAMES = 2 * OVERLAP_FRAMES
_ENCODE_LIMIT_S = 3600.0


@dataclass(frozen=True)
class Compared:
    """One rendering, and how far it is from `published` with the same seed."""

    quality: Quality
    seed: int
    seconds: float
    """Wall time of rendering."""
    psnr_db: float
    """Of all pixels; infinite where they are equal."""
    mouth_psnr_db: float
    """Of the lower half of the face box."""
    mouth_correlation: float
    """Of the movement there, from frame to frame: 1 where it moves when that of `published` does."""
    likeness: float
    """Mean cosine of the identity tokens of frame and portrait."""


def markdown(compared: Sequence[Compared]) -> str:
    """The table of all renderings."""
    head = ("quality", "seed", "seconds", "PSNR", "PSNR, mouth", "movement, mouth", "likeness")
    rows = [head, ("---",) * len(head)]
    for one in compared:
        measured = (f"{one.seconds:.1f}", _decibels(one.psnr_db), _decibels(one.mouth_psnr_db))
        rows.append((one.quality, str(one.seed), *measured, f"{one.mouth_correlation:.3f}", f"{one.likeness:.3f}"))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _decibels(value: float) -> str:
    return "equal" if np.isinf(value) else f"{value:.1f} dB"


def warm_up(renderer: TalkerRenderer, job: Job, segment: Segment) -> None:
    """Draw a few frames, so that no measured time holds the compiling of kernels."""
    short = replace(segment, end_frame=segment.start_frame + min(segment.frames, _WARM_UP_FRAMES))
    for _ in renderer.render(replace(job, quality=Quality.PROOF), short, lambda: False):
        pass


def render(renderer: TalkerRenderer, job: Job, segments: Sequence[Segment], path: Path) -> float:
    """Write all frames to a lossless clip; at joints the later segment begins. Returns the seconds of rendering."""
    seconds = 0.0
    with LosslessWriter(path, job.width, job.height) as writer:
        for segment in segments:
            began = time.perf_counter()
            scene = renderer.prepare(job, segment)
            frames = list(renderer.finish(scene, renderer.draw(scene, lambda: False)))
            seconds += time.perf_counter() - began
            for frame in frames[OVERLAP_FRAMES if segment.index else 0 :]:
                writer.write(frame)
    return seconds


def measured(renderer: TalkerRenderer, job: Job, seconds: float, clip: Path, published: Path, frames: int) -> Compared:
    """Compare a rendered clip of so many frames with the clip of `published`."""
    face, size = _face(job), Size(job.height, job.width)
    mouth = Box(face.left, face.middle_row, face.right, face.bottom)
    errors, mouth_errors, likenesses = [], [], []
    movements: tuple[list[float], list[float]] = ([], [])
    before: tuple[Frame, Frame] | None = None
    portrait = renderer.identity(*_portrait(job))
    for number, pair in enumerate(zip(decode_frames(clip), decode_frames(published), strict=True)):
        errors.append(_squared_error(*pair))
        mouths = (_part(pair[0], mouth), _part(pair[1], mouth))
        mouth_errors.append(_squared_error(*mouths))
        if before is not None:
            for movement, now, last in zip(movements, mouths, before, strict=True):
                movement.append(float(cv2.absdiff(now, last).mean()))
        before = mouths
        if number % _IDENTITY_EVERY == 0:
            shown = renderer.identity(pair[0], face.within(size))
            likenesses.append(float(shown @ portrait / np.linalg.norm(shown) / np.linalg.norm(portrait)))
    assert len(errors) == frames
    return Compared(
        job.quality,
        job.seed,
        seconds,
        _psnr(errors),
        _psnr(mouth_errors),
        _correlation(*movements),
        float(np.mean(likenesses)),
    )


def _portrait(job: Job) -> tuple[Frame, Box]:
    """The portrait and its face box."""
    portrait = portrait_of(job.portrait, job.width, job.height, job.face_box, job.portrait_sha256)
    return portrait.pixels, usable_face(portrait.pixels, portrait.faces, given=job.face_box is not None)


def _face(job: Job) -> Box:
    """The face box in the frames."""
    pixels, face = _portrait(job)
    size = Size(job.height, job.width)
    return face.scaled(Size(*pixels.shape[:2]), size).within(size)


def _part(frame: Frame, box: Box) -> Frame:
    return frame[box.top : box.bottom, box.left : box.right]


def _squared_error(one: Frame, other: Frame) -> float:
    return float(np.square(one.astype(np.float32) - other).mean())


def _psnr(errors: Sequence[float]) -> float:
    error = float(np.mean(errors))
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def _correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Not a number where one of the two does not move at all."""
    a, b = (np.asarray(curve) - np.mean(curve) for curve in (one, other))
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size else float("nan")


def write_video(job: Job, wav: Path, clips: Sequence[Path], labels: Sequence[str], columns: int, folder: Path) -> None:
    """`compare.mp4`: a column for each quality, a row for each seed, with the sound."""
    width, height = job.width * columns, (job.height + _LABEL) * (len(clips) // columns)
    heads = [_head(label, job.width) for label in labels]
    picture = folder / f"compare{SUFFIX}"
    with ExitStack() as stack:
        writer = stack.enter_context(LosslessWriter(picture, width, height))
        for frames in zip(*(decode_frames(clip) for clip in clips), strict=True):
            writer.write(_grid([np.vstack(pair) for pair in zip(heads, frames, strict=True)], columns))
    settings: dict[str, str | int] = {"c:v": "libx264", "preset:v": "fast", "crf:v": 14, "pix_fmt": "yuv420p"}
    settings |= {"c:a": "aac", "movflags": "+faststart", "metadata:g": f"comment={provenance.COMMENT}"}
    tracks = [ffmpeg.source(picture, "avi").video, ffmpeg.source(wav, "wav").audio]
    output = ffmpeg.sink(tracks, folder / "compare.mp4", "mp4", **settings)
    ffmpeg.execute(output, what="encoding the comparison", time_limit_s=_ENCODE_LIMIT_S)
    picture.unlink()


def _grid(tiles: Sequence[Frame], columns: int) -> Frame:
    rows = (tiles[start : start + columns] for start in range(0, len(tiles), columns))
    return np.vstack([np.hstack(row) for row in rows])


def _head(label: str, width: int) -> Frame:
    """A strip with a text, above a picture."""
    image = Image.new("RGB", (width, _LABEL), (24, 26, 30))
    font = ImageFont.truetype(typeface.REGULAR, 16)
    ImageDraw.Draw(image).text((8, _LABEL // 2), label, (215, 218, 224), font, "lm")
    return np.asarray(image)
