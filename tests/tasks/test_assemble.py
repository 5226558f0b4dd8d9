"""The finished video: what is in it, that its parts agree in time, and that it appears whole or not at all."""

import hashlib
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pysubs2
import pytest
import webvtt
from numpy.typing import NDArray
from PIL import Image

from tasks.assemble import assemble
from tasks.errors import BadInput, ToolFailed
from tasks.job import SAMPLES_PER_FRAME, Chapter, Finished, Speech, Word
from tasks.media.decode import decode_audio, decode_frames, probe
from tasks.media.sound import Sound
from tasks.picture import provenance
from tasks.picture.aspect import Aspect
from tasks.picture.framing import Framing
from tasks.picture.video_options import VideoOptions
from tasks.subtitle import subtitle
from tests.tasks.media_samples import babble, job, numbered, read_number, spoken, write_clip

FRAMES = 80
NAMES = ["-lesson", 'it\'s "my" lesson', "Übung 😀; a:b,c=d[1] 100%d%%", "שיעור\nראשון"]
SENTENCE = "Grüße aus München, heute kostet die Straßenbahn vier Euro fünfzig."


def speech_of(folder: Path, frames: int = FRAMES, samples: NDArray[np.int16] | None = None) -> Speech:
    words = tuple(Word(text, 400 + 250 * place, 600 + 250 * place, 0) for place, text in enumerate(SENTENCE.split()))
    chapters = (Chapter("Eins = 1; #", 400), Chapter("Zwei \\ 2", 2_200))
    sound = babble(frames, seed=4) if samples is None else samples
    return spoken(folder, sound, words=words, chapters=chapters, language="de")


def make(
    folder: Path, target: Path, finish: VideoOptions | None = None, frames: int = FRAMES, **changes: object
) -> Finished:
    folder.mkdir(exist_ok=True)
    row = job(folder, language="de", title='A "title" = 1; #2', **changes)
    finish = finish or VideoOptions()
    speech = speech_of(folder, frames)
    size = (row.width, row.height)
    picture = write_clip(folder / "picture.avi", (numbered(number, *size) for number in range(frames)))
    canvas = finish.framing.canvas(size)
    subtitles = subtitle.fn(replace(row, width=canvas[0], height=canvas[1]), speech, folder)
    return assemble.fn(row, speech, picture, subtitles, target, finish)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("work")
    return make(folder / "it's 😀 work", folder / "videos")


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[str, int, int]]:
    """The boxes of an MP4: type, and where the content begins and ends."""
    end = len(data) if end is None else end
    while start < end:
        size, kind = struct.unpack_from(">I4s", data, start)
        header = 8
        if size == 1:
            size, header = struct.unpack_from(">Q", data, start + 8)[0], 16
        yield kind.decode("latin-1"), start + header, start + size
        start += size


def test_streams_languages_chapters_and_tags(finished: Finished) -> None:
    found = probe(finished.files["mp4"])
    picture, sound, captions = found.streams[:3]
    assert (picture.kind, picture.codec, picture.pixel_format, picture.fps) == ("video", "h264", "yuv420p", 25)
    assert (picture.width, picture.height, picture.frames, picture.color) == (128, 128, FRAMES, (1, 1, 1, 1))
    assert (sound.kind, sound.codec, sound.language, sound.sample_rate) == ("audio", "aac", "deu", 48_000)
    assert (captions.kind, captions.codec, captions.language) == ("subtitle", "mov_text", "deu")
    assert found.chapters == ((0, "Eins = 1; #"), (2_200, "Zwei \\ 2"))
    tags = dict(found.metadata)
    assert tags["title"] == 'A "title" = 1; #2'
    assert "trainedAlgorithmicMedia" in tags["comment"]
    assert not any("Lav" in value for value in tags.values())


def test_it_starts_before_it_is_loaded_and_ends_with_the_mark(finished: Finished) -> None:
    data = finished.files["mp4"].read_bytes()
    kinds = [kind for kind, _, _ in boxes(data)]
    assert kinds.index("moov") < kinds.index("mdat"), "no faststart"
    kind, begin, end = list(boxes(data))[-1]
    assert kind == "uuid" and data[begin : begin + 16].hex() == "be7acfcb97a942e89c71999491e3afac"
    assert data[begin + 16 : end] == provenance.xmp()
    assert provenance.DIGITAL_SOURCE_TYPE.encode() in data[begin:end]
    assert b"colrnclx" + struct.pack(">HHH", 1, 1, 1) in data, "no BT.709 in the container"


