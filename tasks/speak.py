"""Speak: a job's script or recording becomes the programme's sound, its words and the places where it may be cut.

Synthesised speech is laid out so that a sentence sounds, and is rendered, the same wherever it stands: it starts on a
frame, is padded with digital silence to whole frames, and is followed by a gap of whole frames in whose middle the
programme may be cut. So what lies between two cuts depends on one sentence and the gap after it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray
from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.errors import BadInput, WordsNotFound, retry_helps
from tasks.job import (
    FPS,
    OVERLAP_FRAMES,
    SAMPLE_RATE,
    SILENCE_FRAMES,
    Chapter,
    Job,
    Speech,
    SpokenSentence,
    Word,
    WordSource,
)
from tasks.media.decode import decode_audio
from tasks.media.denoise import denoised
from tasks.records.store import check_digest
from tasks.speech import lexicon, script, transcribe, voice, writing
from tasks.speech.align import WordTimer, align
from tasks.speech.features import RATE
from tasks.speech.normalise import normalise
from tasks.speech.programme import Programme, cuts_of, programme
from tasks.speech.rules import Rule
from tasks.speech.script import Ends, Script, Sentence
from tasks.speech.voice import Utterance, Voice

MS_PER_FRAME: Final = 1000 // FPS
LEAD_FRAMES: Final = OVERLAP_FRAMES + SILENCE_FRAMES
GAP_FRAMES: Final = {Ends.SENTENCE: 12, Ends.PARAGRAPH: 18, Ends.SECTION: 25}
"""All are at least `MIN_PAUSE_FRAMES`."""
LEAST_WORDS_FOUND: Final = 0.5
"""The share of a script's words that has to be found in its recording, or the row fails."""


