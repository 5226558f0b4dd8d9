"""The bundled checkpoint on a person it never saw: the paper's promises, from pixels. `actalker evaluate` has 24."""

from dataclasses import replace
from pathlib import Path

import pytest

import actalker
from actalker.puppet.clip import held_out_clip
from actalker.puppet.measure import Reader
from actalker.puppet.visemes import FPS
from actalker.talker import Talker
from actalker.training.evaluation import CLIPS, Portraits, render, score
from actalker.training.scores import ClipScores
from tests.held_out import INDEX

DEMO = Path(actalker.__file__).parent / "checkpoints/demo"
FRAMES = 50


@pytest.fixture(scope="module")
def talker() -> Talker:
    return Talker.load(DEMO)


@pytest.fixture(scope="module")
def scores(talker: Talker, reader: Reader) -> ClipScores:
    """By sound, by sound and blinks of its own, by a driving clip, and by both, each judged from its pixels."""
    return score(talker, Portraits(DEMO, CLIPS), INDEX, CLIPS, FRAMES)


def test_the_mouth_follows_the_sound_and_closes_in_silence(scores: ClipScores) -> None:
    assert scores.audio_open > 0.93
    assert abs(scores.audio_lag_frames) <= 1
    assert scores.audio_silence < 0.05


def test_in_a_long_pause_the_mouth_stays_shut(talker: Talker, reader: Reader) -> None:
    clip, said_s = held_out_clip(INDEX, 3 * FPS), 1
    samples = clip.speech.samples.copy()
    samples[said_s * clip.speech.sample_rate :] = 0
    read = reader.read(render(talker, replace(clip, speech=replace(clip.speech, samples=samples)), 0))
    assert read["open"][: said_s * FPS].max() > 0.3
    assert read["open"][said_s * FPS + 10 :].max() < 0.1


def test_what_does_not_move_stays_as_it_is_and_the_person_is_known_again(scores: ClipScores) -> None:
    assert scores.still_psnr_db > 40
    assert scores.own_identity == 1


def test_by_sound_it_blinks_when_told_to_and_its_lids_are_clean(scores: ClipScores) -> None:
    assert scores.idle_blink > 0.9
    assert scores.idle_open > 0.85
    assert scores.idle_grain < 3  # grey levels


def test_a_driving_clip_alone_moves_mouth_brows_lids_and_smile(scores: ClipScores) -> None:
    assert min(scores.motion_open, scores.motion_brow, scores.motion_blink) > 0.9
    assert scores.motion_smile > 0.5


def test_with_both_the_mouth_obeys_the_sound_and_the_brows_the_driver(scores: ClipScores) -> None:
    assert scores.both_open > 0.85
    assert scores.both_driver_open < 0.4
    assert scores.both_brow > 0.8
