import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from actalker.puppet.clip import Clip, training_clip
from actalker.shapes import Box, Size
from tasks.errors import BadInput, ManifestRefused
from tasks.manifest.training_videos import TrainingVideos, around, read


def film(path: Path, clip: Clip, width: int = 320, height: int = 256) -> Path:
    """A clip on a wide canvas, with its sound, as a camera's file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=25, options={"crf": "12"})
        picture.width, picture.height, picture.pix_fmt = width, height, "yuv420p"
        sound = container.add_stream("aac", rate=16_000, layout="mono")
        for drawn in clip.pictures(height):
            wide = np.full((height, width, 3), 200, np.uint8)
            wide[:, :height] = drawn
            container.mux(picture.encode(av.VideoFrame.from_ndarray(wide, format="rgb24")))
        container.mux(picture.encode(None))
        samples = (clip.audio() * 32767).astype(np.int16)[None]
        heard = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        heard.sample_rate, heard.pts, heard.time_base = 16_000, 0, Fraction(1, 16_000)
        container.mux(sound.encode(heard))
        container.mux(sound.encode(None))
    return path


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("footage")
    clip = training_clip(3, 70)
    film(folder / "takes" / "one.mp4", clip)
    film(folder / "takes" / "two.mp4", training_clip(5, 80))
    box = clip.person.face_box(256)
    path = folder / "footage.csv"
    cell = f"{box.left} {box.top} {box.right} {box.bottom}"
    path.write_text(f"video,face_box\ntakes/one.mp4,{cell}\ntakes/two.mp4,\n")
    return path


def test_videos_become_squares_around_the_face_with_their_sound(manifest: Path, tmp_path: Path) -> None:
    footage = TrainingVideos(manifest, tmp_path, 64)
    one, two = footage[0], footage[1]
    assert one.frames.shape == (70, 64, 64, 3)
    assert len(one.sound) == 70 * 640
    assert abs(two.box.left + two.box.right - 64) < 12  # the face is in the middle
    assert 0.3 < two.box.size.width / 64 < 0.6
    assert np.corrcoef(one.sound, training_clip(3, 70).audio())[0, 1] > 0.95  # the words stayed with the lips


def test_a_video_is_decoded_once(manifest: Path, tmp_path: Path) -> None:
    first = TrainingVideos(manifest, tmp_path, 64)[1]
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = TrainingVideos(manifest, tmp_path, 64)[1]
    assert np.array_equal(first.frames, again.frames)
    assert kept == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}


def test_every_fault_of_a_manifest_is_said(manifest: Path) -> None:
    bad = manifest.with_name("bad.csv")
    bad.write_text("video,face_box\ntakes/none.mp4,\ntakes/one.mp4,1 2 3\n../one.mp4,\n")
    with pytest.raises(ManifestRefused) as refusal:
        read(bad)
    message = str(refusal.value)
    assert all(
        problem in message for problem in ("there is no such file", "it is not a box", "leaves the allowed folders")
    )
    assert "row 2, video 'takes/none.mp4': " in message
    bad.write_text("film\nx.mp4\n")
    with pytest.raises(ManifestRefused, match="names no videos"):
        read(bad)


def test_a_manifest_is_read_in_the_encodings_and_from_the_files_of_any_manifest(manifest: Path) -> None:
    other = manifest.with_name("other.csv")
    other.write_text("video\r\ntakes/one.mp4\r\n", encoding="utf-16")
    assert [row.video.name for row in read(other)] == ["one.mp4"]
    other.write_text(f"video\n{'x' * 200_000}\n")
    with pytest.raises(ManifestRefused, match="not CSV"):
        read(other)
    os.mkfifo(manifest.with_name("pipe.csv"))
    with pytest.raises(ManifestRefused, match="not a file"):
        read(manifest.with_name("pipe.csv"))


def test_footage_that_cannot_be_used_is_refused_before_anything_is_trained(manifest: Path, tmp_path: Path) -> None:
    film(manifest.parent / "short.mp4", training_clip(4, 30))
    short = manifest.with_name("short.csv")
    short.write_text("video\nshort.mp4\n")
    with pytest.raises(BadInput, match="30 frames are too few"):
        TrainingVideos(short, tmp_path, 64)


def test_the_square_stays_inside_the_picture() -> None:
    assert around(Box(0, 0, 90, 120), Size(480, 640)) == Box(0, 0, 200, 200)
    assert around(Box(100, 100, 400, 400), Size(360, 640)) == Box(70, 0, 430, 360)
