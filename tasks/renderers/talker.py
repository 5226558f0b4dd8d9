"""The renderer that is the network: one segment is one clip of `actalker.talker.Talker`.

Its noise comes from the segment: the frames that neighbours share take theirs from the joint, by their place in it, all
others from the segment's own seed. It is drawn on the CPU, so that it is the same on every device.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from actalker.c_compiler import c_compiler
from actalker.checkpoint import Options, WeightsError, verify
from actalker.draft.signals import sway
from actalker.drawn import Drawn
from actalker.head_movement import Movement, moved
from actalker.puppet.performance import blinks
from actalker.quality import QUALITIES
from actalker.sampling import CancelledError
from actalker.shapes import AUDIO_HZ, FRAME_SAMPLES, Box, Size
from actalker.talker import Controls, Plan, Talker
from tasks.errors import BadInput, Cancelled
from tasks.job import OVERLAP_FRAMES, SAMPLE_RATE, Job, Segment
from tasks.picture.driving import driver_of, driving_frames
from tasks.picture.portrait import Portrait, portrait_of
from tasks.picture.preflight import usable_face
from tasks.records.store import check_digest
from tasks.renderers.renderer import Renderer
from tasks.renderers.segment_audio import read_sound

log = logging.getLogger(__name__)

_EYES_OF_BOX = 0.36
"""The distance of the eyes, in widths of a face's box."""
_LIDS_REST = OVERLAP_FRAMES + 4
"""Frames at either end of a segment in which it does not blink by itself."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the network is given for a segment, on the CPU.

    Attributes:
        sound: See `speech_sound`; None with a closed audio gate.
        noise: See `segment_noise`.
    """

    job: Job
    segment: Segment
    portrait: NDArray[np.uint8]
    sound: NDArray[np.float32] | None
    controls: Controls
    options: Options
    noise: torch.Tensor


class TalkerRenderer(Renderer[Scene, Drawn]):
    """See `tasks.renderers.renderer.Renderer`.

    Args:
        talker: A checkpoint on the device that computes.
    """

    def __init__(self, talker: Talker) -> None:
        self._talker = talker

    @classmethod
    def load(cls, weights: Path, threads: int, *, compiled: bool = False) -> "TalkerRenderer":
        """Load a checkpoint directory onto the GPU, or, where there is none, the CPU.

        Args:
            compiled: On a GPU, whether torch compiles parts of the network in the set-up. Where it cannot, it is done
                without.

        Raises:
            BadInput: It is no checkpoint, or not the one that its digests say; or a GPU has no C compiler beside it.
        """
        torch.set_num_threads(threads)
        # On the CPU bfloat16 saves a tenth of the demo's time: not worth pixels that depend on the processor.
        # On a GPU not float16: SVD's decoder overflows in it (diffusers computes it in float32 for that reason).
        device, dtype = ("cuda", torch.bfloat16) if torch.cuda.is_available() else ("cpu", torch.float32)
        if device == "cuda" and not c_compiler():
            remedy = "Install gcc and the C library's headers (Debian: gcc libc6-dev), or name a compiler in CC."
            raise BadInput("Triton finds no C compiler, and needs one for its kernels on the GPU", remedy)
        try:
            verify(weights)
            if compiled and device == "cuda" and (talker := _compiled(weights, dtype)):
                return cls(talker)
            return cls(Talker.load(weights, device, dtype))
        except WeightsError as error:
            raise BadInput(f"{weights} is no whole checkpoint: {error}", "Convert or copy it again.") from error

    def prepare(self, job: Job, segment: Segment) -> Scene:
        """Read portrait, sound and driving video, and draw the noise."""
        portrait = portrait_of(job.portrait, job.width, job.height, job.face_box, job.portrait_sha256)
        controls = _controls(job, segment, portrait)
        if self._talker.takes_lids and not controls.motion_gate:
            controls = replace(controls, lids=lids_of(segment))
        options = QUALITIES[job.quality].applied(self._talker.options)
        sound = speech_sound(segment) if job.audio_gate else None
        size = Size(*portrait.pixels.shape[:2])
        try:
            plan = self._talker.plan(size, 0 if sound is None else len(sound), controls, options)
        except ValueError as error:
            raise BadInput(f"{segment.name} cannot be drawn: {error}") from error
        noise = segment_noise(segment, plan)
        return Scene(job, segment, portrait.pixels, sound, controls, options, noise)

    def draw(self, prepared: Scene, cancelled: Callable[[], bool]) -> Iterator[Drawn]:
        """Yield the whole clip at once, as the network generated it."""
        one, size = prepared, Size(prepared.job.height, prepared.job.width)
        try:
            yield self._talker.draw(
                size, one.portrait, one.sound, one.controls, one.options, one.noise, cancelled=cancelled
            )
        except CancelledError as error:
            raise Cancelled(f"{prepared.segment.name} was cancelled: {error}") from error

    def finish(self, prepared: Scene, parts: Iterator[Drawn]) -> Iterator[NDArray[np.uint8]]:
        """Yield frames in RGB: interpolated, enlarged, and with the head's movement."""
        controls, finished = prepared.controls, Size(prepared.job.height, prepared.job.width)
        for drawn in parts:
            frames = drawn.pictures()
            if controls.lids is not None and prepared.job.head_movement:
                box = controls.face.scaled(Size(*prepared.portrait.shape[:2]), finished)
                frames = moved(frames, box, _sway(prepared.segment, box))
            yield from frames

    def identity(self, picture: NDArray[np.uint8], face: Box) -> NDArray[np.float32]:
        """The identity tokens of a picture with its face box, to compare frames with their portrait."""
        return self._talker.identity(picture, face)


