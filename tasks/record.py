"""Record: publish a finished video, hand it over, and only then write its row. A row means done and verified."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.errors import retry_helps
from tasks.job import Clip, Finished, Outcome
from tasks.records.batch_context import RowContext, segment_ended
from tasks.records.journal import VideoEnded
from tasks.records.store import digest_file, write_text

RECORD_SUFFIX = ".record.json"
_OF_A_DELIVERY = frozenset({"path", "error_class", "error"})
"""What belongs to one delivery, and not to a finished video that several batches may deliver."""


@task(
    name="record",
    task_run_name="record {row.job.id}",
    retries=2,
    retry_condition_fn=retry_helps,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def record(row: RowContext, clips: tuple[Clip, ...], folder: Path, finished: Finished) -> VideoEnded:
    """Publish the files of a finished video under its content, deliver them, and write the ledger.

    Args:
        folder: Holds the finished files and nothing else; it is moved.
    """
    for segment in row.segments_ended(clips):
        row.batch.journal.write(segment)
    video = row.video_ended(Outcome.DONE, finished, clips)
    card = {name: fact for name, fact in asdict(video).items() if name not in _OF_A_DELIVERY}
    write_text(folder / f"{row.job.id}{RECORD_SUFFIX}", json.dumps(card, indent=1, ensure_ascii=False, sort_keys=True))
    return _deliver(row, row.batch.store.publish_video(row.key, folder), video)


@task(
    name="reuse",
    task_run_name="reuse {row.job.id}",
    retries=2,
    retry_condition_fn=retry_helps,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def reuse(row: RowContext) -> VideoEnded | None:
    """Deliver the video that an earlier batch made of the very same content, or return None."""
    found = row.batch.store.find_video(row.key)
    if found is None:
        return None
    made = json.loads((found / f"{row.job.id}{RECORD_SUFFIX}").read_text())
    if digest_file(found / f"{row.job.id}.mp4") != made["sha256"]:
        shutil.rmtree(found)
        return None
    for segment in row.segments:
        row.batch.journal.write(segment_ended(segment, Outcome.REUSED))
    video = replace(
        row.video_ended(Outcome.REUSED),
        frames=made["frames"],
        measured=made["measured"],
        notes=tuple(made["notes"]),
        sha256=made["sha256"],
    )
    return _deliver(row, found, video)


def _deliver(row: RowContext, finished: Path, video: VideoEnded) -> VideoEnded:
    folder = row.batch.store.deliver(finished, row.batch.batch_id, row.job.id)
    path = (folder / f"{row.job.id}.mp4").relative_to(row.batch.store.root)
    video = replace(video, path=str(path))
    row.batch.journal.write(video)
    shutil.rmtree(row.work, ignore_errors=True)
    return video
