"""Speech without a video: the words of a text or of a manifest's row, what is said for each of them, and when."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.errors import BadInput
from tasks.job import Job
from tasks.manifest import cells, languages
from tasks.manifest.intake import check_row
from tasks.media.inputs import Inputs
from tasks.speak import speak
from tasks.speech import ipa, lexicon, limits, script, voice
from tasks.speech.normalise import normalise


@dataclass(frozen=True, slots=True)
class SaidWord:
    """A word as it is written, what is said for it, and when, in milliseconds of the sound."""

    written: str
    said: str
    start_ms: int
    end_ms: int


def job_of_text(text: str, name: str, language: str, file: Path | None) -> tuple[Job, tuple[str, ...]]:
    """A text as a row without a picture; and what a person should know of it.

    Args:
        name: A voice's; empty: that of the language.
        language: A tag; empty: that of the voice, or else the one that the text is in.
        file: A pronunciation file.

    Raises:
        BadInput: There is nothing to say, no such voice, or the voice cannot read the text.
    """
    if not text.strip():
        raise BadInput("there is nothing to say", 'Give a text, or --row MANIFEST:ID. See "actalker say --help".')
    limits.check(cells.readable(text))
    sentences = script.parse(text).sentences
    spoken = " ".join(sentence.text for sentence in sentences)
    tag = cells.language(language)
    chosen, found, doubt = languages.chosen(name, tag, spoken)
    reader = voice.find(chosen, found)
    warnings = (
        doubt,
        languages.check(spoken, found if tag or name else "", reader.language, recorded=False),
        languages.doubt_of_voice(found, reader.language),
    )
    sha256 = ""
    if file:
        sha256, pronunciations = Inputs().lexicon(file)
        pronunciations.check_usable(spoken, chosen, reader.takes_ipa)
    job = Job("text", 1, Path(), script=text, voice=chosen, language=found, lexicon=file, lexicon_sha256=sha256)
    return job, tuple(filter(None, warnings))


def job_of_row(row: str, text: str, name: str, language: str, file: Path | None) -> tuple[Job, tuple[str, ...]]:
    """A row of a manifest, given as `MANIFEST:ID`; and what a person should know of it.

    Raises:
        BadInput: There is no such row, it has a recording, or more is given than the row.
        ManifestRefused: With the faults of the row.
    """
    manifest, _, identifier = row.rpartition(":")
    if not manifest:
        raise BadInput(f"--row {row!r} is no MANIFEST:ID", "Write it like night.csv:lesson-1.")
    if text or name or language:
        raise BadInput("--row says text, voice and language", "Leave them out, or leave out --row.")
    checked = check_row(Path(manifest), identifier, lexicon=file)
    (job,) = checked.jobs
    if job.audio:
        raise BadInput(f"row {identifier!r} has a recording: no voice speaks", "Give a row that has a script alone.")
    return job, checked.warnings


def spoken(job: Job, output: Path | None) -> tuple[SaidWord, ...]:
    """Have a job's script spoken, and write the sound to a WAV file if one is named."""
    with TemporaryDirectory() as folder:
        speech = speak.fn(job, Path(folder))
        if output:
            shutil.copyfile(speech.wav, output)
    text, speaker = script.parse(job.script, job.language), voice.find(job.voice, job.language)
    first = lexicon.rules_of(job.lexicon, job.language, " ".join(text.words), speaker.takes_ipa)
    said = (word for sentence in text.sentences for word in normalise(sentence.words, job.language, first))
    return tuple(
        SaidWord(word.text, ipa.shown(heard), word.start_ms, word.end_ms)
        for word, heard in zip(speech.words, said, strict=True)
    )
