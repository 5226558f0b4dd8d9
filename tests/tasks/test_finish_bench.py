"""What finishing costs: `pytest -m bench -s -k finish`. The hour is `pytest -m "bench and slow" -s -k hour`.

Compare figures within one run only: other work on the machine stretches them all.
"""

import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.assemble import assemble
from tasks.job import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Clip, Speech, Word, WordSource
from tasks.media import ffmpeg
from tasks.media.decode import decode_audio, probe
from tasks.media.lossless import LosslessReader
from tasks.stitch import stitch
from tasks.subtitle import subtitle
from tests.tasks.media_samples import babble, job, planned, spoken, write_clip, write_wav

pytestmark = pytest.mark.bench

CODECS: dict[str, tuple[str, dict[str, str]]] = {
    "Ut Video, left": ("utvideo", {"pred": "left"}),
    "FFVHuff, plane": ("ffvhuff", {"pred": "plane"}),
    "Ut Video, median": ("utvideo", {"pred": "median"}),
    "x264 -qp 0 ultrafast": ("libx264", {"qp": "0", "preset": "ultrafast", "g": "1"}),
    "FFV1, intra": ("ffv1", {"g": "1", "level": "3"}),
    "raw": ("rawvideo", {}),
}


def moving(frames: int, side: int = 512) -> Iterator[NDArray[np.uint8]]:
    """Something like a portrait: smooth shading and fine grain that move by parts of a pixel."""
    down, across = np.mgrid[0 : side + 64, 0 : side + 64].astype(np.float32)
    grain = cv2.GaussianBlur(np.random.default_rng(0).normal(0, 40, down.shape).astype(np.float32), (0, 0), 1)
    head = ((across - side / 2) / side * 2.6) ** 2 + ((down - side / 2) / side * 2) ** 2 < 1
    shades = (80 + 60 * np.sin(across / 90), 100 + 50 * np.cos(across / 70 + down / 110), 120 + 40 * np.sin(down / 60))
    picture = (np.stack(shades, axis=-1) + ((grain + 60) * head)[..., None]).clip(0, 255).astype(np.uint8)
    for number in range(frames):
        shift = np.float32([[1, 0, -20 - 8 * np.sin(number / 20)], [0, 1, -20 - 5 * np.cos(number / 13)]])
        yield cv2.warpAffine(picture, shift, (side, side)).astype(np.uint8, copy=False)


def timed(work: Callable[[], object]) -> float:
    """Seconds of wall clock."""
    return cost(work)[0]


def report(text: str) -> None:
    """Print a figure."""
    sys.stdout.write(text + "\n")


