import numpy as np
import pytest

from actalker.puppet.clip import held_out_clip, target_clip
from actalker.puppet.measure import Reader
from flows.pipeline_evaluation import SIZE, markdown, score
from tests.held_out import INDEX


def test_true_frames_score_well_and_a_jump_at_a_joint_shows(reader: Reader) -> None:
    clip, driver = held_out_clip(INDEX, 500), held_out_clip(INDEX + 1, 500)
    frames, spans = clip.pictures(SIZE), [(0, 260), (250, 500)]
    smooth = score("sound", frames, spans, reader, clip, driver)
    assert len(smooth.scores) == 2
    assert min(scores["audio_open"] for scores in smooth.scores) > 0.95
    assert smooth.joints == 1
    jumping = frames.copy()
    jumping[255:] = np.roll(frames[255:], 4, axis=2)
    assert score("sound", jumping, spans, reader, clip, driver).worst_joint > 2 * smooth.worst_joint
    table = markdown({"sound": smooth})
    assert "| row | measure | 0 to 10 s | 10 to 20 s | last to first |" in table
    first, last = (scores["audio_open"] for scores in smooth.scores)
    assert f"| sound | audio_open | {first:.3f} | {last:.3f} | {last / first - 1:+.1%} |" in table
    assert "| sound | audio_lag_frames | 0.000 | 0.000 |  |" in table
    assert f"| sound | 1 | {smooth.worst_joint:.2f} | {smooth.true_joint:.2f} |" in table


def test_a_joint_where_the_driver_moves_is_told_from_a_seam(reader: Reader) -> None:
    clip, driver = held_out_clip(INDEX, 300), held_out_clip(INDEX + 1, 300)
    asked = target_clip(clip, driver, sound=False).pictures(SIZE)
    row = score("driving", asked, [(0, 160), (150, 300)], reader, clip, driver)
    assert row.scores[0]["motion_open"] > 0.95
    assert row.worst_joint == row.true_joint > 0


@pytest.mark.parametrize(("name", "measure"), [("driving", "motion_brow"), ("both", "both_driver_open")])
def test_each_row_is_scored_by_what_drives_it(reader: Reader, name: str, measure: str) -> None:
    clip = held_out_clip(INDEX, 250)
    row = score(name, clip.pictures(SIZE), [(0, 250)], reader, clip, clip)
    assert row.scores[0][measure] > 0.9
    assert row.joints == 0
