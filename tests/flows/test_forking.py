"""Ray forks the driver, by `preexec_fn`, while its threads multiply matrices."""

import subprocess
import sys

from tests.course import ROOT

FORKS_BESIDE_PRODUCTS = """
import subprocess, threading
import flows
import numpy as np

def multiply():
    while True:
        np.ones((1000, 13), np.float32) @ np.ones((13, 2000), np.float32)

for _ in range(4):
    threading.Thread(target=multiply, daemon=True).start()
for _ in range(100):
    subprocess.run(["true"], preexec_fn=lambda: None, check=True)
"""


def test_a_fork_beside_matrix_products_does_not_stop_the_process() -> None:
    subprocess.run([sys.executable, "-c", FORKS_BESIDE_PRODUCTS], cwd=ROOT, check=True, timeout=60)
