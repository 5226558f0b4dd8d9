"""Assemble: picture, sound, captions and chapters become one finished video, checked before it gets its name."""

import re
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.captions import chapters
from tasks.captions.caption import Subtitles
from tasks.errors import BadInput, ToolFailed, retry_helps
from tasks.job import FPS, Chapter, Finished, Job, Speech
from tasks.media import decode, ffmpeg, loudness, timed_text
from tasks.media.lossless import full_disk_is_named
from tasks.media.loudness import TARGETS, Loudness
from tasks.picture import framing, inspection, provenance, stills, typeface
from tasks.picture.video_options import VideoOptions
from tasks.records.store import digest_file, publish
from tasks.speech.language import alpha_3

_BT709 = {"color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"}
_BT709_LIMITED = (1, 1, 1, 1)
_KEY_FRAME_EVERY = 2 * FPS
_SPARE_S = 120
_SLOWEST_S_PER_FRAME = 0.2
_SUFFIXES = {
    "srt": ".srt",
    "vtt": ".vtt",
    "ass": ".ass",
    "ttml": ".ttml",
    "words": ".words.json",
    "compliance": ".compliance.json",
}


@task(
    name="assemble",
    task_run_name="assemble {job.id}",
    retries=2,
    retry_condition_fn=retry_helps,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def assemble(
    job: Job, speech: Speech, picture: Path, subtitles: Subtitles, target: Path, finish: VideoOptions | None = None
) -> Finished:
    """Make the finished video of a job and what belongs to it: captions, chapters, poster, contact sheet.

    Every file is written under a temporary name in `target` and renamed when it is complete and on the disk; the video
    is the last of them.

    Args:
        picture: The whole picture, lossless, as `stitch` wrote it. Its folder is used as scratch.
        subtitles: For captions that are burnt in, laid out for `finish.framing.canvas(...)`.
        target: The folder of the finished files; made if it is not there.

    Returns:
        The files by role, and what was measured on the result.

    Raises:
        BadInput: An option names a file that cannot be used, or captions are laid out for another canvas.
        ToolFailed: ffmpeg failed, or its result is not what was asked for.
        NoSpace: The disk is full.
    """
    options, work = finish or VideoOptions(), picture.parent.resolve()
    target.mkdir(parents=True, exist_ok=True)
    marks = chapters.from_zero(speech.chapters, provenance.title(job))
    sound, level = loudness.master(speech.wav, speech.frames, TARGETS[options.sound], options.music, work)
    frame = _drawn(job, subtitles, work, ffmpeg.source(picture.resolve(), "avi").video, options)
    video = target.resolve() / f".{job.id}.mp4.partial"
    captions = _caption_track(subtitles, work / "captions.mp4", options)
    output = _output(job, frame, sound, captions, video, options)
    if marks:  # a further input: ffmpeg takes the chapters of the first one that has any
        (work / "chapters.ffmeta").write_text(chapters.ffmetadata(marks, speech.frames), encoding="utf-8")
        output = output.global_args("-f", "ffmetadata", "-i", "chapters.ffmeta")
    canvas = options.framing.canvas((job.width, job.height))
    ffmpeg.execute(
        output,
        what=f"encoding {job.id}",
        time_limit_s=_SPARE_S + speech.frames * _SLOWEST_S_PER_FRAME * max(1.0, canvas[0] * canvas[1] / 512**2),
        folder=work,
        environment=typeface.write_fontconfig(work, subtitles.language, options.fonts),
    )
    provenance.append_xmp(video)
    lead_ms = _check(video, speech, canvas)
    with full_disk_is_named("a video is finished"):
        files = _companions(job, speech, subtitles, marks, video, target)
        files["mp4"] = publish(video, target / f"{job.id}.mp4")
    measured = {"picture_longer_than_sound_ms": lead_ms, "chapters": len(marks), **_figures(level)}
    measured |= {"captions": len(subtitles.captions), "violations": len(subtitles.violations)}
    if speech.words_found is not None:
        measured["words_found"] = speech.words_found
    doubts = *inspection.notes_of(job), level.off_target(TARGETS[options.sound]), *_undrawable(subtitles, options)
    notes = (*subtitles.notes, *filter(None, doubts))
    return Finished(files, speech.frames, digest_file(files["mp4"]), measured, notes)


def _drawn(job: Job, subtitles: Subtitles, work: Path, picture: Any, options: VideoOptions) -> Any:
    """The picture in its frame, with what is drawn on it."""
    source = (job.width, job.height)
    canvas = options.framing.canvas(source)
    frame = framing.place(picture, source, options.framing, work)
    if options.burn_in and "ass" in subtitles.files:
        text = typeface.without_undrawable(_laid_out_for(canvas, subtitles.files["ass"]), options.fonts)
        (work / "burn.ass").write_text(text, encoding="utf-8", newline="\n")
        frame = frame.filter("ass", "burn.ass")
    if label := options.label_of(job):
        provenance.write_label(label, canvas, work / "label.ass")
        frame = frame.filter("ass", "label.ass")
    return frame


def _undrawable(subtitles: Subtitles, options: VideoOptions) -> Iterator[str]:
    """Notes on characters that should be in the picture and are not."""
    shown = "\n".join(caption.text for caption in subtitles.captions if options.burn_in)
    if lacking := " ".join(typeface.undrawable(shown, options.fonts)):
        yield f"no font here has {lacking}: left out of the captions in the picture; the caption files show it"
    if lacking := " ".join(typeface.undrawable(options.label, options.fonts)):
        yield f"no font here has {lacking}: left out of the label; choose one without it"


def _laid_out_for(canvas: tuple[int, int], ass: Path) -> str:
    """The file's text, when its captions were laid out for this canvas: on any other, libass would stretch them."""
    text = ass.read_text(encoding="utf-8")
    across, down = (re.search(rf"^PlayRes{axis}: *(\d+)", text, re.MULTILINE) for axis in "XY")
    size = (int(across[1]), int(down[1])) if across and down else (0, 0)
    if size != canvas:
        raise BadInput(f"captions are laid out for {size[0]} x {size[1]}, the picture is {canvas[0]} x {canvas[1]}")
    return text


def _caption_track(subtitles: Subtitles, path: Path, options: VideoOptions) -> Path | None:
    """The captions as a track to copy; None where there are none, or where they are burnt in: players would show them
    twice, for ffmpeg enables the track."""
    if not subtitles.captions or options.burn_in:
        return None
    cues = [(caption.start_ms, caption.end_ms, caption.text) for caption in subtitles.captions]
    timed_text.write(path, cues, subtitles.language)
    return path


def _output(job: Job, frame: Any, sound: Path, captions: Path | None, video: Path, options: VideoOptions) -> Any:
    """The file to encode: the picture is encoded once, sound is copied, captions become a soft track."""
    tracks = [frame.filter("setparams", range="tv", **_BT709), ffmpeg.source(sound, "mov").audio]
    settings: dict[str, str | int] = {
        "c:v": "libx264",
        "preset:v": options.x264_preset,
        "crf:v": options.crf,
        "pix_fmt": "yuv420p",
        "g": _KEY_FRAME_EVERY,
        "r:v": FPS,
        "c:a": "copy",
        "movflags": "+faststart",
        "fflags": "+bitexact",  # no version of ffmpeg in the file: the same video is the same bytes
        "map_metadata:g": -1,
        "metadata": f"title={provenance.title(job)}",
        "metadata:g": f"comment={provenance.COMMENT}",
        "metadata:s:a:0": f"language={alpha_3(job.language)}",
    }
    if captions:
        tracks.append(ffmpeg.source(captions, "mov")["s"])
        settings |= {"c:s": "copy", "disposition:s:0": "default"}
    return ffmpeg.sink(tracks, video, "mp4", **settings)


def _check(video: Path, speech: Speech, canvas: tuple[int, int]) -> int:
    """Whether the result is what was asked for. By how many milliseconds the picture outlasts the sound."""
    found = decode.probe(video)
    picture, sound = found.video, found.audio
    if picture is None or sound is None:
        raise ToolFailed(f"{video.name} lacks its {'sound' if picture else 'picture'}")
    asked = (speech.frames, Fraction(FPS), *canvas, "yuv420p", _BT709_LIMITED)
    got = (picture.frames, picture.fps, picture.width, picture.height, picture.pixel_format, picture.color)
    if asked != got:
        raise ToolFailed(f"{video.name} was asked for as {asked}, and is {got}")
    lead_ms = picture.duration_ms - sound.duration_ms
    if not 0 <= lead_ms < 1000 / FPS:
        raise ToolFailed(f"picture and sound of {video.name} end {lead_ms} ms apart: at most one frame is allowed")
    return lead_ms


def _companions(
    job: Job, speech: Speech, subtitles: Subtitles, marks: tuple[Chapter, ...], video: Path, target: Path
) -> dict[str, Path]:
    """Write and publish everything but the video."""
    files = {}
    for role, suffix in _SUFFIXES.items():
        if role in subtitles.files:
            partial = target / f".{job.id}{suffix}.partial"
            shutil.copyfile(subtitles.files[role], partial)
            files[role] = publish(partial, target / f"{job.id}{suffix}")
    if marks:
        partial = target / f".{job.id}.chapters.txt.partial"
        partial.write_text(chapters.listing(marks, speech.frames), encoding="utf-8")
        files["chapters"] = publish(partial, target / f"{job.id}.chapters.txt")
    poster, sheet = target / ".poster.jpg.partial", target / ".contact_sheet.jpg.partial"
    stills.write_poster(video, speech.levels, poster)
    stills.write_contact_sheet(video, speech.frames, sheet)
    files["poster"] = publish(poster, target / "poster.jpg")
    files["contact_sheet"] = publish(sheet, target / "contact_sheet.jpg")
    return files


def _figures(level: Loudness) -> dict[str, float]:
    if not level.measurable:
        return {}
    return {
        "loudness_lufs": level.integrated_lufs,
        "loudness_range_lu": level.range_lu,
        "true_peak_dbtp": level.true_peak_dbtp,
    }
