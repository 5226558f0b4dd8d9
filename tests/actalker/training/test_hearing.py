"""The audio encoder's training: what is spoken, what happens to it on the way, what is learned from it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from actalker.encoders.small import VISEMES, AudioEncoder, frame_mel
from actalker.puppet import neural
from actalker.puppet.espeak import Speech, synthesise
from actalker.puppet.visemes import voiced
from actalker.training import utterances
from actalker.training.acoustics import disturbed, log_mels, masked
from actalker.training.codecs import CODECS, coded
from actalker.training.hearing import VisemeObjective, agreement, squared_error
from actalker.training.utterances import HELD_OUT_STYLE, Utterances, of_speech
from actalker.training.vocoder import HOP, resynthesised

Samples = np.ndarray


def one_word(rng: np.random.Generator) -> Speech:
    return synthesise(("Mama", "sofa", "window")[int(rng.integers(3))])


@pytest.fixture(scope="module")
def speech() -> Speech:
    return synthesise("My mama bought a small blue boat.")


@pytest.fixture(scope="module")
def sound(speech: Speech) -> Samples:
    return of_speech(speech).samples.astype(np.float32) / 32768


def test_batches_are_functions_of_their_number_and_steps_lower_the_loss(tmp_path: Path) -> None:
    torch.manual_seed(0)
    objective = VisemeObjective(AudioEncoder(16), tmp_path, {"espeak-ng": one_word}, stretches=3)
    mels, truth = objective.batch(1)
    assert mels.shape == (3, 400, 80)
    assert truth.shape == (3, 100, len(VISEMES))
    assert torch.equal(objective.batch(1)[0], mels)
    assert not torch.equal(objective.batch(2)[0], mels)
    first, optimizer = float(objective.loss(1)[0].detach()), torch.optim.Adam(objective.module().parameters(), 5e-3)
    for step in range(15):
        optimizer.zero_grad()
        objective.loss(step)[0].backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert float(objective.loss(1)[0].detach()) < 0.8 * first


def test_agreement_is_lost_by_another_range_and_by_another_mean() -> None:
    curve = torch.sin(torch.arange(100.0) / 5)[None, :, None].expand(1, 100, 3)
    assert float(agreement(curve, curve).min()) == pytest.approx(1, abs=1e-5)
    assert float(agreement(0.5 * curve, curve).max()) == pytest.approx(0.8, abs=0.01)  # 2 * 0.5 / (1 + 0.25)
    assert float(agreement(curve + 1, curve).max()) == pytest.approx(0.5, abs=0.05)  # half of the power is the mean's
    assert float(agreement(-curve, curve).max()) < -0.9


def test_a_mouth_that_flickers_and_lips_that_do_not_meet_cost_more() -> None:
    half_open, closed = (torch.full((1, 100, 4), value) for value in (0.5, 0.0))
    steady = torch.full((1, 100, 4), 0.1)
    flickering = steady * (-1.0) ** torch.arange(100)[None, :, None]
    error = float(squared_error(half_open + steady, half_open))
    assert float(squared_error(half_open + flickering, half_open)) == pytest.approx(3 * error)  # changes of 0.2
    opened = torch.tensor([0.1, 0.0, 0.0, 0.0])
    assert float(squared_error(closed + opened, closed)) == pytest.approx(
        2 * float(squared_error(half_open + opened, half_open))
    )


def test_an_utterance_is_made_once_and_is_the_same_in_another_folder(tmp_path: Path) -> None:
    made: list[int] = []

    def counted(rng: np.random.Generator) -> Speech:
        made.append(1)
        return one_word(rng)

    kept = Utterances(tmp_path / "a", {"espeak-ng": counted})
    first, again = kept.get("espeak-ng", 3), kept.get("espeak-ng", 3)
    assert len(made) == 1
    other = Utterances(tmp_path / "b", {"espeak-ng": one_word}).get("espeak-ng", 3)
    for one in (again, other):
        assert np.array_equal(one.samples, first.samples)
        assert np.array_equal(one.mouth, first.mouth)
    assert len(first.samples) == 640 * len(first.mouth) == HOP * len(first.voiced)


def test_the_held_out_style_is_in_no_mixture() -> None:
    rng = np.random.default_rng(0)
    styles = {name: np.full((3, 256), fill, np.float32) for name, fill in (("jf_alpha", 1.0), ("jm_kumo", 2.0))}
    mixtures = [utterances._style({**styles, HELD_OUT_STYLE: np.full((3, 256), np.nan)}, rng) for _ in range(50)]
    assert np.isfinite(mixtures).all()
    assert len({float(mixture[0, 0]) for mixture in mixtures}) > 40
    assert any(mixture[0, 0] != mixture[0, 200] for mixture in mixtures)  # timbre and melody apart


@pytest.mark.skipif(not neural.kokoro_is_installed(), reason="the extra `training` is not installed")
def test_the_held_out_style_is_one_that_kokoro_has() -> None:
    assert HELD_OUT_STYLE in neural.kokoro().styles


def test_somebody_else_says_the_same_at_the_same_time(speech: Speech, sound: Samples) -> None:
    folds = voiced(speech, len(sound) // HOP, 16_000 // HOP)
    others = [resynthesised(sound, folds, np.random.default_rng(seed)) for seed in range(4)]
    for other in others:
        assert other.shape == sound.shape
        assert np.corrcoef(loudness(other), loudness(sound))[0, 1] > 0.8
        assert abs(np.corrcoef(other, sound)[0, 1]) < 0.2  # nothing is left of the voice itself
    assert np.array_equal(others[0], resynthesised(sound, folds, np.random.default_rng(0)))


def loudness(sound: Samples) -> Samples:
    return np.log(np.abs(sound[: len(sound) // 320 * 320]).reshape(-1, 320).mean(1) + 1e-3)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: f"{codec[0]} {codec[1]}")
def test_a_codec_delays_nothing(sound: Samples, codec: tuple[str, int]) -> None:
    heard = coded(sound, *codec)
    assert heard.shape == sound.shape
    assert not np.array_equal(heard, sound)
    assert np.corrcoef(heard, sound)[0, 1] > 0.85


def test_rooms_microphones_and_noise_delay_nothing(sound: Samples) -> None:
    sounds = torch.from_numpy(np.stack([sound] * 12))
    heard = disturbed(sounds, np.random.default_rng(1))
    assert heard.shape == sounds.shape
    assert heard.abs().max() <= 1
    assert torch.equal(heard, disturbed(sounds, np.random.default_rng(1)))
    assert float(heard.square().mean(1).sqrt().log10().std()) > 0.2  # levels differ
    for one in heard.numpy():
        lags = [np.corrcoef(np.roll(one, -lag)[200:-200], sound[200:-200])[0, 1] for lag in range(-80, 81, 2)]
        assert abs(int(np.argmax(np.abs(lags))) * 2 - 80) <= 8


def test_features_are_those_of_the_encoder_but_for_the_length_of_the_vocal_tract(sound: Samples) -> None:
    plain = frame_mel(torch.from_numpy(sound))
    rng = np.random.default_rng(0)
    warped = [log_mels(torch.from_numpy(sound)[None], rng)[0] for _ in range(40)]
    errors = [float((one - plain).abs().mean()) for one in warped]
    assert min(errors) < 1e-5
    assert 0.02 < max(errors) < 0.3
    hidden = masked(torch.stack(warped), rng)
    assert 0.01 < float((hidden != torch.stack(warped)).float().mean()) < 0.2
