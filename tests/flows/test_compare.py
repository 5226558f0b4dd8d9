"""`actalker compare`: one row in several qualities, on a checkpoint with a handful of random weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from actalker.checkpoint import PARTS, save_checkpoint
from flows.compare import compare
from tasks.errors import BadInput
from tasks.job import Job, Preset, Quality
from tasks.media import decode
from tasks.renderers.comparison import markdown
from tests.actalker.test_talker import CONFIG
from tests.tasks.renderers.test_still import PORTRAIT, hum, write_sound

pytestmark = pytest.mark.numeric

FRAMES = 20


@pytest.fixture
def job(tmp_path: Path) -> Job:
    audio = write_sound(tmp_path / "recording.wav", hum(FRAMES))
    return Job("row", 1, PORTRAIT, audio=audio, preset=Preset.ACTALKER, width=64, height=64)


def test_a_row_in_several_qualities_is_one_video_and_a_table(tmp_path: Path, job: Job) -> None:
    torch.manual_seed(0)
    eight_steps = replace(CONFIG.options.sampling, steps=8)
    config = replace(CONFIG, options=replace(CONFIG.options, sampling=eight_steps))
    weights = tmp_path / "weights"
    save_checkpoint(weights, config, {part: config.build(part).state_dict() for part in PARTS})
    said: list[str] = []
    compared = compare(job, [Quality.PROOF], [3, 4], weights, tmp_path / "out", 1, said.append)
    assert [(one.quality, one.seed) for one in compared] == [
        (quality, seed) for seed in (3, 4) for quality in (Quality.PUBLISHED, Quality.PROOF)
    ]
    assert [np.isinf(one.psnr_db) for one in compared] == [True, False, True, False], "published is equal to itself"
    assert all(-1 <= one.likeness <= 1 and one.seconds > 0 for one in compared)
    assert len(said) == 4
    table = (tmp_path / "out" / "compare.md").read_text()
    assert table == markdown(compared)
    assert "| published | 3 |" in table
    video = decode.probe(tmp_path / "out" / "compare.mp4")
    assert video.video is not None
    assert video.audio is not None
    assert (video.video.width, video.video.height) == (2 * 64, 2 * (64 + 28))
    assert video.video.frames >= FRAMES


def test_a_draft_has_no_qualities(tmp_path: Path, job: Job) -> None:
    with pytest.raises(BadInput, match="still has no qualities"):
        compare(replace(job, preset=Preset.STILL), [Quality.FAST], [0], None, tmp_path, 1)
