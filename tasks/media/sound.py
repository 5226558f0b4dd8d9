"""Where a programme is heard. A module of its own: the command line names it, and imports nothing slow."""

from enum import StrEnum


class Sound(StrEnum):
    """Where the programme is heard; `loudness.TARGETS` says how loud it is there."""

    BROADCAST = "broadcast"
    COURSE = "course"
    WEB = "web"
