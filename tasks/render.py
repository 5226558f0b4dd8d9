"""Render: the plan's segments -> one published clip each."""

from collections.abc import Callable

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.job import Clip, Job, Segment
from tasks.pool.render_pool import RenderPool


@task(name="render", task_run_name="render {job.id}", cache_policy=NO_CACHE, persist_result=False)
def render(
    job: Job, segments: tuple[Segment, ...], pool: RenderPool, cancelled: Callable[[], bool]
) -> tuple[Clip, ...]:
    """Have every segment drawn that the store does not hold; the pool owns the retries.

    Raises:
        ActalkerError: A segment has had its last try. The others are published all the same.
    """
    return pool.render(job, segments, cancelled)
