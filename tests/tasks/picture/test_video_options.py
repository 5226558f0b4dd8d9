"""Options of finishing: what cannot work is said before anything is rendered."""

from pathlib import Path

import pytest

from tasks.errors import BadInput
from tasks.media.loudness import Bed
from tasks.picture.framing import Aspect, Framing
from tasks.picture.video_options import Finish
from tests.tasks.media_samples import babble, numbered, write_clip, write_wav


def test_what_works_passes(tmp_path: Path) -> None:
    music = write_wav(tmp_path / "music.wav", babble(10))
    Finish().check()
    Finish(music=Bed(music), fonts=tmp_path, framing=Framing(Aspect.TALL, backdrop="navy"), crf=0).check()


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        (Finish(music=Bed(Path("/no/such.mp3"))), "No such file"),
        (Finish(fonts=Path("/no/such/folder")), "are no folder"),
        (Finish(x264_preset="best"), "is no preset of x264"),
        (Finish(crf=52), "impossible"),
        (Finish(framing=Framing(Aspect.WIDE, backdrop="/no/such.png")), "neither a colour nor an image"),
        (Finish(framing=Framing(Aspect.WIDE, size=0)), "above 0"),
        (Finish(framing=Framing(Aspect.WIDE, 20)), "short side"),
    ],
)
def test_what_cannot_work_is_named(finish: Finish, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        finish.check()


def test_music_without_sound_is_named(tmp_path: Path) -> None:
    mute = write_clip(tmp_path / "mute.avi", [numbered(0)])
    with pytest.raises(BadInput, match="has no sound"):
        Finish(music=Bed(mute)).check()
