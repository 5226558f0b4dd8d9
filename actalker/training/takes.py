"""What is trained on: numbered takes of somebody who talks, drawn or filmed.

F frames of S x S pixels; 4 `VISEMES`, 11 `MOTION_SIGNALS`. The signals of drawn takes are the true ones, so that the
network does not wait for the encoders, nor learn their mistakes; filmed ones have what the encoders make of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from actalker.encoders.small import MOTION_SIGNALS, VISEMES, SmallEncoders, face_crops, frame_mel
from actalker.puppet.clip import training_clip
from actalker.puppet.drawing import draw
from actalker.puppet.face import REST, Face
from actalker.puppet.person import Person
from actalker.puppet.visemes import visemes
from actalker.shapes import FRAME_SAMPLES, Box
from actalker.training.pictures import detail_weight, to_tensor

FRAMES = 32
"""Length of a take."""

Pictures = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Take:
    """Some frames of one person."""

    pictures: Pictures
    """(F, S, S, 3) RGB."""
    spoken: Pictures
    """(F, S, S, 3): as far as the sound tells. Drawn people move only their mouths here; of filmed ones it is
    `pictures`."""
    portrait: Pictures
    """(S, S, 3): the person at another moment."""
    box: Box
    """The face's, in all of them."""
    weight: Tensor
    """(S, S): how much each place matters."""
    audio: Tensor
    """(F, 4)"""
    motion: Tensor
    """(F, 11)"""
    other_motion: Tensor
    """(F, 11) of somebody who makes the same gestures while saying something else; where nobody does, `motion`."""


class Takes(Protocol):
    """Any number of takes: a take is a pure function of its number."""

    size: int
    """S"""

    def take(self, index: int, start: int = 0, stop: int = FRAMES) -> Take:
        """Frames [start, stop) of take `index`."""


class PuppetTakes:
    """Drawn people, one for every number.

    Their heads hold still, whatever turns the signals tell of: a shift is not among the signals, and all that a small
    network can make of it is blur; where it has to turn heads, noses and brows pay for it. They smile twice as much as
    `performance` has it: a smile moves so few pixels that it is learned last.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def take(self, index: int, start: int = 0, stop: int = FRAMES) -> Take:
        """See `Takes`."""
        clip = training_clip(index, FRAMES)
        elsewhere = [Face(*map(float, shape)) for shape in visemes(training_clip(index + 7919, FRAMES).speech, FRAMES)]
        faces = [replace(face, smile=float(np.clip(2 * face.smile, -1, 1))) for face in clip.faces[start:stop]]
        others = [face.with_mouth_of(other) for face, other in zip(faces, elsewhere[start:stop], strict=True)]
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
    """Footage of one person, its frames cut to squares around the face."""

    frames: Pictures
    """(n, S, S, 3) at 25 per second."""
    sound: npt.NDArray[np.float32]
    """(640 n,) mono at 16 kHz in [-1, 1]."""
    box: Box
    """The face's, in pixels of `frames`."""

    def __post_init__(self) -> None:
        if len(self.frames) < 2 * FRAMES:
            raise ValueError(f"{len(self.frames)} frames are too few to train on: at least {2 * FRAMES} are needed")


class FootageTakes:
    """Stretches of filmed people; take i is one of video i modulo their number. The portrait is any other frame."""

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
        # A little sound to either side is heard too, as it will be in use.
        before = min(span.start, FRAMES)
        sound = video.sound[(span.start - before) * FRAME_SAMPLES : (span.stop + FRAMES) * FRAME_SAMPLES]
        heard = self.encoders.audio_encoder(frame_mel(torch.from_numpy(sound))[None])[0]
        seen = self.encoders.motion_encoder(face_crops(to_tensor(pictures) / 2 + 0.5, video.box))
        return Take(
            pictures=pictures,
            spoken=pictures,
            portrait=np.asarray(video.frames[int(rng.integers(len(video.frames)))]),
            box=video.box,
            weight=detail_weight(video.box, self.size),
            audio=heard[before : before + len(pictures)],
            motion=seen,
            other_motion=seen,
        )
