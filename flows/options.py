"""What a batch is ordered with, besides its manifest: light enough for the command line to import."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import actalker
from tasks.captions import profile
from tasks.job import Preset
from tasks.picture.video_options import Finish

DEMO_CHECKPOINT = Path(actalker.__file__).parent / "checkpoints" / "demo"


@dataclass(frozen=True, slots=True)
class Rendering:
    """What draws, with what, and where.

    Attributes:
        preset: For rows that name none; None: `actalker` where weights are given, else `demo`.
        weights: The folder of the converted published weights.
        ray: The address of a Ray cluster that runs; None starts one on this machine and ends it.
        actors: How many; None for one a GPU, or else what the cores give.
    """

    preset: Preset | None = None
    weights: Path | None = None
    ray: str | None = None
    actors: int | None = None

    @classmethod
    def of(cls, preset: str | None) -> Self:
        """As a schedule has it: the preset by name, the rest from the environment."""
        weights = os.environ.get("ACTALKER_WEIGHTS")
        return cls(
            Preset(preset) if preset else None, Path(weights) if weights else None, os.environ.get("ACTALKER_RAY")
        )

    @property
    def default_preset(self) -> Preset:
        """What draws rows that name no preset."""
        if self.preset:
            return self.preset
        return Preset.ACTALKER if self.weights else Preset.DEMO


@dataclass(frozen=True, slots=True)
class Finishing:
    """How the rendered picture becomes a video.

    Attributes:
        captions: A caption profile's name, or a TOML file's path.
        highlight: Burnt-in captions colour each word while it is spoken.
    """

    captions: str = "netflix"
    highlight: bool = False
    finish: Finish = field(default_factory=Finish)

    def check(self) -> None:
        """Find out before the night what would fail at its end.

        Raises:
            BadInput: There is no such caption profile, or an option of finishing cannot be kept.
        """
        profile.load(self.captions)
        self.finish.check()