def test_every_frame_is_there_in_order_with_its_colours(finished: Finished) -> None:
    frames = list(decode_frames(finished.files["mp4"]))
    assert [read_number(frame) for frame in frames] == list(range(FRAMES))
    assert np.abs(frames[7].astype(int) - numbered(7)).mean() < 4


def test_key_frames_come_every_two_seconds_and_the_rate_is_constant(finished: Finished) -> None:
    with av.open(str(finished.files["mp4"])) as container:
        base = container.streams.video[0].time_base
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert base is not None
    assert sorted(packet.pts * base for packet in packets) == [Fraction(n, 25) for n in range(FRAMES)]
    assert max(np.diff([n for n, p in enumerate(packets) if p.is_keyframe])) <= 50


def test_captions_parse_elsewhere_and_say_the_same_at_the_same_time(finished: Finished) -> None:
    srt = pysubs2.load(str(finished.files["srt"]))
    vtt = webvtt.read(str(finished.files["vtt"]))
    ass = pysubs2.load(str(finished.files["ass"]))
    with av.open(str(finished.files["mp4"])) as container:
        stream = container.streams.subtitles[0]
        base = stream.time_base
        track = [(packet.pts, bytes(packet)[2:]) for packet in container.demux(stream) if packet.size > 2]
    assert base is not None
    assert " ".join(event.plaintext.replace("\n", " ") for event in srt) == SENTENCE
    assert [round(pts * base * 1000) for pts, _ in track] == [event.start for event in srt]
    assert [text.decode().split("\0")[0] for _, text in track] == [event.plaintext for event in srt]
    assert [caption.text for caption in vtt] == [event.plaintext for event in srt]
    assert [event.plaintext for event in ass] == [event.plaintext for event in srt]


def test_the_record_says_what_was_measured(finished: Finished) -> None:
    measured = finished.measured
    assert abs(measured["loudness_lufs"] + 16) <= 0.5 and measured["true_peak_dbtp"] <= -1
    assert 0 <= measured["picture_longer_than_sound_ms"] < 40
    assert measured["chapters"] == 2 and measured["captions"] >= 1
    assert finished.sha256 == hashlib.sha256(finished.files["mp4"].read_bytes()).hexdigest()
    assert finished.frames == FRAMES


def test_chapters_poster_and_contact_sheet_lie_beside_it(finished: Finished) -> None:
    folder = finished.files["mp4"].parent
    assert {path.name for path in folder.iterdir()} == {path.name for path in finished.files.values()}
    assert finished.files["chapters"].read_text() == "00:00 Eins = 1; #\n00:02 Zwei \\ 2\n"
    with Image.open(finished.files["poster"]) as poster:
        assert poster.size == (128, 128)
        assert provenance.DIGITAL_SOURCE_TYPE.encode() in poster.info["xmp"]
    with Image.open(finished.files["contact_sheet"]) as sheet:
        assert sheet.size == (8 + 2 * 318, 8 + 310 + 32), "two key frames, two tiles"
        tiles = [np.asarray(sheet.convert("RGB"))[8:318, left : left + 310] for left in (8, 326)]
        assert [read_number(tile) for tile in tiles] == [0, 50]


def test_the_poster_is_from_a_pause(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-5000, 5000, FRAMES * SAMPLES_PER_FRAME).astype(np.int16)
    samples[50 * SAMPLES_PER_FRAME : 60 * SAMPLES_PER_FRAME] = 0
    speech = speech_of(tmp_path, samples=samples)
    picture = write_clip(tmp_path / "picture.avi", (numbered(number) for number in range(FRAMES)))
    row = job(tmp_path, language="de")
    finished = assemble.fn(row, speech, picture, subtitle.fn(row, speech, tmp_path), tmp_path / "out")
    with Image.open(finished.files["poster"]) as poster:
        assert 50 <= read_number(np.asarray(poster.convert("RGB"))) < 60


