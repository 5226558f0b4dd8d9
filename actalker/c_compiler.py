"""The C compiler that Triton needs on a GPU: it builds a launcher for each kernel with it, when that first runs."""

import os
import shutil


def c_compiler() -> str:
    """The one that Triton takes: by the variable CC, else gcc or clang. Empty where there is none."""
    return os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang") or ""
