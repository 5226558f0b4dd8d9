"""The options of a batch. The command line imports this module, so it imports nothing slow."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import actalker
from tasks.captions import profile
from tasks.errors import BadInput
from tasks.job import Preset
from tasks.media.loudness import Bed, Sound
from tasks.picture.framing import BLUR, Aspect, Framing
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

    captions: str = profile.BASE
    highlight: bool = False
    video: VideoOptions = field(default_factory=VideoOptions)

    def check(self) -> None:
        """Check now what would otherwise fail at the end of the night.

        Raises:
            BadInput: There is no such caption profile, or an option of finishing cannot be kept.
        """
        profile.load(self.captions)
        self.video.check()


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """The options of `actalker submit` and `actalker nightly` as plain values: a schedule keeps them as JSON.

    Attributes: see the help of the command; `weights` and `ray` that are empty come from the environment.
    """

    preset: str | None = None
    weights: str | None = None
    ray: str | None = None
    actors: int | None = None
    max_failures: int | None = None
    captions: str = profile.BASE
    highlight: bool = False
    burn_in: bool = False
    sound: str = Sound.COURSE
    music: str | None = None
    aspect: str = Aspect.SOURCE
    backdrop: str = BLUR
    label: str = ""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The options of these names and values.

        Raises:
            BadInput: There is no option of a name.
        """
        known = [option.name for option in fields(cls)]
        if unknown := sorted(set(values) - set(known)):
            raise BadInput(f"{unknown[0]!r} is no option of a batch", f"There are: {', '.join(known)}.")
        return cls(**values)

    @property
    def rendering(self) -> RenderOptions:
        """See `RenderOptions`. Raises BadInput when there is no such preset."""
        weights = self.weights or os.environ.get("ACTALKER_WEIGHTS")
        try:
            preset = Preset(self.preset) if self.preset else None
        except ValueError as error:
            raise BadInput(f"there is no preset {self.preset!r}", f"There are: {', '.join(Preset)}.") from error
        return RenderOptions(
            preset,
            Path(weights) if weights else None,
            self.ray or os.environ.get("ACTALKER_RAY"),
            self.actors,
            self.max_failures,
        )

    @property
    def finishing(self) -> FinishingOptions:
        """See `FinishingOptions`, which has not been checked. Raises BadInput for an unknown sound or shape."""
        try:
            sound, aspect = Sound(self.sound), Aspect(self.aspect)
        except ValueError as error:
            known = ", ".join([*Sound, *Aspect])
            raise BadInput(f"{error}".replace("'", ""), f"There are: {known}.") from error
        music = Bed(Path(self.music)) if self.music else None
        framing = Framing(aspect, backdrop=self.backdrop)
        video = VideoOptions(sound, music, self.burn_in or self.highlight, self.label, framing)
        return FinishingOptions(self.captions, self.highlight, video)
