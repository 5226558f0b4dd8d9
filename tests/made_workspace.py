"""A workspace as batches leave it, in a tenth of a second: everything is real but the pixels."""

import os
from collections.abc import Iterable
from pathlib import Path

from tasks.job import Attempt, Clip, Finished, Job, Outcome, Segment, Speech
from tasks.record import record
from tasks.records import ledger
from tasks.records.batch_context import BatchContext, RowContext, now_ms
from tasks.records.journal import AttemptStarted, BatchEnded, BatchStarted, Journal, VideoEnded, WorkerStarted
from tasks.records.space import DiskSpace
from tasks.records.store import Store, digest_file, digest_of

SETTINGS = '{"captions": "netflix", "finish": {"sound": "course"}, "files": {}}'


def command_of(batch_id: str) -> str:
    """What is kept as a batch's command."""
    return f"cd /srv && actalker submit {batch_id}.csv"


def make_batch(
    workspace: Path, batch_id: str = "night", rows: Iterable[str] = ("a", "b"), *, ends: bool = True
) -> Store:
    """Add a batch. Rows of one name have the same content, also in other batches.

    Args:
        ends: Else it was interrupted when its last row was done.
    """
    store, names = Store(workspace), tuple(rows)
    with Journal(store.ledger, batch_id) as pen:
        listed = tuple((name, "") for name in names)
        manifest, command = f"/srv/{batch_id}.csv", command_of(batch_id)
        pen.write(BatchStarted(batch_id, manifest, now_ms(), os.getpid(), listed, command=command))
        pen.write(WorkerStarted("node/1", "node", "A card", {"torch": "2.13"}, now_ms()))
        context = BatchContext(store, batch_id, pen, "still-1", SETTINGS, DiskSpace(store.root, reserve_bytes=0))
        ended = [_make_row(context, place, name) for place, name in enumerate(names, 1)]
        ending = BatchEnded(now_ms(), len(ended), 0) if ends else None
        ledger.snapshot(store.ledger, batch_id, ending)
        if ending:
            pen.write(ending)
    return store


def _make_row(batch: BatchContext, place: int, name: str) -> VideoEnded:
    portrait = _file(batch.store.root.parent / "inputs" / f"{name}.png", f"portrait of {name}")
    row = RowContext(Job(name, place, portrait, portrait_sha256=digest_file(portrait)), batch, now_ms())
    row.keep_inputs()
    wav = _file(row.work / "speech.wav", f"sound of {name}")
    keys = [digest_of("clip", name, index) for index in range(2)]
    segments = tuple(Segment(name, k, k * 50, k * 50 + 58, wav, 1, 2, key) for k, key in enumerate(keys))
    row.set_plan(Speech(wav, 108, (), ()), segments)
    clips = tuple(_clip(batch, segment) for segment in segments)
    with batch.store.temporary_folder() as folder:
        files = [_file(folder / file, f"{file} of {name}") for file in (f"{name}.mp4", f"{name}.vtt", "poster.jpg")]
        return record.fn(row, clips, folder, Finished({"mp4": files[0]}, 108, digest_file(files[0])))


def _clip(batch: BatchContext, segment: Segment) -> Clip:
    if found := batch.store.find_clip(segment.key):
        return found.for_row(batch.batch_id, segment.job_id)
    temporary = _file(batch.store.temporary(".avi"), f"pixels of {segment.name}")
    name, paid_by = digest_of(batch.batch_id, segment.key)[:16], (batch.batch_id, segment.job_id)
    attempt = (name, segment.key, segment.job_id, segment.index, "node/1", now_ms())
    batch.journal.write(AttemptStarted(*attempt))
    clip = Clip(segment.key, temporary, segment.frames, 64, 64, "", 700, "node/1", name, *paid_by)
    clip = batch.store.publish_clip(clip, temporary)
    batch.journal.write(Attempt(*attempt, now_ms(), Outcome.DONE))
    return clip


def _file(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content * 20)
    return path
