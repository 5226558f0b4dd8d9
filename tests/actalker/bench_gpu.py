"""`python -m tests.actalker.bench_gpu`: one table of times and memory on a GPU, plain forms and fast ones in one run.

Random weights of the published size, bfloat16, one window of 25 frames at 576 x 576. `TRITON_INTERPRET=1` and
`--miniature` run the same lines with a small network on a CPU, where its times mean nothing: so that a slip costs no
time on a GPU.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from actalker.checkpoint import Options
from actalker.encoders.crops import region_masks
from actalker.encoders.svd import SvdAutoencoder
from actalker.encoders.widths import SvdWidths
from actalker.memory import GIB, WEIGHTS_GIB, frame_bytes, pass_bytes
from actalker.network import PUBLISHED, Conditions, NetworkConfig, UNet
from actalker.network.fast import install, norms
from actalker.network.fast import scan as fast_scan
from actalker.network.fast.scan import FastScanUnit, Launch, launch_for
from actalker.network.pcm import ScanUnit
from actalker.precision import exact_float32
from actalker.quality import QUALITIES
from actalker.sampling import Sampling, decode, denoise
from actalker.shapes import Box, Size
from actalker.talker import Controls, Talker, _prepare
from tests import card
from tests.actalker.network.scenes import FRAME, heard_scene

DEMO = Path(__file__).parents[2] / "actalker" / "checkpoints" / "demo"
FRAMES_OF_A_SECOND = 12.5


@dataclass(frozen=True)
class Setting:
    """What is measured, and where."""

    device: str = "cuda"
    dtype: torch.dtype = torch.bfloat16
    config: NetworkConfig = PUBLISHED
    vae: SvdWidths = SvdWidths()  # noqa: RUF009  # frozen
    edge: int = 576
    frames: int = 25


SMALL = replace(FRAME, groups=4, attention=(False, True))  # the interpreter takes its time for each step of a scan
MINIATURE = Setting("cpu", torch.float32, SMALL, SvdWidths(channels=(32, 32), layers=1), 64, 2)


class Measured:
    """Rows of the table."""

    def __init__(self, device: str) -> None:
        self.device, self.rows = device, []

    def time_ms(self, name: str, work: Callable[[], object], goal: str = "", repeats: int = 5) -> float:
        """Median time of a call, and the most memory that it had; the first call is not counted."""
        on_gpu = self.device == "cuda"
        if on_gpu:
            work()
        times = []
        for _ in range(repeats if on_gpu else 1):
            self._wait()
            began = time.perf_counter()
            work()
            self._wait()
            times.append(1e3 * (time.perf_counter() - began))
        median = statistics.median(times)
        self.add(name, f"{median:.2f} ms", goal, f"{self.peak_gib(work):.1f} GiB")
        return median

    def peak_gib(self, work: Callable[[], object]) -> float:
        """Most memory allocated in a call."""
        if self.device != "cuda":
            return 0.0
        torch.cuda.reset_peak_memory_stats()
        work()
        self._wait()
        return torch.cuda.max_memory_allocated() / GIB

    def add(self, name: str, value: str, goal: str = "", memory: str = "") -> None:
        self.rows.append((name, value, goal, memory))
        print(f"{name}: {value}", flush=True)

    def _wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()

    def markdown(self) -> str:
        head = [("measured", "value", "H100: plain as measured, fast as aimed at", "most memory"), ("---",) * 4]
        return "".join(f"| {' | '.join(row)} |\n" for row in [*head, *self.rows])


def conditions(unet: UNet, setting: Setting, *, released: bool) -> Conditions:
    """Of one window, prepared; both signals."""
    cells = setting.edge // 8
    return unet.prepared(signals_of_a_window(setting, released=released), (cells, cells))


def signals_of_a_window(setting: Setting, *, released: bool = False) -> Conditions:
    """Of one window, with a face box of half the picture's edge; both signals."""
    edge, frames, config = setting.edge, setting.frames, setting.config
    face = Box(edge // 4, edge * 5 // 24, edge * 3 // 4, edge * 3 // 4)
    masks = region_masks(face, Size(edge, edge), (True, True), "released" if released else "paper")

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(shape).to(setting.device, setting.dtype)

    return Conditions(
        identity=random(1, 1, 1, config.context_width).expand(-1, frames, -1, -1),
        signals=tuple(random(1, frames, branch.tokens, config.context_width) for branch in config.branches),
        masks=masks[None].to(setting.device),
        gates=torch.tensor([[True, True]]),
        time_ids=torch.tensor([[12.5, 12.0, 20.0]]).to(setting.device),
        guide=random(1, 1, config.channels[0], edge // 8, edge // 8),
    )


def passes(measured: Measured, setting: Setting) -> dict[str, float]:
    """A pass, plain and fast, and all four guidance passes as one batch. Returns the times of one pass in ms."""
    torch.manual_seed(0)
    with torch.device(setting.device):
        unet = UNet(setting.config)
    _prepare(unet, torch.device(setting.device), setting.dtype)
    cells = setting.edge // 8
    x = torch.randn(1, setting.frames, 2 * setting.config.latent_channels, cells, cells)
    x, timesteps = x.to(setting.device, setting.dtype), torch.full((4,), 0.4, device=setting.device)
    known = {name: conditions(unet, setting, released=name == "released") for name in ("both", "released")}
    times: dict[str, float] = {}
    for form in ("plain", "fast"):
        if form == "fast":
            install(unet, compiled=False)
        for name, one in known.items():
            goal = {"plain both": "249", "plain released": "332", "fast both": "135"}.get(f"{form} {name}", "")
            times[f"{form} {name}"] = measured.time_ms(
                f"a pass, {name}, {form}", lambda one=one: unet(x, timesteps[:1], one), goal
            )
            four = Conditions.stacked([one] * 4)
            batch = x.expand(4, -1, -1, -1, -1)
            times[f"{form} {name} of four"] = (
                measured.time_ms(f"four passes as one batch, {name}, {form}", lambda: unet(batch, timesteps, four)) / 4  # noqa: B023
            )
    measured.add("a pass by the memory model", f"{pass_bytes(Size(setting.edge, setting.edge), 25) / GIB:.1f} GiB")
    return times


def errors(measured: Measured, setting: Setting) -> None:
    """Relative errors of a pass of few frames against float32, in plain and in fast forms."""
    few = replace(setting, frames=min(5, setting.frames), dtype=torch.float32)
    torch.manual_seed(0)
    with torch.device(few.device):
        unet = UNet(few.config).requires_grad_(False)
    known, cells = conditions(unet, few, released=False), few.edge // 8
    x = torch.randn(1, few.frames, 2 * few.config.latent_channels, cells, cells).to(few.device)
    timesteps = torch.full((1,), 0.4, device=few.device)
    truth = unet(x, timesteps, known)
    _prepare(unet, torch.device(setting.device), setting.dtype)
    known = known.to(setting.device, setting.dtype)
    for form in ("plain", "fast"):
        if form == "fast":
            install(unet, compiled=False)
        result = unet(x.to(setting.dtype), timesteps, known).float()
        error = float((result - truth).norm() / truth.norm())
        measured.add(
            f"error of a pass against float32, {form}", f"{error:.1e}", "1.0e-2" if form == "plain" else "9e-3"
        )


LAUNCHES = [Launch(32, 4), Launch(32, 8), Launch(64, 2), Launch(64, 3)]
"""Of the scan; `LAUNCHES` of fast/scan.py chooses among the first three. The compiler takes up to 20 s for each."""
SHAPES = ((1, 5217, 640), (4, 5217, 640), (1, 1329, 1280), (1, 357, 2560))
"""Passes in a batch, steps, channels: of the published network with released masks."""


def scan(measured: Measured, setting: Setting) -> None:
    """A scan unit at 72 x 72 tokens with released masks; then the fast one at all shapes, in several launches."""
    on_gpu = setting.device == "cuda"
    for passes, steps, channels in SHAPES if on_gpu else ((1, 9, 16),):
        with torch.device(setting.device):
            unit = ScanUnit(channels, -(-channels // 32), 16).to(setting.dtype).requires_grad_(False)
            x = torch.randn(passes * setting.frames, steps, channels).to(setting.dtype)
        if (passes, channels) == (1, 640) or not on_gpu:
            measured.time_ms("scan unit, plain", lambda unit=unit, x=x: unit(x), "6.3")
            fast = FastScanUnit(unit)
            measured.time_ms("scan unit, fast", lambda fast=fast, x=x: fast(x), "2.6")
        fast = FastScanUnit(unit)
        chosen = launch_for(len(x), channels)
        for launch in LAUNCHES if on_gpu else LAUNCHES[:1]:
            fast.launch = launch
            name = f"scan unit of {len(x)} x {steps} x {channels}: {launch.channels} channels, {launch.ahead} ahead"
            measured.time_ms(name + ", chosen" * (launch == chosen), lambda fast=fast, x=x: fast(x))


def decoder(measured: Measured, setting: Setting) -> float:
    """A frame of a chunk of ten. Returns the time of the fast form in ms."""
    torch.manual_seed(0)
    with torch.device(setting.device):
        vae = SvdAutoencoder(setting.vae)
    _prepare(vae, torch.device(setting.device), setting.dtype)
    cells, count = setting.edge // vae.stride, min(10, setting.frames)
    latents = torch.randn(count, 4, cells, cells).to(setting.device, setting.dtype)
    chunk_ms = measured.time_ms(f"{count} frames decoded, plain", lambda: list(decode(vae, latents, latents[0])), "520")
    install(vae, compiled=False)
    chunk_ms = measured.time_ms(f"{count} frames decoded, fast", lambda: list(decode(vae, latents, latents[0])), "140")
    model = WEIGHTS_GIB + count * frame_bytes(Size(setting.edge, setting.edge)) / GIB
    measured.add("ten frames by the memory model, with all weights", f"{model:.1f} GiB")
    return chunk_ms / count


def demo(measured: Measured, setting: Setting) -> None:
    """Frames a second of the bundled checkpoint, on this device and on the CPU."""
    rng = np.random.default_rng(0)
    portrait, face = rng.integers(0, 255, (256, 256, 3), np.uint8), Box(64, 56, 192, 208)
    frames = 100 if setting.device == "cuda" else 4
    sound = rng.normal(0, 0.1, frames * 640).astype(np.float32)
    speeds = {}
    for device in dict.fromkeys(("cpu", setting.device)):
        talker = Talker.load(DEMO, device, torch.bfloat16 if device == "cuda" else torch.float32)
        plan = talker.plan(Size(256, 256), len(sound), Controls(face), talker.options)
        noise = torch.randn(plan.noise_shape)
        talker.generate(portrait, sound, Controls(face), talker.options, noise)
        began = time.perf_counter()
        talker.generate(portrait, sound, Controls(face), talker.options, noise)
        speeds[device] = frames / (time.perf_counter() - began)
        measured.add(
            f"demo on {device}", f"{speeds[device]:.0f} frames/s", "10 times the CPU's" if device == "cuda" else ""
        )


def cost(measured: Measured, pass_ms: float, frame_ms: float) -> None:
    """GPU-seconds a second of finished video in each quality, sound alone: computed from pass and decoder."""
    for name, quality in QUALITIES.items():
        sampling = replace(quality, deep_renewed_every=1).applied(_published()).sampling
        plan = sampling.guidance.plan((True, False), sampling.schedule.sigmas(sampling.steps)[:-1])
        count = sum(len(step.passes) for step in plan)
        seconds = (count * pass_ms / 25 + frame_ms) * FRAMES_OF_A_SECOND / 1e3
        goal = "2.2" if name == "fast" else ""
        measured.add(f"{name}, sound alone, without padding (computed)", f"{seconds:.1f} GPU-s a second", goal)


def clips(measured: Measured, setting: Setting) -> None:
    """2 s of video in each quality, by sound alone: all steps and the decoder, in the fast forms, no padding."""
    torch.manual_seed(0)
    with torch.device(setting.device):
        unet, vae = UNet(setting.config), SvdAutoencoder(setting.vae)
    for module in (unet, vae):
        _prepare(module, torch.device(setting.device), setting.dtype)
        install(module, compiled=False)
    known, cells = signals_of_a_window(setting), setting.edge // 8
    portrait = torch.randn(setting.config.latent_channels, cells, cells).to(setting.device, setting.dtype)
    scene = heard_scene(known, portrait)
    noise = torch.randn(setting.frames, *scene.reference.shape).to(setting.device)
    seconds, timed = setting.frames / FRAMES_OF_A_SECOND, dict[str, float]()
    for name in ("proof", "proof", "fast", "balanced", "published") if setting.device == "cuda" else ("proof",):
        sampling = replace(QUALITIES[name].applied(_published()).sampling, padding=0)
        began = time.perf_counter()
        latents = denoise(unet, scene, noise, sampling, batch=4)
        pictures = [part.cpu() for part in decode(vae, latents.to(setting.dtype), scene.reference)]
        taken = (time.perf_counter() - began) / seconds
        assert sum(len(part) for part in pictures) == setting.frames
        timed[name] = taken  # of "proof" the second, the first warms up
    for name, taken in timed.items():
        goal = "2.2" if name == "fast" else ""
        measured.add(f"{name}, {seconds:g} s by sound alone, without padding", f"{taken:.2f} GPU-s a second", goal)


def compiled(measured: Measured, setting: Setting) -> None:
    """Passes of the fast forms whose transformer blocks torch has compiled, and how long the first one takes."""
    torch.manual_seed(0)
    with torch.device(setting.device):
        unet = UNet(setting.config)
    _prepare(unet, torch.device(setting.device), setting.dtype)
    install(unet, compiled=True)
    cells = setting.edge // 8
    x = torch.randn(1, setting.frames, 2 * setting.config.latent_channels, cells, cells)
    x, timesteps = x.to(setting.device, setting.dtype), torch.full((4,), 0.4, device=setting.device)
    for name in ("both", "released"):
        four = Conditions.stacked([conditions(unet, setting, released=name == "released")] * 4)
        batch = x.expand(4, -1, -1, -1, -1)
        began = time.perf_counter()
        unet(batch, timesteps, four)
        measured.add(f"first call of four passes, {name}, compiled", f"{time.perf_counter() - began:.0f} s")
        measured.time_ms(
            f"four passes as one batch, {name}, fast and compiled",
            lambda: unet(batch, timesteps, four),  # noqa: B023
        )


def _published() -> Options:
    return Options(sampling=Sampling())


def everything(measured: Measured, setting: Setting) -> None:
    """What needs no compiler."""
    errors(measured, setting)
    times = passes(measured, setting)
    scan(measured, setting)
    frame_ms = decoder(measured, setting)
    demo(measured, setting)
    cost(measured, times["fast both of four"], frame_ms)
    clips(measured, setting)


@torch.no_grad()
def main() -> None:
    """Measure all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--miniature", action="store_true", help="a small network on the CPU, for tests")
    parser.add_argument("--compiled", action="store_true", help="only passes with compiled blocks: minutes")
    given = parser.parse_args()
    setting = MINIATURE if given.miniature else Setting()
    if setting.device == "cuda" and not card.name():
        raise SystemExit(f"{card.NONE} Nothing was measured.")
    if setting is MINIATURE:  # the interpreter takes its time for each program
        norms.PROGRAMS, norms.TILE, fast_scan.LAUNCHES = 1, 1 << 16, ((0.0, Launch(256, 2)),)
    exact_float32()
    measured = Measured(setting.device)
    if given.compiled:
        compiled(measured, setting)
    else:
        everything(measured, setting)
    where = card.name() or "CPU, miniature: these times mean nothing"
    print(f"\n{where}, torch {torch.__version__}\n\n{measured.markdown()}")


if __name__ == "__main__":
    main()
