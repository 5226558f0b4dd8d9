"""Videos to train on: a CSV of videos with the boxes of their faces, decoded to squares around them.

    video,face_box
    takes/anna.mp4,120 80 360 400
    takes/ben.mp4,

Without a box the face is looked for in the first frame.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from actalker.shapes import FRAME_SAMPLES, Box, Size
from actalker.training.takes import Video
from tasks.errors import BadInput, Fault, ManifestRefused
from tasks.manifest import cells, form
from tasks.media.decode import decode_audio, decode_frames
from tasks.picture.portrait import find_faces
from tasks.picture.preflight import usable_face

FACE_SHARE = 0.45
"""Width of the face in the square, where the picture has the room."""
HEARD_RATE = 25 * FRAME_SAMPLES
"""Samples a second that the encoders take."""
MAX_FRAMES = 25 * 60 * 10
"""Of each video the first ten minutes are used: 3 GB of pixels at 256."""


@dataclass(frozen=True, slots=True)
class TrainingVideo:
    """One row."""

    video: Path
    face_box: tuple[int, int, int, int] | None


def read(manifest: Path) -> tuple[TrainingVideo, ...]:
    """The rows of a footage manifest.

    Raises:
        ManifestRefused: With every fault: no column `video`, a file that is not there, a box that is none.
    """
    faults: list[Fault] = []
    home = manifest.parent.resolve()
    rows: list[TrainingVideo] = []
    try:
        lines = list(csv.DictReader(io.StringIO(form.text_of(form.bytes_of(manifest)), newline="")))
    except csv.Error as error:
        raise ManifestRefused(
            (Fault(0, "manifest", manifest.name, f"it is not CSV ({error})", "Check the quotes."),)
        ) from error
    except BadInput as error:
        raise ManifestRefused((Fault(0, "manifest", manifest.name, error.problem, error.remedy),)) from error
    if not lines or "video" not in lines[0]:
        remedy = "Give a header with the columns video and face_box, and at least one row."
        raise ManifestRefused((Fault(0, "manifest", manifest.name, "it names no videos", remedy),))
    for number, line in enumerate(lines, 2):  # as a spreadsheet numbers them: the header is row 1
        name, box = line["video"] or "", line.get("face_box") or ""
        try:
            rows.append(TrainingVideo(cells.path(name, home, (home,)), cells.face_box(box.strip())))
        except BadInput as error:
            faults.append(Fault(number, "video", name, error.problem, error.remedy))
    if faults:
        raise ManifestRefused(tuple(faults))
    return tuple(rows)


class TrainingVideos(Sequence[Video]):
    """The videos of a manifest, each decoded once into a folder and read from there as needed."""

    def __init__(self, manifest: Path, folder: Path, size: int) -> None:
        self.rows, self.folder, self.size = read(manifest), folder, size
        self._opened = lru_cache(maxsize=None)(self._open)  # frames are mapped, not held
        for index in range(len(self.rows)):  # what cannot be used is said before anything is trained
            self._opened(index)

    def __len__(self) -> int:
        """How many."""
        return len(self.rows)

    def __getitem__(self, index: int) -> Video:  # type: ignore[override]  # no slices
        """One of them. Raises BadInput when it cannot be trained on."""
        return self._opened(index)

    def _open(self, index: int) -> Video:
        row, kept = self.rows[index], self.folder / f"{index:04}.npz"
        pixels = self.folder / f"{index:04}.npy"
        if not kept.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            box, sound = decode(row, self.size, pixels)
            np.savez(kept, box=np.array(box), sound=sound)
        with np.load(kept) as known:
            box, sound = known["box"], known["sound"]
        try:
            return Video(np.load(pixels, mmap_mode="r"), sound, Box(*(int(edge) for edge in box)))
        except ValueError as error:
            raise BadInput(f"{row.video.name} cannot be trained on: {error}", "Leave it out.") from error


def decode(row: TrainingVideo, size: int, target: Path) -> tuple[tuple[int, int, int, int], NDArray[np.float32]]:
    """Write a video's frames, (n, size, size, 3) at 25 per second, to a .npy file.

    Returns:
        The face's box in these frames, and the sound, (640 n,) in [-1, 1].

    Raises:
        BadInput: The video has no picture, no sound or no usable face.
    """
    sound = decode_audio(row.video, HEARD_RATE).astype(np.float32) / np.float32(32768)
    count = min(len(sound) // FRAME_SAMPLES, MAX_FRAMES)
    frames = decode_frames(row.video, 0, count)
    first = next(frames, None)
    if first is None:
        raise BadInput(f"{row.video.name} has no frames", "Leave it out.")
    face = Box(*row.face_box) if row.face_box else _found(first, row.video)
    square = around(face, Size(*first.shape[:2]))
    part = target.with_suffix(".partial")
    pixels = open_memmap(part, mode="w+", dtype=np.uint8, shape=(count, size, size, 3))
    made = 0
    for frame in chain([first], frames):
        inside = frame[square.top : square.bottom, square.left : square.right]
        pixels[made] = cv2.resize(inside, (size, size), interpolation=cv2.INTER_AREA)
        made += 1
    np.save(target, pixels[:made])  # sound may be longer than picture
    part.unlink()
    scale = size / square.size.width
    edges = (face.left - square.left, face.top - square.top, face.right - square.left, face.bottom - square.top)
    left, top, right, bottom = (min(max(round(edge * scale), 0), size) for edge in edges)
    return (left, top, right, bottom), sound[: made * FRAME_SAMPLES]


def _found(picture: NDArray[np.uint8], video: Path) -> Box:
    try:
        return usable_face(picture, find_faces(picture))
    except BadInput as error:
        raise BadInput(f"{video.name}: {error.problem}", "Give its box in the column face_box.") from error


def around(face: Box, picture: Size) -> Box:
    """The square that is trained on: the face a little above its middle, as wide as `FACE_SHARE` of it if it fits."""
    edge = min(round(face.size.width / FACE_SHARE), picture.height, picture.width)
    left = round((face.left + face.right) / 2 - edge / 2)
    top = round((face.top + face.bottom) / 2 - edge * 0.45)
    left = min(max(left, 0), picture.width - edge)
    top = min(max(top, 0), picture.height - edge)
    return Box(left, top, left + edge, top + edge)
