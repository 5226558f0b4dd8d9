"""3GPP Timed Text, the caption track of MP4 (`tx3g`, ffmpeg's `mov_text`): written as text, with nothing escaped.

ffmpeg's own way from SRT or WebVTT to this track leads through ASS: `<b>` and `{...}` are taken for markup, and a
backslash gets a word joiner behind it. The format itself has no markup: a sample is a length and UTF-8 text.

Source: 3GPP TS 26.245, sections 5.16 and 5.17.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import av

from tasks.media.decode import opened
from tasks.media.lossless import full_disk_is_named
from tasks.speech.language import alpha_3

Cue = tuple[int, int, str]
"""When a text appears and disappears, in milliseconds, and the text, lines divided by line feeds."""

_TIME_BASE: Final = Fraction(1, 1000)
_STYLE: Final = b"""[Script Info]
ScriptType: v4.00+
PlayResX: 384
PlayResY: 288

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
"""What ffmpeg takes a plain text file for. Its encoder makes the track's sample description of it, and nothing else."""


def write(path: Path, cues: Sequence[Cue], language: str) -> None:
    """Write an MP4 file that holds this track alone, for ffmpeg to copy.

    Args:
        cues: In time order, at least one. One that overlaps the next ends where that begins.
        language: A tag like `en-GB`.

    Raises:
        NoSpace: The disk is full.
    """
    starts = _increasing([start_ms for start_ms, _, _ in cues])
    limits = [*starts[1:], max(starts[-1] + 1, cues[-1][1])]
    with (
        full_disk_is_named("captions are written"),
        av.open(str(path), "w", format="mp4", container_options={"fflags": "+bitexact"}) as container,
    ):
        track = container.add_stream("mov_text")
        track.codec_context.subtitle_header = _STYLE
        track.time_base = _TIME_BASE
        track.metadata["language"] = alpha_3(language)
        for (_, end_ms, text), start_ms, limit_ms in zip(cues, starts, limits, strict=True):
            encoded = text.encode()
            packet = av.Packet(len(encoded).to_bytes(2, "big") + encoded)
            packet.stream, packet.time_base = track, _TIME_BASE
            packet.pts = packet.dts = start_ms
            packet.duration = max(1, min(end_ms, limit_ms) - start_ms)
            container.mux(packet)


def read(path: Path) -> list[Cue]:
    """The captions of a video's first such track; none where it has no such track.

    Raises:
        BadInput: The file is no video.
    """
    found: list[Cue] = []
    with opened(path) as (container, _):
        tracks = [track for track in container.streams.subtitles if track.codec_context.name == "mov_text"]
        for packet in container.demux(tracks[0]) if tracks else ():
            text = bytes(packet)[2:]
            if text and packet.pts is not None and packet.time_base is not None:
                start_ms, end_ms = (
                    round(time * packet.time_base * 1000) for time in (packet.pts, packet.pts + (packet.duration or 0))
                )
                found.append((start_ms, end_ms, text.decode()))
    return found


def _increasing(times: Sequence[int]) -> list[int]:
    """The times, each later than the one before it."""
    made: list[int] = []
    for time in times:
        made.append(max(time, made[-1] + 1) if made else time)
    return made
