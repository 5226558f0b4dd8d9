"""The bundled checkpoint on a person it never saw: the paper's promises, from pixels. `actalker evaluate` has 24."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import actalker
from actalker.puppet.clip import Clip, held_out_clip, target_clip
from actalker.puppet.measure import Reader, correlation
from actalker.puppet.performance import blinks
from actalker.puppet.visemes import FPS
from actalker.talker import Talker
from actalker.training.evaluation import (
    Curves,
    Pictures,
    audio_scores,
    combined_scores,
    motion_scores,
    render,
    still_psnr,
    truth_of,
)
from actalker.training.image_quality import image_quality

FRAMES = 75
INDEX = 3


class Scene(NamedTuple):
    talker: Talker
    clip: Clip
    driver: Clip
    reader: Reader
    truth: Curves
    driven: Curves


@pytest.fixture(scope="module")
def scene() -> Scene:
    clip, driver = held_out_clip(INDEX, FRAMES), held_out_clip(INDEX + 1, FRAMES)
    talker = Talker.load(Path(actalker.__file__).parent / "checkpoints/demo")
    return Scene(talker, clip, driver, Reader(clip.person), truth_of(clip), truth_of(driver))


@pytest.fixture(scope="module")
def heard(scene: Scene) -> Pictures:
    return render(scene.talker, scene.clip, seed=0)


def test_the_mouth_follows_the_sound_and_closes_in_silence(scene: Scene, heard: Pictures) -> None:
    scores = audio_scores(scene.reader.read(heard), scene.truth)
    assert scores["audio_open"] > 0.93
    assert abs(scores["audio_lag_frames"]) <= 1
    assert scores["audio_silence"] < 0.05


def test_in_a_long_pause_the_mouth_stays_shut(scene: Scene) -> None:
    speech, said_s = scene.clip.speech, 1
    samples = speech.samples.copy()
    samples[said_s * speech.sample_rate :] = 0
    read = scene.reader.read(render(scene.talker, replace(scene.clip, speech=replace(speech, samples=samples)), 0))
    assert read["open"][: said_s * FPS].max() > 0.3
    assert read["open"][said_s * FPS + 10 :].max() < 0.1


def test_what_does_not_move_stays_as_it_is(scene: Scene, heard: Pictures) -> None:
    assert still_psnr(heard, scene.clip.portrait(256), scene.clip.pictures(256)) > 40


def test_by_sound_it_blinks_when_told_to_and_its_lids_are_clean(scene: Scene) -> None:
    lids = blinks(np.random.default_rng(5), FRAMES)
    made = render(scene.talker, scene.clip, seed=0, lids=lids)
    read = scene.reader.read(made)
    assert correlation(read["blink"], lids) > 0.9
    assert correlation(read["open"], scene.truth["open"]) > 0.85
    found = image_quality(made, target_clip(scene.clip, lids=lids).pictures(256), scene.clip.person.face_box(256))
    assert found.grain < 3  # grey levels


def test_a_driving_clip_alone_moves_mouth_brows_lids_and_smile(scene: Scene) -> None:
    made = render(scene.talker, scene.clip, 0, scene.driver, audio=False)
    scores = motion_scores(scene.reader.read(made), scene.driven)
    assert min(scores["motion_open"], scores["motion_brow"], scores["motion_blink"]) > 0.9
    assert scores["motion_smile"] > 0.5


def test_with_both_the_mouth_obeys_the_sound_and_the_brows_the_driver(scene: Scene) -> None:
    made = render(scene.talker, scene.clip, 0, scene.driver)
    scores = combined_scores(scene.reader.read(made), scene.truth, scene.driven)
    assert scores["both_open"] > 0.85
    assert scores["both_driver_open"] < 0.4
    assert scores["both_brow"] > 0.8