def _compiled(weights: Path, dtype: torch.dtype) -> Talker | None:
    """A checkpoint on the GPU whose blocks torch has compiled; None where it cannot.

    In the set-up, which may take minutes: a segment must show progress sooner.
    """
    talker = Talker.load(weights, "cuda", dtype, compiled=True)
    try:
        talker.warm_up()
    except WeightsError:
        raise
    except Exception as error:  # noqa: BLE001 - torch's compilers raise what they like; without them it is 5 % slower
        log.warning("torch cannot compile the network here, so it runs without: %s", error)
        return None
    return talker


def segment_noise(segment: Segment, plan: Plan) -> torch.Tensor:
    """Standard normal noise of `plan.noise_shape`, (frames, channels, height, width), on the CPU.

    A generated frame is the first of `stride` finished ones, and in a joint takes the noise of that one.
    """
    own = torch.Generator().manual_seed(segment.seed)
    joint = torch.Generator().manual_seed(segment.joint_seed)
    noise = torch.randn(plan.noise_shape, generator=own)
    shared = torch.randn((OVERLAP_FRAMES, *plan.noise_shape[1:]), generator=joint)
    stride = -(-plan.frames // plan.generated)
    tail = segment.frames - OVERLAP_FRAMES
    for index, finished in enumerate(range(0, segment.frames, stride)):
        if finished < OVERLAP_FRAMES:
            noise[index] = shared[finished]
        elif finished >= tail:
            noise[index] = shared[finished - tail]
    return noise


def lids_of(segment: Segment) -> NDArray[np.float32]:
    """How far the lids are shut in every frame of a segment that nobody drives, 0 to 1: (frames,).

    It blinks by its own seed, so that the same sentence blinks alike wherever it stands; and well away from its ends,
    where its neighbours must see the same.
    """
    curve = np.zeros(segment.frames, np.float32)
    inner = curve[_LIDS_REST:-_LIDS_REST]
    inner[:] = blinks(np.random.default_rng([segment.seed, 0xB11]), len(inner))
    while inner.size and inner[-1]:  # no blink that would not end
        inner[-1], inner = 0, inner[:-1]
    return curve


def _sway(segment: Segment, face: Box) -> Movement:
    """How the head of a segment that nobody drives moves: by its seed, and in its joints by theirs."""
    curves = sway(segment.seed, segment.joint_seed, segment.frames, min(OVERLAP_FRAMES, segment.frames // 2))
    unit = _EYES_OF_BOX * face.size.width
    return Movement(2 * curves["roll"], 2 * unit * curves["x"], 2 * unit * curves["y"])


def speech_sound(segment: Segment) -> NDArray[np.float32]:
    """The segment's samples as the network receives them: mono at 16 kHz in [-1, 1], `FRAME_SAMPLES` a frame."""
    resampled = soxr.resample(read_sound(segment).astype(np.float32) / 32768, SAMPLE_RATE, AUDIO_HZ)
    wanted = segment.frames * FRAME_SAMPLES
    return np.pad(resampled, (0, max(0, wanted - len(resampled))))[:wanted].astype(np.float32)


def _controls(job: Job, segment: Segment, portrait: Portrait) -> Controls:
    """What drives the face.

    Raises:
        BadInput: The portrait or the driving video shows no usable face, or the video is missing.
    """
    face = usable_face(portrait.pixels, portrait.faces, given=job.face_box is not None)
    if not job.motion_gate:
        return Controls(face, job.audio_gate)
    if job.driving_video is None:
        raise BadInput(f"row {job.id} has an open motion gate and no driving video", "Give one, or close the gate.")
    check_digest(job.driving_video, job.driving_sha256)
    driver = driver_of(job.driving_video, job.driving_sha256)
    driving = driving_frames(job.driving_video, segment.start_frame, segment.end_frame, driver.length)
    return Controls(face, job.audio_gate, motion_gate=True, driving=driving, driving_face=driver.face)
