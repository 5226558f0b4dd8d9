"""What the page of one video shows: its words, chapters and segments, and what it was made from."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from flows.web import words
from flows.web.batch_view import Bar
from tasks.job import FPS, Attempt, Outcome, Verdict
from tasks.records.journal import SegmentEnded, VideoEnded

STRIP = 1000
"""The width of the strip of segments."""
_CHAPTER = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2}) (.+)")


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word of the script, and when it is spoken."""

    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Part:
    """A segment as the page shows it.

    Attributes:
        start_ms, end_ms: Where its own part of the video is: from the middle of one joint to that of the next.
        tries: How often it was tried.
        verdicts: What quality control says of it; `doubts` is what is not within its limits.
    """

    index: int
    start_ms: int
    end_ms: int
    state: str
    seed: int
    render_s: float
    worker: str
    error: str
    tries: int
    verdicts: tuple[Verdict, ...]
    bar: Bar

    @property
    def doubts(self) -> list[Verdict]:
        """What is not within its limits."""
        return [verdict for verdict in self.verdicts if not verdict.ok]


def script_of(path: Path | None) -> list[list[SpokenWord]]:
    """The sentences of a words.json; none where there is no such file, or it cannot be read."""
    facts = _json(path)
    try:
        spoken = [
            (int(word["sentence"]), SpokenWord(str(word["text"]), int(word["start_ms"]), int(word["end_ms"])))
            for word in facts.get("words", [])
        ]
    except (KeyError, TypeError, ValueError):
        return []
    return [[word for _, word in sentence] for _, sentence in groupby(spoken, key=lambda pair: pair[0])]


def chapters_of(path: Path | None) -> list[tuple[int, str]]:
    """Start in ms, and title, of the chapters in a listing as video sites read it."""
    text = path.read_text(encoding="utf-8", errors="replace") if path else ""
    found = filter(None, map(_CHAPTER.fullmatch, text.splitlines()))
    return [((int(m[1] or 0) * 3600 + int(m[2]) * 60 + int(m[3])) * 1000, m[4]) for m in found]


def parts_of(
    ended: Mapping[int, SegmentEnded],
    attempts: Mapping[int, list[Attempt]],
    working: frozenset[int],
    planned: int,
    checks: Mapping[int, tuple[Verdict, ...]],
) -> list[Part]:
    """The segments of a row that are known: ended, tried, or at work."""
    known = sorted({*ended, *attempts, *working, *range(planned)})
    length = max((one.end_frame for one in ended.values()), default=0) or 1
    parts = []
    for index in known:
        one, tried = ended.get(index), attempts.get(index, [])
        last = tried[-1] if tried else None
        state = str(one.outcome) if one else str(last.outcome) if last else "waiting"
        start = _joint(ended, index, one.start_frame if one else 0)
        end = _joint(ended, index + 1, one.end_frame if one else 0)
        left = round(start * STRIP / length)
        parts.append(
            Part(
                index=index,
                start_ms=start * 1000 // FPS,
                end_ms=end * 1000 // FPS,
                state="rendering" if index in working else state,
                seed=one.seed if one else 0,
                render_s=(one.render_ms if one else 0) / 1000,
                worker=(one.worker if one else "") or (last.worker if last else ""),
                error=(one.error if one else "") or (last.error if last and last.outcome is Outcome.FAILED else ""),
                tries=len(tried),
                verdicts=checks.get(index, ()),
                bar=Bar(left, max(1, round(end * STRIP / length) - left), state),
            )
        )
    return parts


def _joint(ended: Mapping[int, SegmentEnded], index: int, otherwise: int) -> int:
    """The middle of the frames that a segment shares with the one before it."""
    before, after = ended.get(index - 1), ended.get(index)
    return (before.end_frame + after.start_frame) // 2 if before and after else otherwise


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a video was made from: names and values, in groups.

    Attributes:
        inputs: What it is, the file's name where it is known, and its digest.
        files: Name, digest, size.
    """

    inputs: list[tuple[str, str, str]]
    made: list[tuple[str, str]]
    measured: list[tuple[str, str]]
    files: list[tuple[str, str, str]]
    settings: list[tuple[str, str]]


def lineage_of(video: VideoEnded, folder: Path) -> Lineage:
    """What a video was made from.

    Args:
        folder: Where its files were delivered.
    """
    digests = {
        "Portrait": (video.portrait, video.portrait_sha256),
        "Script": ("", video.script_sha256),
        "Recording": (video.audio, video.audio_sha256),
        "Driving video": (video.driving_video, video.driving_sha256),
    }
    stages = ", ".join(f"{name} {words.duration(ms / 1000)}" for name, ms in video.stages_ms.items() if ms >= 500)
    made = {
        "Renderer": video.renderer,
        "Picture": f"{video.width} x {video.height} pixels, {FPS} frames per second",
        "Language": video.language,
        "Word times": video.words_from,
        "Seed": str(video.seed),
        "Segments": f"{video.segments_rendered} of {video.segments} rendered"
        + ", the others found" * (video.segments_rendered < video.segments),
        "Worker time": words.duration(video.render_ms / 1000),
        "Began": words.moment(video.started_ms),
        "Ended": words.moment(video.ended_ms),
        "Stages": stages,
        "Consent": video.consent or "no reference",
    }
    return Lineage(
        inputs=[(name, file, digest) for name, (file, digest) in digests.items() if digest],
        made=[(name, value) for name, value in made.items() if value],
        measured=[(name.replace("_", " "), f"{value:g}") for name, value in sorted(video.measured.items())],
        files=[(name, digest, _size(folder / name)) for name, digest in sorted(video.files.items())],
        settings=sorted(_flat(_json_text(video.settings))),
    )


def _size(path: Path) -> str:
    return words.bytes_(path.stat().st_size) if path.is_file() else "missing"


def _flat(facts: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as `video sound: course`."""
    pairs: list[tuple[str, str]] = []
    for name, value in facts.items():
        if isinstance(value, dict):
            pairs += _flat(value, f"{prefix}{name} ")
        elif value not in (None, "", []):
            pairs.append((f"{prefix}{name}".replace("_", " "), str(value)))
    return pairs


def _json(path: Path | None) -> dict[str, Any]:
    return _json_text(path.read_text(encoding="utf-8", errors="replace")) if path else {}


def _json_text(text: str) -> dict[str, Any]:
    try:
        facts = json.loads(text)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}
