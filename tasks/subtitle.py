"""Subtitle: the words of a programme become captions, in every format that a player may want."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.captions import files as caption_files
from tasks.captions.caption import Caption, Subtitles, Violation, check
from tasks.captions.layout import lay_out
from tasks.captions.profile import BASE
from tasks.captions.profile import load as load_profile
from tasks.errors import retry_helps
from tasks.job import FPS, Job, Speech, WordSource
from tasks.speech import transcribe

_LISTED: Final = 5


@task(
    name="subtitle",
    task_run_name="subtitle {job.id}",
    retries=2,
    retry_condition_fn=retry_helps,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def subtitle(
    job: Job,
    speech: Speech,
    work: Path,
    profile: str = BASE,
    highlight: bool = False,
    canvas: tuple[int, int] | None = None,
) -> Subtitles:
    """Write `work/captions.srt`, `.vtt`, `.ass`, `.ttml`, `words.json` and `compliance.json`.

    Args:
        profile: The name of a caption profile, or the path of one's TOML file.
        highlight: Whether the ASS file colours each word while it is spoken.
        canvas: Width and height of the finished picture, where it is not the rendered one.

    Raises:
        BadInput: There is no such profile.
    """
    norm = load_profile(profile)
    captions = lay_out(speech.words, norm, speech.language, speech.frames * 1000 // FPS)
    violations = check(captions, norm, speech.language)
    texts = {"words": ("words.json", caption_files.words_json(speech, captions))}
    if captions:
        size = canvas or (job.width, job.height)
        texts |= {
            "srt": ("captions.srt", caption_files.srt(captions)),
            "vtt": ("captions.vtt", caption_files.vtt(captions)),
            "ttml": ("captions.ttml", caption_files.ttml(captions, speech.language)),
            "ass": ("captions.ass", caption_files.ass(captions, norm, size, highlight)),
            "compliance": ("compliance.json", caption_files.compliance_json(captions, violations, norm)),
        }
    files = {role: work / name for role, (name, _) in texts.items()}
    for name, text in texts.values():
        (work / name).write_text(text, encoding="utf-8", newline="\n")
    notes = (*_notes(job, speech, violations, norm.name), *_srt_note(captions))
    return Subtitles(captions, speech.language, files, violations, notes)


def _srt_note(captions: Sequence[Caption]) -> Iterator[str]:
    if hidden := caption_files.markup_like(captions):
        yield (
            f"players that read the SRT file may hide {_some(hidden, ' ')}, for they take it for formatting, and SRT "
            "cannot escape it: deliver the WebVTT or the TTML file, which show it everywhere"
        )


def _notes(job: Job, speech: Speech, violations: Sequence[Violation], profile: str) -> tuple[str, ...]:
    notes: list[str] = []
    if speech.source is WordSource.NONE:
        notes.append(f"there are no captions: {_why_no_words(job, speech)}")
    if speech.unspoken:
        count = len(speech.unspoken) + len(speech.words)
        lost = f"{len(speech.unspoken)} of {count} words of the script were not heard in the recording"
        notes.append(f"{lost}: {_some(speech.unspoken, ' ')}")
    if violations:
        faults = _some([str(fault) for fault in violations], "; ")
        notes.append(f"{len(violations)} times the captions cannot keep to the profile {profile!r}: {faults}")
    return tuple(notes)


def _why_no_words(job: Job, speech: Speech) -> str:
    if job.script:
        return f"nobody here can read {speech.language!r} to find the words of the script in the recording"
    return f"the recording has no script, and {transcribe.VARIABLE} names no Whisper weights that could hear its words"


def _some(items: Sequence[str], separator: str) -> str:
    return separator.join([*items[:_LISTED], *(["..."] if len(items) > _LISTED else [])])
