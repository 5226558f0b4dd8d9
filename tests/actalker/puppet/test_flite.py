import numpy as np
import pytest

from actalker.puppet import flite


@pytest.fixture
def installed() -> None:
    try:
        flite.synthesise("Here.", "slt")
    except OSError as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("installed")
def test_its_voices_say_phonemes_at_their_times() -> None:
    speech = flite.synthesise("My papa.", "slt")
    assert [unit.text for unit in speech.phonemes] == ["", "m", "aɪ", "p", "ɑ", "p", "ə", ""]
    level = np.abs(speech.samples.astype(float))
    (_, _, _, closure, vowel, *_) = (unit.start_sample for unit in speech.phonemes)
    assert level[closure + 320 : closure + 800].mean() < 0.2 * level[vowel + 320 : vowel + 800].mean()


@pytest.mark.usefixtures("installed")
def test_a_voice_that_is_not_there_is_an_error() -> None:
    with pytest.raises(OSError, match="nobody"):
        flite.synthesise("Hello.", "nobody")


def test_where_flite_is_not_installed_the_error_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flite, "_LIBRARIES", ("libflite-that-nobody-has.so.1",))
    with pytest.raises(OSError, match="libflite1"):
        flite._library.__wrapped__()
