"""A talking head from a portrait: load a checkpoint once, generate clips often.

Finished videos have 25 frames per second. If a checkpoint generates every second frame (`frame_samples` 1280), the
others are interpolated.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Self, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from actalker import eyelids, full_size
from actalker.checkpoint import CheckpointConfig, Options, load_part, read_config
from actalker.drawn import Detail, Drawn
from actalker.encoders.crops import guide_picture, region_masks
from actalker.encoders.interface import Autoencoder, Encoders, LidEncoders, SourcedAutoencoder
from actalker.interpolation import double_frame_rate
from actalker.memory import GIB, LARGEST_BATCH, Work, deep_bytes, fitting, free_bytes
from actalker.network import SpatialGuide, UNet
from actalker.precision import exact_float32
from actalker.sampling import IsCancelled, OnStep, Scene, decode, denoise, windows
from actalker.shapes import FRAME_SAMPLES, Box, Size, render_size

_log = logging.getLogger(__name__)

Picture = NDArray[np.uint8]
Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Controls:
    """Driving signals of a clip, and the face box of the portrait."""

    face: Box
    """Face box of the portrait, in its pixels."""
    audio_gate: bool = True
    motion_gate: bool = False
    driving: Picture | None = None
    """(n, H, W, 3) frames at 25 per second. With an open motion gate, expression and pose follow them."""
    driving_face: Box | None = None
    """Face box of the driving frames, in their pixels; needed with them."""
    lids: NDArray[np.float32] | None = None
    """(F,) how far the eyelids are shut in the frames to render, 0 to 1. Only with a closed motion gate, and for a
    talker with `takes_lids`."""
    span: tuple[int, int] | None = None
    """Half-open range of frames at 25 per second to render; None: all. The audio encoder gets all sound as context."""

    def __post_init__(self) -> None:
        if not (self.audio_gate or self.motion_gate):
            raise ValueError("both gates are closed: nothing would drive the face")
        if self.motion_gate and (self.driving is None or self.driving_face is None):
            raise ValueError("an open motion gate needs driving frames and their face box")
        if self.motion_gate and self.lids is not None:
            raise ValueError("lids are for a closed motion gate: an open one brings the driver's")


@dataclass(frozen=True)
class Plan:
    """Frames and shapes of a clip, known before it is generated."""

    frames: int
    """Finished frames, 25 per second."""
    generated: int
    """Frames that the network generates."""
    size: Size
    """Size of the finished frames."""
    noise_shape: tuple[int, int, int, int]
    """Shape of the noise for `generate`: generated frames, then padding."""


class Talker:
    """A checkpoint on a device, which generates clips. Not thread-safe."""

    def __init__(
        self,
        config: CheckpointConfig,
        parts: dict[str, nn.Module],
        device: str,
        dtype: torch.dtype,
        compiled: bool = False,
    ) -> None:
        self.config, self.device, self.dtype = config, torch.device(device), dtype
        if self.device.type == "cuda":
            exact_float32()
        self._unet = cast(UNet, _prepare(parts["unet"], self.device, dtype))
        self._guide = cast(SpatialGuide, _prepare(parts["guide"], self.device, dtype))
        # SVD's decoder overflows in fp16, so it runs in float32 then. The encoders always do: they run once per clip.
        self._picture_dtype = torch.float32 if dtype == torch.float16 else dtype
        self._autoencoder = cast(Autoencoder, _prepare(parts["autoencoder"], self.device, self._picture_dtype))
        self._encoders = cast(Encoders, _prepare(parts["encoders"], self.device, torch.float32))
        if self.device.type == "cuda":
            _use_fast_forms((parts["unet"], parts["autoencoder"]), compiled)

    @classmethod
    def load(
        cls, directory: Path, device: str = "cpu", dtype: torch.dtype = torch.float32, compiled: bool = False
    ) -> Self:
        """Load a checkpoint directory. Raises WeightsError if it is incomplete or inconsistent.

        compiled: On CUDA, whether torch compiles the transformers' blocks (`network/fast/install.py`).
        """
        config = read_config(directory)
        parts = {part: load_part(directory, config, part) for part in ("unet", "guide", "autoencoder", "encoders")}
        return cls(config, parts, device, dtype, compiled)

    @property
    def options(self) -> Options:
        """The checkpoint's default options. Use `dataclasses.replace` to change some."""
        return self.config.options

    @property
    def encoders(self) -> Encoders:
        """The condition encoders."""
        return self._encoders

    @property
    def takes_lids(self) -> bool:
        """Whether it blinks only by `Controls.lids` or a driving video. The published network also blinks by itself."""
        return isinstance(self._encoders, LidEncoders)

    def plan(self, portrait: Size, samples: int, controls: Controls, options: Options) -> Plan:
        """Frames, size and noise shape for a portrait of this size and so many sound samples (0 without sound).

        Raises ValueError if there is nothing to render, or if sound or driving frames are too short.
        """
        available = _available(samples, controls)
        start, end = controls.span or (0, available)
        if not 0 <= start < end <= available:
            raise ValueError(f"frames {start} to {end} cannot be rendered: there are {available}")
        picture = self.config.picture
        generated = -(-(end - start) // self._stride)
        size = render_size(portrait, picture.short_edge, picture.multiple)
        latent = size.latent(self._autoencoder.stride)
        channels = self.config.network.latent_channels
        shape = (options.sampling.total(generated), channels, latent.height, latent.width)
        return Plan(end - start, generated, size, shape)

    @torch.no_grad()
    def generate(
        self,
        portrait: Picture,
        audio: Sound | None,
        controls: Controls,
        options: Options,
        noise: Tensor,
        *,
        on_step: OnStep | None = None,
        cancelled: IsCancelled | None = None,
    ) -> Picture:
        """Render the clip: frames (F, H, W, 3), F and H x W as `plan` says.

        portrait: (H, W, 3) RGB; audio: (S,) mono at 16 kHz in [-1, 1], None only with a closed audio gate; noise:
        standard normal of `plan`'s shape. Raises ValueError for inputs that do not fit, CancelledError when `cancelled`
        returns True.
        """
        latents, resized, plan, chunk = self._latents(portrait, audio, controls, options, noise, on_step, cancelled)
        frames, sources = self._frames(latents, resized, options, chunk)
        if sources is not None:
            frames, _ = eyelids.evened(frames, sources, _in_levels(resized), _face(portrait, controls, plan))
        return frames if self._stride == 1 else double_frame_rate(frames)[: plan.frames]

    @torch.no_grad()
    def draw(
        self,
        size: Size,
        portrait: Picture,
        audio: Sound | None,
        controls: Controls,
        options: Options,
        noise: Tensor,
        *,
        cancelled: IsCancelled | None = None,
    ) -> Drawn:
        """As `generate`, but only what the device computes: `Drawn.pictures` gives the frames, in another size.

        Larger frames get fine detail from the portrait if the autoencoder knows its place (`full_size`), and are only
        enlarged if not. The device has finished when this returns, because everything was copied to the CPU.
        """
        latents, resized, plan, chunk = self._latents(portrait, audio, controls, options, noise, None, cancelled)
        frames, sources = self._frames(latents, resized, options, chunk)
        if sources is None:
            return Drawn(frames, plan.frames, self._stride, size)
        levels = _in_levels(self._resized(portrait, size)), _in_levels(resized)
        detail = Detail(sources, *levels, _face(portrait, controls, plan))
        return Drawn(frames, plan.frames, self._stride, size, detail)

    def _latents(
        self,
        portrait: Picture,
        audio: Sound | None,
        controls: Controls,
        options: Options,
        noise: Tensor,
        on_step: OnStep | None,
        cancelled: IsCancelled | None,
    ) -> tuple[Tensor, Tensor, Plan, int]:
        """The clip before it is decoded: latents (n, Z, h, w), resized portrait (1, 3, H, W), plan, frames at once."""
        if audio is None and controls.audio_gate:
            raise ValueError("an open audio gate needs sound")
        samples = 0 if audio is None else len(audio)
        plan = self.plan(Size(*portrait.shape[:2]), samples, controls, options)
        if controls.lids is not None and not (self.takes_lids and len(controls.lids) == plan.frames):
            raise ValueError(f"lids of {len(controls.lids)} frames, for {plan.frames} of a talker that may take none")
        work = self._work(plan, options)
        resized = self._resized(portrait, plan.size)
        scene = self._scene(portrait, resized, audio, controls, options, plan)
        sampling = options.sampling
        if controls.lids is not None:  # without a pass of their own, which would cost 50 % more
            sampling = replace(sampling, guidance=sampling.guidance.with_equal_scales())
        latents = denoise(
            self._unet,
            scene,
            noise.to(self.device),
            sampling,
            batch=work.passes,
            on_step=on_step,
            cancelled=cancelled,
        )[: plan.generated]
        return latents, resized, plan, work.decoded

    def warm_up(self) -> None:
        """Generate a window of nothing in one step, by sound and by both signals: what is compiled is compiled then."""
        edge = self.config.picture.short_edge
        portrait = np.zeros((edge, edge, 3), np.uint8)
        frames = self.config.options.sampling.window * self._stride
        sound, face = np.zeros(frames * FRAME_SAMPLES, np.float32), Box(edge // 4, edge // 4, 3 * edge // 4, edge)
        driving = np.zeros((frames, edge, edge, 3), np.uint8)
        options = replace(self.options, sampling=replace(self.options.sampling, steps=1, padding=0))
        for controls in (Controls(face), Controls(face, motion_gate=True, driving=driving, driving_face=face)):
            plan = self.plan(Size(edge, edge), len(sound), controls, options)
            self.generate(portrait, sound, controls, options, torch.zeros(plan.noise_shape))

    @torch.no_grad()
    def identity(self, picture: Picture, face: Box) -> NDArray[np.float32]:
        """The identity tokens of a picture (H, W, 3) with its face box, as one row of numbers."""
        return self._encoders.identity(self._tensor(picture), face).flatten().float().cpu().numpy()

    @property
    def _stride(self) -> int:
        """Finished frames per generated one."""
        return self.config.picture.frame_samples // FRAME_SAMPLES

    def _resized(self, portrait: Picture, size: Size) -> Tensor:
        """(H, W, 3) of bytes -> (1, 3, *size) in [-1, 1]."""
        whole = self._tensor(portrait)[None]
        resized = F.interpolate(whole, (size.height, size.width), mode="bicubic", antialias=True, align_corners=False)
        return resized.clamp(0, 1) * 2 - 1

    def _scene(
        self, portrait: Picture, resized: Tensor, audio: Sound | None, controls: Controls, options: Options, plan: Plan
    ) -> Scene:
        """Inputs of the clip, on the device and in the network's dtype."""
        box = _face(portrait, controls, plan)
        gates = (controls.audio_gate, controls.motion_gate or controls.lids is not None)
        guide = guide_picture(box, resized[0] / 2 + 0.5, self.config.picture.guide)
        unconditional = self._encoders.unconditional()
        return Scene(
            reference=self._autoencoder.encode(resized.to(self._picture_dtype))[0].to(self.dtype),
            identity=self._encoders.identity(self._tensor(portrait), controls.face).to(self.dtype),
            signals=self._signals(audio, controls, plan, unconditional),
            unconditional=(unconditional[0].to(self.dtype), unconditional[1].to(self.dtype)),
            masks=region_masks(box, plan.size, gates, options.regions).to(self.device),
            gates=gates,
            time_ids=torch.tensor(self.config.picture.time_ids, device=self.device),
            guide=self._guide(guide[None, None].to(self.dtype))[0, 0],
        )

    def _signals(
        self, audio: Sound | None, controls: Controls, plan: Plan, unconditional: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, ...]:
        """Audio and motion tokens of the generated frames; unconditional ones if the gate is closed."""
        start = controls.span[0] if controls.span else 0
        generated = slice(start, start + plan.frames, self._stride)
        tokens = [signal.expand(plan.generated, -1, -1) for signal in unconditional]
        if audio is not None and controls.audio_gate:
            tokens[0] = self._encoders.audio(torch.from_numpy(audio).to(self.device))[generated]
        if controls.motion_gate and controls.driving is not None and controls.driving_face is not None:
            tokens[1] = self._encoders.motion(self._tensor(controls.driving[generated]), controls.driving_face)
        elif controls.lids is not None and isinstance(self._encoders, LidEncoders):
            tokens[1] = self._encoders.lids(torch.from_numpy(controls.lids[:: self._stride]).to(self.device))
        return tuple(signal.to(self.dtype) for signal in tokens)

    def _work(self, plan: Plan, options: Options) -> Work:
        """On a GPU, as much at once as fits into its free memory; else one pass, and the checkpoint's chunks."""
        if self.device.type != "cuda":
            return Work(1, options.decode_chunk)
        torch.cuda.empty_cache()
        free = free_bytes(self.device)
        total, _, *grid = plan.noise_shape
        frames, kept = min(options.sampling.window, total), 0
        if options.sampling.deep_renewed_every > 1:
            per_pass = deep_bytes(Size(*grid), self.config.network.channels[1], frames)
            kept = LARGEST_BATCH * len(windows(total, options.sampling, 0)) * per_pass
        work = fitting(free, plan.size, frames, options.decode_chunk, kept)
        _log.info("%.1f GiB of the GPU are free: %d passes at once, %d frames", free / GIB, work.passes, work.decoded)
        return work

    def _frames(
        self, latents: Tensor, resized: Tensor, options: Options, chunk: int
    ) -> tuple[Picture, full_size.Sources | None]:
        """Latents (n, Z, h, w) and resized portrait (1, 3, H, W) -> frames (n, H, W, 3), and their sources if known."""
        if not isinstance(self._autoencoder, SourcedAutoencoder):
            return np.concatenate([_in_bytes(part) for part in self._decoded(latents, resized, options, chunk)]), None
        drawn = [
            (_in_bytes(part[:, :3]), full_size.Sources.of(part[:, 3:].half().cpu().numpy()))
            for part in self._decoded(latents, resized, options, chunk, with_sources=True)
        ]
        frames = np.concatenate([pictures for pictures, _ in drawn])
        return frames, full_size.Sources.joined([part for _, part in drawn])

    def _decoded(
        self, latents: Tensor, resized: Tensor, options: Options, chunk: int, *, with_sources: bool = False
    ) -> Iterator[Tensor]:
        """See `sampling.decode`."""
        return decode(
            self._autoencoder,
            latents.to(self._picture_dtype),
            resized[0].to(self._picture_dtype),
            scale=options.sampling.latent_scale,
            chunk=chunk,
            context=options.decode_context,
            with_sources=with_sources,
        )

    def _tensor(self, pictures: Picture) -> Tensor:
        """(..., H, W, 3) of bytes -> (..., 3, H, W) in [0, 1] on the device."""
        return torch.from_numpy(pictures).to(self.device).movedim(-1, -3).float() / 255


def _face(portrait: Picture, controls: Controls, plan: Plan) -> Box:
    """The face box in the picture that is generated."""
    return controls.face.scaled(Size(*portrait.shape[:2]), plan.size).within(plan.size)


def _in_bytes(pictures: Tensor) -> Picture:
    """(n, 3, H, W) in [-1, 1] -> (n, H, W, 3)."""
    return np.ascontiguousarray(
        ((pictures.float() + 1) * 127.5).round().clamp(0, 255).byte().cpu().permute(0, 2, 3, 1).numpy()
    )


def _in_levels(picture: Tensor) -> NDArray[np.float32]:
    """(1, 3, H, W) in [-1, 1] -> (H, W, 3) from 0 to 255."""
    return np.ascontiguousarray(((picture[0].float() + 1) * 127.5).cpu().permute(1, 2, 0).numpy())


def _available(samples: int, controls: Controls) -> int:
    """Number of frames at 25 per second for which all open gates have a signal."""
    limits = []
    if controls.audio_gate:
        limits.append(samples // FRAME_SAMPLES)
    if controls.motion_gate and controls.driving is not None:
        limits.append(len(controls.driving))
    return min(limits)


def _use_fast_forms(modules: Iterable[nn.Module], compiled: bool) -> None:
    """Replace what has a faster form, if Triton is there."""
    if find_spec("triton") is None:
        _log.warning("Triton is not installed: the plain forms run on the GPU, at half the speed")
        return
    from actalker.network.fast import install  # noqa: PLC0415  # it imports Triton, which only some machines have

    for module in modules:
        install(module, compiled=compiled)


def _prepare(module: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """The module on a device, in a dtype, for inference; convolution weights in channels_last, which is faster."""
    module.to(device=device, dtype=dtype).eval().requires_grad_(False)
    for weight in module.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return module
