"""Options of finishing: what cannot work is said before anything is rendered."""

from pathlib import Path

import pytest

from tasks.errors import BadInput
from tasks.job import Job, Preset
from tasks.media.loudness import Bed
from tasks.picture.aspect import Aspect
from tasks.picture.framing import Framing
from tasks.picture.video_options import VideoOptions
from tests.tasks.media_samples import babble, numbered, write_clip, write_wav


def test_what_works_passes(tmp_path: Path) -> None:
    music = write_wav(tmp_path / "music.wav", babble(10))
    VideoOptions().check()
    VideoOptions(music=Bed(music), fonts=tmp_path, framing=Framing(Aspect.TALL, backdrop="navy"), crf=0).check()


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        (VideoOptions(music=Bed(Path("/no/such.mp3"))), "No such file"),
        (VideoOptions(fonts=Path("/no/such/folder")), "are no folder"),
        (VideoOptions(x264_preset="best"), "is no preset of x264"),
        (VideoOptions(crf=52), "impossible"),
        (VideoOptions(framing=Framing(Aspect.WIDE, backdrop="/no/such.png")), "neither a colour nor an image"),
        (VideoOptions(framing=Framing(Aspect.WIDE, size=0)), "above 0"),
        (VideoOptions(framing=Framing(Aspect.WIDE, 20)), "short side"),
    ],
)
def test_what_cannot_work_is_named(finish: VideoOptions, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        finish.check()


def test_music_without_sound_is_named(tmp_path: Path) -> None:
    mute = write_clip(tmp_path / "mute.avi", [numbered(0)])
    with pytest.raises(BadInput, match="has no sound"):
        VideoOptions(music=Bed(mute)).check()


def test_a_draft_says_that_it_is_one_unless_nobody_wants_that() -> None:
    draft, demo = (Job("a", 1, Path("p.png"), preset=preset) for preset in (Preset.DRAFT, Preset.DEMO))
    assert VideoOptions().label_of(draft) == "Draft, AI-generated"
    assert VideoOptions(label="Course 7").label_of(draft) == "Draft, AI-generated · Course 7"
    assert VideoOptions(mark_drafts=False, label="Course 7").label_of(draft) == "Course 7"
    assert VideoOptions().label_of(demo) == VideoOptions(mark_drafts=False).label_of(draft) == ""
