"""Limits and verdicts: what is changed, what the batch makes of them, what a person reads."""

from pathlib import Path

import pytest

from tasks.errors import BadInput
from tasks.job import Score
from tasks.quality_control import judge as module
from tasks.quality_control.judge import Usual, judge, load


def test_a_value_over_its_limit_is_said_with_its_place_and_a_remedy() -> None:
    (verdict,) = judge({"black_frames": Score(3, 85)}, load())
    assert not verdict.ok
    assert (verdict.check, verdict.value, verdict.limit, verdict.time_ms) == ("black_frames", 3, 0, 3400)
    assert verdict.message.startswith("3 frames are black at 0:03.4 (frame 85). ")
    assert "render the row again" in verdict.message


def test_an_offset_counts_whichever_way_it_goes() -> None:
    for offset, ok in ((-200, False), (-80, True), (80, True), (200, False)):
        (verdict,) = judge({"sound_offset_ms": Score(offset, 0)}, load())
        assert verdict.ok is ok


def test_every_check_has_a_limit_a_reason_and_what_to_do() -> None:
    for name, threshold in load().items():
        assert (threshold.most is None) != (threshold.least is None), name
        assert threshold.reason.endswith(".") and threshold.remedy.endswith("."), name
        assert threshold.says.format(value=1.0, limit=2.0), name


def test_what_all_segments_of_a_batch_have_is_no_fault_of_one() -> None:
    usual = Usual()
    for number in range(module.ENOUGH):
        usual.add(f"key{number}", {"flicker": Score(0.9), "sharpness": Score(0.5)})
    scores = {"flicker": Score(1.2, 3), "sharpness": Score(0.45, 3)}
    assert [verdict.ok for verdict in judge(scores, load())] == [False, False]
    assert [verdict.ok for verdict in judge(scores, load(), usual.without("other"))] == [True, True]
    assert not all(verdict.ok for verdict in judge({"flicker": Score(4.0)}, load(), usual.without("other")))
    assert usual.without("key0") == {}, "one fewer is not enough, and a segment does not excuse itself"


def test_thresholds_are_changed_by_a_file_or_by_a_key(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text("[flicker]\nmost = 2\nremedy = 'Ask Ada.'\n")
    changed = load([str(own), "likeness.least=0.5"])
    assert (changed["flicker"].most, changed["flicker"].remedy, changed["likeness"].least) == (2, "Ask Ada.", 0.5)
    assert changed["flicker"].says == load()["flicker"].says


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("flicker.least=1", "'flicker' has no key 'least'"),
        ("flickr.most=1", "there is no check 'flickr'"),
        ("flicker.most='high'", "flicker.most cannot be 'high'"),
        ("flicker.says=3", "flicker.says cannot be 3"),
        ("flicker=3", "'flicker' has no key ''"),
        ("no such file.toml", "is neither a TOML file nor a change"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(change: str, problem: str) -> None:
    with pytest.raises(BadInput, match=problem):
        load([change])