@pytest.mark.parametrize("name", NAMES)
def test_any_name_and_title_works(tmp_path: Path, name: str) -> None:
    finished = make(tmp_path / name, tmp_path / f"{name} out", id=name)
    assert finished.files["mp4"] == tmp_path / f"{name} out" / f"{name}.mp4"
    assert probe(finished.files["mp4"]).duration_ms == FRAMES * 40


@pytest.mark.parametrize("frames", [13, 14, 26, 101])
def test_sound_and_picture_end_within_a_frame_at_any_length(tmp_path: Path, frames: int) -> None:
    speech = spoken(tmp_path, babble(frames))
    picture = write_clip(tmp_path / "picture.avi", (numbered(number) for number in range(frames)))
    row = job(tmp_path)
    finished = assemble.fn(row, speech, picture, subtitle.fn(row, speech, tmp_path), tmp_path / "out")
    found = probe(finished.files["mp4"])
    assert found.video is not None and found.audio is not None
    assert found.video.duration_ms == frames * 40
    assert 0 <= found.video.duration_ms - found.audio.duration_ms < 40
    assert "srt" not in finished.files and "chapters" not in finished.files


def test_a_click_is_heard_on_the_frame_that_shows_it(tmp_path: Path) -> None:
    flashes = (20, 47, 70)
    samples = babble(FRAMES, level=0.004)
    for frame in flashes:
        samples[frame * SAMPLES_PER_FRAME :][:200] = 20_000
    speech = speech_of(tmp_path, samples=samples)
    picture = write_clip(
        tmp_path / "picture.avi",
        (np.full((64, 64, 3), 255 if number in flashes else 30, np.uint8) for number in range(FRAMES)),
    )
    row = job(tmp_path, width=64, height=64)
    finished = assemble.fn(row, speech, picture, subtitle.fn(row, speech, tmp_path), tmp_path / "out")
    shown = [number for number, frame in enumerate(decode_frames(finished.files["mp4"])) if frame.mean() > 150]
    heard = np.abs(decode_audio(finished.files["mp4"]).astype(int))
    onsets = [
        frame * SAMPLES_PER_FRAME
        - 960
        + int(np.argmax(heard[frame * SAMPLES_PER_FRAME - 960 :][:1920] > heard.max() / 2))
        for frame in flashes
    ]
    assert tuple(shown) == flashes
    assert (
        max(abs(onset - frame * SAMPLES_PER_FRAME) for onset, frame in zip(onsets, flashes, strict=True)) < 96
    )  # 2 ms


def test_captions_and_label_are_burnt_in_in_place_of_the_soft_track(tmp_path: Path) -> None:
    wide = Framing(Aspect.WIDE, 360, "#000000", size=0.5)
    plain = make(tmp_path / "a", tmp_path / "plain", VideoOptions(framing=wide))
    burnt = make(tmp_path / "b", tmp_path / "burnt", VideoOptions(framing=wide, burn_in=True, label="KI-generiert"))
    one, other = (next(decode_frames(each.files["mp4"], 40, 41)).astype(int) for each in (plain, burnt))
    changed = np.abs(one - other).max(axis=2) > 100
    assert one.shape == (360, 640, 3)
    assert changed[250:].sum() > 200, "no captions"
    assert changed[:60, :200].sum() > 50, "no label"
    assert changed[90:240, 200:440].sum() == 0, "something is drawn over the head"
    kinds = [[stream.kind for stream in probe(each.files["mp4"]).streams] for each in (plain, burnt)]
    assert "subtitle" in kinds[0] and "subtitle" not in kinds[1], "players would show the captions twice"
    assert "srt" in burnt.files and "vtt" in burnt.files


def test_the_track_of_a_lesson_about_html_holds_every_character(tmp_path: Path) -> None:
    text = r"The tag <div> is a box, a < b && c > d is a test, {x: 1} is a set, and C:\temp is a folder."
    words = tuple(Word(word, 300 + 60 * place, 350 + 60 * place, 0) for place, word in enumerate(text.split()))
    row, speech = job(tmp_path), spoken(tmp_path, babble(FRAMES, seed=4), words=words)
    picture = write_clip(tmp_path / "picture.avi", (numbered(number) for number in range(FRAMES)))
    subtitles = subtitle.fn(row, speech, tmp_path)
    finished = assemble.fn(row, speech, picture, subtitles, tmp_path / "out")
    with av.open(str(finished.files["mp4"])) as container:
        packets = [bytes(packet) for packet in container.demux(container.streams.subtitles[0]) if packet.size > 2]
    assert [packet[2:].decode() for packet in packets] == [caption.text for caption in subtitles.captions]
    assert " ".join(packet[2:].decode().replace("\n", " ") for packet in packets) == text
    assert any("may hide <div>" in note for note in finished.notes)


