"""The types that pass between the stages: `Job`, `Speech`, `Segment`, `Clip`, `Finished`.

Frozen, picklable, standard library only. Only these cross a process boundary; pixels and samples stay on disk.

Units: time is integer frames at `FPS`, integer milliseconds for words and captions, integer samples at
`SAMPLE_RATE` for sound. Ranges are half-open: `start` is inside, `end` is not.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Self

FPS = 25
SAMPLE_RATE = 48_000
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS

MAX_SEGMENT_FRAMES = 10 * FPS
"""The longest stretch that is rendered in one go, overlaps included."""

OVERLAP_FRAMES = 8
"""How many frames two neighbouring segments share. Both render them, from the same noise; the stitch blends them."""

SILENCE_FRAMES = 2
"""Silence between an overlap and the speech on either side: a joint never depends on a neighbour's words."""


class Preset(StrEnum):
    """What draws the pixels."""

    STILL = "still"
    DRAFT = "draft"
    DEMO = "demo"
    ACTALKER = "actalker"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height where the manifest gives none, in pixels."""
        sides = {Preset.STILL: 512, Preset.DRAFT: 512, Preset.DEMO: 256, Preset.ACTALKER: 576}
        return sides[self], sides[self]

    @property
    def multiple(self) -> int:
        """What both sides must be multiples of: the network halves its latents' sides three times (8 x 8 pixels)."""
        return 64 if self.has_network else 2

    @property
    def has_network(self) -> bool:
        """Whether the pixels come from the ACTalker network, which has use for a GPU."""
        return self in {Preset.DEMO, Preset.ACTALKER}


class Quality(StrEnum):
    """What the renderer may leave out to be faster; `actalker/quality.py` has the values."""

    PUBLISHED = "published"
    BALANCED = "balanced"
    FAST = "fast"
    PROOF = "proof"


@dataclass(frozen=True, slots=True)
class Job:
    """One row of a manifest, validated: every path exists, every variable is filled in.

    Attributes:
        row: Its place among the data rows, from 1.
        script: Markdown; empty when the row is a recording alone.
        audio: The recording, or None when the speech is to be synthesised.
        voice: The name of a voice (tasks/speech/voice.py), or the path of a Piper `.onnx` voice.
        width, height: Pixels of the rendered picture, both even.
        face_box: Left, top, right, bottom of the face in pixels of the portrait; None: it is looked for.
        lexicon: A pronunciation file (tasks/speech/lexicon.py), or None.
        priority: Higher is rendered earlier.
        consent: The customer's reference to the portrayed person's consent; it goes into the record.
        portrait_sha256, audio_sha256, driving_sha256, lexicon_sha256: Digests of the files' bytes, empty where there is
            no file.
    """

    id: str
    row: int
    portrait: Path
    script: str = ""
    audio: Path | None = None
    driving_video: Path | None = None
    voice: str = "en-us"
    language: str = "en"
    title: str = ""
    seed: int = 0
    audio_gate: bool = True
    motion_gate: bool = False
    preset: Preset = Preset.STILL
    width: int = 512
    height: int = 512
    face_box: tuple[int, int, int, int] | None = None
    priority: int = 0
    consent: str = ""
    portrait_sha256: str = ""
    audio_sha256: str = ""
    driving_sha256: str = ""
    lexicon: Path | None = None
    lexicon_sha256: str = ""
    quality: Quality = Quality.PUBLISHED
    head_movement: bool = True
    denoise: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """One word as it is shown, punctuation included, and when it is spoken.

    Attributes:
        sentence: Counts from 0 over the script.
        space: What is shown between it and the next word on its line; empty where a script writes no spaces.
    """

    text: str
    start_ms: int
    end_ms: int
    sentence: int
    space: str = " "


@dataclass(frozen=True, slots=True)
class Chapter:
    """A heading of the script and where its first sentence begins."""

    title: str
    start_ms: int


class WordSource(StrEnum):
    """Where the times of the words come from, best first."""

    SYNTHESISER = "synthesiser"
    ALIGNED = "aligned"
    TRANSCRIBED = "transcribed"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SpokenSentence:
    """A synthesised sentence in the programme, `[start_frame, end_frame)` with the silence that fills its last frame.

    Attributes:
        identity: Everything that its sound is made of, where its samples may be rounded otherwise on another machine.
    """

    start_frame: int
    end_frame: int
    identity: str


