"""What cells of a manifest that are empty mean: the options of a batch say it."""

from dataclasses import dataclass
from pathlib import Path

from tasks.job import Preset, Quality


@dataclass(frozen=True, slots=True)
class Defaults:
    """What cells that are empty mean.

    Attributes:
        preset: None: `draft` for photographs and `demo` for drawings.
        head_movement: Whether heads that nobody drives sway a little.
        denoise: Whether noise is taken out of recordings.
        lexicon: A pronunciation file.
    """

    preset: Preset | None = Preset.STILL
    quality: Quality = Quality.PUBLISHED
    head_movement: bool = True
    denoise: bool = False
    lexicon: Path | None = None
