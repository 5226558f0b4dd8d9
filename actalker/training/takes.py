"""Training data: numbered takes of a talking person, drawn or filmed.

F frames of S x S pixels; 4 `VISEMES`, 11 `MOTION_SIGNALS`. Drawn takes have the true signals, so that the network does
not depend on the encoders or their errors. The signals of filmed takes are outputs of the encoders.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from actalker.encoders.small import AUDIO_REACH, MOTION_SIGNALS, VISEMES, SmallEncoders, face_crops
from actalker.puppet.clip import training_clip
from actalker.puppet.drawing import draw
from actalker.puppet.face import REST, Face
from actalker.puppet.person import Person
from actalker.puppet.visemes import visemes
from actalker.shapes import FRAME_SAMPLES, Box
from actalker.training.pictures import detail_weight, to_tensor

FRAMES = 32
"""Length of a take in frames."""

Pictures = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Take:
    """Frames of one person, with signals."""

    pictures: Pictures
    """(F, S, S, 3) RGB."""
    spoken: Pictures
    """(F, S, S, 3): the target with audio alone. Drawn people move only their mouths in it; for filmed people it is
    `pictures`."""
    portrait: Pictures
    """(S, S, 3): another picture of the person."""
    box: Box
    """Face box in all pictures, in pixels."""
    weight: Tensor
    """(S, S) importance of each position."""
    audio: Tensor
    """(F, 4) `VISEMES`."""
    motion: Tensor
    """(F, 11) `MOTION_SIGNALS`."""
    other_motion: Tensor
    """(F, 11): the same gestures with the mouth of another speech; for filmed people, `motion`."""


class Takes(Protocol):
    """Takes by number, any number from 0. A take is a pure function of its number."""

    size: int
    """S"""

    def take(self, index: int, start: int = 0, stop: int = FRAMES) -> Take:
        """Frames [start, stop) of take `index`."""


class PuppetTakes:
    """Drawn people, one for every number.

    Their heads do not move, although the motion signals contain rotations. A shift is not in the signals, and a small
    network would render it as blur; rotations cost it the detail of noses and brows. Smiles are twice as large as in
    `performance`, because they move few pixels and are learned last.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def take(self, index: int, start: int = 0, stop: int = FRAMES) -> Take:
        """See `Takes`."""
        clip = training_clip(index, FRAMES)
        other_mouths = [
            Face(*map(float, shape)) for shape in visemes(training_clip(index + 7919, FRAMES).speech, FRAMES)
        ]
        faces = [replace(face, smile=float(np.clip(2 * face.smile, -1, 1))) for face in clip.faces[start:stop]]
        others = [face.with_mouth_of(other) for face, other in zip(faces, other_mouths[start:stop], strict=True)]
        box = clip.person.face_box(self.size)
        return Take(
            pictures=self._draw(clip.person, [face.with_still_head() for face in faces]),
            spoken=self._draw(clip.person, [REST.with_mouth_of(face) for face in faces]),
            portrait=clip.portrait(self.size),
            box=box,
            weight=detail_weight(box, self.size),
            audio=_signals(faces, VISEMES),
            motion=_signals(faces, MOTION_SIGNALS),
            other_motion=_signals(others, MOTION_SIGNALS),
        )

    def _draw(self, person: Person, faces: Sequence[Face]) -> Pictures:
        return np.stack([draw(person, face, self.size) for face in faces])


def _signals(faces: Sequence[Face], names: Sequence[str]) -> Tensor:
    return torch.tensor([[getattr(face, name) for name in names] for face in faces]).float()


@dataclass(frozen=True)
class Video:
    """Footage of one person, cropped to a square around the face. Raises ValueError if it is shorter than 2 takes."""

    frames: Pictures
    """(n, S, S, 3) at 25 per second."""
    sound: npt.NDArray[np.float32]
    """(640 n,) mono at 16 kHz in [-1, 1]."""
    box: Box
    """Face box in pixels of `frames`."""

    def __post_init__(self) -> None:
        if len(self.frames) < 2 * FRAMES:
            raise ValueError(f"{len(self.frames)} frames are too few to train on: at least {2 * FRAMES} are needed")


class FootageTakes:
    """Random parts of videos: take i is from video i modulo their number. The portrait is a random frame of it."""

    def __init__(self, videos: Sequence[Video], encoders: SmallEncoders, size: int) -> None:
        self.videos, self.encoders, self.size = videos, encoders, size

    @torch.no_grad()
    def take(self, index: int, start: int = 0, stop: int = FRAMES) -> Take:
        """See `Takes`."""
        video = self.videos[index % len(self.videos)]
        rng = np.random.default_rng([index, 0xF007])
        first = int(rng.integers(len(video.frames) - FRAMES + 1)) + start
        span = slice(first, first + stop - start)
        pictures = np.asarray(video.frames[span])
        # The audio encoder also gets the sound on either side that it has use for, as at inference.
        before = min(span.start, AUDIO_REACH)
        sound = video.sound[(span.start - before) * FRAME_SAMPLES : (span.stop + AUDIO_REACH) * FRAME_SAMPLES]
        audio = self.encoders.audio_encoder.hear(torch.from_numpy(sound))
        motion = self.encoders.motion_encoder(face_crops(to_tensor(pictures) / 2 + 0.5, video.box))
        return Take(
            pictures=pictures,
            spoken=pictures,
            portrait=np.asarray(video.frames[int(rng.integers(len(video.frames)))]),
            box=video.box,
            weight=detail_weight(video.box, self.size),
            audio=audio[before : before + len(pictures)],
            motion=motion,
            other_motion=motion,
        )
