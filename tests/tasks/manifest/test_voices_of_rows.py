"""The voice, the language and the pronunciation file of a row."""

from pathlib import Path

import pytest

from tasks.errors import BadInput
from tasks.manifest.defaults import Defaults
from tasks.manifest.intake import check_manifest
from tasks.records.store import digest_file
from tests.course import write_portrait
from tests.tasks.manifest.test_intake import check, faults

LEXICON = "word,said\nNguyen,/ˈwɪn/\nAda,Ayda\n"


def lexicon_course(folder: Path, script: str = "Ask Nguyen and Ada.", lexicon: str = LEXICON) -> Path:
    write_portrait(folder / "p.png")
    (folder / "s.md").write_text(script)
    (folder / "names.csv").write_text(lexicon)
    return folder


def test_a_pronunciation_file_is_kept_by_its_digest(tmp_path: Path) -> None:
    (job,) = check(lexicon_course(tmp_path), "id,portrait,script,lexicon", "a,p.png,s.md,names.csv")
    assert job.lexicon == tmp_path / "names.csv"
    assert job.lexicon_sha256 == digest_file(tmp_path / "names.csv")


def test_a_row_without_a_pronunciation_file_has_the_option(tmp_path: Path) -> None:
    lexicon_course(tmp_path)
    (tmp_path / "own.csv").write_text("word,said\nAda,Ahda\n")
    manifest = tmp_path / "m.csv"
    manifest.write_text("id,portrait,script,lexicon\na,p.png,s.md,\nb,p.png,s.md,own.csv\n")
    first, second = check_manifest(manifest, (), Defaults(lexicon=tmp_path / "names.csv")).jobs
    assert (first.lexicon, second.lexicon) == (tmp_path / "names.csv", tmp_path / "own.csv")
    (tmp_path / "names.csv").write_text("word\n")
    with pytest.raises(BadInput, match=r"--lexicon '.*names\.csv': line 1: the header is not word,said"):
        check_manifest(manifest, (), Defaults(lexicon=tmp_path / "names.csv"))
    with pytest.raises(BadInput, match=r"--lexicon 'gone\.csv': No such file"):
        check_manifest(manifest, (), Defaults(lexicon=Path("gone.csv")))


@pytest.mark.parametrize(
    ("lexicon", "voice", "script", "says"),
    [
        (LEXICON, "", "Ask Nguyen.", ""),
        (LEXICON, "en-us", "Ask Ada.", ""),
        (LEXICON, "en-us", "Ask Nguyen.", "line 2 has 'Nguyen' in IPA only, which the voice 'en-us' does not take"),
        ("word,said\nNguyen\n", "", "Ask Nguyen.", "line 2: it has 1 cells"),
        ("<lexicon>", "", "Ask Nguyen.", "line 1: it is not XML"),
    ],
)
def test_what_a_pronunciation_file_may_not_hold(
    tmp_path: Path, lexicon: str, voice: str, script: str, says: str
) -> None:
    lexicon_course(tmp_path, script, lexicon)
    header, row = "id,portrait,script,voice,lexicon", f"a,p.png,s.md,{voice},names.csv"
    if not says:
        assert check(tmp_path, header, row)
        return
    (fault,) = faults(tmp_path, header, row)
    assert (fault.row, fault.column) == (2, "lexicon")
    assert says in fault.problem


def test_a_lexicon_for_another_language_is_not_used(tmp_path: Path) -> None:
    lexicon = '<lexicon xml:lang="de"><lexeme><grapheme>Ada</grapheme><alias>Ahda</alias></lexeme></lexicon>'
    manifest = lexicon_course(tmp_path, lexicon=lexicon) / "m.csv"
    manifest.write_text("id,portrait,script,lexicon\na,p.png,s.md,names.csv\n")
    checked = check_manifest(manifest)
    assert checked.jobs[0].lexicon is None
    assert "its lexicon is for 'de', and its language is 'en-us'" in checked.warnings[0]


@pytest.mark.parametrize(
    ("language", "voice", "found", "warning"),
    [
        ("", "", "hibari", ""),
        ("en", "", "hibari", ""),
        ("en-US", "", "hibari", ""),
        ("en-AU", "", "hibari", ""),
        ("en-GB", "", "hibari", "American accent; espeak-ng has a voice 'en-gb'"),
        ("en-GB", "en-gb", "en-gb", ""),
        ("", "hibari@140", "hibari@140", ""),
        ("de", "", "de", ""),
        ("zh", "cmn", "cmn", ""),
        ("de", "hibari", "hibari", "its language is 'de', and its voice speaks 'en-us'"),
    ],
)
def test_the_voice_of_a_language(tmp_path: Path, language: str, voice: str, found: str, warning: str) -> None:
    script = {"de": "Die Stadt ist sehr groß und schön.", "zh": "今天我们讨论预算。"}.get(
        language, "The town is large."
    )
    manifest = lexicon_course(tmp_path, script) / "m.csv"
    manifest.write_text(f"id,portrait,script,language,voice\na,p.png,s.md,{language},{voice}\n")
    checked = check_manifest(manifest)
    assert checked.jobs[0].voice == found
    if warning:
        assert any(warning in line for line in checked.warnings)
    else:
        assert not checked.warnings
