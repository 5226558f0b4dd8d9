"""One row of a manifest, from script to finished video: the sentence of the house."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.options import Finishing
from tasks.assemble import assemble
from tasks.plan import plan
from tasks.pool.render_pool import RenderPool
from tasks.record import record, reuse
from tasks.records.batch_context import Row
from tasks.records.journal import VideoEnded
from tasks.render import render
from tasks.speak import speak
from tasks.stitch import stitch
from tasks.subtitle import subtitle


@task(name="video", task_run_name="{row.studio.batch_id}/{row.job.id}", cache_policy=NO_CACHE, persist_result=False)
def make_video(row: Row, pool: RenderPool, finishing: Finishing) -> VideoEnded:
    """Speak, plan, render, stitch, subtitle, assemble, record. What was made before is found, not made again."""
    job, canvas = row.job, finishing.finish.framing.canvas((row.job.width, row.job.height))
    speech = row.do(speak, job, row.work)
    row.plan_is(speech, row.do(plan, job, speech, row.studio.renderer))
    if found := row.do(reuse, row):
        return found
    clips = row.do(render, job, row.segments, pool, row.studio.cancelled)
    picture = row.do(stitch, row.segments, clips, row.work)
    subtitles = row.do(subtitle, job, speech, row.work, finishing.captions, finishing.highlight, canvas)
    with row.studio.store.temporary_folder() as folder:
        finished = row.do(assemble, job, speech, picture, subtitles, folder, finishing.finish)
        return row.do(record, row, clips, folder, finished)
