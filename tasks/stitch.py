"""Join the clips of a video into its whole picture: what lies between two joints is copied, the joints are blended."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.errors import BadInput, RenderFailed, retry_helps
from tasks.job import Clip, Segment
from tasks.media.lossless import SUFFIX, LosslessReader, LosslessWriter


@task(
    name="stitch",
    task_run_name="stitch {segments[0].job_id}",
    retries=2,
    retry_condition_fn=retry_helps,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def stitch(segments: Sequence[Segment], clips: Sequence[Clip], work: Path) -> Path:
    """Write the whole picture of a video, losslessly, into `work`. No frame is lost or doubled, none is re-encoded
    but those of the joints, and no more than one joint is held in memory.

    Args:
        segments: In order, as `plan` made them: each overlaps its neighbours, and no frame lies in three.
        clips: One for each segment.
        work: Scratch of the job.

    Returns:
        The file; it has exactly as many frames as the plan.

    Raises:
        RenderFailed: A clip is not what its segment asked for: its name, what is wrong, and what to do.
    """
    overlaps = _overlaps(segments)
    target = work / f"picture{SUFFIX}"
    with LosslessWriter(target, clips[0].width, clips[0].height) as writer:
        tail: list[av.VideoFrame] = []
        for segment, clip, overlap in zip(segments, clips, pairwise(overlaps), strict=True):
            try:
                tail = _append(writer, segment, clip, tail, overlap)
            except BadInput as error:
                raise RenderFailed(
                    f"clip {clip.key} of {segment.name}: {error}. Delete {clip.path}, then submit again"
                ) from error
    planned = segments[-1].end_frame - segments[0].start_frame
    assert writer.frames == planned, f"{writer.frames} frames were stitched, {planned} are planned"
    return target


def _overlaps(segments: Sequence[Segment]) -> tuple[int, ...]:
    """How many frames each segment shares with the one before it; with a 0 at either end."""
    shared = tuple(before.end_frame - after.start_frame for before, after in pairwise(segments))
    overlaps = (0, *shared, 0)
    for segment, (head, foot) in zip(segments, pairwise(overlaps), strict=True):
        if min(head, foot) < 0 or head + foot > segment.frames:
            raise ValueError(f"{segment.name} has {segment.frames} frames and shares {head} and {foot} of them")
    return overlaps


def _append(
    writer: LosslessWriter, segment: Segment, clip: Clip, tail: list[av.VideoFrame], overlap: tuple[int, int]
) -> list[av.VideoFrame]:
    """Blend the clip's first frames with `tail`, copy its body, and return its last frames."""
    head, foot = overlap
    kept: list[av.VideoFrame] = []
    count = 0
    with LosslessReader(clip.path) as reader:
        if (reader.width, reader.height) != writer.size:
            raise BadInput(f"it is {reader.width} x {reader.height}, the video {writer.size[0]} x {writer.size[1]}")
        for packet in reader.packets():
            if count < head:
                writer.write_yuv(_blend(tail[count], reader.decode(packet), (count + 1) / (head + 1)))
            elif count < segment.frames - foot:
                writer.copy(packet)
            else:
                kept.append(reader.decode(packet))
            count += 1
    if count != segment.frames:
        raise BadInput(f"it has {count} frames, its segment {segment.frames}")
    return kept


def _blend(before: av.VideoFrame, after: av.VideoFrame, progress: float) -> av.VideoFrame:
    """Two pictures of the same moment, mixed. The weights follow a raised cosine, whose slope is 0 at both ends: the
    mixing itself neither starts nor stops visibly."""
    weight = 0.5 - 0.5 * np.cos(np.pi * progress)
    mixed = cv2.addWeighted(before.to_ndarray(), 1 - weight, after.to_ndarray(), weight, 0)
    return av.VideoFrame.from_ndarray(mixed.astype(np.uint8, copy=False), format="yuv420p")
