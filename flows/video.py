"""The task of one row of a manifest, from its script or recording to the finished video: all stages, in order."""

from collections.abc import Mapping

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.options import FinishingOptions
from tasks.assemble import assemble
from tasks.assess import Findings, assess, assess_video
from tasks.job import Clip
from tasks.plan import plan
from tasks.pool.render_pool import RenderPool
from tasks.quality_control.control import QualityControl
from tasks.record import record, reuse
from tasks.records.batch_context import RowContext
from tasks.records.journal import VideoEnded
from tasks.render import render
from tasks.speak import speak
from tasks.stitch import stitch
from tasks.subtitle import subtitle


@task(name="video", task_run_name="{row.batch.batch_id}/{row.job.id}", cache_policy=NO_CACHE, persist_result=False)
def make_video(
    row: RowContext,
    pool: RenderPool,
    finishing: FinishingOptions,
    seeds: Mapping[int, int],
    control: QualityControl | None,
) -> VideoEnded:
    """Speak, plan, render, assess, stitch, subtitle, assemble, record. What was made before is found, not made again.

    Args:
        seeds: Of segments that are to come out otherwise than by their row's seed.
        control: None for rows that are not to be measured.
    """
    with row.stages_logged():
        batch = row.batch
        with pool.preparing():
            row.run(row.keep_inputs)
            job = row.job
            speech = row.run(pool.placed(speak, row.is_cancelled), job, row.work)
            row.set_plan(speech, row.run(plan, job, speech, batch.renderer, seeds))
            if found := row.run(reuse, row):
                return found
        clips = row.run(render, job, row.segments, pool, row.is_cancelled)
        wrong: Findings = {}
        if control:
            clips, wrong = _assessed(row, clips, pool, seeds, control)
        row.finishing = True
        with batch.finishing, batch.store.temporary_folder() as folder:
            canvas = finishing.video.framing.canvas((job.width, job.height))
            picture = row.run(pool.placed(stitch, row.is_cancelled), row.segments, clips, row.work)
            subtitles = row.run(subtitle, job, speech, row.work, finishing.captions, finishing.highlight, canvas)
            finished = row.run(
                pool.placed(assemble, row.is_cancelled), job, speech, picture, subtitles, folder, finishing.video
            )
            if control:
                finished = row.run(assess_video, row, wrong, subtitles, finished, finishing.video.framing, control)
            return row.run(record, row, clips, folder, finished)


def _assessed(
    row: RowContext, clips: tuple[Clip, ...], pool: RenderPool, seeds: Mapping[int, int], control: QualityControl
) -> tuple[tuple[Clip, ...], Findings]:
    """The clips of a row, of which those that fail a check are rendered once more; and what is still wrong with them.

    The row keeps its key, and the seeds follow from what is found: another batch comes to the same clips.
    """
    wrong = row.run(assess, row, clips, control)
    again = {index: found for index, found in wrong.items() if control.worth_another_seed(found)}
    if not again:
        return clips, wrong
    job, speech = row.job, row.speech
    assert speech is not None  # it was planned
    others = {**seeds, **{index: seeds.get(index, job.seed) + 1 for index in again}}
    row.segments = row.run(plan, job, speech, row.batch.renderer, others)
    clips = row.run(render, job, row.segments, pool, row.is_cancelled)
    still = row.run(assess, row, clips, control)
    for index, found in again.items():
        control.rendered_again(found, still.get(index, ()))
    return clips, still
