"""Captions as files: SRT, WebVTT, ASS and TTML for players, JSON for programs. Each writer gives the file's text."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final
from xml.etree import ElementTree as Xml

from tasks.captions.caption import Caption, Violation, extent, running_text
from tasks.captions.profile import Profile
from tasks.job import FPS, Speech, Word
from tasks.speech.language import is_right_to_left

_TTML: Final = "http://www.w3.org/ns/ttml"
_TTS: Final = f"{_TTML}#styling"
# Of the font size, which in libass is the height of a line: Noto Sans is 1.36 em high, its CJK letters 1.45.
_NARROW_WIDTH, _WIDE_WIDTH = 0.45, 0.75
_SAFE_WIDTH: Final = 0.92
"""Captions keep to this part of the picture's width."""
_MARKUP_LIKE = re.compile(r"<[^<>]+>|\{[^{}]*\}|\\[Nnh{}]")


def srt(captions: Sequence[Caption]) -> str:
    """SubRip. It has no way to escape anything: see `markup_like`."""
    return "".join(
        f"{number}\n{_clock(caption.start_ms, ',')} --> {_clock(caption.end_ms, ',')}\n{caption.text}\n\n"
        for number, caption in enumerate(captions, 1)
    )


def markup_like(captions: Sequence[Caption]) -> tuple[str, ...]:
    """What players that read SRT files take for formatting and hide or change, each once: `<div>`, `{x}`, `\\N`.

    That is what ffmpeg's reader and libass do together, on which mpv and many more are built.
    """
    return tuple(dict.fromkeys(found for caption in captions for found in _MARKUP_LIKE.findall(caption.text)))


def vtt(captions: Sequence[Caption]) -> str:
    """WebVTT."""
    cues = (
        f"{number}\n{_clock(caption.start_ms, '.')} --> {_clock(caption.end_ms, '.')}\n{_escaped(caption.text)}\n\n"
        for number, caption in enumerate(captions, 1)
    )
    return "WEBVTT\n\n" + "".join(cues)


def ttml(captions: Sequence[Caption], language: str) -> str:
    """TTML, the text profile of IMSC 1.1."""
    Xml.register_namespace("", _TTML)
    Xml.register_namespace("tts", _TTS)
    root = Xml.Element(f"{{{_TTML}}}tt", {"{http://www.w3.org/XML/1998/namespace}lang": language})
    root.set("{http://www.w3.org/ns/ttml#parameter}profile", "http://www.w3.org/ns/ttml/profile/imsc1.1/text")
    layout = Xml.SubElement(Xml.SubElement(root, f"{{{_TTML}}}head"), f"{{{_TTML}}}layout")
    region = {"origin": "10% 70%", "extent": "80% 25%", "displayAlign": "after", "textAlign": "center"}
    if is_right_to_left(language):
        region["direction"] = "rtl"
    styles = {f"{{{_TTS}}}{name}": value for name, value in region.items()}
    Xml.SubElement(layout, f"{{{_TTML}}}region", {"{http://www.w3.org/XML/1998/namespace}id": "bottom"} | styles)
    division = Xml.SubElement(Xml.SubElement(root, f"{{{_TTML}}}body", {"region": "bottom"}), f"{{{_TTML}}}div")
    for caption in captions:
        times = {"begin": _clock(caption.start_ms, "."), "end": _clock(caption.end_ms, ".")}
        paragraph = Xml.SubElement(division, f"{{{_TTML}}}p", times)
        paragraph.text = caption.lines[0]
        for line in caption.lines[1:]:
            Xml.SubElement(paragraph, f"{{{_TTML}}}br").tail = line
    return Xml.tostring(root, encoding="unicode", xml_declaration=False) + "\n"


def ass(captions: Sequence[Caption], profile: Profile, size: tuple[int, int], highlight: bool = False) -> str:
    """Advanced SubStation, for burning in with libass.

    Args:
        size: Width and height of the picture, in pixels. Letters get smaller where the widest line would not fit.
        highlight: Whether each word is coloured while it is spoken.
    """
    events = (
        f"Dialogue: 0,{_ass_clock(start)},{_ass_clock(end)},Default,,0,0,0,,{text}\n"
        for caption in captions
        for start, end, text in (_spoken_words(caption, profile) if highlight else _whole(caption))
    )
    return _ass_header(captions, profile, size) + "".join(events)


def words_json(speech: Speech, captions: Sequence[Caption]) -> str:
    """Every word and every caption with its times, in milliseconds."""
    return _json(
        {
            "version": 1,
            "language": speech.language,
            "source": speech.source.value,
            "words": [_word(word) for word in speech.words],
            "unspoken": list(speech.unspoken),
            "captions": [
                {"start_ms": caption.start_ms, "end_ms": caption.end_ms, "lines": list(caption.lines)}
                for caption in captions
            ],
        }
    )


