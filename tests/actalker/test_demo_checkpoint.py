"""The bundled checkpoint keeps its promises: one held-out person, judged from the pixels. Its card has the table."""

from pathlib import Path

import pytest

import actalker
from actalker.talker import Talker
from actalker.training.evaluation import ClipScores, Portraits, score

DEMO = Path(actalker.__file__).parent / "checkpoints" / "demo"


@pytest.fixture(scope="module")
def scores() -> ClipScores:
    return score(Talker.load(DEMO), Portraits(DEMO, clips=8), index=3, clips=8, frames=60)


def test_the_measure_reads_true_frames(scores: ClipScores) -> None:
    assert scores.reader_open > 0.97


def test_by_sound_alone_the_mouth_says_it_in_time(scores: ClipScores) -> None:
    assert scores.audio_open > 0.85
    assert scores.audio_lag_frames in (0, 1)
    assert 0.7 < scores.audio_range < 1.3


def test_by_motion_alone_the_driving_clip_is_followed(scores: ClipScores) -> None:
    assert scores.motion_open > 0.8
    assert scores.motion_blink > 0.7


def test_with_both_the_mouth_obeys_the_sound_and_not_the_driver(scores: ClipScores) -> None:
    """The paper's claim: control without conflict."""
    assert scores.both_open > 0.85
    assert scores.both_open > scores.both_driver_open + 0.4
    assert scores.both_brow > 0.6


def test_the_person_stays_who_it_is(scores: ClipScores) -> None:
    assert scores.own_identity == 1
    assert scores.still_psnr_db > 30
