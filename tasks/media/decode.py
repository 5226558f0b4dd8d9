"""Media from outside, as frames and samples, in process.

A file is recognised by its first bytes and opened by exactly that demuxer: libavformat never guesses, so that a text
file that names other files (HLS, DASH, ffconcat, subfile, SDP) is refused whatever it is called. It is read through a
Python file: there is no address to follow anywhere, and a demuxer that asks for a second file is refused it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tasks.errors import BadInput
from tasks.job import FPS, SAMPLE_RATE

MAX_AUDIO_MS = 4 * 3_600_000
"""Longer recordings are refused: 4 hours are 1.4 GB of samples."""

MAX_PIXELS = 8192 * 8192
"""Larger pictures are refused before a decoder allocates them."""

_SNIFF_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of a file. Fields that do not apply to its kind are 0 or empty.

    Attributes:
        kind: `video`, `audio`, `subtitle`, `data` or `attachment`.
        codec: libavcodec's name: `h264`, `aac`, `utvideo`.
        fps: Average frame rate.
        frames: As the container says; 0 when it does not say.
        color: `(primaries, transfer, matrix, range)` as ISO/IEC 23091-2 numbers them; range 1 is limited.
    """

    index: int
    kind: str
    codec: str
    language: str = ""
    duration_ms: int = 0
    width: int = 0
    height: int = 0
    fps: Fraction = Fraction(0)
    frames: int = 0
    pixel_format: str = ""
    color: tuple[int, int, int, int] = (2, 2, 2, 0)
    sample_rate: int = 0
    channels: int = 0


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file is. `demuxer` is the name to force on ffmpeg (`-f`), so that it does not guess either."""

    path: Path
    demuxer: str
    duration_ms: int
    streams: tuple[Stream, ...]
    metadata: tuple[tuple[str, str], ...] = ()
    chapters: tuple[tuple[int, str], ...] = ()

    @property
    def video(self) -> Stream | None:
        """The first picture track."""
        return next((stream for stream in self.streams if stream.kind == "video"), None)

    @property
    def audio(self) -> Stream | None:
        """The first sound track."""
        return next((stream for stream in self.streams if stream.kind == "audio"), None)


def probe(path: Path) -> Probe:
    """What a file holds, by its headers.

    Raises:
        BadInput: It is not there, empty, a playlist, of no known format, or damaged.
    """
    with opened(path) as (container, demuxer):
        duration_ms = (container.duration or 0) * 1000 // av.time_base
        streams = tuple(_stream(stream) for stream in container.streams)
        chapters = tuple(
            (_milliseconds(chapter["start"], chapter["time_base"]), chapter["metadata"].get("title", ""))
            for chapter in container.chapters()
        )
        return Probe(path, demuxer, duration_ms, streams, tuple(container.metadata.items()), chapters)


def _stream(stream: av.stream.Stream) -> Stream:
    duration_ms = _milliseconds(stream.duration or 0, stream.time_base)
    common = (stream.index, stream.type, _codec_name(stream), stream.language or "", duration_ms)
    if isinstance(stream, VideoStream):
        codec = stream.codec_context
        rate = stream.average_rate or Fraction(0)
        color = (codec.color_primaries, codec.color_trc, codec.colorspace, codec.color_range)
        numbers = tuple(int(value) for value in color)
        assert len(numbers) == 4
        size = (codec.width, codec.height)
        return Stream(*common, *size, Fraction(rate), stream.frames, codec.pix_fmt or "", numbers)
    if isinstance(stream, AudioStream):
        context = stream.codec_context
        return Stream(*common, sample_rate=context.sample_rate or 0, channels=context.channels)
    return Stream(*common)


def _milliseconds(units: int, unit_s: Fraction | None) -> int:
    return round(units * unit_s * 1000) if unit_s else 0


def _codec_name(stream: av.stream.Stream) -> str:
    context = getattr(stream, "codec_context", None)
    return str(context.name) if context is not None else ""


_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyp", "mov"),
    (4, b"moov", "mov"),
    (4, b"mdat", "mov"),
    (4, b"wide", "mov"),
    (4, b"free", "mov"),
    (4, b"skip", "mov"),
    (8, b"WAVE", "wav"),
    (8, b"AVI ", "avi"),
    (8, b"AIFF", "aiff"),
    (8, b"AIFC", "aiff"),
    (0, b"\x1aE\xdf\xa3", "matroska"),
    (0, b"OggS", "ogg"),
    (0, b"fLaC", "flac"),
    (0, b"caff", "caf"),
    (0, b".snd", "au"),
    (0, b"#!AMR", "amr"),
    (0, b"FLV\x01", "flv"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (0, b"\x00\x00\x01\xba", "mpeg"),
    (0, b"ID3", "mp3"),
)
_KNOWN = "WAV, FLAC, MP3, AAC, M4A, MP4, MOV, MKV, WebM, Ogg, Opus, AIFF, CAF, AU, AMR, AVI, FLV, WMA, WMV, MPEG"
_PLAYLISTS = (b"#extm3u", b"ffconcat", b"<mpd", b"subfile,", b"[playlist]", b"<smil", b"<asx", b"v=0", b"concat:")


def _demuxer(path: Path) -> str:
    """Which demuxer reads this file, by its first bytes and never by its name."""
    try:
        if path.is_fifo() or path.is_char_device():  # which would be waited for
            raise BadInput(f"{str(path)!r} is not a file: give the path of a recording or a video")
        with path.open("rb") as file:
            head = file.read(_SNIFF_BYTES)
    except OSError as error:
        raise BadInput(f"{str(path)!r} cannot be read: {error.strerror}") from error
    if not head:
        raise BadInput(f"{str(path)!r} is empty: export it again")
    for offset, magic, demuxer in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return demuxer
    if head[0] == 0x47 and head[188:189] == b"\x47":
        return "mpegts"
    if head[0] == 0xFF and head[1:2] and head[1] & 0xE0 == 0xE0:  # MPEG audio's sync word; layer 0 is ADTS
        return "mp3" if head[1] & 0x06 else "aac"
    if any(word in head.lower() for word in _PLAYLISTS):
        raise BadInput(f"{str(path)!r} is a list of other files, not media: give the recording itself")
    raise BadInput(f"{str(path)!r} is no sound or video that is read here: export it as one of {_KNOWN}")


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, str]]:
    """The file, open by its own demuxer. Every error of libav in the block becomes a BadInput that names the file."""
    demuxer = _demuxer(path)
    try:
        with (
            path.open("rb") as file,
            av.open(file, "r", format=demuxer, metadata_errors="replace", io_open=_refuse_other_files) as container,
        ):
            yield container, demuxer
    except av.FFmpegError as error:
        raise BadInput(f"{str(path)!r} is damaged: {error.strerror}: export it again") from error
    except OSError as error:
        raise BadInput(f"{str(path)!r} cannot be read: {error.strerror}") from error


def _refuse_other_files(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise BadInput(f"the file refers to another one, {url!r}, which is never opened: give the recording itself")


def decode_audio(path: Path, rate: int = SAMPLE_RATE) -> NDArray[np.int16]:
    """The first sound track, mixed down to mono: (samples,) at `rate`. Raises BadInput as `audio_blocks`."""
    return np.concatenate(list(audio_blocks(path, rate)))


def audio_blocks(path: Path, rate: int) -> Iterator[NDArray[np.int16]]:
    """The first sound track, mixed down to mono, piece by piece.

    Yields:
        (samples,) at `rate`.

    Raises:
        BadInput: As `probe`; or it has no sound, is longer than 4 hours, or is damaged somewhere: nothing is skipped
            silently, for every word after a gap would be out of time.
    """
    with opened(path) as (container, _):
        if not container.streams.audio:
            raise BadInput(f"{str(path)!r} has no sound: give a recording")
        resampler = av.AudioResampler(format="s16", layout="mono", rate=rate, frame_size=rate)  # seconds: fewer calls
        samples = 0
        for piece in _resampled(container, resampler):
            yield piece.to_ndarray()[0]
            samples += piece.samples
            if samples * 1000 > MAX_AUDIO_MS * rate:
                raise BadInput(f"{str(path)!r} is longer than {MAX_AUDIO_MS // 3_600_000} hours: cut it into parts")
    if not samples:
        raise BadInput(f"{str(path)!r} holds no samples: record it again")


def stereo_blocks(path: Path, rate: int) -> Iterator[NDArray[np.int16]]:
    """The two channels of the first sound track, piece by piece; nothing when it has not two.

    Yields:
        (2, samples) at `rate`.

    Raises:
        BadInput: As `probe`; or it is damaged.
    """
    with opened(path) as (container, _):
        if container.streams.audio and container.streams.audio[0].codec_context.channels == 2:
            resampler = av.AudioResampler(format="s16p", layout="stereo", rate=rate)
            for piece in _resampled(container, resampler):
                yield np.asarray(piece.to_ndarray(), np.int16)


def _resampled(container: InputContainer, resampler: av.AudioResampler) -> Iterator[av.AudioFrame]:
    decoded = False
    for frame in container.decode(audio=0):
        frame.pts = None  # samples are counted, never placed: a container's rounded timestamps are not to be trusted
        decoded = True
        yield from resampler.resample(frame)
    if decoded:
        yield from resampler.resample(None)


def decode_frames(path: Path, start: int = 0, end: int | None = None) -> Iterator[NDArray[np.uint8]]:
    """The pictures of a video at `FPS`, whatever its own rate is: each is the one shown at that time.

    Frames before `start` are decoded (a long driving video costs that), not converted.

    Args:
        path: The video. A rotation that its container asks for is applied.
        start, end: Frames at `FPS`, half-open; to the last one when `end` is None.

    Yields:
        (height, width, 3) RGB.

    Raises:
        BadInput: As `probe`; or it has no picture, one of more than 67 megapixels, or is damaged.
    """
    converter = VideoReformatter()
    for frame in shown_frames(path, start, end):
        rgb = converter.reformat(frame, format="rgb24").to_ndarray()
        yield np.ascontiguousarray(np.rot90(rgb, frame.rotation // 90), dtype=np.uint8)


def decode_thumbnails(path: Path, edge: int) -> Iterator[NDArray[np.uint8]]:
    """The same pictures small, square and grey, (edge, edge): enough to see that something moves, and at 1920 x 1080
    in a third of the time. Raises BadInput as `decode_frames`.
    """
    converter = VideoReformatter()
    for frame in shown_frames(path):
        small = converter.reformat(frame, width=edge, height=edge, format="gray", interpolation=Interpolation.AREA)
        yield np.asarray(small.to_ndarray(), np.uint8)


def shown_frames(path: Path, start: int = 0, end: int | None = None) -> Iterator[av.VideoFrame]:
    """What is shown at each frame number at `FPS`, as it was decoded. Raises BadInput as `decode_frames`."""
    with opened(path) as (container, _):
        if not container.streams.video:
            raise BadInput(f"{str(path)!r} has no picture: give a video")
        stream = container.streams.video[0]
        width, height = stream.codec_context.width, stream.codec_context.height
        if not 0 < width * height <= MAX_PIXELS:
            raise BadInput(f"{str(path)!r} is {width} x {height} pixels: at most {MAX_PIXELS} in all can be read")
        stream.thread_type = "AUTO"
        yield from _at_constant_rate(container, stream, start, end)


def _at_constant_rate(
    container: InputContainer, stream: VideoStream, start: int, end: int | None
) -> Iterator[av.VideoFrame]:
    """For each frame number at `FPS`, the newest picture whose time, rounded to such a number, has come."""
    number = start
    shown: av.VideoFrame | None = None
    origin: Fraction | None = None
    due = 0
    for frame in container.decode(stream):
        if frame.pts is not None and frame.time_base is not None:
            moment = frame.pts * frame.time_base
            origin = moment if origin is None else origin
            due = round((moment - origin) * FPS)
        while shown is not None and number < due and (end is None or number < end):
            yield shown
            number += 1
        if end is not None and number >= end:
            return
        shown = frame
    last = due + 1 if end is None else min(due + 1, end)
    for _ in range(number, last):
        assert shown is not None
        yield shown
