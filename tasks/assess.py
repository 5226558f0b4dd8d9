"""Assess: what was measured on a row's clips, and on its finished video, against the limits of the batch."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.captions.caption import Subtitles
from tasks.errors import retry_helps
from tasks.job import Clip, Finished, Score, Verdict
from tasks.picture.aspect import Aspect
from tasks.picture.framing import Framing
from tasks.quality_control.control import QualityControl
from tasks.quality_control.measure import measure_video
from tasks.records.batch_context import RowContext
from tasks.records.journal import VIDEO

Findings: TypeAlias = dict[int, tuple[Verdict, ...]]
"""What is wrong with segments, by their index."""


@task(name="assess", task_run_name="assess {row.job.id}", cache_policy=NO_CACHE, persist_result=False)
def assess(row: RowContext, clips: Sequence[Clip], control: QualityControl) -> Findings:
    """Judge what the workers measured on the clips of a row. What is wrong, by the index of the segment.

    Frames are counted in the video from here on. A clip of an older version, on which nothing was measured, passes.
    """
    wrong: Findings = {}
    for segment, clip in zip(row.segments, clips, strict=True):
        if not clip.scores:
            continue
        verdicts = control.segment(segment.key, _from(segment.start_frame, clip.scores))
        row.checked(segment.index, verdicts)
        if failed := tuple(verdict for verdict in verdicts if not verdict.ok):
            wrong[segment.index] = failed
    return wrong


@task(
    name="assess_video",
    task_run_name="assess {row.job.id}",
    retries=2,
    retry_condition_fn=retry_helps,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def assess_video(
    row: RowContext,
    wrong: Findings,
    subtitles: Subtitles,
    finished: Finished,
    framing: Framing,
    control: QualityControl,
) -> Finished:
    """Look at and listen to a finished video. The same, with a note on everything that needs a look.

    Args:
        wrong: What is wrong with its segments, as `assess` says.
    """
    job = row.job
    scores = measure_video(
        finished.files["mp4"],
        job,
        row.speech,
        place=None if framing.aspect is Aspect.SOURCE else framing.box((job.width, job.height)),
        joints=[segment.end_frame for segment in row.segments[:-1]],
        cues=[(caption.start_ms, caption.end_ms) for caption in subtitles.captions],
    )
    verdicts = control.video(scores)
    row.checked(VIDEO, verdicts)
    of_segments = [verdict for failed in wrong.values() for verdict in failed]
    named = {verdict.check for verdict in of_segments}
    doubts = [*of_segments, *(verdict for verdict in verdicts if not verdict.ok and verdict.check not in named)]
    return replace(finished, notes=(*finished.notes, *(f"needs a look: {doubt.message}" for doubt in doubts)))


def _from(start_frame: int, scores: Mapping[str, Score]) -> dict[str, Score]:
    """The scores of a clip, by the frames of the video that it begins at `start_frame` of."""
    return {name: Score(value, start_frame + frame if frame >= 0 else frame) for name, (value, frame) in scores.items()}
