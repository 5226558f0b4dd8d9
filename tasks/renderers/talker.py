"""The renderer that is the network: one segment is one clip of `actalker.talker.Talker`.

Its noise comes from the segment: the frames that neighbours share take theirs from the joint, by their place in it, all
others from the segment's own seed. It is drawn on the CPU, so that it is the same on every device.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from actalker.checkpoint import WeightsError, verify
from actalker.puppet.performance import blinks
from actalker.sampling import CancelledError
from actalker.shapes import AUDIO_HZ, FRAME_SAMPLES, Size
from actalker.talker import Controls, Plan, Talker
from tasks.errors import BadInput, Cancelled
from tasks.job import OVERLAP_FRAMES, SAMPLE_RATE, Job, Segment
from tasks.picture.driving import driver_of, driving_frames
from tasks.picture.portrait import Portrait, portrait_of, usable_face
from tasks.records.store import check_digest
from tasks.renderers.segment_audio import read_sound

_LIDS_REST = OVERLAP_FRAMES + 4
"""Frames at either end of a segment in which it does not blink by itself."""


class TalkerRenderer:
    """See `tasks.renderers.renderer.Renderer`.

    Args:
        talker: A checkpoint on the device that computes.
    """

    def __init__(self, talker: Talker) -> None:
        self._talker = talker

    @classmethod
    def load(cls, weights: Path, threads: int) -> "TalkerRenderer":
        """Load a checkpoint directory onto the GPU, or, where there is none, the CPU.

        Raises:
            BadInput: It is no checkpoint, or not the one that its digests say.
        """
        torch.set_num_threads(threads)
        # On the CPU bfloat16 saves a tenth of the demo's time: not worth pixels that depend on the processor.
        # On a GPU not float16: SVD's decoder overflows in it (diffusers computes it in float32 for that reason).
        device, dtype = ("cuda", torch.bfloat16) if torch.cuda.is_available() else ("cpu", torch.float32)
        try:
            verify(weights)
            return cls(Talker.load(weights, device, dtype))
        except WeightsError as error:
            raise BadInput(f"{weights} is no whole checkpoint: {error}", "Convert or copy it again.") from error

    def render(self, job: Job, segment: Segment, cancelled: Callable[[], bool]) -> Iterator[NDArray[np.uint8]]:
        """Yield frames in RGB, all of them when the clip is done."""
        portrait = portrait_of(job.portrait, job.width, job.height, job.face_box, job.portrait_sha256)
        controls = _controls(job, segment, portrait)
        if self._talker.takes_lids and not controls.motion_gate:
            controls = replace(controls, lids=lids_of(segment))
        sound = speech_sound(segment) if job.audio_gate else None
        size = Size(*portrait.pixels.shape[:2])
        try:
            plan = self._talker.plan(size, 0 if sound is None else len(sound), controls, self._talker.options)
        except ValueError as error:
            raise BadInput(f"{segment.name} cannot be drawn: {error}") from error
        noise = segment_noise(segment, plan)
        try:
            frames = self._talker.generate(
                portrait.pixels, sound, controls, self._talker.options, noise, cancelled=cancelled
            )
        except CancelledError as error:
            raise Cancelled(f"{segment.name} was cancelled: {error}") from error
        for frame in frames:
            yield _sized(frame, job.width, job.height)


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
    face = usable_face(portrait, given=job.face_box is not None)
    if not job.motion_gate:
        return Controls(face, job.audio_gate)
    if job.driving_video is None:
        raise BadInput(f"row {job.id} has an open motion gate and no driving video", "Give one, or close the gate.")
    check_digest(job.driving_video, job.driving_sha256)
    driver = driver_of(job.driving_video, job.driving_sha256)
    driving = driving_frames(job.driving_video, segment.start_frame, segment.end_frame, driver.length)
    return Controls(face, job.audio_gate, motion_gate=True, driving=driving, driving_face=driver.face)


def _sized(frame: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    if frame.shape == (height, width, 3):
        return frame
    kind = cv2.INTER_AREA if frame.shape[0] > height else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(frame, (width, height), interpolation=kind), np.uint8)
