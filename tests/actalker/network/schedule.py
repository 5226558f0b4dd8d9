"""`python -m tests.actalker.network.schedule`: what the compiler makes of the scans for an H100, without having one.

Registers, spills and instructions are read from the machine code. Times are computed from it: warps of one scheduler
run the innermost loop as its control bits say, one instruction a cycle. With the one load latency below, the model
gives the measured time of the plain kernel within 4 %, and within 7 % those of five experiments that are not kept here;
it knows nothing of caches.
"""

import os
import re
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
LOAD, EXCHANGE, MUFU, OTHER = 700, 30, 22, 20
"""Cycles until the result of a load, an exchange between lanes, an exponential, or another slow one is there."""
CYCLES_OF_MUFU, CYCLES_OF_MEMORY = 8, 4
"""For which one such instruction occupies its unit."""
GHZ, SCHEDULERS, REGISTERS = 1.755, 528, 16384
"""Of an H100; registers of one scheduler."""


@dataclass(frozen=True)
class Instruction:
    """One instruction of the loop, with the control bits that the compiler has set."""

    name: str
    stall: int
    """Cycles until the warp's next instruction."""
    sets: int
    """Barrier that its result releases; 7: none."""
    reads: int
    """Barrier that is released when its operands have been read; 7: none."""
    waits: int
    """Barriers that must be released before, a bit each."""


@dataclass(frozen=True)
class Compiled:
    """A kernel for an H100."""

    registers: int
    spilled: int
    """Bytes."""
    loop: list[Instruction]

    def count(self, *names: str) -> int:
        """Instructions of the loop whose names begin so."""
        return sum(one.name.startswith(names) for one in self.loop)


def compiled(kernel: Any, fixed: dict[str, Any], types: dict[str, str], warps: int = 1) -> Compiled:
    """A Triton kernel with constants; pointers are to float32 and numbers i32, unless `types` says otherwise."""
    names = kernel.arg_names
    kinds = {name: "*fp32" if name.endswith("_ptr") else "i32" for name in names} | types
    kinds |= dict.fromkeys(fixed, "constexpr")
    aligned = [name for name in names if name.endswith("_ptr") or name == "E"]
    source = ASTSource(
        fn=kernel,
        signature=kinds,
        constexprs={(names.index(name),): value for name, value in fixed.items()},
        attrs={(names.index(name),): [["tt.divisibility", 16]] for name in aligned},
    )
    cubin = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": warps}).asm["cubin"]
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        Path(file.name).write_bytes(cubin)
        used, code = (
            subprocess.run([TOOLS / tool, *options, file.name], capture_output=True, text=True, check=True).stdout
            for tool, *options in (("cuobjdump", "-res-usage"), ("nvdisasm", "-c", "-hex"))
        )
    registers, spilled = re.search(r"REG:(\d+) STACK:(\d+)", used).groups()  # type: ignore[union-attr]
    return Compiled(int(registers), int(spilled), _loop(code))


def _loop(code: str) -> list[Instruction]:
    """The longest stretch that a jump goes back over."""
    found: list[Instruction] = []
    labels: dict[str, int] = {}
    best: list[Instruction] = []
    pattern = r"^(\.L_x_\d+):|/\*[0-9a-f]{4}\*/\s+(.*?);\s+/\* 0x\w+ \*/\n\s+/\* (0x\w+) \*/"
    for label, text, word in re.findall(pattern, code, re.MULTILINE):
        if label:
            labels[label] = len(found)
            continue
        bits, name = int(word, 16), re.sub(r"^@!?U?P\w+\s+", "", text).split()[0]
        found.append(Instruction(name, max(bits >> 41 & 15, 1), bits >> 46 & 7, bits >> 49 & 7, bits >> 52 & 63))
        target = re.search(r"BRA.*\((\.L_x_\d+)\)", text)
        if target and labels.get(target[1], len(found)) + len(best) < len(found) - 1:
            best = found[labels[target[1]] :]
    return best