def test_captions_for_another_canvas_are_refused(tmp_path: Path) -> None:
    speech = speech_of(tmp_path)
    picture = write_clip(tmp_path / "picture.avi", (numbered(number) for number in range(FRAMES)))
    row = job(tmp_path, language="de")
    with pytest.raises(BadInput, match="laid out for 128 x 128, the picture is 640 x 360"):
        options = VideoOptions(burn_in=True, framing=Framing(Aspect.WIDE, 360))
        assemble.fn(row, speech, picture, subtitle.fn(row, speech, tmp_path), tmp_path / "out", options)


def test_a_character_without_a_font_is_named(tmp_path: Path) -> None:
    finished = make(tmp_path / "a", tmp_path / "out", VideoOptions(label="AI 🎉"))
    assert "no font here has 🎉: left out of the label; choose one without it" in finished.notes


def test_an_emoji_that_no_font_has_is_left_out_of_burnt_in_captions_with_its_space(tmp_path: Path) -> None:
    """The picture is the one of the same captions without emoji; the caption files keep them."""
    pictures = []
    for name, text in (("with", "👍 I ❤️ this 👩🏽‍🏫 course. 🎉"), ("without", "I this course.")):
        row, shown = job(tmp_path, width=640, height=360), text.replace(" 🎉", "\u00a0🎉").split()
        words = tuple(Word(word.replace("\u00a0", " "), 400, 2000 + place, 0) for place, word in enumerate(shown))
        speech = spoken(tmp_path, babble(FRAMES, seed=4), words=words)
        picture = write_clip(tmp_path / "picture.avi", (numbered(number, 640, 360) for number in range(FRAMES)))
        options = VideoOptions(burn_in=True)
        finished = assemble.fn(row, speech, picture, subtitle.fn(row, speech, tmp_path), tmp_path / name, options)
        pictures.append(next(decode_frames(finished.files["mp4"], 20, 21)))
        assert text in finished.files["srt"].read_text()
        assert (name == "with") == (
            "no font here has 👍 ❤️ 👩🏽‍🏫 🎉: left out of the captions" in " ".join(finished.notes)
        )
    np.testing.assert_array_equal(*pictures)


def test_profiles_of_sound(tmp_path: Path) -> None:
    finished = make(tmp_path / "a", tmp_path / "out", VideoOptions(sound=Sound.BROADCAST))
    assert abs(finished.measured["loudness_lufs"] + 23) <= 0.5


def test_the_same_input_is_the_same_file(tmp_path: Path, finished: Finished) -> None:
    again = make(tmp_path / "a", tmp_path / "out")
    assert again.sha256 == finished.sha256


def test_a_picture_of_another_length_is_not_published(tmp_path: Path) -> None:
    speech = speech_of(tmp_path)
    picture = write_clip(tmp_path / "picture.avi", (numbered(number) for number in range(FRAMES - 1)))
    row = job(tmp_path, language="de")
    with pytest.raises(ToolFailed, match=str(FRAMES - 1)):
        assemble.fn(row, speech, picture, subtitle.fn(row, speech, tmp_path), tmp_path / "out")
    assert not [path for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")]


def test_a_kill_leaves_no_video_and_the_next_run_no_rest(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from tasks.picture.video_options import VideoOptions as Options\n"
        "from tests.tasks.test_assemble import make\n"
        f"make(Path({str(tmp_path / 'work')!r}), Path({str(tmp_path / 'out')!r}), Options(x264_preset='veryslow'), 400)"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        partial = tmp_path / "out" / ".lesson.mp4.partial"
        deadline = time.monotonic() + 60
        while not partial.exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        process.kill()
    assert partial.exists() and not (tmp_path / "out" / "lesson.mp4").exists()
    finished = make(tmp_path / "work", tmp_path / "out")
    assert sorted(finished.files["mp4"].parent.iterdir()) == sorted(finished.files.values())
