"""Measure: a segment's frames, or a finished video, come in; figures by name go out. Nothing is judged here.

Frames are decoded one by one, and a few numbers of each are held: an hour of video takes 110 MB.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from actalker.faces.mesh import Points
from tasks.job import SAMPLE_RATE, Job, Preset, Score, Segment, Speech
from tasks.media.decode import audio_blocks, probe, shown_frames
from tasks.picture.portrait import FaceBox, portrait_of
from tasks.quality_control import caption_times, lips
from tasks.quality_control.caption_times import Cue
from tasks.quality_control.face import FaceReader, Place, luma_of
from tasks.quality_control.lips import Activity
from tasks.quality_control.moving_picture import MovingPicture
from tasks.quality_control.sound import Sound
from tasks.renderers.segment_audio import read_sound
from tasks.speech.programme import levels

Scores = dict[str, Score]


def measure_segment(job: Job, segment: Segment, frames: Iterable[av.VideoFrame]) -> Scores:
    """What is found in a segment.

    Args:
        frames: Of its clip, as they are stored in it. At least one.

    Raises:
        BadInput: The portrait cannot be read.
    """
    watch = _Watch(job, (0, 0, job.width, job.height), lossless=True)
    for frame in frames:
        watch.take(frame)
    return watch.scores(Activity.of(levels(read_sound(segment))))


def measure_video(
    video: Path,
    job: Job | None = None,
    speech: Speech | None = None,
    *,
    place: Place | None = None,
    joints: Sequence[int] = (),
    cues: Sequence[Cue] = (),
) -> Scores:
    """What is found in a finished video.

    Args:
        job: The row that it was made from. Without it nothing is compared with a portrait, and a face is taken to speak
            what is heard.
        speech: What is said in it, and when. Without it, what sounds is taken for speech.
        place: Where the rendered picture is in the frame; None if it fills the frame.
        joints: The first frame after each joint of two segments.
        cues: When captions are shown, in time order.

    Raises:
        BadInput: The video, or the portrait, cannot be read.
    """
    watch: _Watch | None = None
    for frame in shown_frames(video):
        watch = watch or _Watch(job, place or (0, 0, frame.width, frame.height))
        watch.take(frame)
    assert watch is not None  # a video without a frame is refused
    sound = Sound(audio_blocks(video, SAMPLE_RATE) if probe(video).audio else ())
    words = speech.words if speech else ()
    heard = Activity.of(sound.levels, words)
    said = Activity.of(speech.levels, words) if speech else heard
    frames = watch.picture.frames
    return {
        **watch.scores(heard, joints),
        **sound.scores(_expected(frames, speech, said, cues)),
        **caption_times.scores(cues, frames, said),
    }


def _expected(frames: int, speech: Speech | None, said: Activity, cues: Sequence[Cue]) -> NDArray[np.bool_]:
    """Where there must be sound: where words are, or else speech, or else captions; everywhere if there is nothing."""
    if speech and speech.words:
        return lips.spoken([(word.start_ms, word.end_ms) for word in speech.words], frames)
    if speech and said.speaking.any():
        return said.speaking
    return lips.spoken(cues, frames) if cues else np.full(frames, not said.speaking.any())


class _Watch:
    """Looks at the frames of a clip or a video, one by one.

    Args:
        place: Where the rendered picture is in the frames.
        lossless: Whether they have not been encoded.
    """

    def __init__(self, job: Job | None, place: Place, *, lossless: bool = False) -> None:
        self._place = place
        self._still = job is not None and job.preset is Preset.STILL
        self._follows_sound = job is None or job.audio_gate
        portrait, points = (None, None) if job is None or self._still else _portrait(job, place[2:])
        brightness = None if portrait is None else float(luma_of(portrait).mean())
        self.picture = MovingPicture(brightness, lossless=lossless)
        self.face = None if self._still else FaceReader(portrait, points, place)

    def take(self, frame: av.VideoFrame) -> None:
        """Take the next frame in, yuv420p."""
        left, top, width, height = self._place
        self.picture.take(luma_of(frame)[top : top + height, left : left + width])
        if self.face:
            self.face.take(frame)

    def scores(self, heard: Activity, joints: Sequence[int] = ()) -> Scores:
        """What is found in all of them."""
        found = self.picture.scores(None if self._still else heard.speaking, joints)
        if self.face:
            found |= self.face.scores()
            if self._follows_sound:
                found |= lips.scores(self.face.frames, self.face.gaps, heard)
        return found


def _portrait(job: Job, size: tuple[int, int]) -> tuple[av.VideoFrame, Points | None]:
    """The portrait as a frame of this width and height, and the mesh of its face in it."""
    draft = job.preset is Preset.DRAFT
    return _shown(job.portrait, job.width, job.height, job.face_box, job.portrait_sha256, draft, size)


@lru_cache(maxsize=4)
def _shown(
    path: Path, width: int, height: int, face_box: FaceBox, sha256: str, draft: bool, size: tuple[int, int]
) -> tuple[av.VideoFrame, Points | None]:
    portrait = portrait_of(path, width, height, face_box, sha256)
    if draft:
        portrait = portrait.closer()
    scale = np.array(size) / portrait.pixels.shape[1::-1]
    kind = cv2.INTER_AREA if scale[0] < 1 else cv2.INTER_CUBIC
    pixels = np.asarray(cv2.resize(portrait.pixels, size, interpolation=kind), np.uint8)
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
        format="yuv420p",
        src_colorspace=Colorspace.ITU709,
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
    )
    points = portrait.faces[0].points if portrait.faces else None
    if points is not None:
        points = np.column_stack([(points[:, :2] + 0.5) * scale - 0.5, points[:, 2] * scale.mean()])
    return frame, points
