"""Stereo whose channels cancel each other in mono is named, with the remedy; other stereo is not."""

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tasks.errors import BadInput, ManifestRefused
from tasks.job import SAMPLE_RATE
from tasks.manifest.intake import check_manifest
from tasks.media import phase
from tasks.media.inputs import Inputs
from tests.tasks.media_samples import babble, write_wav

Samples = NDArray[np.float64]

VOICE, OTHER = (babble(150, seed).astype(np.float64) for seed in (0, 1))
"""Six seconds each."""
FAINT = 10 * np.random.default_rng(2).normal(size=len(VOICE))


def write_stereo(path: Path, left: Samples, right: Samples, codec: str = "pcm_s16le") -> Path:
    samples = np.stack([left, right]).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=SAMPLE_RATE)
        stream.layout = "stereo"
        frame = av.AudioFrame.from_ndarray(samples, format="s16p", layout="stereo")
        frame.rate, frame.pts = SAMPLE_RATE, 0
        resampler = av.AudioResampler(stream.format, "stereo", SAMPLE_RATE, stream.frame_size or 1024)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (VOICE, -VOICE),
        (VOICE, 1 - VOICE),
        (VOICE, -0.9 * VOICE),
        (VOICE, -0.7 * VOICE),
        (VOICE + FAINT, -VOICE),
        (VOICE, np.concatenate([np.zeros(2), -VOICE[:-2]])),
    ],
    ids=["inverted", "one bit off", "softer", "much softer", "noise in one", "40 us later"],
)
@pytest.mark.parametrize(("name", "codec"), [("a.wav", "pcm_s16le"), ("a.flac", "flac"), ("a.m4a", "aac")])
def test_channels_that_cancel_each_other_are_a_fault_with_a_remedy(
    tmp_path: Path, name: str, codec: str, left: Samples, right: Samples
) -> None:
    path = write_stereo(tmp_path / name, left, right, codec)
    with pytest.raises(BadInput, match=r"cancel each other: mixed to mono it is \d\d dB softer\. Invert one") as caught:
        phase.check(path)
    with pytest.raises(BadInput, match="cancel each other"):
        Inputs().recording(path)
    assert "silent" not in caught.value.problem


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (VOICE, VOICE),
        (VOICE, 0.3 * VOICE),
        (VOICE, np.zeros_like(VOICE)),
        (VOICE, OTHER),
        (VOICE + 0.5 * OTHER, VOICE - 0.5 * OTHER),
        (VOICE, np.concatenate([np.zeros(24), VOICE[:-24]])),
    ],
    ids=["the same", "softer", "one channel", "two voices", "wide", "0.5 ms later"],
)
def test_other_stereo_is_not_doubted(tmp_path: Path, left: Samples, right: Samples) -> None:
    path = write_stereo(tmp_path / "a.wav", left, right)
    assert phase.check(path) == ""
    assert len(Inputs().recording(path)) == 64


def test_channels_that_cancel_for_a_part_are_doubted(tmp_path: Path) -> None:
    second = SAMPLE_RATE
    partly = np.concatenate([VOICE[: 5 * second], -VOICE[5 * second :]])
    assert "partly cancel" in phase.check(write_stereo(tmp_path / "a.wav", VOICE, partly))
    assert "partly cancel" in phase.check(write_stereo(tmp_path / "b.wav", VOICE + 0.6 * OTHER, 0.6 * OTHER - VOICE))


def test_mono_and_silence_have_nothing_to_cancel(tmp_path: Path) -> None:
    assert phase.check(write_wav(tmp_path / "a.wav", VOICE.astype(np.int16))) == ""
    assert phase.check(write_stereo(tmp_path / "b.wav", 0 * VOICE, 0 * VOICE)) == ""


def test_the_row_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (128, 128)).save(tmp_path / "p.png")
    (tmp_path / "m.csv").write_text("id,portrait,audio\na,p.png,a.wav\n")
    write_stereo(tmp_path / "a.wav", VOICE, -VOICE)
    with pytest.raises(ManifestRefused, match=r"row 2 .*'a.wav': its left and right channels cancel"):
        check_manifest(tmp_path / "m.csv")
    write_stereo(tmp_path / "a.wav", VOICE + 0.6 * OTHER, 0.6 * OTHER - VOICE)
    (warning,) = check_manifest(tmp_path / "m.csv").warnings
    assert warning.startswith("row 2 (a): the left and right channels of its recording partly cancel each other")


def test_a_file_that_is_changed_is_looked_at_again(tmp_path: Path) -> None:
    path = write_stereo(tmp_path / "a.wav", VOICE, VOICE)
    assert phase.check(path) == ""
    write_stereo(path, VOICE, -VOICE)
    with pytest.raises(BadInput):
        phase.check(path)
