"""Media from outside: what is taken, what is refused, and that frames and samples come out at the right time."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.errors import BadInput
from tasks.job import SAMPLE_RATE
from tasks.media.decode import decode_audio, decode_frames, probe
from tests.tasks.media_samples import numbered, read_number, write_wav

HOSTILE = {
    "playlist.wav": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n/etc/passwd\n#EXT-X-ENDLIST\n",
    "playlist.mp4": b"\xef\xbb\xbf#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n",
    "list.mp3": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "manifest.mkv": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>x</BaseURL></MPD>',
    "part.wav": b"subfile,,start,0,end,100,,:/etc/passwd",
    "session.m4a": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 10.0.0.1\nm=audio 5004 RTP/AVP 96\n",
    "winamp.wma": b"[playlist]\nFile1=http://example.com/a\n",
    "words.wav": b"this is a text file\n",
    "archive.flac": b"PK\x03\x04" + bytes(200),
    "program.ogg": b"\x7fELF" + bytes(200),
    "image.wav": b"\x89PNG\r\n\x1a\n" + bytes(100),
}


def tone(seconds: float, rate: int = SAMPLE_RATE, hertz: float = 440.0) -> NDArray[np.int16]:
    time = np.arange(round(seconds * rate)) / rate
    return (np.sin(2 * np.pi * hertz * time) * 12_000).astype(np.int16)


def write_audio(path: Path, samples: NDArray[np.int16], codec: str, rate: int, layout: str = "mono") -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = layout
        planar = np.stack([samples] * (2 if layout == "stereo" else 1))
        frame = av.AudioFrame.from_ndarray(planar, format="s16p", layout=layout)
        frame.rate, frame.pts = rate, 0
        resampler = av.AudioResampler(stream.format, layout, rate, stream.frame_size or 1024)
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def write_video(path: Path, frames: int, rate: int, size: tuple[int, int] = (160, 128)) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "10"})
        stream.width, stream.height = size
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(numbered(number, *size), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    "name", ["-a.wav", 'it\'s "quoted" & $HOME.wav', "Übung 😀.wav", "two\nlines.wav", "a:b,c;d.wav"]
)
def test_any_file_name_is_read(tmp_path: Path, name: str) -> None:
    path = write_wav(tmp_path / name, tone(0.5))
    assert probe(path).audio is not None
    assert np.array_equal(decode_audio(path), tone(0.5))


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [
        ("a.flac", "flac", 44_100, "mono"),
        ("a.mp3", "libmp3lame", 44_100, "stereo"),
        ("a.m4a", "aac", 48_000, "stereo"),
        ("a.opus", "libopus", 48_000, "mono"),
        ("a.mkv", "pcm_s16le", 22_050, "mono"),
        ("a.aiff", "pcm_s16be", 8_000, "stereo"),
    ],
)
def test_formats_rates_and_layouts_become_mono_at_48_khz(
    tmp_path: Path, name: str, codec: str, rate: int, layout: str
) -> None:
    path = write_audio(tmp_path / name, tone(1.0, rate), codec, rate, layout)
    samples = decode_audio(path)
    assert samples.dtype == np.int16
    assert abs(len(samples) - SAMPLE_RATE) <= 0.06 * SAMPLE_RATE  # lossy codecs pad to their frames
    middle = samples[SAMPLE_RATE // 4 : 3 * SAMPLE_RATE // 4].astype(float)
    peak = np.argmax(np.abs(np.fft.rfft(middle * np.hanning(len(middle))))) * SAMPLE_RATE / len(middle)
    assert abs(peak - 440) < 3


@pytest.mark.parametrize("name", HOSTILE)
def test_lists_of_files_and_foreign_things_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(HOSTILE[name])
    for read in (probe, decode_audio, lambda path: list(decode_frames(path))):
        with pytest.raises(BadInput, match=r"list of other files|no sound or video"):
            read(path)


def test_a_demuxer_that_asks_for_another_file_does_not_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.media.decode._MAGIC", ((0, b"#EXTM3U", "hls"),))  # as if the first lock were open
    secret = write_wav(tmp_path / "secret.wav", tone(0.2))
    path = tmp_path / "playlist.wav"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n")
    with pytest.raises(BadInput, match=r"playlist\.wav|refers to another"):
        decode_audio(path)


def test_an_empty_an_absent_and_a_soundless_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    with pytest.raises(BadInput, match="is empty"):
        decode_audio(tmp_path / "empty.wav")
    with pytest.raises(BadInput, match="No such file"):
        decode_audio(tmp_path / "absent.wav")
    with pytest.raises(BadInput, match="Is a directory"):
        decode_audio(tmp_path)
    with pytest.raises(BadInput, match="has no sound"):
        decode_audio(write_video(tmp_path / "mute.mp4", 5, 25))
    with pytest.raises(BadInput, match="has no picture"):
        next(decode_frames(write_wav(tmp_path / "sound.wav", tone(0.1))))
    with pytest.raises(BadInput, match="holds no samples"):
        decode_audio(write_wav(tmp_path / "nothing.wav", tone(0)))


def test_a_recording_that_is_too_long_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.media.decode.MAX_AUDIO_MS", 1000)
    assert len(decode_audio(write_wav(tmp_path / "a.wav", tone(1.0)))) == SAMPLE_RATE
    with pytest.raises(BadInput, match="is longer than"):
        decode_audio(write_wav(tmp_path / "a.wav", tone(1.1)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_anywhere_is_either_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "a.flac"
    if not path.exists():
        write_audio(path, tone(0.3), "flac", SAMPLE_RATE)
    whole = path.read_bytes()
    broken = bytearray(whole[: data.draw(st.integers(1, len(whole)))])
    for _ in range(data.draw(st.integers(0, 8))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    damaged = tmp_path / "damaged.flac"
    damaged.write_bytes(broken)
    try:
        decode_audio(damaged)
    except BadInput as error:
        assert "damaged.flac" in str(error)


@pytest.mark.parametrize("rate", [10, 24, 25, 30, 60])
def test_every_rate_is_shown_at_25_frames_per_second(tmp_path: Path, rate: int) -> None:
    path = write_video(tmp_path / "driving.mp4", 2 * rate, rate)
    shown = [read_number(picture) for picture in decode_frames(path)]
    assert abs(len(shown) - 50) <= 1
    for number, source in enumerate(shown[:-1]):
        assert abs(source / rate - number / 25) <= max(0.5 / 25, 1 / rate) + 1e-9  # s; of float64 sums


def test_a_stretch_of_a_video_is_the_same_as_in_the_whole(tmp_path: Path) -> None:
    path = write_video(tmp_path / "driving.mp4", 60, 30)
    whole = list(decode_frames(path))
    part = list(decode_frames(path, 10, 23))
    assert len(part) == 13
    assert all(np.array_equal(one, other) for one, other in zip(part, whole[10:23], strict=True))


def test_a_probe_tells_streams_sizes_rates_and_lengths(tmp_path: Path) -> None:
    found = probe(write_video(tmp_path / "a.mp4", 50, 25))
    assert found.video is not None and found.audio is None
    assert (found.video.codec, found.video.fps, found.video.frames) == ("h264", Fraction(25), 50)
    assert (found.video.width, found.video.height, found.video.duration_ms, found.demuxer) == (160, 128, 2000, "mov")
