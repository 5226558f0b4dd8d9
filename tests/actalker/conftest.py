"""Float32 is exact on a GPU. Without one, Triton's kernels run in its interpreter, chosen before its first import."""

import os

import torch

from actalker.precision import exact_float32

exact_float32()
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")
