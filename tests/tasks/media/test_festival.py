import numpy as np
import pytest

from tasks.media import festival

NEEDS = "festival with festvox-kallpc16k, festvox-kdlpc16k, festvox-itapc16k and festvox-czech-ph is not installed"
pytestmark = pytest.mark.skipif(
    not {"kal_diphone", "ked_diphone", "pc_diphone", "czech_ph"} <= set(festival.installed()), reason=NEEDS
)


@pytest.mark.parametrize("voice", [voice for voice in festival.installed() if voice[:3] in ("kal", "ked")])
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


@pytest.mark.parametrize(
    ("voice", "text", "said"),
    [
        ("pc_diphone", "gnocchi", " nj ɔ k k i "),
        ("lp_diphone", "sciarpa", " ʃ a ɾ p a "),
        ("czech_ph", "čaj", " tʃ a j "),
        ("czech_machac", "řeka", " ʒ ɛ k a "),
        ("hy_fi_mv_diphone", "yö", " u o "),
        ("suo_fi_lj_diphone", "hyvää", " h u v æ "),
        ("hindi_NSK_diphone", "नमस्ते", " n ʌ m ʌ s t e "),
    ],
)
def test_other_languages_have_the_mouths_of_their_own_letters(voice: str, text: str, said: str) -> None:
    if voice not in festival.installed():
        pytest.skip(f"{voice} is not installed")
    assert " ".join(unit.text for unit in festival.synthesise(text, voice).phonemes).strip() == said.strip()


@pytest.mark.parametrize("voice", festival.installed())
def test_every_phoneme_of_pseudo_words_is_known(voice: str) -> None:
    rng = np.random.default_rng(3)
    text = festival.VOICES[voice].text(rng)
    assert len(festival.synthesise(text, voice).phonemes) > 20
    assert text != festival.VOICES[voice].text(rng)
