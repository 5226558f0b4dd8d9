"""The lossless picture: what goes in comes out, and is tagged as what it is."""

from pathlib import Path

import av
import numpy as np
import pytest

from tasks.errors import BadInput, NoSpace
from tasks.media.decode import decode_frames, probe
from tasks.media.lossless import LosslessReader, LosslessWriter
from tests.tasks.media_samples import numbered, read_number, write_clip

pytestmark = pytest.mark.numeric


def test_pictures_come_back_with_bt709_colours(tmp_path: Path) -> None:
    colours = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 120, 60))
    flat = [np.full((64, 96, 3), colour, np.uint8) for colour in colours]
    path = write_clip(tmp_path / "flat.avi", flat)
    for before, after in zip(flat, decode_frames(path), strict=True):
        assert np.abs(before.astype(int) - after).max() <= 3
    video = probe(path).video
    assert video is not None
    assert (video.codec, video.pixel_format, video.color[2], video.frames) == ("utvideo", "yuv420p", 1, len(flat))


def test_luma_follows_bt709_in_limited_range(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "red.avi", [np.full((32, 32, 3), (255, 0, 0), np.uint8)])
    with LosslessReader(path) as reader:
        luma = reader.decode(next(reader.packets())).to_ndarray()[:32]
    assert np.abs(luma - (16 + 219 * 0.2126)).max() <= 1  # BT.601 would give 81.5 in place of 62.6


def test_every_frame_is_a_key_frame_at_25_per_second(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.avi", [numbered(number) for number in range(30)])
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        assert all(packet.is_keyframe for packet in packets)
        assert [packet.pts * packet.time_base * 25 for packet in packets] == list(range(30))
    assert [read_number(picture) for picture in decode_frames(path)] == list(range(30))


def test_the_same_frames_are_the_same_bytes(tmp_path: Path) -> None:
    one, other = (write_clip(tmp_path / name, [numbered(n) for n in range(5)]) for name in ("one.avi", "other.avi"))
    assert one.read_bytes() == other.read_bytes()


def test_wrong_shapes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="127 x 128"):
        LosslessWriter(tmp_path / "odd.avi", 127, 128)
    with LosslessWriter(tmp_path / "clip.avi", 128, 96) as writer:
        with pytest.raises(BadInput, match=r"\(128, 96, 3\)"):
            writer.write(numbered(0, 96, 128))
        with pytest.raises(BadInput, match="float32"):
            writer.write(numbered(0, 128, 96).astype(np.float32))  # type: ignore[arg-type]


def test_a_full_disk_is_named() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
    with pytest.raises(NoSpace, match="disk is full"), LosslessWriter(Path("/dev/full"), 256, 256) as writer:
        for _ in range(40):
            writer.write(noise)


def test_other_files_are_not_read_as_clips(tmp_path: Path) -> None:
    (tmp_path / "text.avi").write_text("no clip")
    with pytest.raises(BadInput, match="cannot be read as a lossless clip"):
        LosslessReader(tmp_path / "text.avi")
