"""Small media, made on the spot: pictures whose number can be read back, voices, and finished clips."""

import wave
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tasks.job import OVERLAP_FRAMES, SAMPLE_RATE, SAMPLES_PER_FRAME, Clip, Job, Segment, Speech
from tasks.media.lossless import SUFFIX, LosslessWriter
from tasks.records.store import digest_file

_BITS = 12
"""Frame numbers are drawn as so many squares, black or white: they survive lossy coding and scaling."""


def numbered(number: int, width: int = 128, height: int = 128) -> NDArray[np.uint8]:
    """A coloured picture that carries its number, twice as large as it need be: the lower half is a gradient."""
    across = np.linspace(40, 215, width, dtype=np.float32)
    down = np.linspace(60, 200, height, dtype=np.float32)[:, None]
    picture = np.stack(np.broadcast_arrays(across, down, 255 - across), axis=-1).astype(np.uint8)
    cell = width // (_BITS + 2)
    for bit in range(_BITS):
        left = cell * (bit + 1)
        picture[height // 4 : height // 2, left : left + cell] = 235 if number >> bit & 1 else 20
    return picture


def read_number(picture: NDArray[np.uint8]) -> int:
    """The number of a picture that `numbered` drew, whatever was done to it since."""
    height, width = picture.shape[:2]
    cell = width / (_BITS + 2)
    row = picture[height // 4 + height // 16 : height // 2 - height // 16].mean(axis=(0, 2))
    return sum((row[round(cell * (bit + 1.3)) : round(cell * (bit + 1.7))].mean() > 128) << bit for bit in range(_BITS))


def write_clip(path: Path, pictures: Sequence[NDArray[np.uint8]] | Iterator[NDArray[np.uint8]]) -> Path:
    """A lossless clip of those pictures."""
    writer: LosslessWriter | None = None
    for picture in pictures:
        if writer is None:
            height, width = picture.shape[:2]
            writer = LosslessWriter(path, width, height).__enter__()
        writer.write(picture)
    assert writer is not None
    writer.__exit__(None, None, None)
    return path


def planned(lengths: Sequence[int], overlap: int = OVERLAP_FRAMES) -> tuple[Segment, ...]:
    """Segments of those lengths, overlaps included."""
    segments, start = [], 0
    for index, frames in enumerate(lengths):
        segments.append(Segment("lesson", index, start, start + frames, Path("unused.wav"), 0, 0, f"key{index}"))
        start += frames - overlap
    return tuple(segments)


def rendered(segments: Sequence[Segment], folder: Path, size: tuple[int, int] = (128, 128)) -> tuple[Clip, ...]:
    """A clip for each segment: every frame carries its number in the programme."""
    clips = []
    for segment in segments:
        pictures = (numbered(number, *size) for number in range(segment.start_frame, segment.end_frame))
        path = write_clip(folder / f"{segment.key}{SUFFIX}", pictures)
        clips.append(Clip(segment.key, path, segment.frames, *size, digest_file(path)))
    return tuple(clips)


def write_wav(path: Path, samples: NDArray[np.int16], rate: int = SAMPLE_RATE) -> Path:
    """A mono 16-bit PCM file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


def babble(frames: int, seed: int = 0, level: float = 0.1) -> NDArray[np.int16]:
    """Something like speech: coloured noise in syllables and sentences, with pauses of silence."""
    generator = np.random.default_rng(seed)
    samples = frames * SAMPLES_PER_FRAME
    time = np.arange(samples) / SAMPLE_RATE
    noise = np.convolve(generator.normal(size=samples), np.hanning(40) / 20, "same")
    syllables = np.abs(np.sin(2 * np.pi * (3 + seed % 3) * time)) ** (1 + seed % 4)
    sentences = (np.sin(2 * np.pi * time / 4 + seed) > -0.6).astype(float)
    sound = noise * syllables * sentences
    return np.clip(sound / np.abs(sound).max() * level * 32767, -32768, 32767).astype(np.int16)


def spoken(folder: Path, samples: NDArray[np.int16], **known: object) -> Speech:
    """A programme of those samples."""
    frames = len(samples) // SAMPLES_PER_FRAME
    wav = write_wav(folder / "programme.wav", samples[: frames * SAMPLES_PER_FRAME])
    energy = np.abs(samples[: frames * SAMPLES_PER_FRAME].reshape(frames, -1).astype(float)).mean(axis=1)
    levels = tuple(int(level) for level in np.maximum(-120, 20 * np.log10(np.maximum(energy, 1e-9) / 32768)))
    return Speech(wav=wav, frames=frames, cuts=(), levels=levels, **known)  # type: ignore[arg-type]


def job(folder: Path, **changes: object) -> Job:
    """A row whose portrait is one of the numbered pictures."""
    portrait = folder / "portrait.png"
    cv2.imwrite(str(portrait), numbered(0))
    defaults: dict[str, object] = {"id": "lesson", "row": 1, "portrait": portrait, "width": 128, "height": 128}
    return Job(**(defaults | changes))  # type: ignore[arg-type]
