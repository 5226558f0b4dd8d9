"""A drawn person who speaks, as a finished video in which faults can be planted: nothing is rendered by a network."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray
from PIL import Image

from actalker.puppet.clip import Clip, held_out_clip
from tasks.job import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Job, Preset, Speech, Word, WordSource
from tasks.media import ffmpeg
from tasks.media.lossless import LosslessWriter
from tasks.quality_control.caption_times import Cue
from tasks.quality_control.judge import judge, load
from tasks.quality_control.measure import Scores, measure_video
from tasks.speech.programme import levels
from tests.tasks.media_samples import write_wav

FRAMES, SIZE, JOINT = 175, 256, 80

Pictures = NDArray[np.uint8]
Samples = NDArray[np.int16]


@dataclass(frozen=True)
class Film:
    """What a video shows: pictures (n, height, width, 3), samples, what is heard in them, captions."""

    pictures: Pictures
    samples: Samples
    job: Job
    words: tuple[Word, ...]
    cues: tuple[Cue, ...]

    def with_pictures(self, change: Callable[[Pictures], None]) -> "Film":
        """A copy whose pictures are changed."""
        pictures = self.pictures.copy()
        change(pictures)
        return replace(self, pictures=pictures)

    def with_samples(self, change: Callable[[NDArray[np.float64]], NDArray[np.float64] | None]) -> "Film":
        """A copy whose samples, in [-1, 1], are changed or replaced."""
        samples = self.samples / 32768
        changed = change(samples)
        samples = np.clip(samples if changed is None else changed, -1, 32767 / 32768)
        return replace(self, samples=np.round(samples * 32768).astype(np.int16))

    def speech(self, folder: Path, said: Samples | None = None) -> Speech:
        """The programme; `said` where it was another one than is heard in the video."""
        samples = self.samples if said is None else said
        wav = write_wav(folder / "programme.wav", samples)
        return Speech(wav, len(self.pictures), (), tuple(levels(samples)), self.words, source=WordSource.SYNTHESISER)

    def scores(self, folder: Path, said: Samples | None = None) -> Scores:
        """What is measured on it, as an MP4."""
        video = self.write(folder)
        return measure_video(video, self.job, self.speech(folder, said), joints=[JOINT], cues=self.cues)

    def wrong(self, folder: Path, said: Samples | None = None) -> set[str]:
        """The checks that it fails."""
        return {verdict.check for verdict in judge(self.scores(folder, said), load()) if not verdict.ok}

    def write(self, folder: Path) -> Path:
        """An MP4 like a finished one."""
        picture, video = folder / "picture.avi", folder / "video.mp4"
        with LosslessWriter(picture, *self.pictures.shape[2:0:-1]) as writer:
            for rgb in self.pictures:
                writer.write(rgb)
        wav = write_wav(folder / "sound.wav", self.samples)
        encoding = ("-c:v", "libx264", "-preset", "fast", "-crf", "18", "-pix_fmt", "yuv420p")
        sound = ("-c:a", "aac", "-b:a", "160k", "-ac", "2", "-y", str(video))
        ffmpeg.run(("-i", str(picture), "-i", str(wav), *encoding, *sound), what="a film", time_limit_s=120)
        return video


def film(folder: Path, index: int = 0) -> Film:
    """A drawn person who speaks for seven seconds, with the captions of it."""
    clip = head(index)
    portrait = folder / f"{index}.png"
    Image.fromarray(clip.portrait(SIZE)).save(portrait)
    job = Job(f"film-{index}", 1, portrait, preset=Preset.DEMO, width=SIZE, height=SIZE)
    samples = sound(clip)
    words = _words(clip)
    return Film(clip.pictures(SIZE), samples, job, words, tuple(_cues(words)))


def head(index: int) -> Clip:
    """Held-out person `index`, whose head sways and whose mouth follows the speech."""
    return held_out_clip(index, FRAMES)


def sound(clip: Clip) -> Samples:
    """What it says, int16 at 48 kHz."""
    speech = clip.speech
    samples = soxr.resample(speech.samples.astype(np.float32) / 32768, speech.sample_rate, SAMPLE_RATE)
    whole = np.pad(samples, (0, max(0, FRAMES * SAMPLES_PER_FRAME - len(samples))))[: FRAMES * SAMPLES_PER_FRAME]
    whole[-SAMPLES_PER_FRAME:] *= np.linspace(1, 0, SAMPLES_PER_FRAME)  # cut off in a word, it would click
    return (0.5 * whole / np.abs(whole).max() * 32767).astype(np.int16)


def _words(clip: Clip) -> tuple[Word, ...]:
    """Each ends where the next one begins, or at the pause before that."""
    speech = clip.speech
    starts = [unit.start_sample for unit in speech.words]
    pauses = [unit.start_sample for unit in speech.phonemes if not unit.text]
    ends = [
        min([other for other in pauses if start < other < following], default=following)
        for start, following in pairwise([*starts, len(speech.samples)])
    ]
    to_ms = 1000 / speech.sample_rate
    words = (
        Word(unit.text, round(start * to_ms), round(end * to_ms), 0)
        for unit, start, end in zip(speech.words, starts, ends, strict=True)
    )
    return tuple(word for word in words if word.end_ms <= FRAMES * 1000 // FPS)


def _cues(words: Sequence[Word]) -> Iterator[Cue]:
    """Captions of up to five words, a new one after every pause."""
    shown: list[Word] = []
    for word in words:
        if shown and (len(shown) == 5 or word.start_ms - shown[-1].end_ms >= 150):
            yield shown[0].start_ms, shown[-1].end_ms
            shown = []
        shown.append(word)
    if shown:
        yield shown[0].start_ms, shown[-1].end_ms
