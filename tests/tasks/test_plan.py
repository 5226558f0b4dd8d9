"""Segments cover the programme, overlap as they should, and do not depend on where a sentence stands."""

import itertools
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tasks.job import (
    MAX_SEGMENT_FRAMES,
    OVERLAP_FRAMES,
    SAMPLES_PER_FRAME,
    SILENCE_FRAMES,
    Job,
    Preset,
    Quality,
    Segment,
    Speech,
    SpokenSentence,
)
from tasks.plan import ranges, segments

JOB = Job(id="a", row=1, portrait=Path("p.png"), portrait_sha256="00")
GAP = 12


Programme = tuple[int, tuple[int, ...], tuple[int, ...]]


@st.composite
def programmes(draw: st.DrawFn) -> Programme:
    frames = draw(st.integers(1, 1500))
    cuts = draw(st.lists(st.integers(1, max(1, frames - 1)), max_size=40, unique=True))
    levels = draw(st.lists(st.integers(-120, 0), min_size=frames, max_size=frames) if frames < 60 else st.none())
    return frames, tuple(sorted(cuts)), tuple(levels or [-(7 * k) % 50 for k in range(frames)])


@given(programmes())
def test_segments_cover_every_frame_and_share_just_the_overlap(
    programme: tuple[int, tuple[int, ...], tuple[int, ...]],
) -> None:
    made = list(ranges(*programme))
    assert made[0][0] == 0
    assert made[-1][1] == programme[0]
    for (_, end), (start, _) in itertools.pairwise(made):
        assert end - start == OVERLAP_FRAMES
    for before, after in zip(made, made[2:], strict=False):
        assert before[1] <= after[0]
    assert max(end - start for start, end in made) <= MAX_SEGMENT_FRAMES


def test_a_long_stretch_is_cut_where_it_is_quietest() -> None:
    levels = [-20] * 400
    levels[170:180] = [-70] * 10
    assert next(ranges(400, (), tuple(levels))) == (0, 180)


def spoken(sentences: list[bytes]) -> tuple[Speech, bytes]:
    """A programme as tasks/speak.py lays it out; a sentence is given by the bytes of its frames, one each."""
    frame = SAMPLES_PER_FRAME * 2
    pcm, cuts = bytes(frame * (OVERLAP_FRAMES + SILENCE_FRAMES)), []
    for sentence in sentences:
        pcm += b"".join(bytes([value]) * frame for value in sentence) + bytes(frame * GAP)
        cuts.append(len(pcm) // frame - SILENCE_FRAMES - OVERLAP_FRAMES // 2)
    pcm = pcm[: -frame * SILENCE_FRAMES]
    frames = len(pcm) // frame
    levels = tuple(
        -120 if not any(pcm[k * frame : k * frame + frame]) else -20 - pcm[k * frame] % 9 for k in range(frames)
    )
    return Speech(Path("p.wav"), frames, tuple(cuts[:-1]), levels), pcm


def planned(sentences: list[bytes], job: Job = JOB) -> list[Segment]:
    speech, pcm = spoken(sentences)
    return list(segments(job, speech, pcm, "r1"))


@given(st.lists(st.binary(min_size=1, max_size=400), min_size=1, max_size=4))
def test_a_sentence_has_the_same_keys_wherever_it_stands(sentences: list[bytes]) -> None:
    alone = [{segment.key for segment in planned([sentence])} for sentence in sentences]
    assert {segment.key for segment in planned(sentences)} == set.union(*alone)


def test_the_key_of_a_neural_voice_does_not_depend_on_how_its_samples_are_rounded() -> None:
    speech, pcm = spoken([b"one", b"two"])
    sentences = [SpokenSentence(10, 13, "one"), SpokenSentence(25, 28, "two")]
    named = replace(speech, sentences=tuple(sentences))
    keys = [segment.key for segment in segments(JOB, named, pcm, "r1")]
    rounded = bytes(value + (value > 0) for value in pcm)
    assert [segment.key for segment in segments(JOB, named, rounded, "r1")] == keys
    assert [segment.key for segment in segments(JOB, speech, rounded, "r1")] != keys
    other = replace(speech, sentences=(sentences[0], replace(sentences[1], identity="two, later")))
    after = [segment.key for segment in segments(JOB, other, pcm, "r1")]
    assert [a == b for a, b in zip(keys, after, strict=True)] == [True, False]


def test_changing_one_sentence_changes_its_segment_alone() -> None:
    before = [segment.key for segment in planned([b"one", b"two", b"three"])]
    after = [segment.key for segment in planned([b"one", b"zwei", b"three"])]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]


