"""1,000 rows of their own portraits: `pytest -m bench -s tests/tasks/picture/test_inspection_bench.py`."""

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.job import Preset
from tasks.manifest.defaults import Defaults
from tasks.manifest.intake import check_manifest

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

ROWS = 1000
PORTRAITS = sorted((Path(__file__).parents[3] / "examples/course/portraits").iterdir())


def test_a_thousand_portraits_are_checked_in_30_s_and_then_in_5(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "s.md").write_text("Hello to all of you.\n")
    lines = ["id,portrait,script"]
    for number in range(ROWS):
        with Image.open(PORTRAITS[number % len(PORTRAITS)]) as image:
            pixels = np.array(image.convert("RGB").resize((768, 768)))
        pixels[:4, :4] = number % 256, number // 256, 0
        Image.fromarray(pixels).save(tmp_path / f"{number}.png", compress_level=1)
        lines.append(f"r{number},{number}.png,s.md")
    (tmp_path / "m.csv").write_text("\n".join(lines) + "\n")
    for limit_s in (30, 5):
        began = time.monotonic()
        assert len(check_manifest(tmp_path / "m.csv", (), Defaults(Preset.DEMO)).jobs) == ROWS
        took_s = time.monotonic() - began
        print(f"{ROWS} rows with a portrait of 768 x 768 each, demo: checked in {took_s:.1f} s")
        assert took_s < limit_s
