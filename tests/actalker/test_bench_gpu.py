"""The benchmarks of a GPU run, in miniature, where there is none: a slip in them would cost time on one."""

import os
import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("module", "rows"),
    [
        (
            "bench_gpu",
            ["a pass, both, fast", "scan unit, fast", "2 frames decoded, fast", "demo on cpu", "proof, sound"],
        ),
        ("bench_float32", ["as it is, weights included", "convolutions without cuDNN", "up to 1024 MiB"]),
    ],
)
def test_in_miniature(module, rows):
    done = subprocess.run(
        [sys.executable, "-m", f"tests.actalker.{module}", "--miniature"],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    table = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    for row in rows:
        assert any(row in line for line in table)
