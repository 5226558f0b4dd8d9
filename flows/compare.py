"""The command `actalker compare`: one row in several qualities, in this process, from the same noise."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

from tasks.errors import BadInput
from tasks.job import Job, Preset, Quality, Segment, Speech
from tasks.media.lossless import SUFFIX
from tasks.plan import plan
from tasks.renderers.comparison import Compared, markdown, measured, render, warm_up, write_video
from tasks.renderers.renderer import checkpoint, identity
from tasks.renderers.talker import TalkerRenderer
from tasks.speak import speak


def compare(
    job: Job,
    qualities: Sequence[Quality],
    seeds: Sequence[int],
    weights: Path | None,
    folder: Path,
    threads: int,
    on_rendered: Callable[[str], None] = lambda _: None,
) -> list[Compared]:
    """Render a job in some qualities with some seeds; write `compare.mp4` and `compare.md` into `folder`.

    Raises:
        BadInput: The row's preset has no qualities, or it cannot be rendered.
    """
    if job.preset is Preset.STILL:
        raise BadInput("the preset still has no qualities", "Compare a row of the preset demo or actalker.")
    qualities = list(dict.fromkeys([Quality.PUBLISHED, *qualities]))
    speech = speak.fn(job, folder)
    renderer = TalkerRenderer.load(checkpoint(job.preset, weights), threads)
    warm_up(renderer, job, _segments(job, speech, weights)[0])
    clips: dict[tuple[int, Quality], Path] = {}
    compared = []
    for seed, quality in product(seeds, qualities):
        seeded = replace(job, seed=seed, quality=quality)
        clips[seed, quality] = folder / f"{quality}-{seed}{SUFFIX}"
        segments = _segments(replace(seeded, quality=Quality.PUBLISHED), speech, weights)
        seconds = render(renderer, seeded, segments, clips[seed, quality])
        compared.append(
            measured(renderer, seeded, seconds, clips[seed, quality], clips[seed, Quality.PUBLISHED], speech.frames)
        )
        on_rendered(f"{quality}, seed {seed}: {seconds:.1f} s")
    (folder / "compare.md").write_text(markdown(compared))
    labels = [f"{one.quality}, seed {one.seed}, {one.seconds:.1f} s" for one in compared]
    write_video(job, speech.wav, list(clips.values()), labels, len(qualities), folder)
    return compared


def _segments(job: Job, speech: Speech, weights: Path | None) -> tuple[Segment, ...]:
    return plan.fn(job, speech, identity(job.preset, weights))
