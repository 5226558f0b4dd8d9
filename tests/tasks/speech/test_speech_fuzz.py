"""Whatever a script holds, it is spoken and captioned with all its words in order, or refused with a reason."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import BadInput
from tasks.job import Job
from tasks.speak import speak
from tasks.speech.script import parse
from tasks.subtitle import subtitle

HARD_WORDS = parse("a I the of to be or 漢字 مرحبا שלום 3. $4.5 12% e.g. don't – ... 😀 (ok) Dr. x-ray 10:30").words
SCRIPTS = st.lists(
    st.one_of(st.sampled_from([*HARD_WORDS, "[x]", "–", "...", "😀"]), st.text(max_size=8)), min_size=1, max_size=14
).map(" ".join)


def spoken_or_refused(text: str, language: str) -> None:
    voice = {"en": "en-us@200", "de": "de", "ar": "ar"}[language]
    with TemporaryDirectory() as folder:
        job = Job(id="a", row=1, portrait=Path("p.png"), script=text, voice=voice, language=language)
        try:
            speech = speak.fn(job, Path(folder))
        except BadInput:
            return
        words = parse(text, language).words
        assert tuple(word.text for word in speech.words) == words
        assert all(0 <= word.start_ms < word.end_ms <= speech.frames * 40 for word in speech.words)
        starts = [word.start_ms for word in speech.words]
        assert starts == sorted(starts)
        captions = subtitle.fn(job, speech, Path(folder)).captions
        assert tuple(word.text for caption in captions for word in caption.words) == words
        assert all(caption.start_ms < caption.end_ms for caption in captions)


@settings(max_examples=40, deadline=None)
@given(SCRIPTS, st.sampled_from(["en", "de", "ar"]))
def test_scripts_of_all_kinds(text: str, language: str) -> None:
    spoken_or_refused(text, language)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(SCRIPTS, st.sampled_from(["en", "de", "ar"]))
def test_very_many_scripts_of_all_kinds(text: str, language: str) -> None:
    spoken_or_refused(text, language)
