"""Plan: a job and its speech in, segments out. The same job gives the same segments, any day, on any machine."""

import itertools
import wave
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from prefect import task
from prefect.cache_policies import NO_CACHE

from actalker.quality import QUALITIES
from tasks.job import (
    MAX_SEGMENT_FRAMES,
    OVERLAP_FRAMES,
    SAMPLES_PER_FRAME,
    Job,
    Preset,
    Quality,
    Segment,
    Speech,
)
from tasks.picture.driving import movement_of
from tasks.records.store import check_digest, digest_of

HALF = OVERLAP_FRAMES // 2
MAX_CORE_FRAMES = MAX_SEGMENT_FRAMES - OVERLAP_FRAMES
MIN_CORE_FRAMES = OVERLAP_FRAMES + 2
"""Shorter stretches would consist of joints alone."""
AS_QUIET = 6
"""Places that are no louder than this above the quietest, in dB, are as good if the driver moves less there; where its
movement stands for the loudness, in thousandths of a grey level."""

BYTES_PER_FRAME = 2 * SAMPLES_PER_FRAME


@task(name="plan", task_run_name="plan {job.id}", cache_policy=NO_CACHE, persist_result=False)
def plan(
    job: Job, speech: Speech, renderer: str, seeds: Mapping[int, int] = MappingProxyType({})
) -> tuple[Segment, ...]:
    """Cut a job's speech into segments and name each by all that its pixels depend on.

    Args:
        renderer: The identity of the renderer: its code version and the digest of its weights.
        seeds: Index -> seed, for segments that are to come out otherwise than by the seed of their row.

    Raises:
        BadInput: The driving video cannot be read.
    """
    with wave.open(str(speech.wav), "rb") as wav:
        pcm = wav.readframes(speech.frames * SAMPLES_PER_FRAME)
    driver = job.driving_video if job.motion_gate else None
    if driver:
        check_digest(driver, job.driving_sha256)
    movement = movement_of(driver, job.driving_sha256, speech.frames) if driver else ()
    return segments(job, speech, pcm, renderer, movement, seeds)


def segments(
    job: Job,
    speech: Speech,
    pcm: bytes,
    renderer: str,
    movement: tuple[int, ...] = (),
    seeds: Mapping[int, int] = MappingProxyType({}),
) -> tuple[Segment, ...]:
    """The segments of a job, in order: together they cover [0, speech.frames), neighbours share `OVERLAP_FRAMES`.

    Args:
        pcm: The programme, mono 16-bit at `SAMPLE_RATE`, `speech.frames` frames long.
        movement: How much a driver moves in every frame; empty without one.
        seeds: See `plan`. The noise of joints stays that of the row, so that neighbours still meet.
    """
    settings = digest_of(renderer, *look(job))
    cuts, levels = speech.cuts, speech.levels
    if movement:  # a driven segment belongs to its place in time: no sentence of it is found again, to be cut out alike
        cuts = ()
    if movement and not job.audio_gate:  # what shows at a joint is then how much the driver moves, not how loud it is
        levels = movement
    made = []
    for index, (start, end) in enumerate(ranges(speech.frames, cuts, levels, movement)):
        motion = (job.driving_sha256, start, end) if job.motion_gate else ()
        published = digest_of("segment", settings, *_sound(speech, pcm, start, end), *motion)
        if index in seeds:
            published = digest_of(published, "seed", seeds[index])
        made.append(
            Segment(
                job_id=job.id,
                index=index,
                start_frame=start,
                end_frame=end,
                wav=speech.wav,
                seed=_seed(published),  # of all qualities: a proof shows what will come
                joint_seed=_seed(digest_of("joint", settings)),
                key=digest_of(published, left_out(job)) if left_out(job) else published,
                priority=job.priority,
            )
        )
    return tuple(made)


def _sound(speech: Speech, pcm: bytes, start: int, end: int) -> Iterator[str | bytes | int]:
    """What is heard in `[start, end)`: the samples; or the sentences of a voice whose samples do not name its sound.

    All that is not a sentence there is digital silence.
    """
    sentences = [said for said in speech.sentences if said.start_frame < end and said.end_frame > start]
    if not sentences:
        yield pcm[start * BYTES_PER_FRAME : end * BYTES_PER_FRAME]
        return
    yield end - start
    for said in sentences:
        yield said.start_frame - start
        yield said.identity


def look(job: Job) -> tuple[str | int, ...]:
    """What the pixels of all segments of a job depend on, besides sound and motion."""
    box = "auto" if job.face_box is None else " ".join(map(str, job.face_box))
    gates = f"audio={job.audio_gate} motion={job.motion_gate}"
    held = () if job.head_movement else ("head held still",)
    return (job.preset, job.portrait_sha256, job.width, job.height, job.seed, gates, box, *held)


def left_out(job: Job) -> str:
    """What the job's quality leaves out; empty if nothing is, as in `published`."""
    if job.preset is Preset.STILL or job.quality is Quality.PUBLISHED:
        return ""
    return repr(QUALITIES[job.quality])


def ranges(
    frames: int, cuts: tuple[int, ...], levels: tuple[int, ...], movement: tuple[int, ...] = ()
) -> Iterator[tuple[int, int]]:
    """Half-open frame ranges, half an overlap wider than the stretches between the cuts on either side.

    Args:
        frames: The length of the programme.
        cuts: Frames in the middle of pauses, ascending, inside (0, frames).
        levels: The loudness of every frame in dBFS, or whatever shows at a joint in its place: stretches that are too
            long are cut where it is lowest.
        movement: How much a driver moves in every frame: of places that are about as quiet, the calmest is taken.
    """
    edges = list(_apart([HALF, *cuts], frames - HALF))
    for start, end in itertools.pairwise(edges):
        for a, b in itertools.pairwise(_split(start, end, levels, movement)):
            yield max(0, a - HALF), min(frames, b + HALF)


def _apart(cuts: list[int], end: int) -> Iterator[int]:
    """The first cut, those after it that leave room for two joints on either side, and the end."""
    last = cuts[0]
    yield last
    for cut in cuts[1:]:
        if last + MIN_CORE_FRAMES <= cut <= end - MIN_CORE_FRAMES:
            last = cut
            yield cut
    yield max(end, last + 1)


def _split(start: int, end: int, levels: tuple[int, ...], movement: tuple[int, ...]) -> list[int]:
    """The edges of [start, end), cut at quiet and calm frames until no piece is too long.

    The place of a cut depends on the stretch alone, so that the same sentence is cut alike wherever it stands.
    """
    edges = [start]
    while end - edges[-1] > MAX_CORE_FRAMES:
        # The second half of what may be taken, and no crumb left over at the end.
        low = edges[-1] + MAX_CORE_FRAMES // 2
        high = min(edges[-1] + MAX_CORE_FRAMES, end - MIN_CORE_FRAMES)
        edges.append(_calmest(range(low, high + 1), levels, movement))
    return [*edges, end]


def _calmest(window: range, levels: tuple[int, ...], movement: tuple[int, ...]) -> int:
    """The latest of the calmest of the quietest frames to cut at."""
    joints = {frame: slice(max(0, frame - HALF), frame + HALF) for frame in window}
    loudest = {frame: max(levels[joint]) for frame, joint in joints.items()}
    bar = min(loudest.values()) + (AS_QUIET if movement else 0)
    quiet = [frame for frame in window if loudest[frame] <= bar]
    return min(quiet, key=lambda frame: (sum(movement[joints[frame]]), -frame))


def _seed(key: str) -> int:
    """63 bits of a digest: what torch.Generator takes."""
    return int(key[:16], 16) >> 1
