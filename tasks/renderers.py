"""What draws the pixels: a `Renderer` turns one segment into its frames.

`still` needs no network: the portrait, gently moving, with a meter that shows the voice. A draft of timing, captions
and layout at no cost. `demo` and `actalker` are the network, with different weights.

Frames depend on the segment's content and on the local index of the frame, on nothing else: two segments with the same
key are the same pixels.
"""

import wave
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tasks.errors import BadInput
from tasks.job import OVERLAP_FRAMES, SAMPLE_RATE, SAMPLES_PER_FRAME, Job, Preset, Segment

Frame = NDArray[np.uint8]
"""(height, width, 3), RGB."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels."""

STILL_VERSION = "still-1"
"""Raise it with every change of the pixels: it is part of the key of every clip."""

ZOOM = 0.035
"""How much closer the camera comes at the middle of a long segment."""
DRIFT = 0.006
"""How far it wanders there, as a share of the width."""
FULL_MOTION_FRAMES = 150
"""Shorter segments move less, so that none moves faster than this one."""
SPARE = 1.06
"""The portrait is kept this much larger than the picture: moving closer enlarges nothing."""
FACE_HEIGHT = 0.42
"""Where the middle of a face stands, as a share of the picture's height, if the portrait has the room."""


class Renderer(Protocol):
    """Draws segments. It is loaded once and used by one thread."""

    def render(self, job: Job, segment: Segment, cancelled: Callable[[], bool]) -> Iterator[Frame]:
        """Yield exactly `segment.frames` frames of the job's size.

        Args:
            cancelled: To be read at every step that takes long; once it is true, `Cancelled` is raised.

        Raises:
            ActalkerError: `BadInput` for what can never be drawn, `Cancelled`, and whatever the drawing meets.
        """


def identity(preset: Preset, weights: Path | None) -> str:
    """What, besides its input, decides about a renderer's pixels: its code and its weights. Loads nothing."""
    if preset is Preset.STILL:
        return STILL_VERSION
    raise BadInput(f"preset {preset} is not there yet: use {Preset.STILL}")


def load(preset: Preset, weights: Path | None, threads: int) -> Renderer:
    """Make the renderer of a preset, in the process that will use it.

    Args:
        weights: A checkpoint, or None for the preset's own.
        threads: How many of the machine's cores it may use.

    Raises:
        BadInput: The weights are missing or not what they should be.
    """
    if preset is Preset.STILL:
        cv2.setNumThreads(threads)
        return StillRenderer()
    raise BadInput(f"preset {preset} is not there yet: use {Preset.STILL}")


def read_sound(segment: Segment) -> NDArray[np.int16]:
    """The segment's own samples, mono at `SAMPLE_RATE`: `segment.frames * SAMPLES_PER_FRAME` of them.

    Raises:
        BadInput: The file is not the programme that the segment was planned on.
    """
    with wave.open(str(segment.wav), "rb") as file:
        form = (file.getnchannels(), file.getsampwidth(), file.getframerate())
        if form != (1, 2, SAMPLE_RATE):
            raise BadInput(f"{segment.wav} is {form}, not mono 16-bit sound at {SAMPLE_RATE} Hz")
        if file.getnframes() < segment.end_frame * SAMPLES_PER_FRAME:
            raise BadInput(f"{segment.wav} ends before frame {segment.end_frame}: it is not what was planned on")
        file.setpos(segment.start_frame * SAMPLES_PER_FRAME)
        return np.frombuffer(file.readframes(segment.frames * SAMPLES_PER_FRAME), np.int16)


class StillRenderer:
    """The portrait as if filmed by a slow, steady camera, and a small meter of the voice in the corner."""

    def render(self, job: Job, segment: Segment, cancelled: Callable[[], bool]) -> Iterator[Frame]:
        """See `Renderer`. A frame takes about a millisecond: the caller's look at the flag is enough."""
        portrait = frame_portrait(job.portrait, job.width, job.height, job.face_box)
        meter = Meter(job.width, job.height)
        levels = voice_levels(read_sound(segment))
        for index, view in enumerate(camera(segment, job.width, job.height, portrait.shape[1] / job.width)):
            frame = np.empty((job.height, job.width, 3), np.uint8)
            cv2.warpAffine(portrait, view, (job.width, job.height), frame, cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
            meter.draw(frame, levels[index])
            yield frame


def camera(segment: Segment, width: int, height: int, spare: float) -> Iterator[NDArray[np.float64]]:
    """Where every frame looks: matrices (2, 3) from the picture's pixels to the portrait's.

    The camera rests while neighbours overlap, so that joints do not show whichever segment stands there; in between it
    comes closer and drifts, in a direction of the segment's own.
    """
    inner = max(1, segment.frames - 2 * OVERLAP_FRAMES)
    angle = np.random.default_rng(segment.seed).uniform(0, 2 * np.pi)
    reach = min(1.0, inner / FULL_MOTION_FRAMES)
    for index in range(segment.frames):
        phase = np.clip((index - OVERLAP_FRAMES + 0.5) / inner, 0.0, 1.0)
        away = reach * np.sin(np.pi * phase) ** 2
        scale = spare / (1 + ZOOM * away)
        drift = DRIFT * away * width * np.array([np.cos(angle), 0.5 * np.sin(angle)])
        x, y = np.array([width - 1, height - 1]) * (spare - scale) / 2 + drift
        yield np.array([[scale, 0, x], [0, scale, y]])


@lru_cache(maxsize=8)
def frame_portrait(path: Path, width: int, height: int, face_box: Box | None = None) -> Frame:
    """The largest part of a portrait with the picture's proportions, `SPARE` times its size, the face well placed.

    Args:
        face_box: Where the face is, in pixels of the portrait; None has it looked for.

    Raises:
        BadInput: The file is no image.
    """
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGBA")
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read as an image: {error}") from error
    ground = Image.new("RGBA", upright.size, (236, 236, 236, 255))  # behind cut-out portraits
    pixels = np.asarray(Image.alpha_composite(ground, upright).convert("RGB"))
    left, top, right, bottom = _crop(pixels, width / height, face_box or _find_face(pixels))
    size = round(width * SPARE), round(height * SPARE)
    shrink = right - left > size[0]
    part = np.ascontiguousarray(pixels[top:bottom, left:right])
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA if shrink else cv2.INTER_CUBIC), np.uint8)


