"""The lossless picture between the stages: Ut Video in AVI, every frame a key frame, 25 frames per second.

The colour is converted once, here, on the way in: RGB to yuv420p, BT.709, limited range, which is what the final encode
takes as it is. The codec's tag (ULH0) says BT.709, and AVI counts frames instead of timing them.

Why Ut Video, measured at 512 x 512 on a moving, grained picture, one thread, ms per frame and kB per frame
(`pytest -m bench -k codecs`):

    codec                  encode  decode    size
    Ut Video, left           0.88    0.61     154
    FFVHuff, plane           0.59    1.14     152      no colour tag
    Ut Video, median         1.11    1.80     132
    x264 -qp 0 ultrafast     2.21    2.65     136
    FFV1, intra              5.03    5.81     110
    raw                      0.22    0.06     393
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tasks.errors import BadInput, NoSpace
from tasks.job import FPS

SUFFIX = ".avi"
"""What files of this kind are called."""


class LosslessWriter:
    """Write frames to a new file; a context manager. The file is complete when the block ends without an error.

    Args:
        path: The file to write; who publishes it syncs and renames it.
        width, height: Of every frame; both even.

    Raises:
        BadInput: An odd size, or a frame of another shape.
        NoSpace: The disk is full.
    """

    def __init__(self, path: Path, width: int, height: int) -> None:
        if width % 2 or height % 2:
            raise BadInput(f"a picture of {width} x {height} pixels cannot be stored as yuv420p: both must be even")
        self.frames = 0
        self.size = (width, height)
        self._shape = (height, width, 3)
        self._file = path.open("wb")
        # Bit-exact: no version of the library in the file, so that the same frames are the same bytes.
        options = {"fflags": "+bitexact"}
        self._container = av.open(self._file, "w", format="avi", buffer_size=1 << 20, container_options=options)
        self._stream = self._container.add_stream("utvideo", rate=FPS, options={"pred": "left"})
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        self._stream.thread_count = 1
        context = self._stream.codec_context
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        self._converter = VideoReformatter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file, full_disk_is_named("a clip is written"):
            if kind is None:
                self._container.mux(self._stream.encode(None))
                self._container.close()

    def write(self, rgb: NDArray[np.uint8]) -> av.VideoFrame:
        """Append one frame: (height, width, 3) RGB. As it is stored: yuv420p."""
        if rgb.shape != self._shape or rgb.dtype != np.uint8:
            raise BadInput(f"a frame is {rgb.dtype} {rgb.shape}, this file takes uint8 {self._shape}")
        frame = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(rgb), format="rgb24")
        return self.write_yuv(
            self._converter.reformat(
                frame,
                format="yuv420p",
                src_colorspace=Colorspace.ITU709,
                dst_colorspace=Colorspace.ITU709,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.MPEG,
            )
        )

    def write_yuv(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Append one frame that is yuv420p, BT.709, limited range already, and return it."""
        frame.pts, frame.time_base = self.frames, Fraction(1, FPS)
        with full_disk_is_named("a clip is written"):
            self._container.mux(self._stream.encode(frame))
        self.frames += 1
        return frame

    def copy(self, packet: "av.Packet[VideoStream]") -> None:
        """Append one frame as it is stored in another such file, neither decoded nor encoded."""
        packet.stream = self._stream
        packet.pts = packet.dts = self.frames
        packet.time_base = Fraction(1, FPS)
        with full_disk_is_named("a clip is written"):
            self._container.mux(packet)
        self.frames += 1


class LosslessReader:
    """Read such a file frame by frame, stored or decoded; a context manager.

    Raises:
        BadInput: The file is not there, or is not what `LosslessWriter` writes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._container = av.open(str(path), "r", format="avi")
        except (av.FFmpegError, OSError) as error:
            raise BadInput(f"{str(path)!r} cannot be read as a lossless clip: {error}") from error
        self._codec = self._container.streams.video[0].codec_context
        self._codec.thread_count = 1
        self.width, self.height = self._codec.width, self._codec.height
        if (self._codec.name, self._codec.pix_fmt) != ("utvideo", "yuv420p"):
            self._container.close()
            raise BadInput(f"{str(path)!r} is {self._codec.name} {self._codec.pix_fmt}, a clip is utvideo yuv420p")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def packets(self) -> Iterator["av.Packet[VideoStream]"]:
        """Every frame as it is stored, in order."""
        return (packet for packet in self._container.demux(video=0) if packet.size)

    def decode(self, packet: "av.Packet[VideoStream]") -> av.VideoFrame:
        """One stored frame as yuv420p."""
        try:
            (frame,) = self._codec.decode(packet)
        except (av.FFmpegError, ValueError) as error:
            raise BadInput(f"a frame of {str(self.path)!r} is damaged: {error}") from error
        return frame


@contextmanager
def full_disk_is_named(what: str) -> Iterator[None]:
    """An OSError in the block that says that the disk is full becomes a NoSpace."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise NoSpace(f"the disk is full while {what}: free some space, then submit again") from error
        raise