def compliance_json(captions: Sequence[Caption], violations: Sequence[Violation], profile: Profile) -> str:
    """What the norm is about, measured on every caption, and every rule that one of them breaks."""
    gaps: list[int | None] = [after.start_ms - before.end_ms for before, after in pairwise(captions)]
    return _json(
        {
            "version": 1,
            "profile": profile.name,
            "captions": [
                {
                    "caption": number,
                    "line_characters": [sum((extent(line).narrow, extent(line).wide)) for line in caption.lines],
                    "characters_per_second": round(_speed(caption), 1),
                    "duration_ms": caption.end_ms - caption.start_ms,
                    "gap_ms": gap,
                }
                for number, (caption, gap) in enumerate(zip(captions, [*gaps, None], strict=False), 1)
            ],
            "violations": [
                {"caption": fault.caption, "rule": fault.rule.value, "value": fault.value, "limit": fault.limit}
                for fault in violations
            ],
        }
    )


def _ass_header(captions: Sequence[Caption], profile: Profile, size: tuple[int, int]) -> str:
    width, height = size
    style = profile.style
    widest = max((_letters_wide(line) for caption in captions for line in caption.lines), default=1.0)
    letters = min(height * style.size / 100, width * _SAFE_WIDTH / max(widest, 1.0))
    border, outline, shadow = (4, 0.0, letters * 0.25) if style.box else (1, height * style.outline / 100, 0.0)
    values = {
        "Name": "Default",
        "Fontname": style.font,
        "Fontsize": f"{letters:.1f}",
        "PrimaryColour": _ass_colour(style.colour),
        "OutlineColour": "&H00101010",
        "BackColour": "&H30101010",
        "Bold": 0,
        "BorderStyle": border,
        "Outline": f"{outline:.2f}",
        "Shadow": f"{shadow:.2f}",
        "Alignment": 2,
        "MarginL": 0,
        "MarginR": 0,
        "MarginV": round(height * style.bottom / 100),
        "Encoding": -1,  # libass then finds out the direction of the text line by line
    }
    return (
        "[Script Info]\nScriptType: v4.00+\nWrapStyle: 2\nScaledBorderAndShadow: yes\nYCbCr Matrix: TV.709\n"
        f"PlayResX: {width}\nPlayResY: {height}\n\n"
        f"[V4+ Styles]\nFormat: {', '.join(values)}\nStyle: {','.join(str(value) for value in values.values())}\n\n"
        "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    )


def _whole(caption: Caption) -> Iterator[tuple[int, int, str]]:
    yield caption.start_ms, caption.end_ms, r"\N".join(_ass_escaped(line) for line in caption.lines)


def _spoken_words(caption: Caption, profile: Profile) -> Iterator[tuple[int, int, str]]:
    """The caption once for each of its words, with that word coloured, from its beginning to that of the next."""
    frame_ms = 1000 // FPS
    starts = [caption.start_ms, *(word.start_ms // frame_ms * frame_ms for word in caption.words[1:]), caption.end_ms]
    for place, (start, end) in enumerate(pairwise(starts)):
        if end > start:
            yield start, min(end, caption.end_ms), _highlighted(caption, place, _ass_colour(profile.style.highlight))


def _highlighted(caption: Caption, place: int, colour: str) -> str:
    lines: list[str] = []
    first = 0
    for row in caption.rows:
        words = [replace(word, text=_ass_escaped(word.text)) for word in row]
        if 0 <= place - first < len(row):
            spoken = words[place - first]
            words[place - first] = replace(spoken, text=f"{{\\1c{colour}&}}{spoken.text}{{\\1c}}")
        lines.append(running_text(words))
        first += len(row)
    return r"\N".join(lines)


def _ass_escaped(text: str) -> str:
    """A word joiner keeps a backslash from being read as a command."""
    return text.replace("\\", "\\\u2060").replace("{", "\\{").replace("}", "\\}")


def _ass_colour(colour: str) -> str:
    red, green, blue = colour[1:3], colour[3:5], colour[5:7]
    return f"&H00{blue}{green}{red}".upper()


def _ass_clock(time_ms: int) -> str:
    minutes, rest = divmod(time_ms, 60_000)
    return f"{minutes // 60}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000 // 10:02}"


def _clock(time_ms: int, point: str) -> str:
    minutes, rest = divmod(time_ms, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{point}{rest % 1000:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _letters_wide(line: str) -> float:
    size = extent(line)
    return size.narrow * _NARROW_WIDTH + size.wide * _WIDE_WIDTH


def _speed(caption: Caption) -> float:
    size = extent(running_text(caption.words))
    return (size.narrow + size.wide) * 1000 / (caption.end_ms - caption.start_ms)


def _word(word: Word) -> dict[str, str | int]:
    return {"text": word.text, "start_ms": word.start_ms, "end_ms": word.end_ms, "sentence": word.sentence}


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
