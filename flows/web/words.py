"""How the page says times, durations and states."""

import time
from datetime import datetime

from tasks.records.report import BatchReport

TONES = {
    "done": "good",
    "reused": "good",
    "approved": "good",
    "running": "busy",
    "rendering": "busy",
    "failed": "bad",
    "rejected": "bad",
    "interrupted": "bad",
    "paused": "warn",
    "waiting-for-space": "warn",
    "pause-requested": "warn",
    "cancel-requested": "warn",
    "incomplete": "warn",
    "suspended": "warn",
}
"""State -> colour class; anything else is plain. The state is always written too."""


def tone(state: str) -> str:
    """The colour class of a state."""
    return TONES.get(state, "plain")


def said(state: str) -> str:
    """A state in words."""
    return {
        "pause-requested": "pausing",
        "cancel-requested": "cancelling",
        "waiting-for-space": "waiting for space",
    }.get(state, state)


def duration(seconds: float) -> str:
    """`40 s`, `3 min`, `1 h 20 min`, `2 d 4 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} d {hours % 24} h"


def length(seconds: float) -> str:
    """Of a video: `0:42`, `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def moment(at_ms: float) -> str:
    """In this machine's time: `today 04:10`, `Thu 04:10` within six days, else `2026-11-26 04:10`."""
    at, now = datetime.fromtimestamp(at_ms / 1000).astimezone(), datetime.now().astimezone()
    days = (at.date() - now.date()).days
    if days == 0:
        return f"today {at:%H:%M}"
    return f"{at:%a %H:%M}" if abs(days) < 6 else f"{at:%Y-%m-%d %H:%M}"


def done_at(report: BatchReport) -> str:
    """When a batch will be done, or when it has ended."""
    if not report.running:
        return f"ended {moment(report.ended_ms)}" if report.ended_ms else "not at its end"
    left = report.time_left
    if left is None:
        return "not known yet"
    now = time.time() * 1000
    most = moment(now + left.most_s * 1000).removeprefix("today ")
    return f"about {moment(now + left.half_s * 1000)}, nine times in ten by {most}"


def ticks(began_ms: float, ended_ms: float, count: int = 5) -> tuple[str, ...]:
    """Moments along a stretch of time, as short as they can be told apart."""
    moments = [began_ms + (ended_ms - began_ms) * part / (count - 1) for part in range(count)]
    if ended_ms - began_ms > 18 * 3600 * 1000:
        return tuple(map(moment, moments))
    form = "%H:%M:%S" if ended_ms - began_ms < 10 * 60 * 1000 else "%H:%M"
    return tuple(datetime.fromtimestamp(at / 1000).astimezone().strftime(form) for at in moments)


def bytes_(count: float) -> str:
    """`12 kB`, `3.4 GB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit in {"bytes", "kB"} else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
