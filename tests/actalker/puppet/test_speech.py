import itertools
from dataclasses import replace

import numpy as np
import pytest

from actalker.puppet.clip import held_out_clip, held_out_repeating_clip, target_clip, training_clip
from actalker.puppet.espeak import Speech, Unit, synthesise
from actalker.puppet.face import REST
from actalker.puppet.performance import gestures, performance
from actalker.puppet.sentences import HELD_OUT, babble, paragraph
from actalker.puppet.visemes import FPS, visemes

pytestmark = pytest.mark.numeric


def test_words_and_phonemes_carry_their_samples() -> None:
    speech = synthesise("Mama bought new shoes.")
    assert [word.text for word in speech.words] == ["Mama", "bought", "new", "shoes"]
    starts = [unit.start_sample for unit in speech.phonemes]
    assert starts == sorted(starts)
    assert starts[-1] <= len(speech.samples)
    assert np.abs(speech.samples).max() > 3000


def test_speech_is_the_same_twice_and_differs_between_voices() -> None:
    first, second, other = (synthesise("Good morning.", voice) for voice in ("en-us", "en-us", "en-us+f3"))
    assert np.array_equal(first.samples, second.samples)
    assert not np.array_equal(first.samples[:5000], other.samples[:5000])


@pytest.mark.parametrize(
    ("text", "voice", "said"), [("Hi", "klingon-x", "klingon-x"), ("", "en-us", "at least one word")]
)
def test_what_cannot_be_spoken_is_refused_with_the_reason(text: str, voice: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        synthesise(text, voice)


def _speech(*phonemes: tuple[str, float]) -> Speech:
    """Phonemes of given lengths in seconds, without sound."""
    units, at = [], 0.0
    for text, seconds in phonemes:
        units.append(Unit(text, round(at * 16000)))
        at += seconds
    return Speech(np.zeros(round(at * 16000), np.int16), 16000, (), tuple(units))


def test_lips_meet_for_a_p_between_open_vowels() -> None:
    mouth = visemes(_speech(("ɑː", 0.4), ("p", 0.12), ("ɑː", 0.4)), 23)[:, 0]
    assert mouth[5] > 0.9
    assert mouth[round(0.46 * FPS)] < 0.1
    assert mouth[18] > 0.9


def test_a_diphthong_moves_from_open_to_round() -> None:
    curve = visemes(_speech(("aʊ", 0.6)), 15)
    assert curve[3, 0] > 0.8 > curve[12, 0]
    assert curve[3, 2] < 0.2
    assert curve[11, 2] > 0.6


def test_the_mouth_is_closed_in_silence_and_after_the_speech() -> None:
    curve = visemes(_speech(("ɑː", 0.3), ("", 0.7)), 50)
    assert curve[15:, 0].max() < 1e-6  # no pixel


def test_gestures_do_not_depend_on_what_is_said() -> None:
    one, two = (performance(synthesise(text), 5, 60) for text in ("Ah.", "Several other words are said here."))
    assert [face.brow for face in one] == [face.brow for face in two]
    assert [face.open for face in one] != [face.open for face in two]


def test_gestures_are_lively_and_bounded() -> None:
    curves = gestures(3, 2000)
    brow, blink, smile = curves[:, 0], curves[:, 1], curves[:, 2]
    assert np.abs(brow).max() <= 1
    assert np.ptp(brow) > 0.8
    assert 15 <= np.sum((blink[1:] >= 1) & (blink[:-1] < 1)) <= 60  # in 80 seconds
    assert smile.min() >= -0.6
    assert np.abs(np.diff(curves[:, 5:7], axis=0)).max() < 0.002  # the head never jumps


def test_clips_are_pure_functions_and_the_evaluation_is_kept_apart() -> None:
    first, again = training_clip(11, 30), training_clip(11, 30)
    assert first.faces == again.faces
    assert np.array_equal(first.audio(), again.audio())
    assert first.audio().shape == (30 * 640,)
    training = " ".join(paragraph(seed, 3) for seed in range(200))
    assert not any(sentence in training for sentence in HELD_OUT)
    assert held_out_clip(0, 30).person not in {training_clip(seed, 1).person for seed in range(50)}


def test_signals_ask_for_what_they_tell_and_for_nothing_else() -> None:
    clip, driver, lids = held_out_clip(0, 20), held_out_clip(1, 20), np.linspace(0, 1, 20)
    for k in range(20):
        said, driven = clip.faces[k], driver.faces[k]
        assert target_clip(clip).faces[k] == REST.with_mouth_of(said)
        assert target_clip(clip, lids=lids).faces[k] == replace(REST.with_mouth_of(said), blink=lids[k])
        assert target_clip(clip, driver, sound=False).faces[k] == driven.with_still_head()
        assert target_clip(clip, driver).faces[k] == driven.with_still_head().with_mouth_of(said)
    assert target_clip(clip, driver).person == clip.person


def test_a_repeating_clip_ends_as_it_began() -> None:
    clip = held_out_repeating_clip(1, 300, 100)
    assert clip.frames == 300
    assert clip.person == held_out_clip(1, 1).person
    audio = clip.audio()
    assert np.abs(audio[: 100 * 640] - audio[200 * 640 :]).max() < 1e-3  # 1/1000 of full scale: one and the same sound
    faces = np.array([list(vars(face).values()) for face in clip.faces])
    first, last = faces[:100], faces[200:]
    assert np.abs(first[:, 4:] - last[:, 4:]).max() < 1e-9  # gestures, in float64
    assert np.abs(first[5:] - last[5:]).max() < 1e-6  # the mouth too, once the silence before is forgotten
    assert np.abs(first - faces[100:200]).max() > 0.1  # between them it is another
    assert np.abs(np.diff(faces[:, 9:11], axis=0)).max() < 0.002  # and on the way back the head does not jump
    words = [word.text for word in clip.speech.words]
    starts = [word.start_sample for word in clip.speech.words]
    assert starts == sorted(starts)
    repeated = sum(start < 100 * clip.speech.sample_rate // FPS for start in starts)
    assert words[-repeated:] == words[:repeated]


@pytest.mark.parametrize(("frames", "repeated", "reason"), [(200, 95, "no room"), (300, 30, "no sentence fits")])
def test_a_repeating_clip_needs_room(frames: int, repeated: int, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        held_out_repeating_clip(1, frames, repeated)


def test_babble_brings_every_phoneme_beside_many_others() -> None:
    heard = [[unit.text for unit in synthesise(babble(seed, 13)).phonemes] for seed in range(8)]
    pairs = {pair for phonemes in heard for pair in itertools.pairwise(phonemes)}
    assert len(pairs) > 300
    assert babble(3, 10) == babble(3, 10) != babble(4, 10)


def test_p_t_and_k_start_with_their_closure() -> None:
    """In which nothing is heard, and the lips are shut. espeak-ng itself announces them at the burst that follows."""
    speech = synthesise("A papa, a kaka, a pipe.", "en-us")
    step = speech.sample_rate // 1000
    stops = [unit.start_sample for unit in speech.phonemes if unit.text.lstrip("ˈˌ")[:1] in {"p", "t", "k"}]
    assert len(stops) == 6
    inner = [start for start in stops if np.abs(speech.samples[start - 30 * step : start - 5 * step]).max() > 500]
    assert len(inner) >= 4  # after a vowel
    for start in inner:
        assert np.abs(speech.samples[start + 5 * step : start + 35 * step]).max() < 50
