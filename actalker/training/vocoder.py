"""Other people from one voice: speech is taken apart into envelope and excitation, and both are exchanged.

S samples at 16 kHz, F frames of 5 ms, Q bins. The envelope is the log-magnitude, smoothed in the cepstrum by the
iterations of the true envelope (Roebel and Rodet 2005). Times of phonemes stay.
"""

import numpy as np
import numpy.typing as npt

RATE = 16_000
HOP = 80
_FFT = 512
_ITERATIONS = 2

Samples = npt.NDArray[np.float32]
Curve = npt.NDArray[np.float64]


def resynthesised(samples: Samples, voiced: npt.NDArray[np.bool_], rng: np.random.Generator) -> Samples:
    """The same words by somebody with another vocal tract, pitch, melody and breath: (S,) -> (S,).

    Args:
        voiced: (S // 80,) Whether the vocal folds vibrate, for each frame.
    """
    frames = len(voiced)
    envelope = _envelope(_stft(samples, frames), order=int(rng.integers(20, 44)))
    envelope = _warped(envelope, float(np.exp(rng.uniform(-0.22, 0.22))))
    envelope = _smoothed(envelope, int(rng.integers(0, 4)))
    whispers = rng.uniform() < 0.05
    pulses = _pulses(_pitch(frames, rng), voiced & (not whispers))
    noise = rng.standard_normal(len(pulses)).astype(np.float32)
    tonal, breathy = _stft(pulses, frames), _stft(noise, frames)
    # Voices are noise above a frequency of their own, and a little below it.
    share = 1 / (1 + np.exp(-(np.linspace(0, 8000, _FFT // 2 + 1) - rng.uniform(1500, 7000)) / 500))
    share = np.maximum(share * rng.uniform(0.3, 1.0), rng.uniform(0.0, 0.15))
    excitation = np.where(
        voiced[:, None] & (not whispers), tonal * np.sqrt(1 - share) + breathy * np.sqrt(share), breathy
    )
    return _inverse(excitation * np.exp(envelope), len(samples))


def _pitch(frames: int, rng: np.random.Generator) -> Curve:
    """A fundamental frequency in Hz for each frame: falling, with accents."""
    seconds = np.arange(frames) * HOP / RATE
    rates, phases = rng.uniform(0.3, 3.5, 4), rng.uniform(0, 2 * np.pi, 4)
    accents = np.sin(2 * np.pi * rates * seconds[:, None] + phases).mean(1)
    depth, fall = rng.uniform(0.05, 0.45), rng.uniform(0.0, 0.3)
    return np.asarray(np.exp(rng.uniform(np.log(75), np.log(300)) + depth * accents - fall * seconds / seconds[-1]))


def _pulses(pitch: Curve, voiced: npt.NDArray[np.bool_]) -> Samples:
    """Pulses of unit power at this pitch, where voiced: (F,) -> (80 F,)."""
    hertz = np.repeat(pitch, HOP)
    cycles = np.floor(np.cumsum(hertz / RATE))
    starts = np.flatnonzero(np.diff(cycles, prepend=0.0) > 0)
    wave = np.zeros(len(hertz), np.float32)
    wave[starts] = np.sqrt(RATE / hertz[starts])
    return wave * np.repeat(voiced, HOP)


_WINDOW = np.hanning(_FFT + 1)[:-1].astype(np.float32)


def _stft(samples: Samples, frames: int) -> npt.NDArray[np.complex64]:
    """(S,) -> (F, Q), with frames centred on multiples of the hop."""
    padded = np.pad(samples, (_FFT // 2, frames * HOP + _FFT - len(samples)))
    return np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::HOP][:frames] * _WINDOW).astype(
        np.complex64
    )


def _inverse(spectrum: npt.NDArray[np.complex64], samples: int) -> Samples:
    """(F, Q) -> (S,) by overlap and add."""
    parts = np.fft.irfft(spectrum, _FFT).astype(np.float32) * _WINDOW
    wave = np.zeros((len(parts) - 1) * HOP + _FFT, np.float32)
    for index, part in enumerate(parts):
        wave[index * HOP : index * HOP + _FFT] += part
    wave /= float((_WINDOW**2).sum()) / HOP
    wave = wave[_FFT // 2 :]
    return np.pad(wave, (0, max(0, samples - len(wave))))[:samples]


def _envelope(spectrum: npt.NDArray[np.complex64], order: int) -> npt.NDArray[np.float32]:
    """Log-magnitude (F, Q) without the harmonics, of unit excitation."""
    target = np.log(np.abs(spectrum) + 1e-4)
    lifter = np.zeros(_FFT // 2 + 1, np.float32)
    lifter[:order] = 0.5 * (1 + np.cos(np.pi * np.arange(order) / order))
    result = target
    for _ in range(_ITERATIONS):
        cepstrum = np.fft.irfft(np.maximum(target, result) if result is not target else target)
        cepstrum[:, : _FFT // 2 + 1] *= lifter
        cepstrum[:, _FFT // 2 + 1 :] *= lifter[1:-1][::-1]
        result = np.fft.rfft(cepstrum).real
    return np.asarray(result - np.log(np.sqrt((_WINDOW**2).sum())), np.float32)


def _warped(envelope: npt.NDArray[np.float32], factor: float) -> npt.NDArray[np.float32]:
    """Move what is at a frequency to `factor` times it: (F, Q) -> the same."""
    bins = envelope.shape[1]
    source = np.minimum(np.arange(bins) / factor, bins - 1.001)
    below = source.astype(int)
    share = (source - below).astype(np.float32)
    return np.asarray(envelope[:, below] * (1 - share) + envelope[:, below + 1] * share)


def _smoothed(envelope: npt.NDArray[np.float32], radius: int) -> npt.NDArray[np.float32]:
    """Mean over 2 `radius` + 1 frames, as models of speech smooth it: (F, Q) -> the same."""
    padded = np.pad(envelope, ((radius, radius), (0, 0)), mode="edge")
    return np.asarray(np.mean([padded[i : i + len(envelope)] for i in range(2 * radius + 1)], axis=0))
