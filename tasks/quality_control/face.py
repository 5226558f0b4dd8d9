"""The face in every other frame, by its mesh: whether it is there, how far its mouth is open, and how much it is that
of the portrait.

The mesh reads photographs and drawings (`actalker.faces`): of six drawn people, it follows the true opening of the
mouth with a correlation of 0.80 to 0.95 (tests/tasks/quality_control/test_measures.py).
"""

from collections.abc import Callable
from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from actalker.faces.geometry import box_of, eye_centres, eye_distance, mouth_gap, pose_of, share_outside
from actalker.faces.mesh import MIN_SCORE, Points
from actalker.shapes import Size
from tasks.job import FPS, Score
from tasks.picture.portrait import face_mesh
from tasks.quality_control.curves import Curve, longest_run, worst_stretch

Picture = NDArray[np.uint8]
Luma = NDArray[np.uint8]
Place = tuple[int, int, int, int]
"""Left, top, width and height of the rendered picture inside of the frame, all even."""

EVERY = 2
"""A face is looked at in every second frame: sound and mouth are still compared to a frame."""
_FACE_PX = 150
"""The frame is shrunk until the face's box is so large: the mesh sees no more."""
_EYES_PX, _ALIGNED = 16, (48, 48)
"""The face as it is compared: the distance of its eyes, and the size of the picture."""
_EYES_AT = (24, 20)
_SHARP_PX = 192
"""Sharpness is measured where the face's box is at most so large."""
_LAST_SAMPLES = FPS // EVERY
"""One second: what lasts for less is a blink or a turn."""
_SEARCH_EVERY = FPS
"""Frames: so often a lost face is looked for in the whole picture, which takes ten times as long."""
_GONE = 0.8
"""A face of whose outline so much is outside is lost."""
_FACING_DEG = 12.0
"""A face that is turned further than this away from the portrait's pose cannot be compared with it."""


@dataclass(frozen=True)
class Seen:
    """What one frame shows of a face.

    Attributes:
        gap: Between the lips, in eye distances.
        outside: The share of the face's outline that is beyond the edge.
        face: (48, 48, 3) RGB, see `aligned_face`.
        sharpness: Of the face's luma: mean second difference over the contrast.
        turned: Yaw and pitch in degrees.
    """

    gap: float
    outside: float
    face: Picture
    sharpness: float
    turned: tuple[float, float]