@task(
    name="speak",
    task_run_name="speak {job.id}",
    retries=2,
    retry_condition_fn=retry_helps,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def speak(job: Job, work: Path) -> Speech:
    """Write the job's programme to `work/programme.wav`.

    Raises:
        BadInput: The script has nothing to say, the voice is unknown, or it cannot pronounce a sentence.
        WordsNotFound: The recording is of another script.
    """
    work.mkdir(parents=True, exist_ok=True)
    wav = work / "programme.wav"
    return synthesise(job, wav) if job.audio is None else play(job, job.audio, wav)


def play(job: Job, recording: Path, wav: Path) -> Speech:
    """Take a recording as it is, and find its words: those of its script, or else what Whisper transcribes."""
    check_digest(recording, job.audio_sha256)
    with programme(wav) as sound:
        sound.add(_heard(job, recording, SAMPLE_RATE))
    speech = Speech(wav, sound.frames, cuts_of(sound.levels), tuple(sound.levels), language=job.language)
    if job.script:
        text = script.parse(job.script, job.language)
        readable = voice.for_language(job.language) and writing.is_read(" ".join(text.words), job.language)
        return _aligned(job, text, _heard(job, recording, RATE), speech) if readable else speech
    if model := transcribe.weights():
        words = transcribe.transcribe(_heard(job, recording, RATE), job.language, model)
        return replace(speech, words=words, source=WordSource.TRANSCRIBED if words else WordSource.NONE)
    return speech


def _heard(job: Job, recording: Path, rate: int) -> NDArray[np.int16]:
    """The recording, (n,) mono at `rate`, without its noise where that is asked for."""
    if not job.denoise:
        return decode_audio(recording, rate)
    clean = denoised(decode_audio(recording, SAMPLE_RATE))
    return clean if rate == SAMPLE_RATE else soxr.resample(clean, SAMPLE_RATE, rate)


def _aligned(job: Job, text: Script, samples: NDArray[np.int16], speech: Speech) -> Speech:
    found = align(text, samples, job.language, _whisper_timer(job.language))
    if found.share < LEAST_WORDS_FOUND:
        raise WordsNotFound(found.share, LEAST_WORDS_FOUND)
    starts = {word.sentence: word.start_ms for word in reversed(found.words)}
    return replace(
        speech,
        words=found.words,
        chapters=_chapters(text, starts),
        source=WordSource.ALIGNED,
        unspoken=found.unspoken,
        words_found=found.share,
    )


def _whisper_timer(language: str) -> WordTimer | None:
    """Whisper, where its weights are named."""
    model = transcribe.weights()
    if model is None:
        return None
    return lambda sentence, samples: transcribe.place(sentence.text, sentence.words, samples, language, model)


def synthesise(job: Job, wav: Path) -> Speech:
    """Have the job's voice read its script aloud."""
    text, speaker = script.parse(job.script, job.language), voice.find(job.voice, job.language)
    if job.lexicon:
        check_digest(job.lexicon, job.lexicon_sha256)
    first = lexicon.rules_of(job.lexicon, job.language, " ".join(text.words), speaker.takes_ipa)
    with programme(wav) as sound:
        sound.rest(LEAD_FRAMES + _frames(text.lead_ms))
        words, starts, sentences = _read(text, speaker, job.language, first, sound)
    return Speech(
        wav=wav,
        frames=sound.frames,
        cuts=tuple(start - SILENCE_FRAMES - OVERLAP_FRAMES // 2 for start in starts[1:]),
        levels=tuple(sound.levels),
        words=words,
        chapters=_chapters(text, {index: start * MS_PER_FRAME for index, start in enumerate(starts)}),
        language=job.language,
        source=WordSource.SYNTHESISER if speaker.exact else WordSource.ALIGNED,
        sentences=sentences,
    )


def _read(
    text: Script, speaker: Voice, language: str, first: Sequence[Rule], sound: Programme
) -> tuple[tuple[Word, ...], list[int], tuple[SpokenSentence, ...]]:
    """Read every sentence into the programme: all words, the frame that each sentence starts on, and see `Speech`."""
    words: list[Word] = []
    starts: list[int] = []
    sentences: list[SpokenSentence] = []
    for index, sentence in enumerate(text.sentences):
        utterance = speaker.say(normalise(sentence.words, language, first))
        starts.append(sound.add(utterance.samples))
        if utterance.identity:
            sentences.append(SpokenSentence(starts[-1], sound.frames, utterance.identity))
        offset_ms = starts[-1] * MS_PER_FRAME
        words += [
            Word(word.text, offset_ms + start, offset_ms + end, index, word.space)
            for word, (start, end) in zip(sentence.shown, _spans_ms(sentence, utterance, language), strict=True)
        ]
        # The last gap ends where a cut would let the sentence's segment end: it is the same segment anywhere.
        last = index == len(text.sentences) - 1
        gap = GAP_FRAMES[Ends.SENTENCE] - SILENCE_FRAMES if last else GAP_FRAMES[sentence.ends]
        sound.rest(gap + _frames(sentence.pause_ms))
    return tuple(words), starts, tuple(sentences)


def _spans_ms(sentence: Sentence, utterance: Utterance, language: str) -> Sequence[tuple[int, int]]:
    """When each word is heard: known to the voice, or else found like in a recording."""
    if utterance.spans_ms is not None:
        return utterance.spans_ms
    heard = soxr.resample(utterance.samples.astype(np.float32), SAMPLE_RATE, RATE).astype(np.int16)
    # Alignment learns from a recording's pauses what silence is; a lone sentence has none.
    rest_ms = len(heard) * 1000 // RATE // 4
    words = align(Script((sentence,)), np.pad(heard, rest_ms * RATE // 1000), language, certain=True).words
    if not words:
        raise BadInput(f"the voice's words cannot be found in what it says: {sentence.text!r}")
    return [(max(0, word.start_ms - rest_ms), word.end_ms - rest_ms) for word in words]


def _chapters(text: Script, sentence_starts_ms: Mapping[int, int]) -> tuple[Chapter, ...]:
    """The headings that a spoken sentence follows; of several before the same one the last (a title and its part)."""
    spoken_at: dict[int, Chapter] = {}
    for heading in text.headings:
        following = (sentence for sentence in sentence_starts_ms if sentence >= heading.sentence)
        if (first := min(following, default=None)) is not None:
            spoken_at[first] = Chapter(heading.title, sentence_starts_ms[first])
    return tuple(spoken_at.values())


def _frames(length_ms: int) -> int:
    return -(-length_ms // MS_PER_FRAME)
