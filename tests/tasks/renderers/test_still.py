"""The still: what it shows, that it rests at the joints, and that nothing but its content decides about its pixels."""

import sys
import time
import wave
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tasks.errors import BadInput
from tasks.job import FPS, OVERLAP_FRAMES, SAMPLE_RATE, SAMPLES_PER_FRAME, SILENCE_FRAMES, Job, Preset, Segment
from tasks.renderers.meter import voice_levels
from tasks.renderers.renderer import identity, load
from tasks.renderers.segment_audio import read_sound
from tasks.renderers.still import planes, spare_portrait

pytestmark = pytest.mark.numeric

Picture = NDArray[np.uint8]

FRAMES = 75
PORTRAIT = Path(__file__).parents[3] / "examples" / "course" / "portraits" / "mara.png"
QUIET_FRAMES = OVERLAP_FRAMES + SILENCE_FRAMES


def write_sound(path: Path, samples: NDArray[np.float64], rate: int = SAMPLE_RATE) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def hum(frames: int, pitch_hz: float = 150.0, loudness: float = 0.3) -> NDArray[np.float64]:
    return loudness * np.sin(2 * np.pi * pitch_hz * np.arange(frames * SAMPLES_PER_FRAME) / SAMPLE_RATE)


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    """A fine, bright pattern, so that every movement and every black edge shows."""
    rng = np.random.default_rng(1)
    noise = cv2.GaussianBlur(rng.integers(90, 256, (700, 600, 3)).astype(np.uint8), (0, 0), 3)
    Image.fromarray(noise).save(tmp_path / "portrait.png")
    return tmp_path / "portrait.png"


@pytest.fixture
def job(portrait: Path) -> Job:
    return Job("row", 1, portrait, width=320, height=240)


@pytest.fixture
def segment(tmp_path: Path) -> Segment:
    """Three seconds: silence in the overlaps and a little longer, a hum in between."""
    silence = np.zeros(QUIET_FRAMES * SAMPLES_PER_FRAME)
    sound = np.concatenate([silence, hum(FRAMES - 2 * QUIET_FRAMES), silence])
    return Segment("row", 0, 0, FRAMES, write_sound(tmp_path / "programme.wav", sound), 5, 9, "key")


def draw(job: Job, segment: Segment) -> list[Picture]:
    """All frames, as RGB."""
    return [to_rgb(frame) for frame in load(Preset.STILL, None, 1).render(job, segment, lambda: False)]


def to_rgb(frame: av.VideoFrame) -> Picture:
    return frame.to_ndarray(format="rgb24", src_colorspace="ITU709", dst_colorspace="ITU709")


def portrait_in_rgb(path: Path, width: int, height: int, face_box: tuple[int, int, int, int] | None = None) -> Picture:
    """What `spare_portrait` makes of a portrait."""
    parts = spare_portrait(path, width, height, face_box)
    frame = av.VideoFrame(parts[0].shape[1], parts[0].shape[0], "yuv420p")
    for plane, part in zip(planes(frame), parts, strict=True):
        plane[:] = part
    return to_rgb(frame)


@pytest.mark.parametrize(("width", "height"), [(320, 240), (240, 320), (256, 256), (128, 126)])
def test_exactly_the_frames_that_were_asked_for_in_the_jobs_size(
    job: Job, segment: Segment, width: int, height: int
) -> None:
    frames = draw(replace(job, width=width, height=height), segment)
    assert len(frames) == FRAMES
    assert {frame.shape for frame in frames} == {(height, width, 3)}
    assert {frame.dtype for frame in frames} == {np.dtype(np.uint8)}


