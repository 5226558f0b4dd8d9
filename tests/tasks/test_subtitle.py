"""Caption files: read back by independent libraries, with the same words at the same times."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pysubs2
import pytest
import webvtt

from tasks.captions.caption import Subtitles
from tasks.captions.profile import load as load_profile
from tasks.captions.profile import names as profile_names
from tasks.errors import BadInput
from tasks.job import Job, Speech, Word, WordSource
from tasks.subtitle import subtitle
from tests.tasks.captions.test_captions import said

JOB = Job(id="a", row=1, portrait=Path("portrait.png"), width=1280, height=720)
TEXT = r'Tom & Jerry <3 {braces} and a back\slash said "hi". Prices rose 12 % in 2023, and nobody minded at all.'


def speech_of(words: list[Word], language: str = "en") -> Speech:
    frames = (words[-1].end_ms + 480) // 40
    return Speech(Path("p.wav"), frames, (), (0,) * frames, tuple(words), (), language, WordSource.SYNTHESISER)


@pytest.fixture
def subtitles(tmp_path: Path) -> Subtitles:
    return subtitle.fn(JOB, speech_of(said(TEXT)), tmp_path)


def test_srt_reads_back(subtitles: Subtitles) -> None:
    read = pysubs2.load(str(subtitles.files["srt"]), keep_unknown_html_tags=True)
    assert [(event.start, event.end) for event in read] == [(c.start_ms, c.end_ms) for c in subtitles.captions]
    assert [event.text.replace(r"\N", "\n") for event in read] == [caption.text for caption in subtitles.captions]


def test_vtt_reads_back(subtitles: Subtitles) -> None:
    read = list(webvtt.read(str(subtitles.files["vtt"])))
    assert [cue.start_in_seconds * 1000 + cue.start_time.milliseconds for cue in read] == [
        caption.start_ms for caption in subtitles.captions
    ]
    unescaped = [cue.raw_text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for cue in read]
    assert unescaped == [caption.text for caption in subtitles.captions]


def test_ttml_reads_back(subtitles: Subtitles) -> None:
    root = ElementTree.parse(subtitles.files["ttml"]).getroot()
    paragraphs = list(root.iter("{http://www.w3.org/ns/ttml}p"))
    assert ["\n".join(paragraph.itertext()) for paragraph in paragraphs] == [c.text for c in subtitles.captions]
    assert root.get("{http://www.w3.org/XML/1998/namespace}lang") == "en"
    assert paragraphs[0].get("begin") == "00:00:00.400"
    plain = pysubs2.load(str(subtitles.files["ttml"]))
    assert [(event.start, event.end) for event in plain] == [(c.start_ms, c.end_ms) for c in subtitles.captions]


def test_ass_reads_back(subtitles: Subtitles) -> None:
    read = pysubs2.load(str(subtitles.files["ass"]))
    assert (read.info["PlayResX"], read.info["PlayResY"]) == ("1280", "720")
    assert [(event.start, event.end) for event in read] == [(c.start_ms, c.end_ms) for c in subtitles.captions]
    assert r"\{braces\}" in read[0].text
    assert "back\\\u2060slash" in " ".join(event.text for event in read)


def test_letters_shrink_until_the_widest_line_fits(tmp_path: Path) -> None:
    square = replace(JOB, width=512, height=512)
    sizes = []
    for job in (JOB, square):
        subtitles = subtitle.fn(
            job,
            speech_of(said("Prices rose sharply in a remarkable year, and everybody noticed at the same time.")),
            tmp_path,
        )
        sizes.append(pysubs2.load(str(subtitles.files["ass"])).styles["Default"].fontsize / job.height)
    assert sizes[1] < sizes[0] == pytest.approx(0.066, abs=0.0002)


def test_each_word_is_coloured_while_it_is_spoken(tmp_path: Path) -> None:
    words = said("One two. Three.")
    subtitles = subtitle.fn(JOB, speech_of(words), tmp_path, highlight=True)
    read = pysubs2.load(str(subtitles.files["ass"]))
    coloured = [event.text.split("&}")[1].split("{")[0] for event in read]
    assert coloured == ["One", "two.", "Three."]
    assert [event.start for event in read] == [word.start_ms // 40 * 40 for word in words]


def test_words_and_compliance_are_data(subtitles: Subtitles) -> None:
    words = json.loads(subtitles.files["words"].read_text())
    assert " ".join(word["text"] for word in words["words"]) == TEXT
    compliance = json.loads(subtitles.files["compliance"].read_text())
    assert compliance["profile"] == "netflix"
    assert len(compliance["captions"]) == len(subtitles.captions)
    assert all(max(caption["line_characters"]) <= 42 for caption in compliance["captions"])


def test_what_cannot_be_kept_is_in_the_notes_and_the_report(tmp_path: Path) -> None:
    subtitles = subtitle.fn(
        JOB, speech_of(said("Incomprehensibilities mischaracterised.", ms_per_character=15)), tmp_path
    )
    assert "too fast to read" in subtitles.notes[0]
    assert json.loads(subtitles.files["compliance"].read_text())["violations"]


def test_what_an_srt_file_cannot_carry_is_in_the_notes(tmp_path: Path) -> None:
    (note,) = subtitle.fn(JOB, speech_of(said("The tag <div> is a box, and <b> is bold.")), tmp_path).notes
    assert "may hide <div> <b>" in note and "WebVTT" in note
    assert subtitle.fn(JOB, speech_of(said("Here a < b, and nothing else.")), tmp_path).notes == ()


def test_without_words_there_are_no_captions_and_the_reason_is_given(tmp_path: Path) -> None:
    silent = Speech(Path("p.wav"), 25, (), (-120,) * 25)
    subtitles = subtitle.fn(JOB, silent, tmp_path)
    assert subtitles.captions == ()
    assert set(subtitles.files) == {"words"}
    assert "no script" in subtitles.notes[0]
    with_script = subtitle.fn(replace(JOB, script="Hej.", language="fo"), replace(silent, language="fo"), tmp_path)
    assert "nobody here can read 'fo'" in with_script.notes[0]


def test_words_that_are_not_heard_are_counted_and_the_first_are_named(tmp_path: Path) -> None:
    speech = replace(speech_of(said("Hello there.")), unspoken=("One", "two", "three", "four", "five", "six."))
    (note,) = subtitle.fn(JOB, speech, tmp_path).notes
    assert note == "6 of 8 words of the script were not heard in the recording: One two three four five ..."


def test_profiles_come_with_the_program_or_from_the_user(tmp_path: Path) -> None:
    assert profile_names() == ("bbc", "netflix", "shorts")
    assert load_profile("bbc").line_width == 37
    own = tmp_path / "children.toml"
    own.write_text("characters_per_second = 13\n[style]\nsize = 7\n")
    children = load_profile(str(own))
    assert (children.name, children.characters_per_second, children.line_width) == ("children", 13, 42)
    assert children.style.size == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("line_widht = 3", "'line_widht' is no setting"),
        ("line_width = 'x'", "not of type int"),
        ("[style]\nbox = 1", "not of type bool"),
        ("line_width = 0", "makes no sense"),
        ("min_ms = 9000", "makes no sense"),
        ("line_width =", "not TOML"),
    ],
)
def test_a_profile_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, message: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text)
    with pytest.raises(BadInput, match=message):
        load_profile(str(own))


def test_an_unknown_profile_is_answered_with_the_known_ones() -> None:
    with pytest.raises(BadInput, match="bbc, netflix, shorts"):
        load_profile("nothing")
