"""The network as a renderer, on a checkpoint with a handful of random weights: what it is given, and what comes out."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from actalker.checkpoint import PARTS, save_checkpoint
from actalker.shapes import Size
from actalker.talker import Plan, Talker
from tasks.errors import BadInput, Cancelled
from tasks.job import OVERLAP_FRAMES, Job, Preset, Segment
from tasks.renderers import talker
from tasks.renderers.renderer import Renderer, identity, load
from tasks.renderers.talker import TalkerRenderer, lids_of, segment_noise, speech_sound
from tests.actalker.test_talker import CONFIG
from tests.tasks.picture.test_driving import film
from tests.tasks.renderers.test_still import PORTRAIT, hum, write_sound

pytestmark = pytest.mark.numeric

FRAMES = 21


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    save_checkpoint(folder, CONFIG, {part: CONFIG.build(part).state_dict() for part in PARTS})
    return folder


@pytest.fixture(scope="module")
def renderer(weights: Path) -> Renderer:
    return load(Preset.ACTALKER, weights, 1)


@pytest.fixture
def job() -> Job:
    return Job("row", 1, PORTRAIT, preset=Preset.ACTALKER, width=64, height=64)


@pytest.fixture
def segment(tmp_path: Path) -> Segment:
    wav = write_sound(tmp_path / "programme.wav", hum(FRAMES + 10))
    return Segment("row", 0, 4, 4 + FRAMES, wav, 5, 9, "key")


def draw(renderer: Renderer, job: Job, segment: Segment) -> np.ndarray:
    return np.stack([np.asarray(frame) for frame in renderer.render(job, segment, lambda: False)])


@pytest.mark.gpu
def test_frames_of_a_gpu_are_as_near_as_half_precision_is_on_the_cpu(weights: Path, job: Job, segment: Segment) -> None:
    """A bound in grey levels would be one of these random weights: half precision on the CPU is 5.6 of them away."""
    on_gpu = load(Preset.ACTALKER, weights, 1)
    half, exact = (TalkerRenderer(Talker.load(weights, dtype=dtype)) for dtype in (torch.bfloat16, torch.float32))
    expected = draw(exact, job, segment).astype(int)

    def error(renderer: Renderer) -> float:
        """Of the generated frames; those between follow a flow that random weights make arbitrary."""
        return float(np.abs(draw(renderer, job, segment) - expected)[::2].mean())

    assert error(on_gpu) < 1.5 * error(half)


@pytest.mark.parametrize(("width", "height"), [(64, 64), (96, 64), (128, 128)])
def test_the_frames_and_the_size_that_were_asked_for(
    renderer: Renderer, job: Job, segment: Segment, width: int, height: int
) -> None:
    frames = draw(renderer, replace(job, width=width, height=height), segment)
    assert frames.shape == (FRAMES, height, width, 3)
    assert frames.dtype == np.uint8


def test_the_same_segment_gives_the_same_frames_and_another_seed_others(
    renderer: Renderer, job: Job, segment: Segment
) -> None:
    first = draw(renderer, job, segment)
    assert np.array_equal(first, draw(renderer, job, replace(segment, index=7, job_id="other")))
    assert not np.array_equal(first, draw(renderer, job, replace(segment, seed=6)))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("frames", [18, 50, 51])
def test_neighbours_see_the_same_noise_at_their_joint(segment: Segment, frames: int, stride: int) -> None:
    left = replace(segment, start_frame=0, end_frame=frames, seed=1)
    right = replace(segment, start_frame=frames - OVERLAP_FRAMES, end_frame=frames + 30, seed=2)
    by_frame = []
    for one in (left, right):
        generated = -(-one.frames // stride)
        noise = segment_noise(one, Plan(one.frames, generated, Size(64, 64), (generated + 3, 4, 2, 2)))
        by_frame.append({one.start_frame + index * stride: noise[index] for index in range(generated)})
    shared = by_frame[0].keys() & by_frame[1].keys()
    assert len(shared) == (0 if stride == 2 and frames % 2 else OVERLAP_FRAMES // stride)
    assert all(torch.equal(by_frame[0][frame], by_frame[1][frame]) for frame in shared)
    inner = [
        noise[0, 0, 0] for frame, noise in by_frame[0].items() if OVERLAP_FRAMES <= frame < frames - OVERLAP_FRAMES
    ]
    assert len(torch.unique(torch.stack(inner))) == len(inner)


def test_a_segment_blinks_by_its_own_seed_and_not_at_its_joints(segment: Segment) -> None:
    long = replace(segment, end_frame=segment.start_frame + 200)
    lids = lids_of(long)
    assert lids.shape == (200,)
    assert np.array_equal(lids, lids_of(replace(long, start_frame=7, end_frame=207, index=3)))
    assert not np.array_equal(lids, lids_of(replace(long, seed=6)))
    shut = np.flatnonzero((lids[1:] >= 1) & (lids[:-1] < 1))
    assert 1 <= len(shut) <= 6
    for frames in range(8, 90):
        lids = lids_of(replace(segment, end_frame=segment.start_frame + frames))
        ends = [*lids[: OVERLAP_FRAMES + 4], *lids[-OVERLAP_FRAMES - 4 :]]
        assert not any(ends)
        falls = -np.diff(lids)
        assert falls.max(initial=0) <= 0.4, "lids that are shut open again, frame by frame"


def test_the_sound_is_the_segments_own_at_the_networks_rate(segment: Segment, tmp_path: Path) -> None:
    heard = speech_sound(segment)
    assert heard.shape == (FRAMES * 640,)
    assert heard.dtype == np.float32
    assert abs(float(np.abs(heard).max()) - 0.3) < 0.02
    crossings = np.count_nonzero(np.diff(np.signbit(heard)))
    assert abs(crossings - 2 * 150 * FRAMES / 25) <= 2


def test_it_stops_when_it_is_cancelled(renderer: Renderer, job: Job, segment: Segment) -> None:
    with pytest.raises(Cancelled, match=r"row\[0\] was cancelled"):
        list(renderer.render(job, segment, lambda: True))


def test_a_portrait_without_a_face_is_refused(renderer: Renderer, job: Job, segment: Segment, tmp_path: Path) -> None:
    Image.new("RGB", (300, 300), (120, 160, 90)).save(tmp_path / "wall.png")
    with pytest.raises(BadInput, match="no face found in a picture of 300 x 300"):
        draw(renderer, replace(job, portrait=tmp_path / "wall.png"), segment)
    given = replace(job, portrait=tmp_path / "wall.png", face_box=(80, 60, 220, 240))
    assert draw(renderer, given, segment).shape[0] == FRAMES


def test_an_open_motion_gate_follows_the_driving_video(
    renderer: Renderer, job: Job, segment: Segment, tmp_path: Path
) -> None:
    moved, short = replace(job, motion_gate=True), replace(segment, end_frame=segment.start_frame + 4)
    with pytest.raises(BadInput, match="no driving video"):
        draw(renderer, moved, short)
    with pytest.raises(BadInput, match=r"empty\.avi: no face found"):
        draw(renderer, replace(moved, driving_video=film(tmp_path / "empty.avi", 12, light=0.0)), short)
    driven = draw(renderer, replace(moved, driving_video=film(tmp_path / "driving.avi", 12)), short)
    assert driven.shape[0] == 4
    assert not np.array_equal(driven, draw(renderer, job, short))
    mute = replace(moved, audio_gate=False, driving_video=tmp_path / "driving.avi")
    assert not np.array_equal(driven, draw(renderer, mute, short))


def test_the_identity_is_the_weights_and_a_damaged_file_is_refused(weights: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(weights, tmp_path / "copy")
    assert identity(Preset.ACTALKER, copy) == identity(Preset.ACTALKER, weights)
    damaged = copy / "unet.safetensors"
    data = bytearray(damaged.read_bytes())
    data[-1] ^= 1
    damaged.write_bytes(data)
    with pytest.raises(BadInput, match=r"is no whole checkpoint: unet\.safetensors has sha256"):
        load(Preset.ACTALKER, copy, 1)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config, indent=1))
    assert identity(Preset.ACTALKER, copy) != identity(Preset.ACTALKER, weights)


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="preset actalker has no weights of its own"):
        identity(Preset.ACTALKER, None)
    with pytest.raises(BadInput, match=r"nowhere is no checkpoint: it has no config\.json"):
        identity(Preset.DEMO, tmp_path / "nowhere")


class Card:
    """In place of `Talker`, on a machine with a GPU: how it was loaded, and whether torch can compile there."""

    def __init__(self, compiles: bool) -> None:
        self.compiles, self.loaded = compiles, list[bool]()

    def load(self, weights: Path, device: str, dtype: torch.dtype, compiled: bool = False) -> "Card":
        assert (device, dtype) == ("cuda", torch.bfloat16)
        self.loaded.append(compiled)
        return self

    def warm_up(self) -> None:
        if not self.compiles:
            raise RuntimeError("no backend")


@pytest.mark.parametrize(
    ("asked", "compiles", "loaded"), [(False, True, [False]), (True, True, [True]), (True, False, [True, False])]
)
def test_a_gpu_compiles_if_it_can(
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    asked: bool,
    compiles: bool,
    loaded: list[bool],
) -> None:
    card = Card(compiles)
    monkeypatch.setattr(talker, "Talker", card)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("CC", "gcc")
    load(Preset.ACTALKER, weights, 1, compiled=asked)
    assert card.loaded == loaded
    assert ("cannot compile the network here, so it runs without: no backend" in caplog.text) is (not compiles)


def test_a_gpu_without_a_c_compiler_is_refused_in_words(
    weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match=r"Triton finds no C compiler.* Install gcc"):
        load(Preset.ACTALKER, weights, 1)
