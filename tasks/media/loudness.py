"""Loudness after EBU R128: measure a programme, bring it to a target, measure it again.

Two passes over the finished programme, never per segment: what is measured decides one gain for the whole, as in the
linear mode of ffmpeg's `loudnorm`. Where that gain would push the true peak over its limit, `loudnorm` turns to dynamic
compression without a word; here a limiter, at four times the sampling rate, takes the peaks down and nothing else.
What comes out is stereo, a mono voice in both channels: how loud a mono file is depends on the player, by 3 LU.

Source: EBU R 128 (2023), EBU Tech 3341, ITU-R BS.1770-5.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, cast

import av
import av.filter

from tasks.errors import ToolFailed
from tasks.job import SAMPLE_RATE, SAMPLES_PER_FRAME
from tasks.media import decode, ffmpeg
from tasks.media.lossless import full_disk_is_named
from tasks.media.sound import Sound

TOLERANCE_LU = 0.5
"""How far a finished programme may be from its target."""

_SETTLED_LU = 0.2
_ROUNDS = 4
_UNMEASURED_LUFS = -70.0
_LIMITER_RATE = 4 * SAMPLE_RATE
_CODEC_MARGIN_DB = 0.5
_BITRATE = 160_000
_CODER = "fast"
"""The better of libavcodec's two at this bit rate, in half of the time: its noise is 43 to 58 dB below seven voices,
that of `twoloop`, the default, 29 to 37 dB below six."""
_AS_ONE = {"aac_ms": "1", "aac_is": "0", "aac_pns": "0", "aac_tns": "0"}
"""For the same sound in both channels: their sum is coded, and nothing else is looked for. That takes three quarters of
the time, and adds up to 5 dB to the noise."""
_AAC_SAMPLES = 1024
_LONG = {"rf64": "auto"}
"""WAV of more than 4 GiB."""
_FIGURE = "lavfi.r128."
"""What the names of the filter's figures begin with."""


@dataclass(frozen=True, slots=True)
class Target:
    """How loud a programme shall be, and how high its true peak may be."""

    integrated_lufs: float
    true_peak_dbtp: float


TARGETS = {
    Sound.BROADCAST: Target(-23.0, -1.0),  # EBU R 128
    Sound.COURSE: Target(-16.0, -1.0),  # podcasts and courses: AES TD1008
    Sound.WEB: Target(-14.0, -1.0),  # the large video sites
}


@dataclass(frozen=True, slots=True)
class Loudness:
    """What was measured. A programme without any sound above the gate has -70 LUFS."""

    integrated_lufs: float
    range_lu: float
    true_peak_dbtp: float

    @property
    def measurable(self) -> bool:
        """Whether there was anything to measure."""
        return self.integrated_lufs > _UNMEASURED_LUFS and math.isfinite(self.true_peak_dbtp)

    def off_target(self, target: Target) -> str:
        """What a person should know about it; empty when it is as asked for."""
        if not self.measurable:
            return "the sound is too soft or too short for its loudness to be measured"
        if abs(self.integrated_lufs - target.integrated_lufs) <= TOLERANCE_LU:
            return ""
        asked = f"{target.integrated_lufs:g} are asked for"
        return f"the sound has {self.integrated_lufs:g} LUFS, {asked}: there is no room under its peaks"


@dataclass(frozen=True, slots=True)
class Bed:
    """Music under the voice.

    Attributes:
        path: Repeated until the programme ends, and faded in and out.
        below_lu: How far under the voice it lies while nobody speaks; under speech it is ducked further.
    """

    path: Path
    below_lu: float = 16.0


@dataclass(frozen=True, slots=True)
class _Track:
    """The sound of a file and the filters that it goes through: measured in process, encoded by ffmpeg.

    Attributes:
        opening: Options of the demuxer.
    """

    path: Path
    demuxer: str
    filters: tuple[tuple[str, Mapping[str, str | int]], ...] = ()
    opening: Mapping[str, str] = field(default_factory=dict)

    def then(self, name: str, **options: str | int) -> "_Track":
        """The track through one more filter."""
        return replace(self, filters=(*self.filters, (name, options)))

    def stream(self, **input_options: str | int) -> Any:
        """As a stream of ffmpeg-python."""
        sound = ffmpeg.source(self.path, self.demuxer, **input_options).audio
        for name, options in self.filters:
            sound = sound.filter(name, **options)
        return sound

    def frames(self, what: str) -> Iterator[av.AudioFrame]:
        """As frames, in process: to start ffmpeg takes longer than to filter a few seconds.

        Raises:
            ToolFailed: It cannot be decoded.
            Cancelled: The batch ends.
        """
        try:
            with av.open(str(self.path), "r", format=self.demuxer, options=dict(self.opening)) as container:
                yield from _filtered(container.decode(container.streams.audio[0]), self.filters, what)
        except (av.FFmpegError, IndexError) as error:
            raise ToolFailed(f"{what}: {error}") from error


