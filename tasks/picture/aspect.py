"""The shape of a finished picture. A module of its own: the command line names it, and imports nothing slow."""

from enum import StrEnum

BLUR = "blur"
"""The backdrop that is a blurred copy of the head."""


class Aspect(StrEnum):
    """The shape of the finished picture."""

    SOURCE = "source"
    WIDE = "16:9"
    SQUARE = "1:1"
    TALL = "9:16"
