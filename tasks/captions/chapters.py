"""Chapters: the script's headings, as a player and as a video site want them."""

from collections.abc import Sequence
from itertools import groupby

from tasks.job import FPS, Chapter

_INTRO_MS = 3_000
"""A first heading this close to the beginning is the beginning."""


def from_zero(chapters: Sequence[Chapter], title: str) -> tuple[Chapter, ...]:
    """Chapters that cover a video from its first frame on. Headings without a word between them become one; what is
    said before the first heading gets the video's title."""
    merged = [
        Chapter(" · ".join(chapter.title for chapter in same), start_ms)
        for start_ms, same in groupby(sorted(chapters, key=lambda chapter: chapter.start_ms), lambda c: c.start_ms)
    ]
    if not merged:
        return ()
    if merged[0].start_ms <= _INTRO_MS:
        return (Chapter(merged[0].title, 0), *merged[1:])
    return (Chapter(title, 0), *merged)


def listing(chapters: Sequence[Chapter], frames: int) -> str:
    """One line a chapter, as video sites read it from a description: `00:00 Title`; with hours when there are any."""
    hours = frames >= 3600 * FPS
    return "".join(f"{_clock(chapter.start_ms // 1000, hours)} {_one_line(chapter.title)}\n" for chapter in chapters)


def ffmetadata(chapters: Sequence[Chapter], frames: int) -> str:
    """Chapters in ffmpeg's own metadata format."""
    lines = [";FFMETADATA1"]
    ends = [chapter.start_ms for chapter in chapters[1:]] + [frames * 1000 // FPS]
    for chapter, end_ms in zip(chapters, ends, strict=False):
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={chapter.start_ms}", f"END={end_ms}"]
        lines += [f"title={_escaped(_one_line(chapter.title))}"]
    return "\n".join(lines) + "\n"


def _clock(seconds: int, hours: bool) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _escaped(text: str) -> str:
    """ffmpeg's metadata format takes a backslash before these."""
    return "".join(f"\\{character}" if character in "=;#\\\n" else character for character in text)