def _filtered(
    frames: Iterable[av.AudioFrame], filters: Iterable[tuple[str, Mapping[str, str | int]]], what: str
) -> Iterator[av.AudioFrame]:
    graph: av.filter.Graph | None = None
    for frame in chain(frames, [None]):
        ffmpeg.check_cancelled(what)
        if graph is None:
            if frame is None:
                return  # there were none
            graph = _graph(frame, filters)
        graph.push(frame)
        with suppress(av.BlockingIOError, av.EOFError):
            while True:
                yield cast("av.AudioFrame", graph.pull())


def _graph(first: av.AudioFrame, filters: Iterable[tuple[str, Mapping[str, str | int]]]) -> av.filter.Graph:
    graph = av.filter.Graph()
    source = (first.sample_rate, first.format.name, first.layout.name)
    nodes = [graph.add_abuffer(sample_rate=source[0], format=source[1], layout=source[2], time_base=first.time_base)]
    for name, options in filters:
        nodes.append(graph.add(name, ":".join(f"{option}={value}" for option, value in options.items())))
    nodes.append(graph.add("abuffersink"))
    graph.link_nodes(*nodes).configure()
    return graph


def master(wav: Path, frames: int, target: Target, bed: Bed | None, work: Path) -> tuple[Path, Loudness]:
    """Bring a programme to its loudness and encode it, once, as AAC.

    Args:
        wav: The voice, mono PCM at `SAMPLE_RATE`.
        frames: The length of the programme: exactly that much sound comes out.
        work: Scratch folder.

    Returns:
        `work/sound.m4a`, and what was measured on it. A programme of a few clicks in silence has no room under the
        true peak for its loudness: it stays softer than asked for, and `off_target` says so.

    Raises:
        BadInput: The music cannot be read.
        ToolFailed: The true peak stays over its limit.
    """
    programme = _ours(wav if bed is None else _mix(wav, frames, target, bed, work))
    encoded = work / "sound.m4a"
    before = measure(programme)
    if not before.measurable:
        _encode(programme, frames, encoded, one_voice=bed is None)
        return encoded, before
    ceiling_dbtp = target.true_peak_dbtp - _CODEC_MARGIN_DB
    for _ in range(_ROUNDS):
        sound = _leveled(programme, before, target, ceiling_dbtp, work / "limited.wav")
        _encode(sound, frames, encoded, one_voice=bed is None)
        after = measure(_Track(encoded, "mov") if bed else _left(_Track(encoded, "mov")))
        excess_db = after.true_peak_dbtp - target.true_peak_dbtp
        if excess_db <= 0:
            return encoded, after
        ceiling_dbtp -= excess_db + 0.1
    raise ToolFailed(
        f"true peaks stay {excess_db:.1f} dB over {target.true_peak_dbtp:g} dBTP, however they are limited"
    )


def _leveled(programme: _Track, before: Loudness, target: Target, ceiling_dbtp: float, limited: Path) -> _Track:
    """The programme at its loudness. A limiter takes some of it away, so that its gain is found in rounds.

    Args:
        limited: The file to write where it is limited: to limit it once more for the encoder takes longer.
    """
    gain_db = target.integrated_lufs - before.integrated_lufs
    if before.true_peak_dbtp + gain_db <= ceiling_dbtp:
        return _louder(programme, gain_db)
    for _ in range(_ROUNDS + 1):
        heard = _write(_limited(_louder(programme, gain_db), ceiling_dbtp), limited)
        miss_lu = target.integrated_lufs - heard.integrated_lufs
        if abs(miss_lu) <= _SETTLED_LU:
            break
        gain_db += miss_lu
    return _ours(limited)


def measure(sound: _Track, *, true_peak: bool = True) -> Loudness:
    """The loudness of a track.

    Args:
        true_peak: Whether it is asked for: it takes half of the time. Else it is minus infinity.

    Raises:
        ToolFailed: It cannot be decoded.
        Cancelled: The batch ends.
    """
    what = f"measuring the loudness of {sound.path.name}"
    return _measured(sound.frames(what), what, true_peak=true_peak)


def _measured(frames: Iterable[av.AudioFrame], what: str, *, true_peak: bool) -> Loudness:
    figures: dict[str, str] = {}
    for frame in _filtered(frames, _meter(true_peak=true_peak), what):
        figures = frame.metadata or figures  # of all that went through it so far
    if not figures:  # there were no samples
        return Loudness(_UNMEASURED_LUFS, 0.0, -math.inf)
    peaks = [float(value) for name, value in figures.items() if name.startswith(f"{_FIGURE}true_peaks_ch")]
    peak_dbtp = 20 * math.log10(max(peaks)) if any(peaks) else -math.inf
    return Loudness(float(figures[f"{_FIGURE}I"]), float(figures[f"{_FIGURE}LRA"]), peak_dbtp)


