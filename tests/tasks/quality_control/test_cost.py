"""What quality control costs, in processor time on one core: `pytest -m bench -s tests/tasks/quality_control`."""

from pathlib import Path

import cv2
import pytest

from tasks.job import Job, Preset, Segment
from tasks.media import ffmpeg
from tasks.media.lossless import LosslessReader, LosslessWriter
from tasks.quality_control.measure import measure_segment, measure_video
from tasks.renderers.renderer import load
from tests.course import ROOT
from tests.tasks.media_samples import babble, write_wav
from tests.tasks.test_finish_bench import cost

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]

FRAMES = 150
PORTRAIT = ROOT / "examples/course/portraits/mara.png"
MOST = {"still": 1.0, "demo": 0.10}
"""Of the encoder's time for a still, of the rendering for the network."""


@pytest.mark.parametrize(("preset", "side"), [("still", 512), ("draft", 512), ("demo", 256), ("demo", 768)])
def test_quality_control_costs_a_part_of_what_it_checks(tmp_path: Path, preset: str, side: int) -> None:
    job = Job("row", 1, PORTRAIT, preset=Preset(preset), width=side, height=side)
    wav = write_wav(tmp_path / "programme.wav", babble(FRAMES))
    segment = Segment("row", 0, 0, FRAMES, wav, 5, 9, "key")
    renderer = load(job.preset, None, 1)
    clip, video = tmp_path / "clip.avi", tmp_path / "video.mp4"

    def render(frames: int) -> None:
        part = Segment("row", 0, 0, frames, wav, 5, 9, "key")
        prepared = renderer.prepare(job, part)
        with LosslessWriter(clip, side, side) as writer:
            for frame in renderer.finish(prepared, renderer.draw(prepared, lambda: False)):
                writer.write(frame) if hasattr(frame, "shape") else writer.write_yuv(frame)

    def encode() -> None:
        encoding = ("-c:v", "libx264", "-preset", "medium", "-crf", "18", "-threads", "1", "-pix_fmt", "yuv420p")
        sound = ("-c:a", "aac", "-b:a", "160k", "-ac", "2", "-y", str(video))
        ffmpeg.run(("-i", str(clip), "-i", str(wav), *encoding, *sound), what="a video", time_limit_s=600)

    cv2.setNumThreads(1)
    render(20)  # portraits are read, kernels compiled
    ms = {
        name: cost(work)[1] * 1000 / FRAMES for name, work in (("render", lambda: render(FRAMES)), ("encode", encode))
    }
    with LosslessReader(clip) as reader:
        frames = [reader.decode(packet) for packet in reader.packets()]
    measure_segment(job, segment, frames)
    ms["segment"] = cost(lambda: measure_segment(job, segment, frames))[1] * 1000 / FRAMES
    ms["video"] = cost(lambda: measure_video(video, job))[1] * 1000 / FRAMES
    both = ms["segment"] + ms["video"]
    print(f"\n{preset} {side}: " + ", ".join(f"{name} {value:.1f} ms" for name, value in ms.items()), end="")
    print(f" a frame: {both / ms['render']:.0%} of rendering, {both / ms['encode']:.0%} of encoding")
    limit = ms["encode" if preset == "still" else "render"] * MOST.get(preset, 10)
    assert both < limit
