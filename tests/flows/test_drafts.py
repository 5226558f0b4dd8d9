"""A batch of photographs and drawings without weights: each row has its renderer, and a draft says that it is one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tasks.media.decode import decode_frames
from tests.course import ROOT, actalker, finished
from tests.photographs import GRACE

pytestmark = pytest.mark.slow

ROWS = """id,portrait,script,consent
photograph,grace.jpg,text.md,in the public domain
drawing,mara.png,text.md,
"""


def test_photographs_become_drafts_and_drawings_go_to_the_network(tmp_path: Path, prefect_server: str) -> None:
    shutil.copy(GRACE, tmp_path / "grace.jpg")
    shutil.copy(ROOT / "examples/course/portraits/mara.png", tmp_path)
    (tmp_path / "text.md").write_text("This is a test, which nobody sees.")
    (tmp_path / "m.csv").write_text(ROWS)
    code, output = finished(
        actalker("submit", tmp_path / "m.csv", "--workspace", tmp_path / "w", api=prefect_server), limit_s=600
    )
    assert code == 0, output
    records = {
        path.parent.name: json.loads(path.read_text()) for path in (tmp_path / "w").glob("videos/*/*/*.record.json")
    }
    draft, demo = records["photograph"], records["drawing"]
    assert draft["renderer"].startswith("draft-")
    assert demo["renderer"].startswith("talker-")
    assert draft["consent"] == "in the public domain"
    assert [note for note in draft["notes"] if note.startswith("a draft: ")]
    assert (draft["width"], demo["width"]) == (512, 768)
    (video,) = (tmp_path / "w").glob("videos/*/photograph/photograph.mp4")
    frame = next(iter(decode_frames(video)))
    assert np.ptp(frame[8:36, 10:140].astype(int)) > 120  # the words in the corner
