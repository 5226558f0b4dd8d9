"""Where rows are spoken, stitched and assembled. A module of its own: the command line names it."""

from enum import StrEnum


class Post(StrEnum):
    """Where rows are spoken, stitched and assembled."""

    DRIVER = "driver"
    CLUSTER = "cluster"
