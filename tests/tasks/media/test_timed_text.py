"""The caption track of MP4: exact to the byte, whatever a caption says, and as ffmpeg would have written it."""

import re
import subprocess
from pathlib import Path

import av
import pytest

from tasks.captions import files
from tasks.captions.caption import Caption
from tasks.job import Word
from tasks.media import timed_text
from tasks.media.ffmpeg import ffmpeg
from tasks.media.timed_text import Cue

TEXTS = (
    "The tag <div> is a box,\nand <b> is bold.",
    "Use a < b && c > d in a test.",
    'Write <a href="x">here</a>, <br/> or <!-- nothing -->.',
    "Sets like {1, 2} and {} nest: {{x}}.",
    r"A path is C:\temp\files, a share \\host\share.",
    r"In a regex \d+ \{3\} \\ and \[x\]",
    "An entity is &lt;, &amp; or &nbsp;.",
    "x<y, y>z, 3<5>2, <3 and ->",
    "Größe – 漢字 שלום مرحبا 👩🏽‍🏫 50\u00a0km",
)
ONLY_EXACT = (r"C:\new\Names \h", r"{\an8}top {\i1}x")
"""What ffmpeg's reader changes even where the track is exact: it hands the text on as ASS without escaping it."""


def cues(*texts: str) -> list[Cue]:
    return [(1000 * place + 40, 1000 * place + 900, text) for place, text in enumerate(texts)]


def samples(path: Path) -> list[tuple[int, int, str]]:
    """What a reader that knows no markup finds in the track."""
    with av.open(str(path)) as container:
        track = container.streams.subtitles[0]
        assert track.time_base is not None
        to_ms = track.time_base * 1000
        found = [(round(p.pts * to_ms), p.duration, bytes(p)) for p in container.demux(track) if p.size > 2]
        assert all(int.from_bytes(data[:2], "big") == len(data) - 2 for _, _, data in found)
        return [(start, start + round(length * to_ms), data[2:].decode()) for start, length, data in found]


def read_by_ffmpeg(path: Path, *how: str) -> list[str]:
    """The captions of a file, through ffmpeg's own reader."""
    command = [str(ffmpeg()), "-v", "error", *how, "-i", str(path), "-map", "0:s", "-f", "webvtt", "-"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [cue.partition("\n")[2].rstrip("\n") for cue in re.split(r"\n\n(?=\d\d:)", output)[1:]]


def test_every_character_of_every_caption_is_in_the_track(tmp_path: Path) -> None:
    timed_text.write(tmp_path / "a.mp4", cues(*TEXTS, *ONLY_EXACT), "en")
    assert samples(tmp_path / "a.mp4") == cues(*TEXTS, *ONLY_EXACT)


def test_ffmpeg_reads_the_same_words(tmp_path: Path) -> None:
    timed_text.write(tmp_path / "a.mp4", cues(*TEXTS), "en")
    assert read_by_ffmpeg(tmp_path / "a.mp4") == list(TEXTS)


def test_plain_text_is_written_as_ffmpeg_writes_it(tmp_path: Path) -> None:
    """The slow way leads through a process; of plain text it makes the same track, to the byte."""
    plain = [(40, 900, "Hello,\nworld."), (1000, 1800, "Good-bye."), (2500, 2900, "Ende – gut.")]
    captions = tuple(Caption(start, end, ((Word(text, start, end, 0),),)) for start, end, text in plain)
    (tmp_path / "a.srt").write_text(files.srt(captions))
    command = [str(ffmpeg()), "-v", "error", "-fflags", "+bitexact", "-f", "srt", "-i", "a.srt", "-c:s", "mov_text"]
    timing = ["-metadata:s:s:0", "language=deu", "-enc_time_base:s", "1:1000", "-flags:s", "+bitexact"]
    subprocess.run([*command, *timing, "-fflags", "+bitexact", "theirs.mp4"], cwd=tmp_path, check=True)
    timed_text.write(tmp_path / "ours.mp4", plain, "de")
    ours, theirs = ((tmp_path / name) for name in ("ours.mp4", "theirs.mp4"))
    assert samples(ours) == samples(theirs) == plain
    with av.open(str(ours)) as one, av.open(str(theirs)) as other:
        tracks = [container.streams.subtitles[0] for container in (one, other)]
        assert tracks[0].codec_context.extradata == tracks[1].codec_context.extradata
        assert tracks[0].language == tracks[1].language == "deu"


def test_captions_that_overlap_or_begin_together_follow_each_other(tmp_path: Path) -> None:
    timed_text.write(tmp_path / "a.mp4", [(0, 900, "a"), (500, 600, "b"), (500, 700, "c"), (500, 500, "d")], "en")
    assert samples(tmp_path / "a.mp4") == [(0, 500, "a"), (500, 501, "b"), (501, 502, "c"), (502, 503, "d")]


def test_a_text_that_an_srt_reader_changes_is_named(tmp_path: Path) -> None:
    """Measured with the reader that most players have."""
    captions = [Caption(start, end, ((Word(text, start, end, 0),),)) for start, end, text in cues(*TEXTS, *ONLY_EXACT)]
    (tmp_path / "a.srt").write_text(files.srt(captions))
    read = read_by_ffmpeg(tmp_path / "a.srt", "-f", "srt")
    assert len(read) == len(captions)
    changed = [caption for caption, text in zip(captions, read, strict=True) if text != caption.text]
    assert len(changed) == 6
    assert all(files.markup_like([caption]) for caption in changed)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("<div> and </div>", ("<div>", "</div>")),
        ("a < b && c > d", ("< b && c >",)),
        ("{x}", ("{x}",)),
        (r"C:\new and \{", (r"\n", r"\{")),
        ("<3", ()),
        ("a < b", ()),
        ("b > c {", ()),
        ("back\\slash", ()),
        ("&lt; ->", ()),
    ],
)
def test_what_srt_can_carry_is_no_reason_for_a_note(text: str, named: tuple[str, ...]) -> None:
    assert files.markup_like([Caption(0, 900, ((Word(text, 0, 900, 0),),))]) == named


def test_what_was_written_is_read(tmp_path: Path) -> None:
    timed_text.write(tmp_path / "captions.mp4", cues(*TEXTS), "en")
    assert timed_text.read(tmp_path / "captions.mp4") == cues(*TEXTS)
