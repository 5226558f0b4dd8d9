"""Audio features: all hidden states of the Whisper-tiny encoder, and a window of its steps for every frame."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from actalker.shapes import AUDIO_HZ, FRAME_SAMPLES

WINDOW_SAMPLES = 480_000
"""Whisper's input window: 30 s."""
STEPS_PER_FRAME = 10
"""Encoder steps of 20 ms per frame: a window of 200 ms around it."""
PAD_BEFORE, PAD_AFTER = 4, 6


class AudioEncoder(nn.Module):
    """Whisper's encoder, with the hidden states of all layers."""

    def __init__(self, width: int = 384, layers: int = 4, heads: int = 6) -> None:
        super().__init__()
        self.encoder = WhisperEncoder(
            WhisperConfig(
                d_model=width, encoder_layers=layers, encoder_attention_heads=heads, encoder_ffn_dim=4 * width
            )
        )
        self.features = WhisperFeatureExtractor()

    def forward(self, samples: Tensor) -> Tensor:
        """Mono sound (S,) at 16 kHz in [-1, 1] -> (frames, 10, layers + 1, width), frames = S // 640 at 25 Hz.

        Raises ValueError for sound shorter than one frame.
        """
        frames = len(samples) // FRAME_SAMPLES
        if frames == 0:
            raise ValueError(f"sound of {len(samples)} samples is shorter than one frame ({FRAME_SAMPLES})")
        windows = [self._hidden(window) for window in torch.split(samples, WINDOW_SAMPLES)]
        steps = torch.cat(windows)[: 2 * frames]  # (2 frames, layers + 1, width) at 50 Hz
        padded = F.pad(steps, (0, 0, 0, 0, PAD_BEFORE, PAD_AFTER))
        return padded.unfold(0, STEPS_PER_FRAME, 2)[:frames].permute(0, 3, 1, 2)

    def _hidden(self, window: Tensor) -> Tensor:
        """Up to 30 s of sound -> all hidden states (1500, layers + 1, width)."""
        weight = self.encoder.conv1.weight
        mel = self.features(window.cpu().numpy(), sampling_rate=AUDIO_HZ, return_tensors="pt").input_features
        states = self.encoder(mel.to(weight.device, weight.dtype), output_hidden_states=True).hidden_states
        return torch.stack(states, dim=2)[0]
