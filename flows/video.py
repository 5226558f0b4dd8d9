"""The task of one row of a manifest, from its script or recording to the finished video: all stages, in order."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.options import FinishingOptions
from tasks.assemble import assemble
from tasks.plan import plan
from tasks.pool.render_pool import RenderPool
from tasks.record import record, reuse
from tasks.records.batch_context import RowContext
from tasks.records.journal import VideoEnded
from tasks.render import render
from tasks.speak import speak
from tasks.stitch import stitch
from tasks.subtitle import subtitle


@task(name="video", task_run_name="{row.batch.batch_id}/{row.job.id}", cache_policy=NO_CACHE, persist_result=False)
def make_video(row: RowContext, pool: RenderPool, finishing: FinishingOptions) -> VideoEnded:
    """Speak, plan, render, stitch, subtitle, assemble, record. What was made before is found, not made again."""
    batch, cancelled = row.batch, row.batch.cancelled
    with pool.preparing(cancelled.is_set):
        row.run(row.keep_inputs)
        job = row.job
        speech = row.run(speak, job, row.work)
        row.set_plan(speech, row.run(plan, job, speech, batch.renderer))
        if found := row.run(reuse, row):
            return found
    clips = row.run(render, job, row.segments, pool, cancelled)
    with batch.finishing, batch.store.temporary_folder() as folder:
        canvas = finishing.video.framing.canvas((job.width, job.height))
        picture = row.run(stitch, row.segments, clips, row.work)
        subtitles = row.run(subtitle, job, speech, row.work, finishing.captions, finishing.highlight, canvas)
        finished = row.run(assemble, job, speech, picture, subtitles, folder, finishing.video)
        return row.run(record, row, clips, folder, finished)
