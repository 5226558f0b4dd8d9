"""What a batch is ordered with, besides its manifest: light enough for the command line to import."""

from dataclasses import dataclass, field
from pathlib import Path

from tasks.finish import Finish

from tasks.job import Preset


@dataclass(frozen=True, slots=True)
class Rendering:
    """What draws, with what, and where.

    Attributes:
        preset: For rows that name none; None: `actalker` where weights are given, else what is bundled.
        weights: The folder of the converted published weights.
        ray: The address of a Ray cluster that runs; None starts one on this machine and ends it.
        actors: How many; None for one a GPU, or else what the cores give.
    """

    preset: Preset | None = None
    weights: Path | None = None
    ray: str | None = None
    actors: int | None = None


@dataclass(frozen=True, slots=True)
class Finishing:
    """How the rendered picture becomes a video. `captions` is a caption profile's name, or a TOML file's path."""

    captions: str = "netflix"
    finish: Finish = field(default_factory=Finish)