def test_it_rests_in_the_overlaps_and_moves_smoothly_in_between(job: Job, segment: Segment) -> None:
    frames = [frame.astype(int) for frame in draw(job, segment)]
    rest = frames[0]
    for frame in frames[:OVERLAP_FRAMES] + frames[-OVERLAP_FRAMES:]:
        assert np.abs(frame - rest).max() == 0
    away = [float(np.abs(frame - rest).mean()) for frame in frames]
    assert away[FRAMES // 2] > 1
    steps = [float(np.abs(after - before).mean()) for before, after in pairwise(frames)]
    assert max(steps) < 0.25 * max(away)


def test_no_frame_shows_what_lies_beyond_the_portrait(job: Job, segment: Segment, tmp_path: Path) -> None:
    """A long segment goes as far as the camera ever does, in whatever direction."""
    long = replace(segment, end_frame=200, wav=write_sound(tmp_path / "long.wav", hum(200)))
    for seed in range(6):
        for frame in draw(job, replace(long, seed=seed))[::20]:
            edge = np.concatenate([frame[0], frame[-1], frame[:, 0], frame[:, -1]])
            assert edge.min() > 60


def test_position_in_the_video_does_not_matter(job: Job, segment: Segment, tmp_path: Path) -> None:
    with wave.open(str(segment.wav), "rb") as file:
        sound = np.frombuffer(file.readframes(-1), "<i2") / 32767
    elsewhere = write_sound(tmp_path / "elsewhere.wav", np.concatenate([hum(40, 700), sound, hum(9, 90)]))
    moved = replace(segment, job_id="other", index=3, start_frame=40, end_frame=40 + FRAMES, wav=elsewhere)
    for here, there in zip(draw(job, segment), draw(job, moved), strict=True):
        assert np.array_equal(here, there)


def test_the_meter_follows_the_voice(job: Job, segment: Segment, tmp_path: Path) -> None:
    mute = replace(segment, wav=write_sound(tmp_path / "mute.wav", hum(FRAMES, loudness=0)))
    heard, silent = draw(job, segment), draw(job, mute)
    changed = [bool(np.any(a != b)) for a, b in zip(heard, silent, strict=True)]
    assert all(changed[QUIET_FRAMES:-QUIET_FRAMES])
    assert not any(changed[:OVERLAP_FRAMES] + changed[-OVERLAP_FRAMES:])
    rows, columns = np.nonzero(np.any(heard[30] != silent[30], axis=2))
    assert rows.max() < 60 and columns.max() < 80  # in the corner, nowhere else


def test_levels_are_by_pitch_and_loudness() -> None:
    def level(pitch_hz: float, loudness: float) -> NDArray[np.float64]:
        return voice_levels((hum(5, pitch_hz, loudness) * 32767).astype(np.int16))[2]

    assert np.argmax(level(150, 0.1)) == 0
    assert np.argmax(level(3000, 0.1)) == 4
    assert np.argmax(level(700, 0.1)) == 2
    assert level(700, 0.01)[2] < level(700, 0.04)[2] < level(700, 0.3)[2] == 1
    assert np.all(level(700, 0.0) == 0)


@pytest.mark.parametrize("known", [False, True])
def test_the_crop_is_taken_around_the_face(tmp_path: Path, known: bool) -> None:
    """A face on the right of a wide image, found or given: the square part is not taken from the middle."""
    canvas = Image.new("RGB", (1200, 500), (200, 210, 220))
    with Image.open(PORTRAIT) as face:
        canvas.paste(face.convert("RGB").resize((420, 420)), (760, 60))
    canvas.save(tmp_path / "wide.png")
    box = (850, 120, 1090, 400) if known else None
    framed, alone = portrait_in_rgb(tmp_path / "wide.png", 256, 256, box), portrait_in_rgb(PORTRAIT, 256, 256)
    assert skin(framed) > 0.6 * skin(alone)


def skin(frame: Picture) -> float:
    """The share of pixels in the colours of the drawn face."""
    red, green, blue = (frame[..., channel].astype(int) for channel in range(3))
    return float(np.mean((red > green + 30) & (green > blue + 20)))


def test_cut_out_portraits_stand_before_a_light_ground_and_rotated_ones_upright(tmp_path: Path) -> None:
    Image.new("RGBA", (200, 200), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert portrait_in_rgb(tmp_path / "clear.png", 128, 128).min() > 200
    upright = Image.new("RGB", (200, 400), (10, 10, 10))
    upright.paste((250, 250, 250), (0, 0, 200, 200))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter to the left when it was taken
    upright.rotate(90, expand=True).save(tmp_path / "turned.jpg", exif=exif)
    framed = portrait_in_rgb(tmp_path / "turned.jpg", 100, 200)
    assert framed[20].mean() > 200
    assert framed[-20].mean() < 60


def test_what_cannot_be_drawn_says_why(job: Job, segment: Segment, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(BadInput, match="it is not an image"):
        draw(replace(job, portrait=tmp_path / "text.png"), segment)
    with pytest.raises(BadInput, match="ends before frame 76"):
        read_sound(replace(segment, end_frame=FRAMES + 1))
    with pytest.raises(BadInput, match="not mono 16-bit sound at 48000 Hz"):
        read_sound(replace(segment, wav=write_sound(tmp_path / "slow.wav", hum(FRAMES), 44_100)))


def test_the_identity_is_there_without_loading() -> None:
    assert identity(Preset.STILL, None).startswith("still-")


@pytest.mark.bench
def test_time_of_a_frame(job: Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    big = replace(job, width=512, height=512)
    frames = 8 * FPS
    segment = Segment("row", 0, 0, frames, write_sound(tmp_path / "s.wav", hum(frames)), 5, 9, "key")
    renderer = load(Preset.STILL, None, 1)
    spent = []
    for _ in range(5):
        began = time.process_time()
        for _frame in renderer.render(big, segment, lambda: False):
            pass
        spent.append((time.process_time() - began) / frames * 1000)
    with capsys.disabled():
        sys.stdout.write(f"\nstill, 512 x 512, one thread: {min(spent):.2f} ms of processor time a frame\n")
    assert min(spent) < 1.5
