"""Speech: the layout that makes a sentence sound the same wherever it stands."""

import pickle
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.errors import BadInput, WordsNotFound
from tasks.job import OVERLAP_FRAMES, SAMPLE_RATE, SAMPLES_PER_FRAME, SILENCE_FRAMES, Job, Speech, WordSource
from tasks.manifest.intake import check_manifest
from tasks.records.store import digest_file
from tasks.speak import speak
from tasks.speech import espeak, piper
from tasks.speech.programme import cuts_of, pauses, programme
from tests.course import ROOT

pytestmark = pytest.mark.numeric

SCRIPT = """\
# The course
## Lesson one
Hello there. We made $4.5 million in 2023.

A new paragraph begins. [pause 1.5s] After a pause.
## Lesson two
The end.
"""


def spoken(tmp_path: Path, script: str = SCRIPT, voice: str = "en-us") -> tuple[Speech, NDArray[np.int16]]:
    job = Job(id="a", row=1, portrait=Path("portrait.png"), script=script, voice=voice)
    speech = speak.fn(job, tmp_path)
    return speech, samples_of(speech.wav)


def samples_of(wav: Path) -> NDArray[np.int16]:
    with wave.open(str(wav), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, SAMPLE_RATE)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def test_the_programme_is_whole_frames_and_its_words_are_the_script(tmp_path: Path) -> None:
    speech, samples = spoken(tmp_path)
    assert len(samples) == speech.frames * SAMPLES_PER_FRAME
    assert len(speech.levels) == speech.frames
    assert " ".join(word.text for word in speech.words).startswith("Hello there. We made $4.5 million in 2023. A new")
    assert speech.source is WordSource.SYNTHESISER
    assert [word.sentence for word in speech.words] == sorted(word.sentence for word in speech.words)
    starts = [word.start_ms for word in speech.words]
    assert starts == sorted(starts)


def test_a_title_and_its_first_chapter_are_one_chapter(tmp_path: Path) -> None:
    speech, _ = spoken(tmp_path)
    last_sentence_ms = next(word.start_ms for word in speech.words if word.text == "The")
    assert [chapter.title for chapter in speech.chapters] == ["Lesson one", "Lesson two"]
    assert speech.chapters[0].start_ms == (OVERLAP_FRAMES + SILENCE_FRAMES) * 40
    assert 0 <= last_sentence_ms - speech.chapters[1].start_ms <= 40


