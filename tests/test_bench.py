"""What the house costs besides the pixels: `make bench`. Figures are printed; ratios are taken within one run."""

import itertools
import time
from pathlib import Path

import pytest

from tasks.job import FPS, Attempt, Outcome
from tasks.media import ffmpeg
from tasks.media.decode import decode_frames
from tasks.media.lossless import LosslessWriter
from tasks.picture.video_options import VideoOptions
from tasks.records import ledger
from tasks.records.journal import Journal, SegmentEnded, VideoEnded
from tests.course import actalker, events, finished, write_manifest

pytestmark = pytest.mark.bench

ROWS, SECONDS = 12, 30
SENTENCE = "Number {} of the long list of things that are said aloud in this row, and it takes a while to say it all."


def test_twelve_rows_of_thirty_seconds_against_ffmpeg_alone(tmp_path: Path, prefect_server: str) -> None:
    scripts = {
        f"row{row:02}": " ".join(SENTENCE.format(1000 * row + number) for number in range(5)) for row in range(ROWS)
    }
    manifest = write_manifest(tmp_path, scripts, size="512")
    workspace = tmp_path / "w"
    began = time.monotonic()
    code, output = finished(
        actalker("submit", manifest, "--workspace", workspace, "--preset", "still", api=prefect_server), limit_s=1800
    )
    whole_s = time.monotonic() - began
    assert code == 0, output
    videos = sorted(workspace.glob("videos/*/*/*.mp4"))
    assert len(videos) == ROWS
    alone_s = sum(encode_alone(video, tmp_path) for video in videos)
    frames = sum(int(str(event["frames"])) for event in events(workspace, "VideoEnded"))
    stages: list[dict[str, int]] = [event["stages_ms"] for event in events(workspace, "VideoEnded")]
    print(f"\n{ROWS} rows, {frames / FPS:.0f} s of video at 512 x 512, preset still, {len(videos)} files")
    print(f"end to end      {whole_s:6.1f} s   {frames / FPS / whole_s:5.1f} times real time")
    print(f"ffmpeg alone    {alone_s:6.1f} s   {frames / FPS / alone_s:5.1f} times real time")
    print(f"end to end / ffmpeg alone = {whole_s / alone_s:.2f}")
    for stage in stages[0]:
        print(f"  {stage:10} {sum(row[stage] for row in stages) / 1000:7.1f} s over all rows, several at a time")


def encode_alone(video: Path, folder: Path) -> float:
    """Seconds that ffmpeg takes to encode the frames and the sound of a finished video, from lossless files."""
    lossless = folder / "alone.avi"
    with LosslessWriter(lossless, 512, 512) as writer:
        for frame in decode_frames(video):
            writer.write(frame)
    options = VideoOptions()
    arguments = ["-y", "-i", str(lossless), "-i", str(video), "-map", "0:v", "-map", "1:a", "-pix_fmt", "yuv420p"]
    codecs = ["-c:v", "libx264", "-preset", options.x264_preset, "-crf", str(options.crf), "-c:a", "aac"]
    began = time.monotonic()
    ffmpeg.run([*arguments, *codecs, str(folder / "alone.mp4")], what="encoding alone", time_limit_s=600)
    return time.monotonic() - began


def test_the_journal_and_the_tables_of_a_large_night(tmp_path: Path) -> None:
    """1,000 rows of 200 segments: an event's cost, the snapshot's, and how long `status` reads."""
    rows, segments = 1000, 200
    numbers = itertools.count()
    with Journal(tmp_path / "ledger", "night") as pen:
        probe = [
            SegmentEnded("r", n, f"{n:064}", 0, 100, n, 7, Outcome.DONE, "p", "f" * 64, 900, "n/1") for n in range(500)
        ]
        began = time.monotonic()
        for event in probe:
            pen.write(event)
        print(f"\none event       {(time.monotonic() - began) / len(probe) * 1000:6.2f} ms, on the disk")
    tables = ledger.Tables(started_ms=1)
    for row in range(rows):
        tables.add(VideoEnded(f"row{row}", row, "", Outcome.DONE, 1, 2, stages_ms={"plan": 3}))
        for index in range(segments):
            key = f"{next(numbers):064}"
            tables.add(SegmentEnded(f"row{row}", index, key, 0, 100, 1, 7, Outcome.DONE, "p", key, 900, "n/1"))
            tables.add(Attempt(key[-16:], key, f"row{row}", index, "n/1", 1, 2, Outcome.DONE))
    began = time.monotonic()
    ledger.write(tmp_path / "ledger", "night", tables)
    print(f"snapshot        {time.monotonic() - began:6.2f} s for {rows * segments:,} segments, written and read back")
