"""The parts that measure: curves, the reading of drawn mouths, streams of samples."""

import numpy as np
import pytest

from actalker.faces.geometry import mouth_gap
from actalker.puppet.clip import held_out_clip
from tasks.job import FPS, SAMPLES_PER_FRAME, Word
from tasks.picture.portrait import face_mesh
from tasks.quality_control import moving_picture
from tasks.quality_control.curves import around, longest_run, medians, runs, worst_stretch
from tasks.quality_control.lips import Activity
from tasks.quality_control.moving_picture import MovingPicture
from tasks.quality_control.sound import Sound


@pytest.mark.parametrize("index", [0, 3])
def test_the_mesh_reads_drawn_mouths(index: int) -> None:
    """Of six people the correlation with the truth was 0.80 to 0.95."""
    clip = held_out_clip(index, 60)
    pictures, mesh = clip.pictures(256), face_mesh()
    points = mesh.find(pictures[0])[0].points
    read = []
    for picture in pictures:
        points = mesh.follow(picture, points).points
        read.append(mouth_gap(points))
    assert np.corrcoef(read, [face.open for face in clip.faces])[0, 1] > 0.75


def test_curves() -> None:
    condition = np.array([0, 1, 1, 0, 1, 1, 1, 0], bool)
    assert runs(condition, 3) == [(4, 7)]
    assert longest_run(condition) == (3, 4)
    assert longest_run(condition, np.arange(8) < 4) == (2, 1)
    assert longest_run(np.zeros(3, bool)) == (0, -1)
    assert medians(np.array([1.0, 9.0, 2.0]), 5).tolist() == [2.0]
    spike = np.array([0.0] * 10 + [5.0] + [0.0] * 10 + [3.0] * 9)
    score = worst_stretch(spike, 5, max, first=100, step=2)
    assert score.value == 3.0  # a spike is no stretch
    assert score.frame >= 100 + 2 * 21
    usual = around(np.array([1.0, 1.0, 8.0, 1.0, 1.0, 1.0]), 3, 100)
    assert usual[2] == 1.0 and usual[4] == 8.0


@pytest.mark.numeric
@pytest.mark.parametrize("percentile", [10, 50, 90, 100])
@pytest.mark.parametrize("length", [5, 8, 60, 5000])
def test_what_is_usual_around_is_as_numpy_says(length: int, percentile: int) -> None:
    curve = np.random.default_rng(length).gamma(1.0, 2.0, length)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(curve, 3, constant_values=np.nan), 7)
    expected = np.nanpercentile(np.delete(windows, [2, 3, 4], axis=1), percentile, axis=1)
    np.testing.assert_array_equal(around(curve, 3, percentile), expected)


def test_speech_and_silence_are_judged_by_the_recording() -> None:
    levels = [-70] * 20 + [-20] * 20 + [-50] * 20 + [-70] * 20
    activity = Activity.of(levels)
    assert np.flatnonzero(activity.speaking).tolist() == list(range(20, 40))
    assert runs(activity.silent) == [(0, 20), (60, 80)]
    words = [Word("one", 800, 1200, 0)]
    assert np.flatnonzero(Activity.of(levels, words).speaking).tolist() == list(range(20, 30))
    assert Activity.of([-120] * 9).silent.all() and not Activity.of([-120] * 9).speaking.any()


def test_sound_is_the_same_in_whatever_blocks_it_comes() -> None:
    """A second's edge is no click."""
    generator = np.random.default_rng(0)
    samples = (generator.normal(0, 2000, 2 * FPS * SAMPLES_PER_FRAME + 700)).astype(np.int16)
    expected = np.ones(2 * FPS + 1, bool)
    whole = Sound([samples]).scores(expected)
    assert Sound(np.array_split(samples, 37)).scores(expected) == whole
    assert whole["click"].value < 3
    assert len(Sound([samples]).levels) == 2 * FPS + 1


@pytest.mark.parametrize("frames", [1, 2, 9, 10, 32, 33, 75])
def test_frames_are_compared_alike_one_by_one_and_many_at_once(frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(frames)
    shown = [chance.integers(30, 220, (96, 80)).astype(np.uint8) for _ in range(frames)]
    for number in range(5, frames, 7):
        shown[number] = shown[number - 1]  # frozen
    for number in range(8, frames, 30):
        shown[number] = np.full((96, 80), 16, np.uint8)  # black

    def measured(together: int) -> dict[str, object]:
        monkeypatch.setattr(moving_picture, "_TOGETHER", together)
        picture = MovingPicture(100.0, lossless=True)
        for frame in shown:
            picture.take(frame)
        picture.scores(None)
        return {
            name: list(getattr(picture, name)) for name in ("_black", "_changes", "_largest", "_across", "_flicker")
        }

    one_by_one = measured(1)
    assert measured(32) == one_by_one
    assert len(one_by_one["_changes"]) == frames  # type: ignore[arg-type]
    if frames > 33:
        assert one_by_one["_black"] == list(range(8, frames, 30))
        assert one_by_one["_largest"][5] == 0  # type: ignore[index]
