"""What codecs of low bit rates leave of a voice, by PyAV, in memory. S samples at 16 kHz."""

import io
from typing import cast

import av
import numpy as np
import numpy.typing as npt
import soxr

RATE = 16_000
CODECS = (("libopus", 8_000), ("libopus", 16_000), ("libmp3lame", 24_000), ("libmp3lame", 40_000))
"""Name and bits per second."""

Samples = npt.NDArray[np.float32]


def coded(samples: Samples, codec: str, bit_rate: int) -> Samples:
    """What a codec leaves of a sound, without its delay: (S,) -> (S,)."""
    rate = 48_000 if codec == "libopus" else RATE
    file = io.BytesIO()
    with av.open(file, "w", format="ogg" if codec == "libopus" else "mp3") as container:
        stream = cast(av.AudioStream, container.add_stream(codec, rate=rate))
        stream.bit_rate, stream.layout = bit_rate, "mono"
        sound = soxr.resample(samples, RATE, rate)
        frame = av.AudioFrame.from_ndarray((sound[None] * 32767).astype(np.int16), "s16", "mono")
        frame.sample_rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    file.seek(0)
    with av.open(file, "r") as coded_file:
        resampler = av.AudioResampler("flt", "mono", RATE)
        frames = [part for decoded in coded_file.decode(audio=0) for part in resampler.resample(decoded)]
    result = np.concatenate([part.to_ndarray()[0] for part in frames])
    size = 1 << (len(samples) + len(result)).bit_length()
    match = np.fft.irfft(np.fft.rfft(result, size) * np.conj(np.fft.rfft(samples, size)))
    delay = int(match[: RATE // 5].argmax())
    return np.pad(result[delay:], (0, max(0, len(samples) + delay - len(result))))[: len(samples)]