def cost(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall clock, and of processor time: of this process and of those that it started and saw end."""

    def spent() -> tuple[float, float]:
        usages = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return time.perf_counter(), sum(usage.ru_utime + usage.ru_stime for usage in usages)

    begun = spent()
    work()
    wall_s, processor_s = (after - before for before, after in zip(begun, spent(), strict=True))
    return wall_s, processor_s


def ffmpeg_alone(picture: Path, wav: Path, result: Path) -> None:
    """The same frames and samples, encoded with the same settings by ffmpeg and nothing else."""
    encoding = ("-c:v", "libx264", "-preset", "medium", "-crf", "18", "-g", "50", "-pix_fmt", "yuv420p")
    sound = ("-c:a", "aac", "-b:a", "160k", "-ac", "2")
    arguments = ("-i", str(picture), "-i", str(wav), *encoding, *sound, "-y", str(result))
    ffmpeg.run(arguments, what="encoding alone", time_limit_s=3600)


@pytest.mark.parametrize("name", CODECS)
def test_finish_codecs(tmp_path: Path, name: str) -> None:
    codec, options = CODECS[name]
    frames = [av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p") for picture in moving(100)]
    path = tmp_path / "clip.nut"

    def write() -> None:
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=FPS, options=options)
            stream.width, stream.height, stream.pix_fmt, stream.thread_count = 512, 512, "yuv420p", 1
            for number, frame in enumerate(frames):
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

    def read() -> None:
        with av.open(str(path)) as container:
            container.streams.video[0].codec_context.thread_count = 1
            assert sum(1 for _ in container.decode(video=0)) == 100

    report(f"\n{name:24}{timed(write) * 10:6.2f}{timed(read) * 10:8.2f}{path.stat().st_size / 1e5:8.0f}")


def test_finish_lossless_write_and_read(tmp_path: Path) -> None:
    pictures = list(moving(200))
    path = tmp_path / "clip.avi"
    write_ms = timed(lambda: write_clip(path, pictures)) * 1000 / len(pictures)

    def read() -> None:
        with LosslessReader(path) as reader:
            assert sum(reader.decode(packet).width == 512 for packet in reader.packets()) == len(pictures)

    read_ms = timed(read) * 1000 / len(pictures)
    report(f"\nlossless, 512 x 512: write {write_ms:.2f}, read {read_ms:.2f} ms a frame")
    assert write_ms < 6 and read_ms < 4, "three times what a calm machine needs"


def test_finish_stitch_of_600_segments(tmp_path: Path) -> None:
    segments = planned([158] * 600)
    path = write_clip(tmp_path / "clip.avi", moving(158, 256))
    clips = [Clip(segment.key, path, 158, 256, 256, "") for segment in segments]
    before_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    stitch_s = timed(lambda: stitch.fn(segments, clips, tmp_path))
    grown_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mib
    whole = tmp_path / "picture.avi"
    copy_s = timed(lambda: shutil.copyfile(whole, tmp_path / "copy.avi"))
    video = probe(whole).video
    report(
        f"\nstitch of 600 segments, {segments[-1].end_frame} frames of 256 x 256, {whole.stat().st_size / 1e9:.1f} GB: "
        f"{stitch_s:.1f} s, {stitch_s / 0.6:.1f} ms a segment (a plain copy of the file: {copy_s:.1f} s); "
        f"memory grew by {grown_mib:.0f} MiB"
    )
    assert video is not None and video.duration_ms == segments[-1].end_frame * 40
    assert grown_mib < 100


def test_finish_a_row_of_30_seconds(tmp_path: Path) -> None:
    segments = planned([158] * 5)
    frames = segments[-1].end_frame
    pictures = list(moving(158))
    speech = spoken(tmp_path, babble(frames))
    row = job(tmp_path, width=512, height=512)
    path, picture = tmp_path / "clip.avi", tmp_path / "picture.avi"
    clips = [Clip(segment.key, path, 158, 512, 512, "") for segment in segments]
    subtitles = subtitle.fn(row, speech, tmp_path)
    seconds = {
        "write": 5 * cost(lambda: write_clip(path, pictures))[1],
        "stitch": cost(lambda: stitch.fn(segments, clips, tmp_path))[1],
        "assemble": cost(lambda: assemble.fn(row, speech, picture, subtitles, tmp_path / "out"))[1],
    }
    alone = cost(lambda: ffmpeg_alone(picture, speech.wav, tmp_path / "alone.mp4"))[1]
    parts = ", ".join(f"{name} {value:.2f}" for name, value in seconds.items())
    ratio = sum(seconds.values()) / alone
    report(
        f"\na row of {frames // FPS} s, 512 x 512, processor time: {parts}; {ratio:.2f} x ffmpeg alone ({alone:.2f} s)"
    )
    assert ratio < 1.5


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_finish_an_hour_of_600_segments(tmp_path: Path) -> None:
    """A flash, a click and a caption in the middle of each segment: they agree at the end as at the beginning."""
    segments = planned([158] * 600)
    frames, flash = segments[-1].end_frame, 75
    pictures = list(moving(158, 256))
    pictures[flash] = np.full_like(pictures[flash], 255)
    path = write_clip(tmp_path / "clip.avi", pictures)
    clips = [Clip(segment.key, path, 158, 256, 256, "") for segment in segments]
    stitched = cost(lambda: stitch.fn(segments, clips, tmp_path))

    flashes = [segment.start_frame + flash for segment in segments]
    speech = an_hour(tmp_path, frames, flashes)
    row = job(tmp_path, width=256, height=256)
    subtitles, picture = subtitle.fn(row, speech, tmp_path), tmp_path / "picture.avi"
    assembled = cost(lambda: assemble.fn(row, speech, picture, subtitles, tmp_path / "out"))
    alone = cost(lambda: ffmpeg_alone(picture, speech.wav, tmp_path / "alone.mp4"))
    for kind, ours, more, theirs in zip(("wall clock", "processor time"), stitched, assembled, alone, strict=True):
        report(
            f"\nan hour, {frames} frames of 256 x 256 in 600 segments, {kind}: stitch {ours:.0f} s, "
            f"assemble {more:.0f} s; {(ours + more) / theirs:.2f} x ffmpeg alone ({theirs:.0f} s)"
        )
    video = tmp_path / "out" / "lesson.mp4"
    found = probe(video)
    assert found.video is not None and found.audio is not None
    lead_ms = found.video.duration_ms - found.audio.duration_ms
    shown, heard, captioned = shown_at(video), heard_at(video, flashes), captioned_at(video)
    worst_ms = max(abs(sample / SAMPLE_RATE - frame / FPS) * 1000 for sample, frame in zip(heard, flashes, strict=True))
    late_ms = max(abs(start_ms - frame * 40) for start_ms, frame in zip(captioned, flashes, strict=True))
    report(f"picture outlasts sound by {lead_ms} ms; clicks off by at most {worst_ms:.2f} ms, captions by {late_ms} ms")
    assert found.video.frames == frames and 0 <= lead_ms < 40
    assert shown == flashes
    assert worst_ms < 2
    assert late_ms == 0


def an_hour(folder: Path, frames: int, flashes: list[int]) -> Speech:
    samples = np.resize(babble(150, level=0.01), frames * SAMPLES_PER_FRAME)
    for frame in flashes:
        samples[frame * SAMPLES_PER_FRAME :][:200] = 12_000
    words = tuple(Word(f"Number{n}.", frame * 40, frame * 40 + 900, n) for n, frame in enumerate(flashes))
    wav = write_wav(folder / "programme.wav", samples)
    return Speech(wav, frames, (), (-120,) * frames, words, source=WordSource.SYNTHESISER)


def shown_at(video: Path) -> list[int]:
    """The frames that are nearly white."""
    with av.open(str(video)) as container:
        luma = (frame.to_ndarray()[:256].mean() for frame in container.decode(video=0))
        return [number for number, value in enumerate(luma) if value > 200]


def heard_at(video: Path, flashes: list[int]) -> list[int]:
    """The sample within a frame of each flash at which the click begins."""
    sound = np.abs(decode_audio(video).astype(np.int32))
    begins = [frame * SAMPLES_PER_FRAME - 960 for frame in flashes]
    return [begin + int(np.argmax(sound[begin : begin + 1920] > sound.max() // 2)) for begin in begins]


def captioned_at(video: Path) -> list[int]:
    """When each caption of the soft track begins, in milliseconds."""
    with av.open(str(video)) as container:
        stream = container.streams.subtitles[0]
        base = stream.time_base
        assert base is not None
        return [round(p.pts * base * 1000) for p in container.demux(stream) if p.size > 2 and p.pts is not None]
