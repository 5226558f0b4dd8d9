"""What happens to a voice before it is heard: rooms, microphones, telephones, noise, levels, other vocal tracts.

B sounds of S samples at 16 kHz, K = S / 2 + 1 frequencies. Everything is drawn from the generator that is given.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from whisper.audio import HOP_LENGTH, N_FFT

from actalker.encoders.small import MELS, compressed, warped_filters

RATE = 16_000
_ROOM = 16_384
"""Longest response of a room, about a second."""

Curve = npt.NDArray[np.float32]


def disturbed(sounds: Tensor, rng: np.random.Generator) -> Tensor:
    """(B, S) of any level -> (B, S), heard somewhere else."""
    samples = sounds.shape[1]
    size = -(-(samples + _ROOM) // _ROOM) * _ROOM  # few prime factors
    frequencies = np.fft.rfftfreq(size, 1 / RATE).astype(np.float32)
    rooms = torch.from_numpy(np.stack([_room(rng) for _ in sounds]))
    gains = torch.from_numpy(np.stack([_microphone(frequencies, rng) for _ in sounds]))
    heard = torch.fft.irfft(torch.fft.rfft(sounds, size) * torch.fft.rfft(rooms, size) * gains, size)[:, :samples]
    heard = heard / heard.square().mean(1, keepdim=True).sqrt().clamp_min(1e-4)
    slopes = torch.from_numpy(np.stack([_colour(frequencies, rng) for _ in sounds]))
    white = torch.from_numpy(rng.standard_normal((len(sounds), len(frequencies), 2), dtype=np.float32))
    noise = torch.fft.irfft(torch.view_as_complex(white) * slopes, size)[:, :samples]
    noise = noise / noise.square().mean(1, keepdim=True).sqrt()
    mixed = heard + noise * torch.from_numpy(_amplitudes(rng, len(sounds), 5, 40, 0.7))
    mixed = mixed + heard.roll(1, 0).flip(1) * torch.from_numpy(_amplitudes(rng, len(sounds), 15, 30, 0.1))  # speech
    levels = torch.from_numpy((10 ** (rng.uniform(-42, -10, (len(sounds), 1)) / 20)).astype(np.float32))
    result: Tensor = (mixed * levels).clamp(-1, 1)
    return result


def _amplitudes(rng: np.random.Generator, sounds: int, least_db: float, most_db: float, share: float) -> Curve:
    """Of noise, relative to the voice, by its distance in decibels; zero for some: (B, 1)."""
    there = rng.uniform(size=(sounds, 1)) < share
    return np.asarray(there * 10 ** (-rng.uniform(least_db, most_db, (sounds, 1)) / 20), np.float32)


def _room(rng: np.random.Generator) -> Curve:
    """An impulse response: the direct sound, then, in one of four, noise that decays: (16384,)."""
    response = np.zeros(_ROOM, np.float32)
    response[0] = 1
    if rng.uniform() < 0.25:
        decay_s, direct_db = rng.uniform(0.1, 0.7), rng.uniform(3, 18)
        seconds = np.arange(_ROOM) / RATE
        tail = rng.standard_normal(_ROOM, dtype=np.float32) * np.exp(-6.9 * seconds / decay_s).astype(np.float32)
        tail[: int(rng.integers(16, 160))] = 0
        response += tail * np.float32(10 ** (-direct_db / 20) / np.sqrt((tail**2).sum()))
    return response


def _microphone(frequencies: Curve, rng: np.random.Generator) -> Curve:
    """Gains of a smooth equaliser, and of a telephone or another limited band for some: (K,)."""
    octaves = np.log2(np.maximum(frequencies, 60) / 60)
    points = np.linspace(0, octaves[-1], 8)
    gain_db = np.interp(octaves, points, rng.normal(0, rng.uniform(0, 6), 8)) + rng.uniform(-3, 3) * (octaves - 4)
    kind = rng.uniform()
    if kind < 0.12:
        gain_db -= 24 * np.maximum(np.log2(300 / np.maximum(frequencies, 20)), 0)
        gain_db -= 60 * np.maximum(np.log2(np.maximum(frequencies, 20) / 3400), 0)
    elif kind < 0.3:
        gain_db -= 40 * np.maximum(np.log2(np.maximum(frequencies, 20) / rng.uniform(2500, 7000)), 0)
    return np.asarray(10 ** (gain_db / 20), np.float32)


def _colour(frequencies: Curve, rng: np.random.Generator) -> Curve:
    """Gains of noise between white and brown, with hum below some frequency left out: (K,)."""
    return np.asarray((np.maximum(frequencies, 40) / 1000) ** -rng.uniform(0, 1.1), np.float32)


def log_mels(sounds: Tensor, rng: np.random.Generator) -> Tensor:
    """(B, S) -> log-mel (B, S / 160, 80), as `frame_mel`, of vocal tracts that are longer or shorter by up to 10 %."""
    window = torch.hann_window(N_FFT)
    spectrum = torch.stft(sounds, N_FFT, HOP_LENGTH, window=window, return_complex=True)[..., :-1]
    power = spectrum.real**2 + spectrum.imag**2
    filters = torch.stack([warped_filters(int(warp)) for warp in rng.integers(-4, 5, len(sounds))])
    return compressed(filters @ power).transpose(1, 2)


def masked(mels: Tensor, rng: np.random.Generator) -> Tensor:
    """Without a band of frequencies or a moment here and there (SpecAugment, Park et al. 2019): (B, T, 80) -> same."""
    mels = mels.clone()
    for mel in mels:
        rest = mel.mean()
        if rng.uniform() < 0.4:
            first = int(rng.integers(MELS - 10))
            mel[:, first : first + int(rng.integers(3, 11))] = rest
        if rng.uniform() < 0.4:
            first = int(rng.integers(len(mel) - 12))
            mel[first : first + int(rng.integers(4, 11))] = rest
    return mels
