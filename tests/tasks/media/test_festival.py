import numpy as np
import pytest

from tasks.media import festival

pytestmark = pytest.mark.skipif(
    not festival.is_installed(), reason="festival, festvox-kallpc16k or festvox-kdlpc16k is not installed"
)


@pytest.mark.parametrize("voice", festival.VOICES)
def test_recorded_people_say_phonemes_at_their_times(voice: str) -> None:
    speech = festival.synthesise("My papa.", voice)
    assert [unit.text for unit in speech.phonemes] == ["", "m", "aɪ", "p", "ɑ", "p", "ə", ""]
    level = np.abs(speech.samples.astype(float))
    (_, _, _, closure, vowel, *_) = (unit.start_sample for unit in speech.phonemes)
    step = speech.sample_rate // 100
    assert level[closure + 3 * step : closure + 6 * step].mean() < 0.3 * level[vowel + 2 * step :][: 3 * step].mean()


def test_it_can_speak_slower_and_anything() -> None:
    usual, slow = (festival.synthesise("My papa.", "kal_diphone", stretch) for stretch in (1.0, 1.5))
    assert len(slow.samples) > 1.2 * len(usual.samples)
    one, same = (festival.say_anything(np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.samples, same.samples)
    assert one.phonemes == same.phonemes