def _meter(*, true_peak: bool) -> Iterator[tuple[str, Mapping[str, str | int]]]:
    # It measures 100 ms at a time: the last samples are filled up with silence.
    yield "asetnsamples", {"nb_out_samples": SAMPLE_RATE // 10, "pad": 1}
    # One channel is as loud as it will be in both.
    yield "ebur128", {"peak": "true" if true_peak else "none", "metadata": 1, "framelog": "quiet", "dualmono": 1}


def _write(sound: _Track, wav: Path) -> Loudness:
    """Write a track as PCM, and measure it on the way, without its true peak."""
    what = "limiting the sound"
    with full_disk_is_named("the sound is limited"), av.open(str(wav), "w", format="wav", options=_LONG) as container:

        def written() -> Iterator[av.AudioFrame]:
            track: av.AudioStream | None = None
            for frame in sound.then("aformat", sample_fmts="flt").frames(what):
                track = track or container.add_stream("pcm_f32le", rate=SAMPLE_RATE, layout=frame.layout.name)
                container.mux(track.encode(frame))
                yield frame

        return _measured(written(), what, true_peak=False)


def _ours(wav: Path) -> _Track:
    """A file of ours, in as many channels as it has.

    Its header says all: libavformat would look into the samples of some seconds for DTS, which takes 8 ms.
    """
    return _Track(wav, "wav", opening={"probesize": "32"}).then("aformat", sample_fmts="flt")


def _stereo(path: Path, demuxer: str) -> _Track:
    return _Track(path, demuxer).then("aformat", sample_fmts="flt", channel_layouts="stereo")


def _left(sound: _Track) -> _Track:
    """The left one of two channels that are the same: it is measured in half of the time."""
    return sound.then("channelmap", map=0, channel_layout="mono")


def _louder(sound: _Track, gain_db: float) -> _Track:
    return sound.then("volume", volume=f"{gain_db:.4f}dB", precision="double")


def _limited(sound: _Track, ceiling_dbtp: float) -> _Track:
    """Take true peaks down: at four times the rate, samples are as high as the curve between them."""
    return (
        sound.then("aresample", sample_rate=_LIMITER_RATE)
        .then("alimiter", limit=f"{ceiling_dbtp:.4f}dB", level=0, attack=5, release=60, latency=1)
        .then("aresample", sample_rate=SAMPLE_RATE)
    )


def _encode(sound: _Track, frames: int, encoded: Path, *, one_voice: bool) -> None:
    """Encode as stereo.

    Args:
        one_voice: Whether the sound is mono, and comes into both channels as it is; libav would make it 3 dB softer.
    """
    samples = frames * SAMPLES_PER_FRAME
    whole = sound.then("apad", whole_len=samples).then("atrim", end_sample=samples)
    if one_voice:
        whole = whole.then("pan", args="stereo|c0=c0|c1=c0")
    with full_disk_is_named("the sound is encoded"), av.open(str(encoded), "w", format="ipod") as container:
        options = {"aac_coder": _CODER, **(_AS_ONE if one_voice else {})}
        track = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo", bit_rate=_BITRATE, options=options)
        blocks = whole.then("aformat", sample_fmts="fltp").then("asetnsamples", nb_out_samples=_AAC_SAMPLES, pad=0)
        for frame in blocks.frames("encoding the sound"):
            container.mux(track.encode(frame))
        container.mux(track.encode(None))


def _exactly(sound: Any, frames: int) -> Any:
    samples = frames * SAMPLES_PER_FRAME
    return sound.filter("apad", whole_len=samples).filter("atrim", end_sample=samples)


def _mix(wav: Path, frames: int, target: Target, bed: Bed, work: Path) -> Path:
    """The voice over its music, as PCM: each is brought to its own loudness first, so that ducking starts at the same
    place whatever the recording's level is."""
    mixed = work / "mixed.wav"
    music = decode.probe(bed.path)
    speech, under = _stereo(wav, "wav"), _stereo(bed.path, music.demuxer).then("aresample", sample_rate=SAMPLE_RATE)
    voice_db = _gain_db(target.integrated_lufs, measure(speech, true_peak=False))
    under_db = _gain_db(target.integrated_lufs - bed.below_lu, measure(under, true_peak=False))
    seconds = frames * SAMPLES_PER_FRAME / SAMPLE_RATE
    voice = _louder(speech, voice_db).stream().filter_multi_output("asplit")
    music_stream = (
        _louder(under, under_db)
        .stream(stream_loop=-1)
        .filter("atrim", end=f"{seconds:.3f}")
        .filter("afade", type="in", duration=1)
        .filter("afade", type="out", start_time=f"{max(0.0, seconds - 3):.3f}", duration=3)
    )
    threshold = 10 ** ((target.integrated_lufs - 14) / 20)
    ducked = ffmpeg.combine(
        [music_stream, voice[1]], "sidechaincompress", threshold=f"{threshold:.6f}", ratio=4, attack=30, release=600
    )
    sound = ffmpeg.combine([voice[0], ducked], "amix", inputs=2, normalize=0, duration="first")
    ffmpeg.execute(
        ffmpeg.sink([_exactly(sound, frames)], mixed, "wav", **{"c:a": "pcm_f32le", **_LONG}),
        what=f"laying {bed.path.name} under the voice",
        time_limit_s=120 + frames,
    )
    return mixed


def _gain_db(target_lufs: float, measured: Loudness) -> float:
    return target_lufs - measured.integrated_lufs if measured.integrated_lufs > _UNMEASURED_LUFS else 0.0
