import json
from pathlib import Path

import numpy as np
import pytest

from actalker.puppet.clip import held_out_sentence
from actalker.talker import Talker
from actalker.training import listening
from actalker.training.evaluation import truth_of
from actalker.training.listening import (
    NOISE_DB,
    VOICES,
    Following,
    VoiceScores,
    VoiceTable,
    clip_of,
    evaluate_voices,
    following,
    heard_in,
    write,
)
from tasks.renderers.renderer import DEMO_WEIGHTS


def test_the_encoder_alone_follows_a_voice_and_pauses() -> None:
    talker, clips = Talker.load(DEMO_WEIGHTS), [clip_of(held_out_sentence(index), index) for index in range(4)]
    scores = following((heard_in(talker, clip), truth_of(clip)) for clip in clips)
    assert scores.open > 0.93
    assert scores.worst_open <= scores.open
    assert scores.silence < 0.08
    assert scores.lag_frames == 0


def test_the_truth_follows_itself_and_something_else_does_not() -> None:
    mouths = [truth_of(clip_of(held_out_sentence(index), index)) for index in range(2)]
    itself = following([(mouth, mouth) for mouth in mouths])
    assert (itself.open, itself.wide, itself.round, itself.range, itself.lag_frames) == pytest.approx((1, 1, 1, 1, 0))
    frames = min(len(mouth["open"]) for mouth in mouths)
    one, other = ({name: curve[:frames] for name, curve in mouth.items()} for mouth in mouths)
    assert following([(one, other)]).open < 0.5


def test_noise_is_as_far_below_the_voice_as_is_said_and_falls_with_the_frequency() -> None:
    speech = held_out_sentence(0)
    clean, noisy = clip_of(speech, 0).speech.samples.astype(float), clip_of(speech, 0, noisy=True).speech.samples
    noise = noisy - clean
    assert 10 * np.log10((clean**2).mean() / (noise**2).mean()) == pytest.approx(NOISE_DB, abs=0.1)
    power = np.abs(np.fft.rfft(noise)) ** 2
    low, high = (slice(len(power) * k // 100, len(power) * 2 * k // 100) for k in (4, 32))  # an octave each
    assert power[low].sum() == pytest.approx(power[high].sum(), rel=0.2)


def test_what_is_not_installed_is_named_and_the_rest_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(index: int) -> None:
        raise OSError("libflite.so.1: cannot open shared object file")

    monkeypatch.setitem(VOICES, "flite slt", absent)  # type: ignore[arg-type]
    assert listening._score_voice(DEMO_WEIGHTS, 1, 0, "flite slt") == "libflite.so.1: cannot open shared object file"
    (clean, noisy) = listening._score_voice(DEMO_WEIGHTS, 2, 0, "espeak-ng")
    assert isinstance(clean, VoiceScores)
    assert isinstance(noisy, VoiceScores)
    assert (clean.noisy, noisy.noisy) == (False, True)
    assert noisy.encoder.open < clean.encoder.open


def test_the_table_is_written_beside_the_weights(tmp_path: Path) -> None:
    heard, shown = (Following(*(figure,) * 7) for figure in (0.9, 0.875))
    table = VoiceTable((VoiceScores("hibari", True, heard, heard, shown),), {"flite slt": "not installed"})
    write(table, tmp_path)
    assert "| hibari | 15 dB | 0.900 |" in (tmp_path / "voices.md").read_text()
    assert "| 0.025 | 0.875, 0.875 |" in (tmp_path / "voices.md").read_text()
    assert "Not measured: flite slt (not installed)." in (tmp_path / "voices.md").read_text()
    assert json.loads((tmp_path / "voices.json").read_text())["rows"][0]["picture"]["open"] == 0.875


@pytest.mark.slow
def test_all_voices_are_scored_or_named() -> None:
    table = evaluate_voices(DEMO_WEIGHTS, sentences=1, pictures=1)
    assert {row.voice for row in table.rows} | table.missing.keys() == VOICES.keys()
