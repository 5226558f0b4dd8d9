import json
from pathlib import Path

import numpy as np
import pytest

import actalker
from actalker.puppet.clip import held_out_clip
from actalker.puppet.performance import signal
from actalker.talker import Talker
from actalker.training.evaluation import Portraits, best_lag, evaluate, score, still_psnr
from actalker.training.scores import ClipScores, Table, write

DEMO = Path(actalker.__file__).parent / "checkpoints/demo"


@pytest.mark.slow
def test_processes_of_their_own_judge_as_this_one_does() -> None:
    reported: list[int] = []
    judged = evaluate(DEMO, clips=2, frames=25, on_clip=lambda row: reported.append(row.clip))
    assert reported == [row.clip for row in judged.rows] == [0, 1]
    here = score(Talker.load(DEMO), Portraits(DEMO, 2), 1, 2, 25)
    assert judged.rows[1].audio_open == pytest.approx(here.audio_open, abs=0.01)
    assert judged.rows[1].both_psnr_db == pytest.approx(here.both_psnr_db, abs=0.1)
    assert all(0 < row.seconds_per_frame < 5 for row in judged.rows)


def test_the_lag_is_the_delay_of_what_was_made() -> None:
    truth = signal(held_out_clip(3, 80).faces, "open")
    assert best_lag(truth, truth) == 0
    assert best_lag(np.roll(truth, 2), truth) == 2
    assert best_lag(np.roll(truth, -1), truth) == -1


def test_still_parts_are_those_that_do_not_move() -> None:
    clip = held_out_clip(1, 20)
    true_frames, portrait = clip.pictures(96), clip.portrait(96)
    assert still_psnr(true_frames, portrait, true_frames) > 40
    noisy = true_frames + np.random.default_rng(0).integers(0, 20, true_frames.shape).astype(np.uint8)
    assert still_psnr(noisy, portrait, true_frames) < 30


def test_a_table_gives_mean_and_extremes_and_passes_over_what_is_undefined() -> None:
    columns = dict.fromkeys(ClipScores.__dataclass_fields__, 1.0)
    rows = tuple(ClipScores(**{**columns, "audio_open": value}) for value in (0.8, 0.9, float("nan")))  # type: ignore[arg-type]
    assert Table(rows).summary()["audio_open"] == pytest.approx((0.85, 0.8, 0.9))
    assert "| audio_open | 0.850 | 0.800 | 0.900 | 0.93, every clip 0.85 |" in Table(rows).markdown()
    assert np.isnan(Table(rows[2:]).summary()["audio_open"]).all()


def test_what_is_written_is_json_that_every_reader_takes(tmp_path: Path) -> None:
    columns = dict.fromkeys(ClipScores.__dataclass_fields__, 1.0)
    write(Table((ClipScores(**{**columns, "seconds_per_frame": float("nan")}),)), tmp_path)  # type: ignore[arg-type]

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    written = json.loads((tmp_path / "evaluation.json").read_text(), parse_constant=refuse)
    assert written["clips"][0]["seconds_per_frame"] is None
    assert written["summary"]["seconds_per_frame"] == [None, None, None]
    assert written["summary"]["audio_open"] == [1, 1, 1]
