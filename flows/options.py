"""The options of a batch. The command line imports this module, so it imports nothing slow."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Self, get_args, get_origin

import actalker
from tasks.captions import profile
from tasks.errors import BadInput
from tasks.job import Preset, Quality
from tasks.manifest.defaults import Defaults
from tasks.media.sound import Sound
from tasks.picture.aspect import BLUR, Aspect
from tasks.pool.post import Post
from tasks.quality_control import judge
from tasks.quality_control.judge import Thresholds

if TYPE_CHECKING:
    from tasks.picture.video_options import VideoOptions

_WORDS = {bool: "true or false", str: "text in quotes", int: "a whole number", tuple: "a list", type(None): "nothing"}

DEMO_CHECKPOINT = Path(actalker.__file__).parent / "checkpoints" / "demo"


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """Which renderer, with which weights, and where it runs.

    Attributes:
        preset: For rows that name none; None: `actalker` where weights are given, else `draft` for photographs and
            `demo` for drawings.
        weights: The folder of the converted published weights.
        ray: The address of a Ray cluster that runs; None starts one on this machine and ends it.
        actors: How many; None for as many as GPUs or cores give.
        max_failures: The batch ends when so many rows have failed for one reason and none is done; None: never.
        require_consent: A photograph without a reference to the person's consent is a fault, not a warning.
        quality: For rows that name none.
        denoise: Whether noise is taken out of recordings, for rows that do not say.
        head_movement: Whether heads that nobody drives sway a little, for rows that do not say.
        compiled: On GPUs, torch compiles parts of the published network.
        post: Where rows are spoken, stitched and assembled.
        thresholds: Of quality control; None: nothing is measured.
    """

    preset: Preset | None = None
    weights: Path | None = None
    ray: str | None = None
    actors: int | None = None
    max_failures: int | None = None
    require_consent: bool = False
    quality: Quality = Quality.PUBLISHED
    head_movement: bool = True
    denoise: bool = False
    compiled: bool = True
    post: Post = Post.DRIVER
    thresholds: Thresholds | None = field(default_factory=judge.load)

    @property
    def default_preset(self) -> Preset | None:
        """The preset of rows that name none; None: by portrait."""
        return self.preset or (Preset.ACTALKER if self.weights else None)

    def defaults(self, lexicon: Path | None = None) -> Defaults:
        """What empty cells of a manifest mean.

        Args:
            lexicon: The pronunciation file for rows that name none.
        """
        return Defaults(self.default_preset, self.quality, self.head_movement, self.denoise, lexicon)


def _video_options() -> "VideoOptions":
    from tasks.picture.video_options import VideoOptions  # noqa: PLC0415 - it brings NumPy and libav

    return VideoOptions()


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
    video: "VideoOptions" = field(default_factory=_video_options)

    def check(self) -> None:
        """Check now what would otherwise fail at the end of the night.

        Raises:
            BadInput: There is no such caption profile, or an option of finishing cannot be kept.
        """
        profile.load(self.captions)
        self.video.check()


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How long a run may work, and who hears of it.

    Attributes:
        until: After it no segment begins; what is being rendered is finished, the rest is left to a later run.
        by: When it should be done; None: `until`.
        notify: Addresses of webhooks.
    """

    until: datetime | None = None
    by: datetime | None = None
    notify: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """The options of `actalker submit` and `actalker nightly` as plain values: a schedule keeps them as JSON.

    Attributes: see the help of the command; `weights` and `ray` that are empty come from the environment.
    """

    preset: str | None = None
    quality: str = Quality.PUBLISHED
    head_movement: bool = True
    denoise: bool = False
    weights: str | None = None
    compiled: bool = True
    ray: str | None = None
    actors: int | None = None
    post: str = Post.DRIVER
    max_failures: int | None = None
    require_consent: bool = False
    captions: str = profile.BASE
    highlight: bool = False
    burn_in: bool = False
    sound: str = Sound.COURSE
    music: str | None = None
    aspect: str = Aspect.SOURCE
    backdrop: str = BLUR
    label: str = ""
    mark_drafts: bool = True
    lexicon: str | None = None
    check_quality: bool = True
    quality_control: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The options of these names and values, which may come from JSON or TOML.

        Raises:
            BadInput: There is no option of a name, or a value is of another kind.
        """
        known = [option.name for option in fields(cls)]
        if unknown := sorted(set(values) - set(known)):
            raise BadInput(f"{unknown[0]!r} is no option of a batch", f"There are: {', '.join(known)}.")
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        for option in fields(cls):
            value = values.get(option.name, option.default)
            kinds = _kinds_of(option.type)
            if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
                problem = f"the option {option.name} is {value!r}"
                raise BadInput(problem, f"Give {' or '.join(_WORDS[kind] for kind in kinds)}.")
        return cls(**values)

    def arguments(self) -> list[str]:
        """The words of a command that has these options."""
        words: list[str] = []
        for option in fields(self):
            value = getattr(self, option.name)
            if value == option.default:
                continue
            flag = {"compiled": "compile"}.get(option.name, option.name).replace("_", "-")
            if isinstance(value, bool):
                words.append(f"--{flag}" if value else f"--no-{flag}")
            else:
                for one in value if isinstance(value, tuple) else (value,):
                    words += [f"--{flag}", str(one)]
        return words

    @property
    def rendering(self) -> RenderOptions:
        """See `RenderOptions`. Raises BadInput for an unknown preset, quality, post or threshold."""
        weights = self.weights or os.environ.get("ACTALKER_WEIGHTS")
        if self.preset and self.preset not in list(Preset):
            raise BadInput(f"there is no preset {self.preset!r}", f"There are: {', '.join(Preset)}.")
        if self.quality not in list(Quality):
            raise BadInput(f"there is no quality {self.quality!r}", f"There are: {', '.join(Quality)}.")
        if self.post not in list(Post):
            raise BadInput(f"post is {self.post!r}", f"It may be: {', '.join(Post)}.")
        return RenderOptions(
            Preset(self.preset) if self.preset else None,
            Path(weights) if weights else None,
            self.ray or os.environ.get("ACTALKER_RAY"),
            self.actors,
            self.max_failures,
            self.require_consent,
            Quality(self.quality),
            self.head_movement,
            self.denoise,
            self.compiled,
            Post(self.post),
            judge.load(self.quality_control) if self.check_quality else None,
        )

    @property
    def default_lexicon(self) -> Path | None:
        """The pronunciation file for rows that name none."""
        return Path(self.lexicon) if self.lexicon else None

    @property
    def finishing(self) -> FinishingOptions:
        """See `FinishingOptions`, which has not been checked. Raises BadInput for an unknown sound or shape."""
        from tasks.media.loudness import Bed  # noqa: PLC0415 - these bring NumPy and libav
        from tasks.picture.framing import Framing  # noqa: PLC0415
        from tasks.picture.video_options import VideoOptions  # noqa: PLC0415

        try:
            sound, aspect = Sound(self.sound), Aspect(self.aspect)
        except ValueError as error:
            known = ", ".join([*Sound, *Aspect])
            raise BadInput(f"{error}".replace("'", ""), f"There are: {known}.") from error
        music = Bed(Path(self.music)) if self.music else None
        framing = Framing(aspect, backdrop=self.backdrop)
        video = VideoOptions(sound, music, self.burn_in or self.highlight, self.label, self.mark_drafts, framing)
        return FinishingOptions(self.captions, self.highlight, video)


def _kinds_of(annotation: object) -> tuple[type, ...]:
    """The classes that values of this type have: `str | None` -> str, NoneType; `tuple[str, ...]` -> tuple."""
    if isinstance(annotation, UnionType):
        return get_args(annotation)
    kind = get_origin(annotation) or annotation
    assert isinstance(kind, type)
    return (kind,)
