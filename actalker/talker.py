"""A talking head from a portrait: load once, generate often. Tensors in, frames out.

Finished videos have 25 frames per second. A checkpoint may generate every second of them (`frame_samples` 1280), and
the others are interpolated.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from actalker.checkpoint import CheckpointConfig, Options, load_part, read_config
from actalker.encoders.crops import guide_picture, region_masks
from actalker.encoders.interface import Autoencoder, Encoders, LidEncoders
from actalker.interpolation import double_frame_rate
from actalker.network import SpatialGuide, UNet
from actalker.sampling import IsCancelled, OnStep, Scene, decode, denoise
from actalker.shapes import FRAME_SAMPLES, Box, Size, render_size

Picture = NDArray[np.uint8]
Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Controls:
    """What drives the face."""

    face: Box
    """Where the portrait's face is, in the portrait's pixels."""
    audio_gate: bool = True
    motion_gate: bool = False
    driving: Picture | None = None
    """(n, H, W, 3) frames at 25 per second, whose expression and pose an open motion gate follows."""
    driving_face: Box | None = None
    """Where the driving frames' face is, in their pixels; needed with them."""
    lids: NDArray[np.float32] | None = None
    """(F,) how far the lids are shut in the frames to render, 0 to 1, behind a closed motion gate; for a talker that
    `takes_lids`."""
    span: tuple[int, int] | None = None
    """Half-open range of frames at 25 per second to render; sound outside it is heard as context. None: all."""

    def __post_init__(self) -> None:
        if not (self.audio_gate or self.motion_gate):
            raise ValueError("both gates are closed: nothing would drive the face")
        if self.motion_gate and (self.driving is None or self.driving_face is None):
            raise ValueError("an open motion gate needs driving frames and their face box")
        if self.motion_gate and self.lids is not None:
            raise ValueError("lids are for a closed motion gate: an open one brings the driver's")


@dataclass(frozen=True)
class Plan:
    """What a clip amounts to, known before anything is computed."""

    frames: int
    """Finished frames, 25 per second."""
    generated: int
    """Frames that the network makes."""
    size: Size
    """Of the finished frames."""
    noise_shape: tuple[int, int, int, int]
    """Of the noise that `generate` takes: generated frames, then padding ones."""


