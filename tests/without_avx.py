"""`python -m tests.without_avx COMMAND`: run a command on what every x86-64 processor has, SSE4.

Vector units beyond it are turned off in the libraries that compute: results then differ as between two processors. What
ffmpeg, Skia and espeak-ng compute stays as it is: they have no such switch.
"""

import os
import sys

from numpy._core import _multiarray_umath as numpy_core

OTHERS = {
    "ATEN_CPU_CAPABILITY": "default",  # torch
    "ONEDNN_MAX_CPU_ISA": "SSE41",  # torch's convolutions
    "MKL_CBWR": "COMPATIBLE",  # torch's matrix products; MKL_ENABLE_INSTRUCTIONS is for Intel's processors alone
    "OPENBLAS_CORETYPE": "Nehalem",  # NumPy's
    "NUMBA_CPU_NAME": "nehalem",  # compiled code is kept on the disk by processor and features
    "NUMBA_CPU_FEATURES": "",
    "OPENCV_CPU_DISABLE": "AVX,FP16,AVX2,FMA3,AVX512-SKX",
}


def environment() -> dict[str, str]:
    """What to set. NumPy warns of features that it does not choose by, or that this processor does not have."""
    chosen = [name for name in numpy_core.__cpu_dispatch__ if numpy_core.__cpu_features__[name]]
    return OTHERS | ({"NPY_DISABLE_CPU_FEATURES": " ".join(chosen)} if chosen else {})


if __name__ == "__main__":
    os.execvpe(sys.argv[1], sys.argv[1:], os.environ | environment())
