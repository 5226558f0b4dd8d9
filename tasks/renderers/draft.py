"""The renderer that makes a photograph talk, as a draft: it moves the photograph's own pixels, and needs no weights of
real faces.

The mouth follows what the audio encoder of the demo network hears, or a driving video; brows, lids and head follow the
driving video, or have small movements of their own. `actalker.draft` draws.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from actalker.checkpoint import WeightsError, load_part, read_config, verify
from actalker.draft.expression import Expression
from actalker.draft.gestures import Reading, gestures_of, mouth_of, read
from actalker.draft.painter import Painter
from actalker.draft.signals import Curve, Gestures, expressions, mouth_shapes, sway
from actalker.encoders.small import SmallEncoders
from actalker.faces.mesh import MIN_SCORE, FaceMesh
from actalker.shapes import Box
from tasks.errors import BadInput
from tasks.job import OVERLAP_FRAMES, Job, Preset, Segment
from tasks.media.images import read_image
from tasks.picture.driving import driver_of, driving_frames
from tasks.picture.portrait import FaceBox, face_mesh, faces_of, portrait_of
from tasks.picture.preflight import faults, inspect
from tasks.records.store import check_digest
from tasks.renderers.renderer import Renderer
from tasks.renderers.talker import lids_of, speech_sound


@dataclass(frozen=True, slots=True)
class Scene:
    """What a segment's frames are made of: the painter of its portrait, and what the face does in every frame."""

    painter: Painter
    expressions: tuple[Expression, ...]


class DraftRenderer(Renderer[Scene, NDArray[np.uint8]]):
    """See `tasks.renderers.renderer.Renderer`.

    Args:
        encoders: Of the demo checkpoint.
    """

    def __init__(self, encoders: SmallEncoders) -> None:
        self._encoders = encoders

    @classmethod
    def load(cls, checkpoint: Path, threads: int) -> "DraftRenderer":
        """Load the audio encoder out of a checkpoint directory.

        Raises:
            BadInput: It is no whole checkpoint, or not one of the demo's kind.
        """
        torch.set_num_threads(threads)
        try:
            verify(checkpoint)
            encoders = load_part(checkpoint, read_config(checkpoint), "encoders")
        except WeightsError as error:
            raise BadInput(f"{checkpoint} is no whole checkpoint: {error}", "Install the package again.") from error
        if not isinstance(encoders, SmallEncoders):
            raise BadInput(f"{checkpoint} has no encoder of mouth shapes", "A draft takes the bundled one.")
        return cls(encoders.float().eval())

    def prepare(self, job: Job, segment: Segment) -> Scene:
        """Read the portrait, hear the sound, and read the driving video where there is one."""
        painter = _painter(job.portrait, job.width, job.height, job.face_box, job.portrait_sha256)
        joint = min(OVERLAP_FRAMES, segment.frames // 2)
        readings, rest = _driver(job, segment) if job.motion_gate else ((), None)
        driven: Gestures | None = gestures_of(readings, rest) if rest else None
        mouth = mouth_of(readings, rest) if rest and not job.audio_gate else self._heard(segment, joint)
        seeds = segment.seed, segment.joint_seed
        head = sway(*seeds, segment.frames, joint) if job.head_movement else None
        return Scene(painter, tuple(expressions(mouth, lids_of(segment).astype(np.float64), head, joint, driven)))

    def draw(self, prepared: Scene, cancelled: Callable[[], bool]) -> Iterator[NDArray[np.uint8]]:
        """Yield frames in RGB. One takes about ten milliseconds: the caller's look at the flag is enough."""
        return map(prepared.painter.frame, prepared.expressions)

    def finish(self, prepared: Scene, parts: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        """The frames as they were drawn."""
        return parts

    def _heard(self, segment: Segment, joint: int) -> Curve:
        """The mouth shapes of a segment, (frames, 4)."""
        first = replace(segment, end_frame=segment.start_frame + joint)
        last = replace(segment, start_frame=segment.end_frame - joint)
        return mouth_shapes(*map(self._visemes, (segment, first, last)))

    def _visemes(self, segment: Segment) -> Curve:
        sound = torch.from_numpy(speech_sound(segment))  # resampled by itself: a joint sounds alike in both neighbours
        with torch.inference_mode():
            heard = self._encoders.audio_encoder.hear(sound)
        return np.asarray(heard.numpy(), np.float64)


@lru_cache(maxsize=4)
def _painter(path: Path, width: int, height: int, face_box: FaceBox, sha256: str) -> Painter:
    """The painter of a portrait: ready in a fifth of a second.

    Raises:
        BadInput: The portrait cannot be drafted, with the numbers.
    """
    portrait, picture = portrait_of(path, width, height, face_box, sha256).closer(), read_image(path)
    whole = inspect(picture.pixels, faces_of(picture, face_box), given=face_box is not None)
    for fault in faults(whole, Preset.DRAFT):  # as the check judges it: before any cut
        raise fault
    points = portrait.faces[0].points
    assert points is not None  # or it were a fault
    scale = np.array([width / portrait.pixels.shape[1], height / portrait.pixels.shape[0]])
    kind = cv2.INTER_AREA if scale[0] < 1 else cv2.INTER_CUBIC
    pixels = np.asarray(cv2.resize(portrait.pixels, (width, height), interpolation=kind), np.uint8)
    placed = np.column_stack([(points[:, :2] + 0.5) * scale - 0.5, points[:, 2] * scale.mean()])
    return Painter(pixels, placed)


def _driver(job: Job, segment: Segment) -> tuple[tuple[Reading, ...], Reading]:
    """What the driver does in the segment's frames, one more on either side; and at rest.

    Raises:
        BadInput: The video is missing, or its face is lost.
    """
    if job.driving_video is None:
        raise BadInput(f"row {job.id} has an open motion gate and no driving video", "Give one, or close the gate.")
    check_digest(job.driving_video, job.driving_sha256)
    driver = driver_of(job.driving_video, job.driving_sha256)
    frames = driving_frames(job.driving_video, segment.start_frame - 1, segment.end_frame + 1, driver.length)
    return tuple(_readings(frames, driver.face, driver.rest, face_mesh())), driver.rest


def _readings(frames: NDArray[np.uint8], face: Box, rest: Reading, mesh: FaceMesh) -> Iterator[Reading]:
    """Each frame by itself, from the driver's one box, so that it is read alike from both sides of a joint."""
    middle = np.array([face.left + face.right, face.top + face.bottom]) / 2
    for frame in frames:
        found = mesh.mesh(frame, middle, float(face.size.width), np.array([1.0, 0.0]))
        yield read(found.points) if found.score > MIN_SCORE else rest