@dataclass(frozen=True, slots=True)
class Speech:
    """The sound: the programme, its words, and where it may be cut.

    Attributes:
        wav: The programme, mono 16-bit PCM at `SAMPLE_RATE`, exactly `frames` video frames long.
        cuts: Frames strictly inside (0, frames) that lie in the middle of a pause, ascending: a segment ends there.
        levels: The loudness of every frame, in whole dBFS, at least -120. A frame without sound has -120.
        words: In time order; empty when nobody knows the words (`source` is NONE).
        unspoken: Words of the script that were not found in the recording.
        words_found: The share of the script's words that were found, 0 to 1; None where no recording was searched.
        sentences: Those of a voice whose samples are rounded otherwise on another machine, in order; else empty.
    """

    wav: Path
    frames: int
    cuts: tuple[int, ...]
    levels: tuple[int, ...]
    words: tuple[Word, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    language: str = "en"
    source: WordSource = WordSource.NONE
    unspoken: tuple[str, ...] = ()
    words_found: float | None = None
    sentences: tuple[SpokenSentence, ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one job that is rendered in one go, named by everything that its pixels depend on.

    Attributes:
        start_frame, end_frame: What is rendered, in frames of the programme. Neighbours share `OVERLAP_FRAMES`.
        wav: The programme's sound; the segment's own is `[start_frame, end_frame)` of it.
        seed: For the noise of the inner frames; derived from `key`.
        joint_seed: For the noise of the first and last `OVERLAP_FRAMES`; the same for all joints of a portrait.
        key: Digest of portrait, sound, controls, settings, seed, weights and code version: two segments with the same
            key are the same pixels, in whatever video and wherever in it they stand. The sound of a neural voice is
            named by what it is made of, for its samples may be rounded otherwise on another machine.
    """

    job_id: str
    index: int
    start_frame: int
    end_frame: int
    wav: Path
    seed: int
    joint_seed: int
    key: str
    priority: int = 0

    @property
    def frames(self) -> int:
        """How many frames are rendered, overlaps included."""
        return self.end_frame - self.start_frame

    @property
    def name(self) -> str:
        """Its name in messages."""
        return f"{self.job_id}[{self.index}]"


class Score(NamedTuple):
    """A figure that was measured on a clip or a video, and the frame where it was found: -1 for the whole."""

    value: float
    frame: int = -1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says of a score: whether it is within its limit, and else what is wrong and what to do."""

    check: str
    value: float
    limit: float
    ok: bool
    frame: int
    message: str = ""

    @property
    def time_ms(self) -> int:
        """When the frame is shown; -1 where it is of the whole."""
        return self.frame * 1000 // FPS if self.frame >= 0 else -1


@dataclass(frozen=True, slots=True)
class Clip:
    """A finished segment: a lossless video without sound, published under its key.

    Attributes:
        sha256: Digest of the file.
        render_ms: What the rendering took; 0 when it was found in the store and another row has paid for it.
        busy_ms: The part of it in which the device computed (`tasks.pool.pipeline.Spent`).
        worker: Which actor made it, `node/pid`.
        attempt, batch_id, job_id: The attempt that made it, and the row that pays for it.
        scores: What was measured on it when it was rendered, by name (tasks/quality_control); empty where nothing was.
    """

    key: str
    path: Path
    frames: int
    width: int
    height: int
    sha256: str
    render_ms: int = 0
    worker: str = ""
    attempt: str = ""
    batch_id: str = ""
    job_id: str = ""
    reused: bool = False
    busy_ms: int = 0
    scores: dict[str, Score] = field(default_factory=dict, compare=False)

    def for_row(self, batch_id: str, job_id: str) -> Self:
        """The clip as this row has it: at its cost where it was rendered for this row, else found at no cost."""
        own = batch_id and (self.batch_id, self.job_id) == (batch_id, job_id)
        return self if own else self.found()

    def found(self) -> Self:
        """The same clip, as one that cost nothing this time."""
        return replace(self, render_ms=0, busy_ms=0, reused=True)


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """Who a worker of the pool is.

    Attributes:
        address: `node/pid`.
        device: What computes: the GPU's name, or the processor's.
        versions: Of Python and of the packages that decide about pixels and their cost, by name.
    """

    address: str
    host: str = ""
    device: str = ""
    versions: dict[str, str] = field(default_factory=dict)


class Outcome(StrEnum):
    """How an attempt, a segment or a video ended."""

    DONE = "done"
    REUSED = "reused"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    """Of a video: the batch counts as complete without it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one segment. `id` fences: a result that carries a superseded id is dropped.

    Attributes:
        frames: How long the segment is.
        render_ms, busy_ms: Of its clip; 0 when it has none.
    """

    id: str
    key: str
    job_id: str
    index: int
    worker: str
    started_ms: int
    ended_ms: int
    outcome: Outcome
    error: str = ""
    frames: int = 0
    render_ms: int = 0
    busy_ms: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """The files of one finished video, and what was measured on them.

    Attributes:
        files: Role (`mp4`, `srt`, `vtt`, `words`, `poster`, ...) -> path.
        measured: Name -> figure, for the record (`loudness_lufs`, `true_peak_dbtp`, `captions`, `violations`, ...).
        notes: What a person should know, one sentence each: it needs a look.
    """

    files: dict[str, Path]
    frames: int
    sha256: str
    measured: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
