"""The Triton kernels: compiled on a GPU, else under Triton's interpreter, which conftest.py turns on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from actalker.network.scan import available_backends, selective_scan, triton_scan
from tests.actalker.network.test_scan import agrees

pytestmark = pytest.mark.numeric

interpreted = pytest.mark.skipif(torch.cuda.is_available(), reason="with a GPU the kernels are compiled")


@interpreted
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 10, 6, 3), (1, 9, 4, 4)], ids=str)
def test_interpreted_numbers_and_gradients_are_the_references(monkeypatch, shape):
    monkeypatch.setattr(triton_scan, "BLOCK_E", 4)
    monkeypatch.setattr(triton_scan, "CHUNK", 4)
    agrees(triton_scan.selective_scan_triton, shape, "cpu")


@pytest.mark.gpu
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 50, 40, 5), (2, 400, 96, 16)], ids=str)
@pytest.mark.parametrize("backend", [name for name in available_backends("cuda") if name != "reference"])
def test_compiled_numbers_and_gradients_are_the_references(backend, shape):
    agrees(lambda *operands: selective_scan(*operands, backend=backend), shape, "cuda", exp_error=2e-6)


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from actalker.network.scan import triton_kernels

fixed = {"N": 16, "BLOCK_E": 32, "BLOCK_N": 16, "CHUNK": 32}
halves = {"u_ptr", "B_ptr", "C_ptr", "dy_ptr"}
for kernel in (triton_kernels.forward_kernel, triton_kernels.backward_kernel):
    names = kernel.arg_names
    kinds = {name: "*bf16" if name in halves else "*fp32" if name.endswith("_ptr") else "i32" for name in names}
    kinds |= {name: "constexpr" for name in names if name in fixed}
    constants = {(names.index(name),): value for name, value in fixed.items() if name in names}
    source = ASTSource(fn=kernel, signature=kinds, constexprs=constants)
    compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 1})
    print(kernel.__name__, len(compiled.asm["cubin"]))
"""


@pytest.mark.slow
def test_the_kernels_compile_for_an_h100_without_one(tmp_path):
    # In a process of its own: here the interpreter has taken the place of the compiler.
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE],
        env=environment | {"TRITON_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    sizes = dict(line.split() for line in done.stdout.splitlines())
    assert set(sizes) == {"forward_kernel", "backward_kernel"}
    assert all(int(size) > 1000 for size in sizes.values())