def test_around_every_cut_the_joint_is_digital_silence(tmp_path: Path) -> None:
    speech, samples = spoken(tmp_path)
    assert len(speech.cuts) == 4
    for cut in speech.cuts:
        joint = samples[
            (cut - OVERLAP_FRAMES // 2) * SAMPLES_PER_FRAME : (cut + OVERLAP_FRAMES // 2) * SAMPLES_PER_FRAME
        ]
        assert not joint.any()
        assert set(speech.levels[cut - OVERLAP_FRAMES // 2 - SILENCE_FRAMES : cut + OVERLAP_FRAMES // 2]) == {-120}


def test_a_sentence_has_the_same_samples_wherever_it_stands(tmp_path: Path) -> None:
    first, samples = spoken(tmp_path / "a", "One is here. The middle stays. Three is here.")
    second, others = spoken(tmp_path / "b", "Something quite different comes first. Then more. The middle stays. Last.")
    half = OVERLAP_FRAMES // 2
    one = samples[(first.cuts[0] - half) * SAMPLES_PER_FRAME : (first.cuts[1] + half) * SAMPLES_PER_FRAME]
    other = others[(second.cuts[1] - half) * SAMPLES_PER_FRAME : (second.cuts[2] + half) * SAMPLES_PER_FRAME]
    np.testing.assert_array_equal(one, other)


def test_a_pause_of_the_script_is_heard(tmp_path: Path) -> None:
    speech, _ = spoken(tmp_path, "Before it. [pause 2s] After it.")
    before, after = speech.words[1], speech.words[2]
    assert 2000 + 480 <= after.start_ms - before.end_ms <= 2000 + 480 + 80


def test_words_are_said_as_the_pronunciation_file_says(tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text("word,said\nNguyen,/ˈwɪn/\nAda,Ayda Marie\n")
    job = Job(id="a", row=1, portrait=Path("p.png"), script="Ask Nguyen. Ada may know. She is here.", voice="hibari")
    plain = speak.fn(job, tmp_path / "plain")
    named = replace(job, lexicon=file, lexicon_sha256=digest_file(file))
    speech = speak.fn(named, tmp_path / "named")
    assert [word.text for word in speech.words] == [word.text for word in plain.words]
    assert "wˈɪn" in speech.sentences[0].identity
    lengths = [word.end_ms - word.start_ms for spoken in (plain, speech) for word in spoken.words if word.text == "Ada"]
    assert lengths[1] > 1.5 * lengths[0]
    same = [a.identity == b.identity for a, b in zip(plain.sentences, speech.sentences, strict=True)]
    assert same == [False, False, True], "a sentence without these words is the same segment"


def test_a_pronunciation_file_that_was_replaced_fails_its_row(tmp_path: Path) -> None:
    file = tmp_path / "names.csv"
    file.write_text("word,said\nAda,Ayda\n")
    job = Job(id="a", row=1, portrait=Path("p.png"), script="Ada.", lexicon=file, lexicon_sha256=digest_file(file))
    file.write_text("word,said\nAda,Ahda\n")
    with pytest.raises(BadInput, match="is not what it was when it was checked"):
        speak.fn(job, tmp_path / "row")


def test_nothing_to_say(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nothing to say"):
        spoken(tmp_path, "# Only a heading")


def test_a_recording_is_taken_as_it_is_and_cut_in_its_pauses(tmp_path: Path) -> None:
    original, samples = spoken(tmp_path / "a")
    job = Job(id="a", row=1, portrait=Path("portrait.png"), audio=original.wav)
    speech = speak.fn(job, tmp_path / "b")
    np.testing.assert_array_equal(samples_of(speech.wav), samples)
    assert speech.source is WordSource.NONE
    assert speech.words == ()
    assert speech.levels == original.levels
    for cut in speech.cuts:
        assert max(speech.levels[cut - 4 : cut + 4]) == -120
    assert len(speech.cuts) >= len(original.cuts)


def recorded(tmp_path: Path, said: str, script: str) -> Speech:
    """What becomes of a script with a recording of something that another voice says."""
    recording = spoken(tmp_path / "recording", said, "en-us+m3@140")[0].wav
    return speak.fn(Job(id="a", row=1, portrait=Path("portrait.png"), script=script, audio=recording), tmp_path / "row")


BUDGET = "Most people guess what they spend. Write down every expense for four weeks. Then plan the month."
CATS = "Cats sleep for most of the day, and hunt at night. A dog wants to go out even when it rains."


def test_a_recording_of_another_script_fails_its_row_with_the_share_of_words_that_were_found(tmp_path: Path) -> None:
    with pytest.raises(
        WordsNotFound, match=r"only 0 % of the script's words .* 50 % are needed\. Check that"
    ) as caught:
        recorded(tmp_path, BUDGET, CATS)
    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.share, error.attempts, str(error)) == (0, 1, str(caught.value))


def test_a_recording_of_most_of_its_script_is_taken_with_the_share_of_words_that_were_found(tmp_path: Path) -> None:
    speech = recorded(tmp_path, BUDGET, f"{BUDGET} {CATS.partition('.')[0]}.")
    assert speech.words_found == len(BUDGET.split()) / (len(BUDGET.split()) + 11)
    assert " ".join(speech.unspoken) == "Cats sleep for most of the day, and hunt at night."
    assert recorded(tmp_path, BUDGET, BUDGET).words_found == 1


def test_where_no_recording_is_searched_there_is_no_share(tmp_path: Path) -> None:
    assert spoken(tmp_path)[0].words_found is None
    job = Job(id="a", row=1, portrait=Path("p.png"), script="今日は。", language="ja", audio=tmp_path / "programme.wav")
    speech = speak.fn(job, tmp_path / "row")
    assert (speech.words, speech.words_found, speech.source) == ((), None, WordSource.NONE)


def test_every_word_of_the_course_is_found_in_its_recording(tmp_path: Path) -> None:
    (job,) = (job for job in check_manifest(ROOT / "examples/course/manifest.csv").jobs if job.audio)
    assert speak.fn(job, tmp_path).words_found == 1


def test_long_sound_is_written_in_blocks_without_a_seam(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(-9000, 9000, 61 * SAMPLE_RATE + 17).astype(np.int16)
    with programme(tmp_path / "a.wav") as sound:
        assert sound.add(noise) == 0
        assert sound.add(noise[:5]) == 61 * 25 + 1
    written = samples_of(tmp_path / "a.wav")
    np.testing.assert_array_equal(written[: len(noise)], noise)
    assert not written[len(noise) : sound.frames * SAMPLES_PER_FRAME - SAMPLES_PER_FRAME].any()
    assert len(written) == sound.frames * SAMPLES_PER_FRAME
    assert len(sound.levels) == 61 * 25 + 2


def test_pauses_are_judged_by_the_recording_itself() -> None:
    noisy = [-45, -44] * 10 + [-20, -18] * 20 + [-44] * 20 + [-19] * 20 + [-45] * 5
    assert pauses(noisy) == [(0, 20), (60, 80)]
    assert cuts_of(noisy) == (10, 70)
    assert pauses([-20] * 100) == []
    assert pauses([]) == []


def test_the_words_of_a_voice_that_does_not_know_them_are_aligned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Piper voice, whose network is not here: its sound is espeak-ng's, whose words' times are known to the test."""

    def read(text: str, model: Path) -> tuple[NDArray[np.int16], int]:
        reading = espeak.read(text, "gmw/en-US+m3", 140)
        return np.trim_zeros(reading.samples, "b"), reading.rate

    monkeypatch.setattr(piper, "language_of", lambda model: "en-us")
    monkeypatch.setattr(piper, "read", read)
    known, _ = spoken(tmp_path / "a", voice="en-us+m3@140")
    found, _ = spoken(tmp_path / "b", voice="anna.onnx")
    assert found.source is WordSource.ALIGNED
    assert [word.text for word in found.words] == [word.text for word in known.words]
    assert max(abs(a.start_ms - b.start_ms) for a, b in zip(found.words, known.words, strict=True)) <= 80


def test_jobs_are_not_changed(tmp_path: Path) -> None:
    job = Job(id="a", row=1, portrait=Path("portrait.png"), script="Hello.")
    speak.fn(job, tmp_path)
    assert job == replace(job)
