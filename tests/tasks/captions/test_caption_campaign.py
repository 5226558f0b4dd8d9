"""The promise of the captions, on lessons written by chance: judged on the SRT files, by a judge who shares no code.

Every rule that a file breaks is in the compliance report, and nothing else is; every word is shown once, in order; and
every caption begins within three frames of its first word.
"""

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pysubs2
import pytest

from tasks.captions.caption import Caption, Rule, Violation, check, extent
from tasks.captions.layout import WEIGHTS, _Layout, lay_out
from tasks.captions.profile import Profile
from tasks.captions.profile import load as load_profile
from tasks.job import Job, Speech, Word
from tasks.speak import speak
from tasks.speech.script import parse
from tasks.subtitle import subtitle
from tests.tasks.captions.lessons import LANGUAGES, lesson

SEEDS = 20
QUICK_SEEDS = (3, 6)
FRAME_MS = 40

EVERY_LESSON = [
    pytest.param(language, seed, marks=() if seed in QUICK_SEEDS else pytest.mark.slow)
    for language in LANGUAGES
    for seed in range(SEEDS)
]


@pytest.mark.parametrize(("language", "seed"), EVERY_LESSON)
def test_lessons_are_captioned_to_the_norm(language: str, seed: int, tmp_path: Path) -> None:
    text, voice = lesson(language, seed)
    job = Job(id="a", row=1, portrait=Path("p.png"), script=text, voice=voice, language=language)
    speech = speak.fn(job, tmp_path)
    files = subtitle.fn(job, speech, tmp_path).files
    shown = pysubs2.load(str(files["srt"]))
    lines = [event.text.split(r"\N") for event in shown]
    report = json.loads(files["compliance"].read_text())

    assert " ".join(" ".join(caption) for caption in lines).split() == " ".join(parse(text, language).words).split()
    assert _starts_are_exact(shown, lines, speech)
    reported = Counter(
        (fault["caption"], fault["rule"]) for fault in report["violations"] if "phrase" not in fault["rule"]
    )
    assert _broken_rules(shown, lines, speech) == reported


def _starts_are_exact(shown: pysubs2.SSAFile, lines: list[list[str]], speech: Speech) -> bool:
    counts = [len(" ".join(caption).split()) for caption in lines]
    words = [word for word in speech.words for _ in word.text.split()]
    firsts = [words[sum(counts[:index])] for index in range(len(counts))]
    return all(abs(event.start - word.start_ms) <= 3 * FRAME_MS for event, word in zip(shown, firsts, strict=True))


def _broken_rules(shown: pysubs2.SSAFile, lines: list[list[str]], speech: Speech) -> Counter[tuple[int, str]]:
    """What a person with the norm and a ruler would find: 42 characters, 17 a second, 5/6 to 7 s, 2 frames between."""
    counts = list(itertools.accumulate(len(" ".join(caption).split()) for caption in lines))
    words = [word for word in speech.words for _ in word.text.split()]
    found: Counter[tuple[int, str]] = Counter()
    for index, (event, caption) in enumerate(zip(shown, lines, strict=True)):
        duration_s = (event.end - event.start) / 1000
        faults = {
            "too many lines": len(caption) > 2,
            "too fast to read": len(" ".join(caption)) > 17 * duration_s,
            "shown too briefly": event.end - event.start < 833,
            "shown too long": event.end - event.start > 7000,
            "stays too long after its words": event.end > words[counts[index] - 1].end_ms + 12 * FRAME_MS,
            "too close to the next": index + 1 < len(shown) and shown[index + 1].start - event.end < 2 * FRAME_MS,
            "lower line shorter than a third of the upper": len(caption) == 2 and 3 * len(caption[1]) < len(caption[0]),
        }
        found.update((index + 1, rule) for rule, broken in faults.items() if broken)
        found.update((index + 1, "line too wide") for line in caption if len(line) > 42)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("pace", [45, 65, 90])
def test_no_other_way_to_cut_the_words_breaks_less(language: str, pace: int) -> None:
    """All ways to put eight words into lines and captions are tried: none breaks rules of less weight."""
    profile = load_profile("shorts")
    texts = " ".join(LANGUAGES[language][1]).split()
    for first in range(0, 40, 10):
        words: list[Word] = []
        for index, text in enumerate(texts[first : first + 8]):
            start_ms = words[-1].end_ms + pace if words else 0
            words.append(Word(text, start_ms, start_ms + pace * len(text), index // 5))
        end_ms = words[-1].end_ms + 480
        layout = _Layout(words, profile, language, end_ms)
        ours = _weight(lay_out(words, profile, language, end_ms), profile, language)
        assert ours == min(_weight(captions, profile, language) for captions in _all_ways(layout, len(words)))


def _all_ways(layout: _Layout, count: int) -> Iterator[tuple[Caption, ...]]:
    """Between two words there is nothing, a new line or a new caption.

    Captions have at most two lines, and a line is too wide only for a single word.
    """
    for breaks in itertools.product(" |/", repeat=count - 1):
        captions: list[Caption] = []
        start = 0
        ends: list[int] = []
        for place, kind in enumerate((*breaks, "/"), 1):
            if kind != " ":
                ends.append(place)
            if kind == "/":
                captions.append(layout._caption(start, tuple(ends)))
                start, ends = place, []
        rows = [(row, line) for caption in captions for row, line in zip(caption.rows, caption.lines, strict=True)]
        wide = any(extent(line).of_line(layout.profile) > 1 and len(row) > 1 for row, line in rows)
        if not wide and all(len(caption.rows) <= 2 for caption in captions):
            yield tuple(captions)


def _weight(captions: tuple[Caption, ...], profile: Profile, language: str) -> int:
    return sum(WEIGHTS.get(fault.rule, 0) * _times(fault) for fault in check(captions, profile, language))


def _times(fault: Violation) -> int:
    """A caption may have several rows that end inside a phrase: they are one fault, with their number as value."""
    return int(fault.value) if fault.rule is Rule.BREAK else 1
