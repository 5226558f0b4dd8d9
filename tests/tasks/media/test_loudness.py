"""Loudness: ten voices, three profiles, checked by another implementation of the standard."""

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.errors import BadInput
from tasks.job import SAMPLE_RATE, SAMPLES_PER_FRAME
from tasks.media import loudness
from tasks.media.decode import probe
from tasks.media.loudness import TARGETS, Bed, Target
from tasks.media.sound import Sound
from tasks.speech import voice as voices
from tests.tasks.media import bs1770
from tests.tasks.media_samples import babble, write_wav

VOICES = ("en-us", "en-us+f3", "en-gb+m3@120", "de", "de+f2@230", "fr-fr", "es+croak", "it+whisper", "nl+m7", "pl")
SENTENCE = "The committee has approved money for the new bridge and work begins on Monday morning"


def sound_of(path: Path) -> NDArray[np.float64]:
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SAMPLE_RATE)
        frames = (*container.decode(audio=0), None)
        return np.concatenate([p.to_ndarray() for frame in frames for p in resampler.resample(frame)], axis=1)


def voice(name: str) -> NDArray[np.int16]:
    return voices.find(name).say(SENTENCE.split()).samples


@pytest.mark.parametrize("name", VOICES)
def test_ten_voices_meet_their_target_and_keep_under_the_true_peak(tmp_path: Path, name: str) -> None:
    spoken = voice(name)
    frames = -(-len(spoken) // SAMPLES_PER_FRAME)
    wav = write_wav(tmp_path / "voice.wav", spoken)
    sound = list(Sound)[VOICES.index(name) % 3]
    target = TARGETS[sound]
    encoded, measured = loudness.master(wav, frames, target, None, tmp_path)
    result = sound_of(encoded)
    assert np.array_equal(*result)  # one of them is measured
    assert abs(bs1770.integrated_lufs(result) - target.integrated_lufs) <= loudness.TOLERANCE_LU
    assert bs1770.true_peak_dbtp(result) <= target.true_peak_dbtp + 0.1  # two interpolators differ by so much
    assert abs(measured.integrated_lufs - bs1770.integrated_lufs(result)) <= 0.15
    audio = probe(encoded).audio
    assert audio is not None and (audio.codec, audio.sample_rate, audio.channels) == ("aac", SAMPLE_RATE, 2)
    assert abs(audio.duration_ms - frames * 40) <= 1


@pytest.mark.parametrize("name", ["en-us", "hibari"])
def test_a_voice_is_encoded_without_being_heard_to_be(tmp_path: Path, name: str) -> None:
    spoken = voice(name)
    frames = len(spoken) // SAMPLES_PER_FRAME
    encoded, _ = loudness.master(write_wav(tmp_path / "voice.wav", spoken), frames, Target(-30, -1), None, tmp_path)
    result = sound_of(encoded)
    before = spoken[: frames * SAMPLES_PER_FRAME].astype(float)
    for channel in result[:, : len(before)]:
        noise = channel - before * (channel @ before) / (before @ before)
        assert 10 * np.log10((channel @ channel) / (noise @ noise)) > 40  # 29 and 35 with libavcodec's default


def test_a_limited_programme_is_measured_while_it_is_written(tmp_path: Path) -> None:
    wav = write_wav(tmp_path / "a.wav", babble(100, seed=3))
    limited = loudness._limited(loudness._louder(loudness._ours(wav), 12.0), -6.0)
    written = loudness._write(limited, tmp_path / "limited.wav")
    assert loudness.measure(limited, true_peak=False) == written
    after = loudness.measure(loudness._ours(tmp_path / "limited.wav"))
    assert after.integrated_lufs == written.integrated_lufs and after.true_peak_dbtp <= -5.9


def test_one_gain_for_the_whole_programme_where_peaks_allow_it(tmp_path: Path) -> None:
    samples = babble(250, seed=1, level=0.02)
    samples[125 * SAMPLES_PER_FRAME :] //= 2  # the second half is 6 dB softer, and stays so
    encoded, _ = loudness.master(write_wav(tmp_path / "a.wav", samples), 250, Target(-30, -1), None, tmp_path)
    before, after = samples.astype(float), sound_of(encoded)[0, : len(samples)]
    halves = [np.sqrt((x[: len(x) // 2] ** 2).mean() / (x[len(x) // 2 :] ** 2).mean()) for x in (before, after)]
    assert abs(20 * np.log10(halves[0] / halves[1])) < 0.1


def test_a_programme_with_high_peaks_is_limited_and_stays_in_time(tmp_path: Path) -> None:
    samples = babble(250, seed=2, level=0.02)
    clicks = np.arange(SAMPLE_RATE // 2, 9 * SAMPLE_RATE, SAMPLE_RATE)
    samples[clicks] = 30_000
    encoded, measured = loudness.master(write_wav(tmp_path / "a.wav", samples), 250, TARGETS[Sound.WEB], None, tmp_path)
    after = sound_of(encoded)
    assert measured.true_peak_dbtp <= -1 and bs1770.true_peak_dbtp(after) <= -0.9
    assert abs(bs1770.integrated_lufs(after) + 14) <= 0.5
    lag = np.correlate(after[0, :SAMPLE_RATE], samples[: SAMPLE_RATE - 200].astype(float), "valid").argmax()
    assert lag <= 1, "the limiter's look-ahead delays the sound"


def test_silence_stays_silence(tmp_path: Path) -> None:
    wav = write_wav(tmp_path / "a.wav", np.zeros(50 * SAMPLES_PER_FRAME, np.int16))
    encoded, measured = loudness.master(wav, 50, TARGETS[Sound.COURSE], None, tmp_path)
    assert not measured.measurable
    assert np.abs(sound_of(encoded)).max() < 1e-4  # -80 dBFS


def test_music_lies_under_the_voice_is_ducked_and_fades(tmp_path: Path) -> None:
    frames = 300
    samples = np.zeros(frames * SAMPLES_PER_FRAME, np.int16)
    talk = slice(4 * SAMPLE_RATE, 8 * SAMPLE_RATE)
    samples[talk] = babble(100, seed=0, level=0.3)
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    music = write_wav(tmp_path / "it's music.wav", (np.sin(2 * np.pi * 5000 * time) * 9000).astype(np.int16))
    wav = write_wav(tmp_path / "a.wav", samples)
    encoded, measured = loudness.master(wav, frames, TARGETS[Sound.COURSE], Bed(music), tmp_path)
    assert abs(measured.integrated_lufs + 16) <= 0.5
    result = sound_of(encoded)[0]

    def tone_db(start_s: float, end_s: float) -> float:
        piece = result[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)))) / len(piece)
        middle = round(5000 * len(piece) / SAMPLE_RATE)
        return float(20 * np.log10(spectrum[middle - 3 : middle + 4].max() + 1e-9))

    alone, under_voice, fading = tone_db(2, 3.5), tone_db(5.5, 7.5), tone_db(11.7, 12)
    assert alone - under_voice > 3, "the music is not ducked"
    assert alone - fading > 15, "the music does not fade out"


def test_music_that_is_no_music_is_refused(tmp_path: Path) -> None:
    (tmp_path / "music.mp3").write_text("#EXTM3U\n/etc/passwd\n")
    wav = write_wav(tmp_path / "a.wav", babble(50))
    with pytest.raises(BadInput, match="list of other files"):
        loudness.master(wav, 50, TARGETS[Sound.COURSE], Bed(tmp_path / "music.mp3"), tmp_path)


def test_a_few_clicks_in_silence_stay_softer_than_asked_for_and_a_note_says_so(tmp_path: Path) -> None:
    samples = np.zeros(100 * SAMPLES_PER_FRAME, np.int16)
    samples[SAMPLE_RATE // 2 :: SAMPLE_RATE] = 20_000
    target = TARGETS[Sound.WEB]
    _, measured = loudness.master(write_wav(tmp_path / "a.wav", samples), 100, target, None, tmp_path)
    assert measured.true_peak_dbtp <= target.true_peak_dbtp
    assert "no room under its peaks" in measured.off_target(target)