class FaceReader:
    """Takes the frames of a clip or a video one by one, and keeps a few numbers for every second one.

    Args:
        portrait: The portrait as a frame, of the size at which it is shown; None where there is none.
        points: (468, 3) of its mesh in that frame; None where they are unknown.
        place: Where the rendered picture is in the frames.
    """

    def __init__(self, portrait: av.VideoFrame | None, points: Points | None, place: Place) -> None:
        self._place, self._points = place, points
        self._converter = VideoReformatter()
        self._mesh = face_mesh()
        self._searched = -_SEARCH_EVERY
        self._number = 0
        self.portrait = None
        if portrait is not None and points is not None:
            self._place = (0, 0, portrait.width, portrait.height)
            self.portrait = self._read(portrait)
            self._place = place
        self.frames: list[int] = []
        self._seen: list[tuple[float, float, float, float, float]] = []

    def take(self, frame: av.VideoFrame) -> None:
        """Take the next frame in, yuv420p."""
        if self._number % EVERY == 0:
            seen = self._read(frame)
            self.frames.append(self._number)
            if seen is None:
                self._seen.append((np.nan,) * 5)
            else:
                self._seen.append((seen.gap, seen.outside, seen.sharpness, *self._compared(seen)))
        self._number += 1

    def _compared(self, seen: Seen) -> tuple[float, float]:
        """How alike a face is to the portrait's, 0 to 1, and how far its colour is off; nan where it is turned away."""
        if self.portrait is None:
            return np.nan, np.nan
        away = np.hypot(*np.subtract(seen.turned, self.portrait.turned))
        shift = np.abs(seen.face.mean((0, 1)) - self.portrait.face.mean((0, 1))).max()
        return (np.nan if away > _FACING_DEG else alike(seen.face, self.portrait.face)), float(shift)

    def _read(self, frame: av.VideoFrame) -> Seen | None:
        left, top, width, height = self._place
        if self._points is None and not self._find(frame):
            return None
        assert self._points is not None
        scale = min(1.0, _FACE_PX / box_of(self._points).size.width)
        rgb = self._shrunk(frame, scale)
        mesh = self._mesh.follow(rgb, self._points * scale)
        if mesh.score <= MIN_SCORE:
            if self._find(frame):
                rgb = self._shrunk(frame, scale)
                mesh = self._mesh.follow(rgb, self._points * scale)
            if mesh.score <= MIN_SCORE:
                return None
        points = mesh.points / scale
        outside = share_outside(points, Size(height, width))
        if outside > _GONE:
            return None
        self._points = points
        pose = pose_of(points)
        return Seen(
            mouth_gap(points),
            outside,
            aligned_face(rgb, mesh.points),
            sharpness(luma_of(frame)[top : top + height, left : left + width], points),
            (pose.yaw_deg, pose.pitch_deg),
        )

    def _shrunk(self, frame: av.VideoFrame, scale: float) -> Picture:
        """The rendered picture in RGB, smaller."""
        left, top, width, height = (round(edge * scale) for edge in self._place)
        size = round(frame.width * scale), round(frame.height * scale)
        small = self._converter.reformat(
            frame, width=size[0], height=size[1], format="rgb24", interpolation=Interpolation.AREA
        )
        return np.ascontiguousarray(small.to_ndarray()[top : top + height, left : left + width], np.uint8)

    def _find(self, frame: av.VideoFrame) -> bool:
        """Look for the face in the whole picture, now and then."""
        if self._number - self._searched < _SEARCH_EVERY:
            return False
        self._searched = self._number
        found = self._mesh.find(self._shrunk(frame, 1.0))
        if found:
            self._points = found[0].points
        return bool(found)

    @property
    def gaps(self) -> Curve:
        """How far the mouth is open in `frames`; nan where no face is found."""
        return np.array([seen[0] for seen in self._seen])

    def scores(self) -> dict[str, Score]:
        """What was found in all frames."""
        if not self._seen:
            return {}
        gap, outside, sharp, likeness, colour = np.array(self._seen).T
        run, start = longest_run(np.isnan(gap))
        found = {"face_lost_ms": Score(run * EVERY * 1000 / FPS, start * EVERY if run else -1)}
        usual = self.portrait.outside if self.portrait else 0.0
        found |= self._worst("face_outside", outside - usual, max)
        if self.portrait:
            found |= self._worst("sharpness", sharp / max(self.portrait.sharpness, 1e-6), min)
            found |= self._worst("likeness", likeness, min)
            found |= self._worst("colour_drift", colour, max)
        return found

    def _worst(self, name: str, curve: Curve, worst: Callable[[Curve], float]) -> dict[str, Score]:
        there = np.flatnonzero(~np.isnan(curve))
        if not there.size:
            return {}
        score = worst_stretch(curve[there], _LAST_SAMPLES, worst)
        return {name: Score(score.value, int(there[min(score.frame, len(there) - 1)]) * EVERY)}


def aligned_face(rgb: Picture, points: Points) -> Picture:
    """The face from the hair to the chin, in RGB, level, its eyes always in the same place."""
    shrink = min(1.0, 1.5 * _EYES_PX / eye_distance(points))  # warpAffine has no area filter
    small = cv2.resize(rgb, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    left, right = eye_centres(points)[:, :2] * shrink
    turn = np.subtract(right, left)
    x, y = (_EYES_PX / (eye_distance(points) * shrink)) * turn / np.hypot(*turn)
    turned = np.array([[x, y], [-y, x]])
    shift = _EYES_AT - turned @ ((left + right) / 2)
    view = np.column_stack([turned, shift])
    return np.asarray(cv2.warpAffine(small, view, _ALIGNED, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def alike(one: Picture, other: Picture) -> float:
    """Correlation of two aligned faces, colours included: 1 where they are the same picture, whatever its light.

    Of 1,770 pairs of different drawn people, 5 % reach 0.80, and 0.6 % do so with nearly the same colours.
    """
    a, b = (picture.astype(np.float64) - picture.mean((0, 1)) for picture in (one, other))
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum()) / size if size else 0.0


def sharpness(luma: Luma, points: Points) -> float:
    """Mean second difference of the face's luma over its contrast, no larger than `_SHARP_PX`."""
    box = box_of(points).within(Size(*luma.shape[:2]))
    face = luma[box.top : box.bottom, box.left : box.right]
    scale = _SHARP_PX / box_of(points).size.width
    if scale < 1:
        face = np.asarray(cv2.resize(face, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    grey = face.astype(np.float32)
    return float(np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean() / max(float(grey.std()), 1.0))


def luma_of(frame: av.VideoFrame) -> Luma:
    """The luma of a yuv420p frame, (height, width), without a copy."""
    plane = frame.planes[0]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