def test_a_key_depends_on_all_that_the_pixels_depend_on() -> None:
    others = [
        replace(JOB, portrait_sha256="11"),
        replace(JOB, seed=1),
        replace(JOB, width=640),
        replace(JOB, audio_gate=False, motion_gate=True),
        replace(JOB, face_box=(1, 2, 3, 4)),
    ]
    keys = {planned([b"one"], job)[0].key for job in (JOB, *others)}
    assert len(keys) == len(others) + 1
    assert planned([b"one"], replace(JOB, id="b", title="T", priority=3))[0].key in keys


def test_a_segment_with_a_seed_of_its_own_is_another_one_and_still_meets_its_neighbours() -> None:
    speech, pcm = spoken([b"one", b"two", b"three"])
    before = segments(JOB, speech, pcm, "r1")
    after = segments(JOB, speech, pcm, "r1", seeds={1: 7})
    assert [a.key == b.key for a, b in zip(before, after, strict=True)] == [True, False, True]
    assert before[1].seed != after[1].seed
    assert before[1].joint_seed == after[1].joint_seed
    assert segments(JOB, speech, pcm, "r1", seeds={1: 8})[1].key != after[1].key


def test_joints_of_one_portrait_share_their_noise() -> None:
    first, second = planned([b"one", b"two"])
    assert first.joint_seed == second.joint_seed
    assert first.seed != second.seed


DRIVEN = replace(JOB, motion_gate=True, driving_video=Path("d.mp4"), driving_sha256="dd")


def calm_at(frame: int, frames: int) -> tuple[int, ...]:
    """A driver who holds still for the length of a joint, and at no other time."""
    movement = [900] * frames
    movement[frame - OVERLAP_FRAMES // 2 : frame + OVERLAP_FRAMES // 2] = [0] * OVERLAP_FRAMES
    return tuple(movement)


def driven(job: Job, levels: tuple[int, ...], movement: tuple[int, ...]) -> list[int]:
    """Where its second and later segments start; the sound may be cut at frame 150."""
    speech = Speech(Path("p.wav"), len(levels), (150,), levels)
    pcm = bytes(len(levels) * SAMPLES_PER_FRAME * 2)
    return [segment.start_frame for segment in segments(job, speech, pcm, "r1", movement)[1:]]


def test_without_its_sound_a_driven_row_is_cut_where_the_driver_holds_still() -> None:
    levels = (-20,) * 140 + (-90,) * 20 + (-20,) * 240
    assert driven(replace(DRIVEN, audio_gate=False), levels, calm_at(200, 400)) == [196]


def test_with_its_sound_a_driven_row_is_cut_in_the_pause_where_the_driver_stirs_least() -> None:
    levels = (-20,) * 140 + (-90,) * 20 + (-20,) * 20 + (-87,) * 20 + (-20,) * 180
    assert driven(DRIVEN, levels, calm_at(146, 380)) == [142]
    assert driven(DRIVEN, levels, calm_at(190, 380)) == [186], "the second pause is about as quiet"
    assert driven(DRIVEN, levels, calm_at(162, 380)) == [152], "as near to it as the pause reaches"
    assert driven(DRIVEN, levels[:240], calm_at(146, 380)[:240]) == [], "the sentence ends within what may be rendered"


@given(programmes(), st.lists(st.integers(0, 9), min_size=1, max_size=30), st.booleans())
def test_a_driver_takes_no_frame_from_the_segments(programme: Programme, movement: list[int], sound: bool) -> None:
    frames, cuts, levels = programme
    steps = tuple(movement[k % len(movement)] for k in range(frames))
    speech = Speech(Path("p.wav"), frames, cuts, levels)
    made = segments(replace(DRIVEN, audio_gate=sound), speech, bytes(2 * frames * SAMPLES_PER_FRAME), "r1", steps)
    assert (made[0].start_frame, made[-1].end_frame) == (0, frames)
    for before, after in itertools.pairwise(made):
        assert before.end_frame - after.start_frame == OVERLAP_FRAMES
    assert max(segment.frames for segment in made) <= MAX_SEGMENT_FRAMES


def test_a_quality_has_keys_of_its_own_and_the_noise_of_all() -> None:
    speech = Speech(Path("p.wav"), 60, (30,), (-20,) * 60)
    pcm = (bytes(range(251)) * 1000)[: 60 * 2 * SAMPLES_PER_FRAME]

    def made(**changes: object) -> tuple[Segment, ...]:
        return segments(replace(JOB, **changes), speech, pcm, "renderer")

    published, *others = (made(preset=Preset.ACTALKER, quality=quality) for quality in Quality)
    assert len({segment.key for one in (published, *others) for segment in one}) == len(Quality) * len(published)
    for one in others:
        assert [(segment.seed, segment.joint_seed) for segment in one] == [
            (segment.seed, segment.joint_seed) for segment in published
        ]
    assert made(quality=Quality.FAST) == made(), "a still has no quality"