class Talker:
    """A checkpoint on a device. Not for use by two threads at once."""

    def __init__(self, config: CheckpointConfig, parts: dict[str, nn.Module], device: str, dtype: torch.dtype) -> None:
        self.config, self.device, self.dtype = config, torch.device(device), dtype
        self._unet = cast(UNet, _placed(parts["unet"], self.device, dtype))
        self._guide = cast(SpatialGuide, _placed(parts["guide"], self.device, dtype))
        # SVD's decoder overflows in fp16, and the encoders run once per clip: neither is worth the rounding.
        self._picture_dtype = torch.float32 if dtype == torch.float16 else dtype
        self._autoencoder = cast(Autoencoder, _placed(parts["autoencoder"], self.device, self._picture_dtype))
        self._encoders = cast(Encoders, _placed(parts["encoders"], self.device, torch.float32))

    @classmethod
    def load(cls, directory: Path, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Self:
        """Read a checkpoint directory. Raises WeightsError when it is not exactly one."""
        config = read_config(directory)
        parts = {part: load_part(directory, config, part) for part in ("unet", "guide", "autoencoder", "encoders")}
        return cls(config, parts, device, dtype)

    @property
    def options(self) -> Options:
        """The checkpoint's own options: start from these, `dataclasses.replace` what you mean to change."""
        return self.config.options

    @property
    def takes_lids(self) -> bool:
        """Whether it blinks when told to, by `Controls.lids`, and never else: the published network does by itself."""
        return isinstance(self._encoders, LidEncoders)

    def plan(self, portrait: Size, samples: int, controls: Controls, options: Options) -> Plan:
        """Frames, size and noise shape for a portrait of this size and so many sound samples (0 without sound).

        Raises ValueError when there is nothing to render, or the controls do not reach.
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

        portrait: (H, W, 3) RGB; audio: (S,) mono at 16 kHz in [-1, 1], None only behind a closed audio gate; noise:
        standard normal of `plan`'s shape. Raises ValueError for inputs that do not fit, CancelledError when asked to
        stop.
        """
        if audio is None and controls.audio_gate:
            raise ValueError("an open audio gate needs sound")
        samples = 0 if audio is None else len(audio)
        plan = self.plan(Size(*portrait.shape[:2]), samples, controls, options)
        if controls.lids is not None and not (self.takes_lids and len(controls.lids) == plan.frames):
            raise ValueError(f"lids of {len(controls.lids)} frames, for {plan.frames} of a talker that may take none")
        resized = self._resized(portrait, plan.size)
        scene = self._scene(portrait, resized, audio, controls, options, plan)
        sampling = options.sampling
        if controls.lids is not None:  # a pass of their own would cost half as much again
            sampling = replace(sampling, guidance=sampling.guidance.together())
        latents = denoise(
            self._unet,
            scene,
            noise.to(self.device),
            sampling,
            on_step=on_step,
            cancelled=cancelled,
        )[: plan.generated]
        frames = self._frames(latents, resized, options)
        return frames if self._stride == 1 else double_frame_rate(frames)[: plan.frames]

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
        """Everything that the clip depends on, on the device and in the network's type."""
        box = controls.face.scaled(Size(*portrait.shape[:2]), plan.size).within(plan.size)
        gates = (controls.audio_gate, controls.motion_gate or controls.lids is not None)
        guide = guide_picture(box, resized[0] / 2 + 0.5, self.config.picture.guide)
        silence = self._encoders.unconditional()
        return Scene(
            reference=self._autoencoder.encode(resized.to(self._picture_dtype))[0].to(self.dtype),
            identity=self._encoders.identity(self._tensor(portrait), controls.face).to(self.dtype),
            signals=self._signals(audio, controls, plan, silence),
            silence=(silence[0].to(self.dtype), silence[1].to(self.dtype)),
            masks=region_masks(box, plan.size, gates, options.regions).to(self.device),
            gates=gates,
            time_ids=torch.tensor(self.config.picture.time_ids, device=self.device),
            guide=self._guide(guide[None, None].to(self.dtype))[0, 0],
        )

    def _signals(
        self, audio: Sound | None, controls: Controls, plan: Plan, silence: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, ...]:
        """Audio and motion tokens of the generated frames; unconditional ones behind a closed gate."""
        start = controls.span[0] if controls.span else 0
        chosen = slice(start, start + plan.frames, self._stride)
        tokens = [quiet.expand(plan.generated, -1, -1) for quiet in silence]
        if audio is not None and controls.audio_gate:
            tokens[0] = self._encoders.audio(torch.from_numpy(audio).to(self.device))[chosen]
        if controls.motion_gate and controls.driving is not None and controls.driving_face is not None:
            tokens[1] = self._encoders.motion(self._tensor(controls.driving[chosen]), controls.driving_face)
        elif controls.lids is not None and isinstance(self._encoders, LidEncoders):
            tokens[1] = self._encoders.lids(torch.from_numpy(controls.lids[:: self._stride]).to(self.device))
        return tuple(signal.to(self.dtype) for signal in tokens)

    def _frames(self, latents: Tensor, resized: Tensor, options: Options) -> Picture:
        """Latents (n, Z, h, w) that began as the portrait (1, 3, H, W) -> frames (n, H, W, 3)."""
        chunks = decode(
            self._autoencoder,
            latents.to(self._picture_dtype),
            resized[0].to(self._picture_dtype),
            scale=options.sampling.latent_scale,
            chunk=options.decode_chunk,
            context=options.decode_context,
        )
        pictures = [((chunk.float() + 1) * 127.5).round().clamp(0, 255).byte().cpu() for chunk in chunks]
        return np.ascontiguousarray(torch.cat(pictures).permute(0, 2, 3, 1).numpy())

    def _tensor(self, pictures: Picture) -> Tensor:
        """(..., H, W, 3) of bytes -> (..., 3, H, W) in [0, 1] on the device."""
        return torch.from_numpy(pictures).to(self.device).movedim(-1, -3).float() / 255


def _available(samples: int, controls: Controls) -> int:
    """Frames at 25 per second that every open gate can drive."""
    reach = []
    if controls.audio_gate:
        reach.append(samples // FRAME_SAMPLES)
    if controls.motion_gate and controls.driving is not None:
        reach.append(len(controls.driving))
    return min(reach)


def _placed(module: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """On the device, in a type, convolutions in the layout that is fast there, without gradients."""
    module.to(device=device, dtype=dtype).eval().requires_grad_(False)
    for weight in module.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return module
