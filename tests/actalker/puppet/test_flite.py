import numpy as np
import pytest

from actalker.puppet import flite


def test_its_voices_say_phonemes_at_their_times() -> None:
    try:
        speech = flite.synthesise("My papa.", "slt")
    except OSError as error:
        pytest.skip(f"flite is not installed: {error}")
    assert [unit.text for unit in speech.phonemes] == ["", "m", "aɪ", "p", "ɑ", "p", "ə", ""]
    level = np.abs(speech.samples.astype(float))
    (_, _, _, closure, vowel, *_) = (unit.start_sample for unit in speech.phonemes)
    assert level[closure + 320 : closure + 800].mean() < 0.2 * level[vowel + 320 : vowel + 800].mean()


def test_a_voice_that_is_not_there_is_an_error() -> None:
    with pytest.raises(OSError, match="nobody"):
        flite.synthesise("Hello.", "nobody")
