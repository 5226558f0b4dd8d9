"""`actalker check-video`: what it prints, and its exit codes."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.flows.test_cli import run
from tests.tasks.quality_control import talking_head
from tests.tasks.quality_control.talking_head import Pictures


def test_a_clean_video_passes_and_a_black_frame_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    film = talking_head.film(tmp_path)
    code, output = run(monkeypatch, capsys, "check-video", str(film.write(tmp_path)))
    assert code == 0, output
    assert "sound_offset_ms" in output

    def black(pictures: Pictures) -> None:
        pictures[50] = np.uint8(0)

    blackened = str(film.with_pictures(black).write(tmp_path))
    code, output = run(monkeypatch, capsys, "check-video", blackened)
    assert code == 3
    assert "1 frames are black at 0:02.0 (frame 50)." in output
    code, output = run(monkeypatch, capsys, "check-video", blackened, "--json")
    assert code == 3
    (wrong,) = (verdict for verdict in json.loads(output) if not verdict["ok"])
    assert (wrong["check"], wrong["frame"]) == ("black_frames", 50)
    assert run(monkeypatch, capsys, "check-video", blackened, "--quality-control", "black_frames.most=1")[0] == 0


def test_what_is_no_video_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("not a video")
    assert run(monkeypatch, capsys, "check-video", str(tmp_path / "notes.txt"))[0] == 2
