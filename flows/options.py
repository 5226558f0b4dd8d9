"""The options of a batch. The command line imports this module, so it imports nothing slow."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import actalker
from tasks.captions import profile
from tasks.job import Preset
from tasks.picture.video_options import VideoOptions

DEMO_CHECKPOINT = Path(actalker.__file__).parent / "checkpoints" / "demo"


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """Which renderer, with which weights, and where it runs.

    Attributes:
        preset: For rows that name none; None: `actalker` where weights are given, else `demo`.
        weights: The folder of the converted published weights.
        ray: The address of a Ray cluster that runs; None starts one on this machine and ends it.
        actors: How many; None for one a GPU, or else what the cores give.
        max_failures: The batch ends when so many rows have failed for one reason and none is done; None: never.
    """

    preset: Preset | None = None
    weights: Path | None = None
    ray: str | None = None
    actors: int | None = None
    max_failures: int | None = None

    @classmethod
    def of(cls, preset: str | None) -> Self:
        """The options of a scheduled batch: the preset by name, the rest from the environment."""
        weights = os.environ.get("ACTALKER_WEIGHTS")
        return cls(
            Preset(preset) if preset else None, Path(weights) if weights else None, os.environ.get("ACTALKER_RAY")
        )

    @property
    def default_preset(self) -> Preset:
        """The preset of rows that name none."""
        if self.preset:
            return self.preset
        return Preset.ACTALKER if self.weights else Preset.DEMO


@dataclass(frozen=True, slots=True)
class FinishingOptions:
    """How the rendered picture becomes a video.

    Attributes:
        captions: A caption profile's name, or a TOML file's path.
        highlight: Burnt-in captions colour each word while it is spoken.
        video: Sound, framing, and what is drawn into the picture.
    """

    captions: str = "netflix"
    highlight: bool = False
    video: VideoOptions = field(default_factory=VideoOptions)

    def check(self) -> None:
        """Check now what would otherwise fail at the end of the night.

        Raises:
            BadInput: There is no such caption profile, or an option of finishing cannot be kept.
        """
        profile.load(self.captions)
        self.video.check()
