"""Record: publish a finished video, hand it over, and only then write its row. A row means done and verified."""

import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.errors import ToolFailed, retry_helps
from tasks.job import Clip, Finished, Outcome
from tasks.records import checked_json
from tasks.records.batch_context import RowContext
from tasks.records.journal import VideoEnded, verdict_of
from tasks.records.store import RECORD_SUFFIX, FinishedVideo, digest_file, write_text

_OF_A_DELIVERY = frozenset({"path", "error_class", "error", "portrait", "audio", "driving_video", "lexicon"})
"""What belongs to one delivery, and not to a finished video that several batches may deliver: the same portrait may lie
under two names, and where it lies is nobody's concern who is given the video."""


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
    store, name = row.batch.store, row.job.id
    if folder.is_dir():  # else an earlier try has published it, and failed afterwards
        made = (path for path in sorted(folder.iterdir()) if not path.name.endswith(RECORD_SUFFIX))  # an earlier try's
        files = {path.name: digest_file(path) for path in made}
        video = replace(row.video_ended(Outcome.DONE, finished, clips), files=files)
        facts = {fact: value for fact, value in sorted(asdict(video).items()) if fact not in _OF_A_DELIVERY}
        facts["batch_id"] = row.batch.batch_id
        facts["checks"] = {str(index): [asdict(one) for one in found] for index, found in sorted(row.checks.items())}
        write_text(folder / f"{name}{RECORD_SUFFIX}", checked_json.dumps(facts, indent=1))
        store.publish_video(row.key, folder)
    found = store.find_video(row.key, name)  # the files are read back: a row means done and verified
    if found is None:
        raise ToolFailed(f"what was written of {name} is not what is on the disk")
    video = replace(row.video_ended(Outcome.DONE, finished, clips), **_content(found))
    return _deliver(row, found.folder, video)


@task(
    name="reuse",
    task_run_name="reuse {row.job.id}",
    retries=2,
    retry_condition_fn=retry_helps,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def reuse(row: RowContext) -> VideoEnded | None:
    """Deliver the video that an earlier batch made of the very same content, or return None.

    What quality control found then, by the limits of then, is found again: notes come from it.
    """
    found = row.batch.store.find_video(row.key, row.job.id)
    if found is None:
        return None
    # Made for this row, by a run that was killed before it could say so: then this row has paid for it.
    own = found.record.get("batch_id") == row.batch.batch_id
    for segment in row.segments:
        ended = row.segment_ended(segment, row.clip_of(segment))
        row.batch.journal.write(
            ended if own and ended.outcome is Outcome.DONE else replace(ended, outcome=Outcome.REUSED)
        )
    for index, verdicts in found.record.get("checks", {}).items():  # records of older versions have none
        row.checked(int(index), tuple(map(verdict_of, verdicts)))
    video = replace(row.video_ended(Outcome.DONE if own else Outcome.REUSED), **_content(found))
    if own:
        cost = {name: found.record[name] for name in ("segments_rendered", "render_ms")}
        video = replace(video, **cost)
    return _deliver(row, found.folder, video)


def _content(found: FinishedVideo) -> dict[str, Any]:
    """What a finished video's record says of its content."""
    made = found.record
    return {
        "frames": made["frames"],
        "measured": made["measured"],
        "notes": tuple(made["notes"]),
        "sha256": made["sha256"],
        "files": made.get("files", {}),
    }


def _deliver(row: RowContext, finished: Path, video: VideoEnded) -> VideoEnded:
    folder = row.batch.store.deliver(finished, row.batch.batch_id, row.job.id)
    path = (folder / f"{row.job.id}.mp4").relative_to(row.batch.store.root)
    record = f"{row.job.id}{RECORD_SUFFIX}"
    video = replace(video, path=str(path), files={**video.files, record: digest_file(folder / record)})
    row.batch.journal.write(video)
    shutil.rmtree(row.work, ignore_errors=True)
    return video
