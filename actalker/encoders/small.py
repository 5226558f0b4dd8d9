"""Small encoders of the demo checkpoint: mouth shapes from sound, identity and gestures from face crops.

N frames. The published encoders (Whisper, ArcFace, ResNets) are for real voices and faces, these for the drawn ones.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from whisper.audio import HOP_LENGTH, N_FFT, mel_filters

from actalker.encoders.crops import MASK_MARGIN, crop
from actalker.encoders.projections import AudioProjection, IdentityProjection
from actalker.encoders.widths import SmallWidths
from actalker.shapes import FRAME_SAMPLES, Box, Size

MELS = 80
CROP = 64
_HIDDEN = 128  # of the projections
_FLOOR = 1e-6
_SURROUNDINGS = 200  # steps of the log-mel, 100 a second

HEARINGS = ((-160, -4), (-160, -1), (-160, 2), (0, -3), (0, 0), (0, 3), (160, -2), (160, 1), (160, 4))
"""Sound is heard nine times: so many samples later, with a vocal tract so many steps of `warped_filters` longer. The
mean of the results has smaller errors than any of them, see docs/training.md."""

AUDIO_REACH = 100
"""Frames on either side whose sound can matter to a mouth: 2 s of surroundings, and the convolutions."""

VISEMES = ("open", "wide", "round", "tongue")
"""Output of the audio encoder: the shape of the mouth, in units of `Face`."""

MOTION_SIGNALS = ("open", "wide", "round", "tongue", "brow", "blink", "smile", "gaze_x", "gaze_y", "roll_deg", "yaw")
"""Output of the motion encoder, in units of `Face`; the roll in degrees. The position is left out, as in the published
network, which multiplies the translation by zero."""


VISEME_SPREAD = (0.2, 0.3, 0.3, 0.2)
"""Typical spreads of `VISEMES`. They are divided by it, so that the inputs of the projection have unit size."""
MOTION_SPREAD = (0.2, 0.3, 0.3, 0.2, 0.3, 0.2, 0.1, 0.2, 0.15, 0.4, 0.15)
"""The same for `MOTION_SIGNALS`, but a third of it for the smile: it moves the fewest pixels and is learned last."""


def log_mel(audio: Tensor, warp: int = 0) -> Tensor:
    """Audio (S,) at 16 kHz in [-1, 1] -> (S / 160, 80) at 100 Hz, 0 in silence to about 2; Whisper's filter bank.

    Unlike in Whisper's function, the maximum of the clip does not scale it, so that the values of a frame do not depend
    on distant frames.

    Args:
        warp: See `warped_filters`.
    """
    window = torch.hann_window(N_FFT, device=audio.device)
    spectrum = torch.stft(audio, N_FFT, HOP_LENGTH, window=window, return_complex=True)
    power = spectrum[:, :-1].abs() ** 2  # (201, S / 160)
    mel: Tensor = warped_filters(warp).to(audio.device) @ power
    return compressed(mel).T.contiguous()


@lru_cache(maxsize=9)
def warped_filters(warp: int) -> Tensor:
    """Whisper's filter bank (80, 201) with every frequency multiplied by 1.025 ** `warp`: another vocal tract.

    Cached, so that nobody may change it.
    """
    plain: Tensor = mel_filters("cpu", MELS)
    if not warp:
        return plain
    filters = plain.numpy()
    source = np.arange(filters.shape[1]) / 1.025**warp
    warped = np.stack([np.interp(source, np.arange(filters.shape[1]), one, right=0.0) for one in filters])
    warped *= filters.sum(1, keepdims=True) / np.maximum(warped.sum(1, keepdims=True), 1e-8)
    return torch.from_numpy(warped.astype(np.float32))


def compressed(power: Tensor) -> Tensor:
    """Power to decades above the floor, divided by 4."""
    return (power.clamp_min(_FLOOR) / _FLOOR).log10() / 4


def frame_mel(audio: Tensor, warp: int = 0) -> Tensor:
    """Audio (S,) -> the log-mel of its whole frames, (S // 640 * 4, 80)."""
    return log_mel(audio[: len(audio) // FRAME_SAMPLES * FRAME_SAMPLES], warp)


def late(audio: Tensor, samples: int) -> Tensor:
    """The same (S,), moved by so many samples, with silence where nothing is known; negative: early."""
    return F.pad(audio, (samples, -samples))


class AudioEncoder(nn.Module):
    """Sound to mouth shapes, by convolutions over time.

    The features are the `VISEMES` themselves. So the network can be trained on the true mouth shapes, independently of
    this encoder, and either can be replaced alone.

    Args:
        width: Channels.
        dilations: Of the blocks at 25 Hz. Each block sees 2 frames more on either side, times its dilation.
    """

    def __init__(self, width: int = 192, dilations: Sequence[int] = (1, 1, 1)) -> None:
        super().__init__()
        self.conv_in = nn.Conv1d(2 * MELS, width, 5, padding=2)
        self.halve = nn.Conv1d(width, width, 5, stride=2, padding=2)
        self.fine = nn.ModuleList([ConvBlock(width)])  # at 50 Hz
        self.halve_again = nn.Conv1d(width, width, 5, stride=2, padding=2)
        self.coarse = nn.ModuleList(ConvBlock(width, dilation) for dilation in dilations)  # at 25 Hz
        self.out = nn.Conv1d(width, len(VISEMES), 1)

    def forward(self, mel: Tensor) -> Tensor:
        """(B, 4 N, 80) -> `VISEMES` (B, N, 4)."""
        # The third of a frame's four steps begins at the frame's middle. The shift moves it to where the strides are.
        level = mel.transpose(1, 2)
        x = torch.cat([level, level - surroundings(level)], 1)
        x = F.gelu(self.conv_in(F.pad(x, (-2, 2))))
        x = F.gelu(self.halve(x))
        for block in self.fine:
            x = block(x)
        x = F.gelu(self.halve_again(x))
        for block in self.coarse:
            x = block(x)
        result: Tensor = self.out(F.gelu(x)).transpose(1, 2)
        return result

    def hear(self, audio: Tensor) -> Tensor:
        """Audio (S,) -> `VISEMES` (S // 640, 4), the mean of the `HEARINGS`."""
        mels = torch.stack([frame_mel(late(audio, samples), warp) for samples, warp in HEARINGS])
        result: Tensor = self(mels).mean(0)
        return result


def surroundings(level: Tensor) -> Tensor:
    """Mean over 2 s on either side, which voice, room and microphone have in common: (B, 80, T) -> the same."""
    sums = F.pad(level.double().cumsum(-1), (1, 0))
    moments = torch.arange(level.shape[-1], device=level.device)
    first, last = (moments - _SURROUNDINGS).clamp_min(0), (moments + _SURROUNDINGS + 1).clamp_max(len(moments))
    return ((sums[..., last] - sums[..., first]) / (last - first)).to(level.dtype)


class ConvBlock(nn.Module):
    """Residual: two convolutions over time."""

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, N) -> the same."""
        result: Tensor = x + self.conv2(F.gelu(self.conv1(F.gelu(x))))
        return result


class CropEncoder(nn.Module):
    """A convolutional network on a 64 x 64 crop of the face."""

    def __init__(self, outputs: int, width: int = 32) -> None:
        super().__init__()
        widths = (3, width, 2 * width, 3 * width, 4 * width)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(8, after), nn.SiLU()]
        self.convs = nn.Sequential(*layers)
        self.out = nn.Sequential(nn.Linear(widths[-1] * (CROP // 16) ** 2, 128), nn.SiLU(), nn.Linear(128, outputs))

    def forward(self, crops: Tensor) -> Tensor:
        """(N, 3, 64, 64) in [-1, 1] -> (N, outputs)."""
        result: Tensor = self.out(self.convs(crops).flatten(1))
        return result


class IdentityEncoder(CropEncoder):
    """Identity embedding on the unit sphere."""

    def __init__(self, features: int = 64) -> None:
        super().__init__(features)

    def forward(self, crops: Tensor) -> Tensor:
        """(N, 3, 64, 64) in [-1, 1] -> (N, features) of length 1."""
        return F.normalize(super().forward(crops), dim=-1)


class MotionEncoder(CropEncoder):
    """`MOTION_SIGNALS` of a face, independent of the identity: (N, 3, 64, 64) in [-1, 1] -> (N, 11)."""

    def __init__(self) -> None:
        super().__init__(len(MOTION_SIGNALS))


class SmallEncoders(nn.Module):
    """See `Encoders` for the methods. Features are outputs of the three encoders, tokens inputs of the network."""

    def __init__(self, widths: SmallWidths) -> None:
        super().__init__()
        self.audio_encoder = AudioEncoder(widths.audio_width, widths.audio_dilations)
        self.identity_encoder = IdentityEncoder(widths.identity_features)
        self.motion_encoder = MotionEncoder()
        self.audio_projection = AudioProjection(len(VISEMES), _HIDDEN, widths.audio_tokens, widths.tokens)
        self.identity_projection = IdentityProjection(widths.identity_features, _HIDDEN, widths.tokens)
        # Without the normalisation of the published projection: the magnitude of a gesture must be kept.
        self.motion_projection = nn.Sequential(
            nn.Linear(len(MOTION_SIGNALS), _HIDDEN), nn.SiLU(), nn.Linear(_HIDDEN, widths.tokens)
        )

    def audio_tokens(self, features: Tensor) -> Tensor:
        """`VISEMES` (..., 4) -> (..., T, D)."""
        result: Tensor = self.audio_projection((features / features.new_tensor(VISEME_SPREAD))[..., None, None, :])
        return result

    def identity_tokens(self, features: Tensor) -> Tensor:
        """(..., features) -> (..., 1, D)."""
        result: Tensor = self.identity_projection(features)[..., None, :]
        return result

    def motion_tokens(self, signals: Tensor) -> Tensor:
        """(..., 11) -> (..., 1, D)."""
        result: Tensor = self.motion_projection(signals / signals.new_tensor(MOTION_SPREAD))[..., None, :]
        return result

    def audio(self, samples: Tensor) -> Tensor:
        """(S,) -> (S // 640, T, D)."""
        return self.audio_tokens(self.audio_encoder.hear(samples))

    def identity(self, portrait: Tensor, box: Box) -> Tensor:
        """(3, H, W) -> (1, D)."""
        return self.identity_tokens(self.identity_encoder(face_crops(portrait[None], box))[0])

    def motion(self, frames: Tensor, box: Box) -> Tensor:
        """(n, 3, H, W) -> (n, 1, D)."""
        return self.motion_tokens(self.motion_encoder(face_crops(frames, box)))

    def lids(self, shut: Tensor) -> Tensor:
        """(n,) from 0, open, to 1, shut -> (n, 1, D); all other signals are zero."""
        signals = shut.new_zeros(len(shut), len(MOTION_SIGNALS))
        signals[:, MOTION_SIGNALS.index("blink")] = shut
        return self.motion_tokens(signals)

    def unconditional(self) -> tuple[Tensor, Tensor]:
        """Zero tokens, not the tokens of zero features.

        Zero features are a face at rest, which is the correct condition in a pause of speech. When they also stood for
        "no condition", the network opened the mouth in pauses as far as it is open on average.
        """
        audio = self.audio_projection
        zeros = audio.norm.weight.new_zeros
        return zeros(audio.tokens, audio.width), zeros(1, audio.width)


def face_crops(pictures: Tensor, box: Box) -> Tensor:
    """Inputs of the identity and motion encoders: (N, 3, H, W) in [0, 1] -> (N, 3, 64, 64) in [-1, 1]."""
    face = box.enlarged(*MASK_MARGIN, within=Size(*pictures.shape[-2:]))
    return crop(pictures, face, CROP) * 2 - 1