def _crop(pixels: Frame, proportion: float, face: Box | None) -> Box:
    """The part to show: around the face, or at the top, in the middle, without one."""
    height, width = pixels.shape[:2]
    part_width, part_height = min(width, round(height * proportion)), min(height, round(width / proportion))
    middle_x, middle_y = width / 2, part_height * FACE_HEIGHT
    if face:
        middle_x, middle_y = (face[0] + face[2]) / 2, (face[1] + face[3]) / 2
    left = round(np.clip(middle_x - part_width / 2, 0, width - part_width))
    top = round(np.clip(middle_y - part_height * FACE_HEIGHT, 0, height - part_height))
    return left, top, left + part_width, top + part_height


def _find_face(pixels: Frame) -> Box | None:
    """The largest face. Looked for in a small copy: a tenth of a second."""
    scale = min(1.0, 480 / max(pixels.shape[:2]))
    grey = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    detector = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_alt2.xml"))
    faces = detector.detectMultiScale(grey, scaleFactor=1.1, minNeighbors=4, minSize=(48, 48))
    if len(faces) == 0:
        return None
    x, y, side, _ = max(faces, key=lambda face: int(face[2]))
    return round(x / scale), round(y / scale), round((x + side) / scale), round((y + side) / scale)


BANDS_HZ = (90, 250, 500, 1000, 2000, 4500)
"""The meter's five bars, from the chest of the voice to its edge."""
FLOOR_DB, CEILING_DB = -58.0, -22.0
"""The loudness of a band, of a full-scale sine, at which its bar begins to rise, and at which it is full."""


def voice_levels(samples: NDArray[np.int16]) -> NDArray[np.float64]:
    """How full the meter's bars are: (frames, bars), 0 to 1. A frame without sound has zeros."""
    frames = samples.reshape(-1, SAMPLES_PER_FRAME) / 32768.0
    window = np.hanning(SAMPLES_PER_FRAME)
    spectrum = np.abs(np.fft.rfft(frames * window)) / (window.sum() / 2)
    pitches = np.fft.rfftfreq(SAMPLES_PER_FRAME, 1 / SAMPLE_RATE)
    edges = np.searchsorted(pitches, BANDS_HZ)
    power = np.add.reduceat(spectrum**2, edges, axis=1)[:, :-1]
    decibels = 10 * np.log10(power + 1e-12)
    levels = np.clip((decibels - FLOOR_DB) / (CEILING_DB - FLOOR_DB), 0, 1)
    calm = np.pad(levels, ((1, 1), (0, 0)), mode="edge")
    return 0.25 * calm[:-2] + 0.5 * levels + 0.25 * calm[2:]


class Meter:
    """Five bars with round ends on a dark, translucent pill, in the upper left corner."""

    STEPS = 32
    OPACITY = 0.42

    def __init__(self, width: int, height: int) -> None:
        unit = min(width, height) / 100
        self._bar, self._gap = max(2, round(0.9 * unit)), max(1, round(0.8 * unit))
        bars = len(BANDS_HZ) - 1
        pad, tall = round(2.2 * unit), max(4, round(5.0 * unit))
        self._left = pad + np.arange(bars) * (self._bar + self._gap)
        size = (tall + round(2.2 * unit), int(self._left[-1]) + self._bar + pad)
        corner = round(4 * unit)
        self._place = slice(corner, corner + size[0]), slice(corner, corner + size[1])
        pill = _capsule(size, size[1], size[0]) * self.OPACITY
        self._keep = (1 - pill)[:, :, None]
        heights = np.linspace(self._bar, tall, self.STEPS)
        self._shapes = [_capsule((size[0], self._bar), self._bar, tall_px) for tall_px in heights]

    def draw(self, frame: Frame, levels: NDArray[np.float64]) -> None:
        """Draw the bars onto the frame; an empty bar is a dot."""
        light = np.zeros(self._keep.shape, np.float32)
        for left, level in zip(self._left, levels, strict=True):
            light[:, left : left + self._bar, 0] = self._shapes[round(level * (self.STEPS - 1))]
        place = frame[self._place]
        place[:] = (place * self._keep * (1 - light) + 245 * light).astype(np.uint8)


def _capsule(size: tuple[int, int], width: float, height: float) -> NDArray[np.float32]:
    """How much of every pixel a rectangle with round ends covers, in the middle of (rows, columns): 0 to 1."""
    y, x = np.indices(size) - (np.array(size)[:, None, None] - 1) / 2
    radius = min(width, height) / 2
    outside = np.hypot(
        np.maximum(np.abs(x) - (width / 2 - radius), 0), np.maximum(np.abs(y) - (height / 2 - radius), 0)
    )
    coverage: NDArray[np.float32] = np.clip(radius - outside + 0.5, 0, 1).astype(np.float32)
    return coverage
