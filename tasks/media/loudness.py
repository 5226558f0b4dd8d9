"""Loudness after EBU R128: measure a programme, bring it to a target, measure it again.

Two passes over the finished programme, never per segment: what is measured decides one gain for the whole, as in the
linear mode of ffmpeg's `loudnorm`. Where that gain would push the true peak over its limit, `loudnorm` turns to dynamic
compression without a word; here a limiter, at four times the sampling rate, takes the peaks down and nothing else.
Sound is stereo from here on, a mono voice in both channels: how loud a mono file is depends on the player, by 3 LU.

Source: EBU R 128 (2023), EBU Tech 3341, ITU-R BS.1770-5.
"""

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tasks.errors import ToolFailed
from tasks.job import SAMPLE_RATE, SAMPLES_PER_FRAME
from tasks.media import decode, ffmpeg

TOLERANCE_LU = 0.5
"""How far a finished programme may be from its target."""

_SETTLED_LU = 0.2
_ROUNDS = 4
_UNMEASURED_LUFS = -70.0
_LIMITER_RATE = 4 * SAMPLE_RATE
_CODEC_MARGIN_DB = 0.5
_BITRATE = "160k"


class Sound(StrEnum):
    """Where the programme is heard; `TARGETS` says how loud it is there."""

    BROADCAST = "broadcast"
    COURSE = "course"
    WEB = "web"


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


def measure(path: Path, demuxer: str) -> Loudness:
    """Loudness of the first sound track of one of our files."""
    return _measured(ffmpeg.source(path, demuxer).audio, f"measuring the loudness of {path.name}")


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
    programme = wav if bed is None else _mix(wav, frames, target, bed, work)
    encoded = work / "sound.m4a"
    before = _measured(_stereo(ffmpeg.source(programme, "wav").audio), "measuring the loudness")
    if not before.measurable:
        _encode(_stereo(ffmpeg.source(programme, "wav").audio), frames, encoded)
        return encoded, before
    ceiling_dbtp = target.true_peak_dbtp - _CODEC_MARGIN_DB
    for _ in range(_ROUNDS):
        sound = _leveled(programme, before, target, ceiling_dbtp)
        _encode(sound, frames, encoded)
        after = measure(encoded, "mov")
        excess_db = after.true_peak_dbtp - target.true_peak_dbtp
        if excess_db <= 0:
            return encoded, after
        ceiling_dbtp -= excess_db + 0.1
    raise ToolFailed(
        f"true peaks stay {excess_db:.1f} dB over {target.true_peak_dbtp:g} dBTP, however they are limited"
    )


def _leveled(programme: Path, before: Loudness, target: Target, ceiling_dbtp: float) -> Any:
    """The programme at its loudness. A limiter takes some of it away, so that its gain is found in rounds."""

    def louder(gain_db: float) -> Any:
        sound = _stereo(ffmpeg.source(programme, "wav").audio)
        return sound.filter("volume", f"{gain_db:.4f}dB", precision="double")

    gain_db = target.integrated_lufs - before.integrated_lufs
    if before.true_peak_dbtp + gain_db <= ceiling_dbtp:
        return louder(gain_db)
    for _ in range(_ROUNDS):
        limited = _measured(_limited(louder(gain_db), ceiling_dbtp), "measuring the limited sound")
        miss_lu = target.integrated_lufs - limited.integrated_lufs
        if abs(miss_lu) <= _SETTLED_LU:
            break
        gain_db += miss_lu
    return _limited(louder(gain_db), ceiling_dbtp)


def _measured(sound: Any, what: str) -> Loudness:
    meter = ffmpeg.sink([sound.filter("ebur128", peak="true", framelog="verbose")], "-", "null")
    summary = ffmpeg.execute(meter, what=what, time_limit_s=3600)
    figures = dict(re.findall(r"^\s+(I|LRA|Peak):\s+(-?[\d.]+|-?inf|nan)", summary, re.MULTILINE))
    return Loudness(float(figures["I"]), float(figures["LRA"]), float(figures["Peak"]))


def _stereo(sound: Any) -> Any:
    return sound.filter("aformat", sample_fmts="flt", channel_layouts="stereo")


def _limited(sound: Any, ceiling_dbtp: float) -> Any:
    """Take true peaks down: at four times the rate, samples are as high as the curve between them."""
    return (
        sound.filter("aresample", _LIMITER_RATE)
        .filter("alimiter", limit=f"{ceiling_dbtp:.4f}dB", level=0, attack=5, release=60, latency=1)
        .filter("aresample", SAMPLE_RATE)
    )


def _encode(sound: Any, frames: int, encoded: Path) -> None:
    ffmpeg.execute(
        ffmpeg.sink([_exactly(sound, frames)], encoded, "ipod", **{"c:a": "aac", "b:a": _BITRATE}),
        what="encoding the sound",
        time_limit_s=120 + frames,
    )


def _exactly(sound: Any, frames: int) -> Any:
    samples = frames * SAMPLES_PER_FRAME
    return sound.filter("apad", whole_len=samples).filter("atrim", end_sample=samples)


def _mix(wav: Path, frames: int, target: Target, bed: Bed, work: Path) -> Path:
    """The voice over its music, as PCM: each is brought to its own loudness first, so that ducking starts at the same
    place whatever the recording's level is."""
    mixed = work / "mixed.wav"
    music = decode.probe(bed.path)
    voice_level = _measured(_stereo(ffmpeg.source(wav, "wav").audio), "measuring the voice")
    music_level = _measured(_stereo(ffmpeg.source(bed.path, music.demuxer).audio), f"measuring {bed.path.name}")
    seconds = frames * SAMPLES_PER_FRAME / SAMPLE_RATE
    voice = _gain(_stereo(ffmpeg.source(wav, "wav").audio), target.integrated_lufs, voice_level).filter_multi_output(
        "asplit"
    )
    under = (
        _gain(
            _stereo(ffmpeg.source(bed.path, music.demuxer, stream_loop=-1).audio.filter("aresample", SAMPLE_RATE)),
            target.integrated_lufs - bed.below_lu,
            music_level,
        )
        .filter("atrim", end=f"{seconds:.3f}")
        .filter("afade", type="in", duration=1)
        .filter("afade", type="out", start_time=f"{max(0.0, seconds - 3):.3f}", duration=3)
    )
    threshold = 10 ** ((target.integrated_lufs - 14) / 20)
    ducked = ffmpeg.combine(
        [under, voice[1]], "sidechaincompress", threshold=f"{threshold:.6f}", ratio=4, attack=30, release=600
    )
    sound = ffmpeg.combine([voice[0], ducked], "amix", inputs=2, normalize=0, duration="first")
    ffmpeg.execute(
        ffmpeg.sink([_exactly(sound, frames)], mixed, "wav", **{"c:a": "pcm_f32le"}),
        what=f"laying {bed.path.name} under the voice",
        time_limit_s=120 + frames,
    )
    return mixed


def _gain(sound: Any, target_lufs: float, measured: Loudness) -> Any:
    gain_db = target_lufs - measured.integrated_lufs if measured.measurable else 0.0
    return sound.filter("volume", f"{gain_db:.4f}dB", precision="double")
