"""When and how often: a batch is submitted, checked, planned, rendered, stitched, subtitled, assembled and recorded.

Prefect lives here. No pixels, no arithmetic.
"""

import os

# Ray forks this process to start its own while rows are being aligned. OpenBLAS stops its threads before a fork, and a
# matrix product that runs meanwhile waits for them for ever; on one thread it waits for nobody. Must precede NumPy.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
