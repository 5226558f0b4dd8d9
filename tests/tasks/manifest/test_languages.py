"""Languages of rows: found where they are not named, refused where the voice cannot read them, doubted aloud."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks.errors import Fault, ManifestRefused
from tasks.manifest.intake import CheckedManifest, check_manifest
from tests.tasks.manifest.test_intake import write_wav
from tests.tasks.speech.test_identify import SENTENCES

KHMER = "សៀវភៅនេះល្អណាស់។"
LONG_ENGLISH = "A budget is a list of what comes in and of what goes out, and most people guess it too low."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.new("RGB", (128, 128), "white").save(tmp_path / "p.png")
    write_wav(tmp_path / "a.wav", 9000 * np.sin(np.arange(16_000) / 9))
    return tmp_path


def check(folder: Path, script: str, language: str = "", voice: str = "", audio: str = "") -> CheckedManifest:
    (folder / "s.md").write_text(f"# Title\n\n{script}\n")
    (folder / "m.csv").write_text(f"id,portrait,script,language,voice,audio\na,p.png,s.md,{language},{voice},{audio}\n")
    return check_manifest(folder / "m.csv")


def fault(folder: Path, script: str, language: str = "", voice: str = "", audio: str = "") -> Fault:
    with pytest.raises(ManifestRefused) as caught:
        check(folder, script, language, voice, audio)
    (found,) = caught.value.faults
    return found


@pytest.mark.parametrize("language", sorted(set(SENTENCES) - {"en", "ja"}))
def test_the_language_of_a_script_is_found_where_none_is_named(folder: Path, language: str) -> None:
    checked = check(folder, SENTENCES[language])
    (job,) = checked.jobs
    assert (job.language, job.voice) == (language, language)
    assert checked.warnings == ()


@pytest.mark.parametrize("script", [SENTENCES["en"], LONG_ENGLISH, "Welcome, Ada.", "Chapter 2.", "1,000 € – 42 %"])
def test_english_and_what_may_be_english_are_read_in_english(folder: Path, script: str) -> None:
    checked = check(folder, script)
    (job,) = checked.jobs
    assert (job.language, job.voice) == ("en-us", "hibari")
    assert checked.warnings == ()


@pytest.mark.parametrize("script", ["Guten Morgen, Ada!", "Bonjour à tous.", "Buongiorno, Luca!", "Hola, ¿qué tal?"])
def test_a_few_words_that_are_hardly_english_are_read_in_english_and_warned_of(folder: Path, script: str) -> None:
    checked = check(folder, script)
    (job,) = checked.jobs
    assert job.language == "en-us"
    (warning,) = checked.warnings
    assert warning.startswith("row 2 (a): its script may be in ")


def test_a_language_without_a_voice_is_read_in_english_and_warned_of(folder: Path) -> None:
    checked = check(folder, "Magandang umaga po sa inyong lahat. Ngayon ay pag-aaralan natin kung ano ang badyet.")
    assert checked.jobs[0].language == "en-us"
    (warning,) = checked.warnings
    assert "'tl', for which there is no voice" in warning


def test_a_named_language_or_voice_is_kept(folder: Path) -> None:
    assert check(folder, SENTENCES["de"], language="de").jobs[0].voice == "de"
    assert check(folder, SENTENCES["de"], voice="de+f3@140").jobs[0].language == "de"
    assert check(folder, SENTENCES["pt"], language="pt-BR").warnings == ()
    assert check(folder, SENTENCES["zh"], language="zh", voice="cmn").warnings == ()
    austrian = check(folder, SENTENCES["de"], language="de-AT").jobs[0]
    assert (austrian.language, austrian.voice) == ("de-at", "de")


@pytest.mark.parametrize(
    ("script", "language", "voice"),
    [
        ("zh", "", "en-us"),
        ("zh", "en", ""),
        ("zh", "de", ""),
        ("zh", "zh", "en-us"),
        ("he", "de", ""),
        ("ru", "en", "en-us+f3"),
        ("hi", "fr", ""),
        ("ar", "", "es"),
        ("th", "vi", ""),
        ("ko", "ja", ""),
        ("el", "en", ""),
        ("uk", "pl", ""),
    ],
)
def test_letters_that_the_named_voice_cannot_read_are_a_fault(
    folder: Path, script: str, language: str, voice: str
) -> None:
    found = fault(folder, SENTENCES[script], language, voice)
    assert (found.row, found.column, found.value) == (2, "script", "s.md")
    assert "cannot read" in found.problem
    assert found.remedy == f"Choose the language and voice {script}, or leave both empty."


def test_japanese_with_kanji_is_refused_with_its_own_remedy_and_delivered_without_captions(folder: Path) -> None:
    assert fault(folder, SENTENCES["ja"]).remedy == "Write it in kana, or give a recording."
    assert fault(folder, SENTENCES["ja"], language="ja").remedy == "Write it in kana, or give a recording."
    assert check(folder, "みなさん、こんにちは。きょうは よさんに ついて まなびます。").jobs[0].voice == "ja"
    (warning,) = check(folder, SENTENCES["ja"], audio="a.wav").warnings
    assert "there will be no captions" in warning


def test_letters_that_no_voice_reads_need_a_recording(folder: Path) -> None:
    found = fault(folder, KHMER)
    assert "Khmer letters" in found.problem
    assert "no voice can read" in found.problem
    checked = check(folder, KHMER, audio="a.wav")
    assert checked.jobs[0].language == "km"
    assert "there will be no captions" in checked.warnings[0]


def test_a_foreign_name_is_warned_of(folder: Path) -> None:
    checked = check(folder, "My friend 王小明 lives in Paris, and works in a large bank near the river.")
    assert checked.jobs[0].language == "en-us"
    assert checked.warnings == ("row 2 (a): the voice of 'en-us' cannot read '王小明', and spells it",)


@pytest.mark.parametrize(
    ("script", "named"), [("de", "en"), ("en", "de"), ("uk", "ru"), ("es", "it"), ("en", "zh"), ("pl", "cs")]
)
def test_a_text_that_is_hardly_in_the_named_language_is_warned_of(folder: Path, script: str, named: str) -> None:
    checked = check(folder, SENTENCES[script], language=named)
    assert checked.jobs[0].language == named
    (warning,) = checked.warnings
    assert warning == f"row 2 (a): its script is far more probably in {script!r} than in {named!r}"


def test_of_a_recording_with_its_script_the_language_is_found_too(folder: Path) -> None:
    (job,) = check(folder, SENTENCES["de"], audio="a.wav").jobs
    assert job.language == "de"
    assert "Choose the language" in fault(folder, SENTENCES["zh"], language="en", audio="a.wav").remedy


def test_what_is_not_spoken_does_not_count(folder: Path) -> None:
    script = f"## 预算和计划\n\n{LONG_ENGLISH}\n\n```\n大家早上好，今天我们学习什么是预算。\n```\n\n[微笑]\n"
    assert check(folder, script).warnings == ()
