"""The stitch: no frame lost, none doubled, none touched that lies between two joints."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import RenderFailed
from tasks.job import OVERLAP_FRAMES, Clip
from tasks.media.decode import decode_frames
from tasks.media.lossless import LosslessReader
from tasks.stitch import stitch
from tests.tasks.media_samples import numbered, planned, read_number, rendered, write_clip

pytestmark = pytest.mark.numeric


def stored(path: Path) -> list[bytes]:
    with LosslessReader(path) as reader:
        return [bytes(packet) for packet in reader.packets()]


def test_every_frame_of_the_plan_is_there_once_and_in_order(tmp_path: Path) -> None:
    segments = planned([40, 25, 16, 60])
    whole = stitch.fn(segments, rendered(segments, tmp_path), tmp_path)
    assert [read_number(picture) for picture in decode_frames(whole)] == list(range(segments[-1].end_frame))


def test_between_joints_frames_are_copied_bit_by_bit(tmp_path: Path) -> None:
    segments = planned([30, 30])
    clips = rendered(segments, tmp_path)
    whole, first, second = (stored(path) for path in (stitch.fn(segments, clips, tmp_path), *(c.path for c in clips)))
    assert whole[:22] == first[:22]
    assert whole[30:] == second[8:]


def test_a_joint_moves_smoothly_from_one_clip_to_the_other(tmp_path: Path) -> None:
    segments = planned([30, 30])
    clips = []
    for segment, shade in zip(segments, (60, 180), strict=True):
        path = write_clip(tmp_path / f"{shade}.avi", [np.full((64, 64, 3), shade, np.uint8)] * 30)
        clips.append(Clip(segment.key, path, 30, 64, 64, ""))
    shades = np.array([picture.mean() for picture in decode_frames(stitch.fn(segments, clips, tmp_path))])
    steps = np.diff(shades)
    assert np.abs(shades[:22] - 60).max() <= 1.5 and np.abs(shades[30:] - 180).max() <= 1.5  # luma has 219 levels
    assert steps[21:30].min() > 0
    assert steps[21] < steps[25] / 2 and steps[29] < steps[25] / 2, "the mixing starts or ends with a jolt"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(2 * OVERLAP_FRAMES, 40), min_size=1, max_size=5))
def test_any_plan_keeps_its_frames(tmp_path: Path, lengths: list[int]) -> None:
    segments = planned(lengths)
    whole = stitch.fn(segments, rendered(segments, tmp_path, (112, 64)), tmp_path)
    assert [read_number(picture) for picture in decode_frames(whole)] == list(range(segments[-1].end_frame))


def test_a_clip_of_the_wrong_length_size_or_kind_is_named(tmp_path: Path) -> None:
    segments = planned([30, 30])
    good, clip = rendered(segments, tmp_path)
    short = write_clip(tmp_path / "short.avi", [numbered(n) for n in range(29)])
    small = write_clip(tmp_path / "small.avi", [numbered(n, 64, 64) for n in range(30)])
    (tmp_path / "text.avi").write_text("no clip")
    broken = tmp_path / "broken.avi"
    broken.write_bytes(clip.path.read_bytes()[: clip.path.stat().st_size // 2])
    for path, reason in {
        short: "29 frames, its segment 30",
        small: "64 x 64",
        tmp_path / "text.avi": "cannot be read",
        broken: "frames, its segment 30",
        tmp_path / "absent.avi": "cannot be read",
    }.items():
        with pytest.raises(RenderFailed, match=rf"clip key1 of lesson\[1\].*{reason}.*Delete .*{path.name}"):
            stitch.fn(segments, (good, replace(clip, path=path)), tmp_path)


def test_a_plan_with_a_hole_or_a_frame_in_three_segments_is_refused(tmp_path: Path) -> None:
    hole = planned([30, 30], overlap=-1)
    with pytest.raises(ValueError, match="shares 0 and -1"):
        stitch.fn(hole, rendered(hole, tmp_path), tmp_path)
    crowded = planned([30, 12, 30])
    with pytest.raises(ValueError, match="12 frames and shares 8 and 8"):
        stitch.fn(crowded, rendered(crowded, tmp_path), tmp_path)