def cycles(loop: list[Instruction], warps: int, repeats: int = 40) -> float:
    """Cycles of one turn of the loop in each of some warps of one scheduler."""
    at, turns = [0] * warps, [0] * warps
    ready, released, issued = [0] * warps, [[0] * 8 for _ in range(warps)], [0] * warps
    free, now, half = Counter[str](), 0, 0
    while min(turns) < repeats:
        starts = []
        for w in range(warps):
            one = loop[at[w]]
            waited = [released[w][barrier] for barrier in range(6) if one.waits >> barrier & 1]
            starts.append((max(ready[w], now, free[_unit(one)], *waited), issued[w], w))
        start, _, w = min(starts)  # the one that may first; of several, the one that has waited longest
        one, unit = loop[at[w]], _unit(loop[at[w]])
        if unit:
            free[unit] = start + (CYCLES_OF_MUFU if unit == "mufu" else CYCLES_OF_MEMORY)
        released[w][one.sets] = max(released[w][one.sets], start + _latency(one))
        released[w][one.reads] = max(released[w][one.reads], start + OTHER)
        ready[w], issued[w], now = start + one.stall, start, start + 1
        at[w] = (at[w] + 1) % len(loop)
        turns[w] += at[w] == 0
        half = half or (now if min(turns) >= repeats // 2 else 0)
    return (now - half) / (repeats - repeats // 2)


def _unit(one: Instruction) -> str:
    """Which unit it occupies, if it is one of those that are scarce."""
    if one.name.startswith("MUFU"):
        return "mufu"
    return "memory" if one.name.startswith(("LD", "ST", "SHFL")) else ""


def _latency(one: Instruction) -> int:
    if one.name.startswith("LDG"):
        return LOAD
    if one.name.startswith(("LDS", "STS", "SHFL")):
        return EXCHANGE
    return MUFU if one.name.startswith("MUFU") else OTHER


def main() -> None:
    """Print a table: the plain kernel and the fast one, at 72 x 72 tokens of 25 frames, and of four passes."""
    from actalker.network.fast.scan_kernel import scan_kernel  # must be compiled, not interpreted
    from actalker.network.scan.triton_kernels import forward_kernel

    halves = dict.fromkeys(("u_ptr", "B_ptr", "C_ptr"), "*bf16")
    plain = compiled(forward_kernel, {"N": 16, "BLOCK_E": 32, "BLOCK_N": 16}, halves)
    forms = [("plain, 32 channels", plain, 32, 1)]
    for channels, ahead in ((32, 2), (32, 4), (32, 6), (32, 8), (64, 1), (64, 2), (64, 4)):
        fast = compiled(scan_kernel, {"N": 16, "CHANNELS": channels, "AHEAD": ahead}, TYPES)
        forms.append((f"fast, {channels} channels, {ahead} ahead", fast, channels, ahead))
    print("| | registers | spilled | instructions a step | ms, 25 frames | ms, 100 frames / 4 |")
    print("|---|---|---|---|---|---|")
    for name, one, channels, steps in forms:
        row = [str(one.registers), str(one.spilled), f"{len(one.loop) / steps:.0f}"]
        for sequences in (25, 100):
            needed = -(-2 * sequences * 640 // channels // SCHEDULERS)
            resident = min(needed, REGISTERS // (32 * -(-one.registers // 8) * 8))
            turn = cycles(one.loop, resident) / steps * 5217 / (GHZ * 1e6)
            row.append(f"{turn * needed / resident / (sequences / 25):.2f}")
        print(f"| {name} | {' | '.join(row)} |")


TYPES = {"u_ptr": "*bf16", "dt_ptr": "*bf16", "y_ptr": "*bf16", "words_ptr": "*i64"}
"""Of the fast kernel in bfloat16."""

if __name__ == "__main__":
    os.environ.pop("TRITON_INTERPRET", None)
    main()
