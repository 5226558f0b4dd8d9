"""Every fault is found, named by row, column, value and remedy, all in one go."""

import os
import random
import time
import wave
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from PIL import Image

from tasks.errors import Fault, ManifestRefused
from tasks.job import Job, Preset, Quality
from tasks.manifest.defaults import Defaults
from tasks.manifest.intake import check_manifest
from tasks.media import images
from tests.photographs import GRACE


def write_wav(path: Path, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with good and bad files of every kind."""
    folder = tmp_path_factory.mktemp("course")
    noise = np.random.default_rng(1)
    Image.fromarray(noise.integers(0, 255, (128, 160, 3), dtype=np.uint8)).save(folder / "p.png")
    Image.new("RGB", (127, 300)).save(folder / "small.png")
    (folder / "broken.png").write_bytes((folder / "p.png").read_bytes()[:2000])
    (folder / "s.md").write_text("# Title\n\nHello {{first_name}}.\n")
    (folder / "mute.md").write_text("# Only a heading\n\n[pause 2s]\n")
    (folder / "latin.md").write_bytes("Grüße".encode("latin-1"))
    write_wav(folder / "a.wav", 9000 * np.sin(np.arange(16_000) / 9))
    write_wav(folder / "silent.wav", np.zeros(16_000))
    write_wav(folder / "empty.wav", np.zeros(0))
    return folder


def check(folder: Path, header: str, *lines: str, allow: tuple[Path, ...] = ()) -> tuple[Job, ...]:
    (folder / "m.csv").write_text("\n".join((header, *lines)))
    return check_manifest(folder / "m.csv", allow).jobs


def faults(folder: Path, header: str, *lines: str) -> list[Fault]:
    with pytest.raises(ManifestRefused) as caught:
        check(folder, header, *lines)
    return list(caught.value.faults)


def test_a_good_row_becomes_a_job(course: Path) -> None:
    header = "id,portrait,script,audio,voice,title,seed,size,priority,consent,first_name"
    (job,) = check(course, header, "a b,p.png,s.md,a.wav,de,Für {{first_name}},7,640x480,3,c-1,Zoë")
    assert (job.id, job.row, job.title, job.language, job.voice) == ("a b", 1, "Für Zoë", "de", "de")
    assert (job.seed, job.width, job.height, job.priority, job.consent) == (7, 640, 480, 3, "c-1")
    assert "Hello Zoë." in job.script
    assert job.audio == course / "a.wav"
    assert len(job.portrait_sha256) == len(job.audio_sha256) == 64
    assert job.audio_gate
    assert not job.motion_gate


def test_a_quality_is_named_by_the_row_or_by_the_batch(course: Path) -> None:
    (course / "m.csv").write_text("id,portrait,audio,quality\na,p.png,a.wav,\nb,p.png,a.wav,Proof\n")
    named = check_manifest(course / "m.csv").jobs
    assert [job.quality for job in named] == [Quality.PUBLISHED, Quality.PROOF]
    named = check_manifest(course / "m.csv", (), Defaults(quality=Quality.FAST)).jobs
    assert [job.quality for job in named] == [Quality.FAST, Quality.PROOF]
    (fault,) = faults(course, "id,portrait,audio,quality", "a,p.png,a.wav,fats")
    assert (fault.problem, fault.remedy) == ("there is no such quality", "Did you mean 'fast'?")


def test_defaults_are_as_documented(course: Path) -> None:
    (job,) = check(course, "id,portrait,audio", "a,p.png,a.wav")
    assert (job.voice, job.language, job.seed, job.width, job.height) == ("hibari", "en-us", 0, 512, 512)
    (job,) = check(course, "id,portrait,audio,language", "a,p.png,a.wav,de")
    assert (job.voice, job.language) == ("de", "de")


@pytest.mark.parametrize(
    ("header", "line", "column", "says"),
    [
        ("id,portrait,audio", ",p.png,a.wav", "id", "it is empty"),
        ("id,portrait,audio", "a/b,p.png,a.wav", "id", "holds '/'"),
        ("id,portrait,audio", "..,p.png,a.wav", "id", "begins or ends"),
        ("id,portrait,audio", f"{'x' * 121},p.png,a.wav", "id", "longer than 120 bytes"),
        ("id,portrait,audio", "a,none.png,a.wav", "portrait", "no such file"),
        ("id,portrait,audio", "a,.,a.wav", "portrait", "not a file"),
        ("id,portrait,audio", "a,../x.png,a.wav", "portrait", "leaves the allowed folders"),
        ("id,portrait,audio", "a,/etc/passwd,a.wav", "portrait", "leaves the allowed folders"),
        ("id,portrait,audio", "a,s.md,a.wav", "portrait", "not an image"),
        ("id,portrait,audio", "a,broken.png,a.wav", "portrait", "broken image"),
        ("id,portrait,audio", "a,small.png,a.wav", "portrait", "127x300 pixels"),
        ("id,portrait,audio", "a,,a.wav", "portrait", "it is empty"),
        ("id,portrait,audio", "a,p.png,s.md", "audio", ""),
        ("id,portrait,audio", "a,p.png,silent.wav", "audio", "silent"),
        ("id,portrait,audio", "a,p.png,empty.wav", "audio", ""),
        ("id,portrait,audio", "a,p.png,", "script", "neither script nor audio"),
        ("id,portrait,script", "a,p.png,s.md", "script", "first_name"),
        ("id,portrait,script", "a,p.png,mute.md", "script", "nothing to say"),
        ("id,portrait,script", "a,p.png,latin.md", "script", "not UTF-8"),
        ("id,portrait,audio,voice", "a,p.png,a.wav,klingonn", "voice", "klingonn"),
        ("id,portrait,audio,language", "a,p.png,a.wav,e n", "language", "not a language tag"),
        ("id,portrait,audio,seed", "a,p.png,a.wav,-1", "seed", "out of range"),
        ("id,portrait,audio,seed", "a,p.png,a.wav,1e3", "seed", "not a whole number"),
        ("id,portrait,audio,size", "a,p.png,a.wav,511", "size", "multiples of 2"),
        ("id,portrait,audio,size,preset,face_box", "a,p.png,a.wav,500,demo,9 9 99 99", "size", "Take 512x512"),
        ("id,portrait,audio,preset", "a,p.png,a.wav,demo", "portrait", "no face found in a picture of"),
        ("id,portrait,audio,preset,face_box", "a,p.png,a.wav,demo,9 9 19 19", "face_box", "too small"),
        ("id,portrait,audio,preset", "a,p.png,a.wav,stil", "preset", "Did you mean 'still'?"),
        ("id,portrait,audio,face_box", "a,p.png,a.wav,1 2 3", "face_box", "not a box"),
        ("id,portrait,audio,audio_gate", "a,p.png,a.wav,maybe", "audio_gate", "neither open nor closed"),
        ("id,portrait,audio,denoise", "a,p.png,a.wav,maybe", "denoise", "neither yes nor no"),
        ("id,portrait,audio,head_movement", "a,p.png,a.wav,open-ish", "head_movement", "neither yes nor no"),
        ("id,portrait,audio,audio_gate", "a,p.png,a.wav,closed", "audio_gate", "both gates are closed"),
        ("id,portrait,audio,motion_gate", "a,p.png,a.wav,open", "motion_gate", "no driving_video"),
        ("id,portrait,audio,driving_video", "a,p.png,a.wav,s.md", "driving_video", ""),
        ("id,portrait,audio,title", "a,p.png,a.wav,Hi {{nobody}}", "title", "nobody"),
    ],
)
def test_a_fault_is_named_by_row_column_and_problem(
    course: Path, header: str, line: str, column: str, says: str
) -> None:
    (fault,) = faults(course, header, line)
    assert (fault.row, fault.column) == (2, column)
    assert says in str(fault)


def test_noise_is_taken_out_of_recordings_alone(course: Path) -> None:
    rows = "a,p.png,a.wav,,\nb,p.png,a.wav,,no\nc,p.png,,s2.md,yes\n"
    (course / "m.csv").write_text("id,portrait,audio,script,denoise\n" + rows)
    (course / "s2.md").write_text("Hello to all of you.")
    assert [job.denoise for job in check_manifest(course / "m.csv", (), Defaults(denoise=True)).jobs] == [
        True,
        False,
        False,
    ]
    assert not any(job.denoise for job in check_manifest(course / "m.csv").jobs)


def test_all_faults_are_told_at_once(course: Path) -> None:
    found = faults(course, "id,portrait,audio,seed", "a,none.png,a.wav,x", "A,p.png,silent.wav,1")
    assert [(fault.row, fault.column) for fault in found] == [(2, "portrait"), (2, "seed"), (3, "audio"), (3, "id")]
    assert "row 2 has the same id" in found[3].problem


def test_links_that_lead_outside_are_refused_and_allowed_folders_are_not(course: Path, tmp_path: Path) -> None:
    outside = tmp_path / "o.png"
    outside.write_bytes((course / "p.png").read_bytes())
    link = course / "link.png"
    link.symlink_to(outside)
    try:
        (fault,) = faults(course, "id,portrait,audio", "a,link.png,a.wav")
        assert "leaves the allowed folders" in fault.problem
        (job,) = check(course, "id,portrait,audio", "a,link.png,a.wav", allow=(tmp_path,))
        assert job.portrait == outside
    finally:
        link.unlink()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_named(course: Path) -> None:
    (course / "secret.png").write_bytes(b"x")
    (course / "secret.png").chmod(0)
    (fault,) = faults(course, "id,portrait,audio", "a,secret.png,a.wav")
    assert "cannot be read" in fault.problem


def messages(folder: Path, header: str, *lines: str) -> str:
    return "\n".join(map(str, faults(folder, header, *lines)))


def test_a_fault_names_the_row_as_a_spreadsheet_does_and_its_id(course: Path) -> None:
    header = "id,portrait,audio"
    says = "row 4 (lesson-3), portrait 'x.png': there is no such file. Paths are relative to the manifest."
    assert messages(course, header, "a,p.png,a.wav", "", "lesson-3,x.png,a.wav") == says
    assert messages(course, header, ",x.png,a.wav").startswith("row 2, portrait 'x.png': ")
    assert messages(course, header, f"{'x' * 100},x.png,a.wav").startswith("row 2, portrait")
    jobs = check(course, header, "a,p.png,a.wav", ",,", "b,p.png,a.wav")
    assert [job.row for job in jobs] == [1, 2]  # the place among the rows: batches are named by it


def test_headers_as_people_write_them(course: Path) -> None:
    (job,) = check(course, "ID, Portrait ,Audio,Title,Motion Gate,First Name,,", "a,p.png,a.wav,{{First Name}},,Ada,,")
    assert (job.id, job.title, job.audio, job.portrait) == ("a", "Ada", course / "a.wav", course / "p.png")
    assert "as 'Title' and as 'TITLE'" in messages(course, "id,portrait,audio,Title,TITLE", "a,p.png,a.wav,x,y")


@pytest.mark.parametrize("name", ["langauge", "Consnet", "titel", "vocie", "presett", "siez"])
def test_a_slip_in_a_column_is_named_unless_a_script_or_a_title_uses_it(course: Path, name: str) -> None:
    (course / "slip.md").write_text(f"Hello {{{{{name}}}}}.")
    (fault,) = faults(course, f"id,portrait,audio,{name}", "a,p.png,a.wav,x")
    assert (fault.row, fault.column) == (0, name)
    assert "Did you mean the column" in fault.remedy
    check(course, f"id,portrait,script,{name}", "a,p.png,slip.md,x")
    if name != "titel":
        check(course, f"id,portrait,audio,title,{name}", f"a,p.png,a.wav,{{{{{name}}}}},x", "b,p.png,a.wav,,")


@pytest.mark.parametrize(
    "value",
    [
        *("#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", "#n/a"),
        *("#ERROR!", "#FIELD!", "#BLOCKED!", "#GETTING_DATA", "#NV", "#BEZUG!", "#ÜBERLAUF!", "#¡DIV/0!", "#¿NOMBRE?"),
        *("#NOM?", "#N/D", "#ЗНАЧ!", "#Н/Д", "########", "Err:502"),
    ],
)
def test_error_values_of_spreadsheets_are_faults_where_they_would_be_used(course: Path, value: str) -> None:
    header = "id,portrait,audio,title,consent,first_name,unused"
    for line, column in (
        (f"a,p.png,a.wav,{value},,,", "title"),
        (f"a,p.png,a.wav,,{value},,", "consent"),
        (f"{value},p.png,a.wav,,,,", "id"),
        (f"a,{value},a.wav,,,,", "portrait"),
        (f"a,p.png,a.wav,Hi {{{{first_name}}}},,{value},", "first_name"),
    ):
        (fault,) = faults(course, header, line)
        assert (fault.row, fault.column, fault.value) == (2, column, value)
        assert "error value of a spreadsheet" in fault.problem
    check(course, header, f"a,p.png,a.wav,Hi,,Ada,{value}")
    (fault,) = faults(course, "id,portrait,script,first_name", f"a,p.png,s.md,{value}")
    assert (fault.row, fault.column) == (2, "first_name")


@pytest.mark.parametrize("value", ["#1", "#winning", "No. #5", "# 7", "#win!", "N/A", "Error", "#", "##", "C#", "#a/b"])
def test_what_looks_like_an_error_value_and_is_none_is_accepted(course: Path, value: str) -> None:
    (job,) = check(course, "id,portrait,audio,title", f"a,p.png,a.wav,{value}")
    assert job.title == value


def test_an_empty_variable_is_a_fault_where_nothing_is_said_instead(course: Path) -> None:
    header = "id,portrait,script,first_name"
    says = (
        "row 3 (b), script 's.md': {{first_name}} is empty in this row. Fill it in, or write what to say instead: "
        "{{first_name|there}}, or {{first_name|}} for nothing."
    )
    assert messages(course, header, "a,p.png,s.md,Ada", "b,p.png,s.md,") == says
    assert messages(course, header, "a,p.png,s.md,Ada", "b,p.png,s.md") == says
    assert messages(course, header, "a,p.png,s.md,Ada", "b,p.png,s.md, ") == says
    (course / "polite.md").write_text("Hello {{first_name|there}}.")
    one, two = check(course, header, "a,p.png,polite.md,Ada", "b,p.png,polite.md,")
    assert (one.script, two.script) == ("Hello Ada.", "Hello there.")


def test_a_variable_that_another_json_line_has_is_empty_and_not_unknown(course: Path) -> None:
    (course / "m.jsonl").write_text(
        '{"id":"a","portrait":"p.png","script":"s.md","first_name":"Ada"}\n{"id":"b","portrait":"p.png","script":"s.md"}'
    )
    with pytest.raises(ManifestRefused, match=r"row 2 \(b\), script 's.md': {{first_name}} is empty"):
        check_manifest(course / "m.jsonl")


@pytest.mark.parametrize("control", ["\0", "\x07", "\x0b", "\x1b", "\x7f", "\x85", "\x92"])
def test_control_characters_are_faults_where_they_would_be_used(course: Path, control: str) -> None:
    header = "id,portrait,audio,title,consent,first_name"
    for line, column in (
        (f"a,p.png,a.wav,T{control}itle,,", "title"),
        (f"a,p.png,a.wav,,c{control}1,", "consent"),
        (f"a,p{control}.png,a.wav,,,", "portrait"),
        (f"a{control}b,p.png,a.wav,,,", "id"),
        (f"a,p.png,a.wav,{{{{first_name}}}},,A{control}da", "first_name"),
    ):
        (fault,) = faults(course, header, line)
        assert (fault.row, fault.column) == (2, column)
        assert f"control character {control!r}" in fault.problem
    check(course, header, f"a,p.png,a.wav,,,A{control}da")


def test_titles_are_one_line_of_limited_length(course: Path) -> None:
    header = "id,portrait,audio,title,first_name"
    (job,) = check(course, header, 'a,p.png,a.wav,"One\ntwo {{first_name}}","Ada\r\nB."')
    assert job.title == "One two Ada B."
    assert check(course, header, f"a,p.png,a.wav,{'é' * 500}")[0].title == "é" * 500
    assert "longer than 500 characters" in messages(course, header, f"a,p.png,a.wav,{'x' * 501}")
    assert "longer than 500 characters" in messages(course, header, f"a,p.png,a.wav,{'x' * 120_000}")
    assert "longer than 500 characters" in messages(course, header, f"a,p.png,a.wav,{'{{first_name}}' * 9},{'x' * 60}")


def test_a_reference_to_the_consent_has_a_limited_length(course: Path) -> None:
    assert "longer than 1000" in messages(course, "id,portrait,audio,consent", f"a,p.png,a.wav,{'x' * 1001}")


def test_a_script_is_limited_with_its_variables_filled_in(course: Path) -> None:
    (course / "often.md").write_text("{{first_name}} " * 60_000)
    assert "longer than 150000 characters with its variables" in messages(
        course, "id,portrait,script,first_name", f"a,p.png,often.md,{'x' * 100_000}"
    )
    (course / "long.md").write_text("A word. " * 140_000)
    assert "larger than 1 MiB" in messages(course, "id,portrait,script", "a,p.png,long.md")
    (course / "brackets.md").write_text("![" * 40_000)
    assert "opening brackets" in messages(course, "id,portrait,script", "a,p.png,brackets.md")


@pytest.mark.parametrize(
    "cell",
    [
        "Hello there.",
        "Hello there",
        '"Hello.\nHow are you"',
        '"# Title\n\nHello there."',
        "Really?",
        "Welcome!",
        "你好。",
        '"He said ""no."""',
        '"Hello {{first_name}}, welcome"',
        "word " * 2000,
        "x" * 300,
    ],
)
def test_a_script_that_was_typed_into_the_cell_is_recognised(course: Path, cell: str) -> None:
    (fault,) = faults(course, "id,portrait,script,first_name", f"a,p.png,{cell},Ada")
    assert fault.column == "script"
    assert "the script itself, not the path of its file" in fault.problem
    assert "Write it into a text file (.md)" in fault.remedy


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("lesson.md", "no such file"),
        ("lesson 1 (final version).md", "no such file"),
        ("lesson", "no such file"),
        ("scripts\\lesson.md", "no such file. Paths are relative to the manifest. Write / between folders."),
        (".", "not a file"),
        ("..", "leaves the allowed folders"),
        ("x/" * 2100, "longer than a path can be"),
    ],
)
def test_a_path_that_leads_nowhere_is_not_taken_for_a_script(course: Path, cell: str, says: str) -> None:
    found = messages(course, "id,portrait,script", f"a,p.png,{cell}")
    assert says in found or (len(cell) > 255 and "the script itself" in found)


def test_a_script_whose_name_looks_like_a_sentence_is_read(course: Path) -> None:
    (course / "Hello there.").write_text("Good evening.")
    assert check(course, "id,portrait,script", "a,p.png,Hello there.")[0].script == "Good evening."


@pytest.mark.parametrize("data", [b"PK\x03\x04\x14", b"{\\rtf1 Hello.}", b"%PDF-1.7 Hello.", b"\xd0\xcf\x11\xe0"])
def test_a_word_processors_file_is_no_script(course: Path, data: bytes) -> None:
    (course / "word.md").write_bytes(data)
    assert "a word processor's file. Save it as plain text" in messages(course, "id,portrait,script", "a,p.png,word.md")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("column", ["portrait", "script", "audio", "driving_video", "voice"])
def test_pipes_devices_and_folders_are_refused_and_not_waited_for(course: Path, tmp_path: Path, column: str) -> None:
    for name, suffix in (("pipe", ".onnx"), ("folder", ".onnx"), ("device", ".onnx")):
        path = tmp_path / f"{name}{suffix}"
        if name == "pipe":
            os.mkfifo(path)
        elif name == "folder":
            path.mkdir()
        else:
            path.symlink_to("/dev/zero")
        row = {"id": "a", "portrait": str(course / "p.png"), "audio": str(course / "a.wav")} | {column: str(path)}
        (course / "m.csv").write_text(",".join(row) + "\n" + ",".join(row.values()))
        with pytest.raises(ManifestRefused) as caught:
            check_manifest(course / "m.csv", (tmp_path, Path("/dev")))
        (fault,) = caught.value.faults
        assert (fault.column, fault.problem) == (column, "it is not a file")


def test_a_thousand_faults_are_enough(course: Path) -> None:
    found = faults(course, "id,portrait,audio", *(f"a{number},none.png,none.wav" for number in range(2000)))
    assert [fault.row for fault in found[-2:]] == [501, 0]
    assert "1000 faults up to row 501, where the check ended. Mend these first." in str(found[-1])


def test_a_photograph_is_warned_of_with_its_row(course: Path) -> None:
    (course / "grace.jpg").write_bytes(GRACE.read_bytes())
    (course / "m.csv").write_text(
        "id,portrait,audio,preset,consent\n\na,p.png,a.wav,still,\ngrace,grace.jpg,a.wav,demo,c-1\n"
    )
    images._read.cache_clear()
    (warning,) = check_manifest(course / "m.csv").warnings
    assert images._read.cache_info().misses <= 2  # each at most once, for its digest, its face and the warning
    assert warning.startswith("row 4 (grace): the portrait looks like a photograph")


def test_a_photograph_is_drafted_and_a_drawing_goes_to_the_network(course: Path) -> None:
    (course / "grace.jpg").write_bytes(GRACE.read_bytes())
    drawn = Path(__file__).parents[3] / "examples/course/portraits/mara.png"
    (course / "mara.png").write_bytes(drawn.read_bytes())
    lines = "id,portrait,audio,preset,size", "a,grace.jpg,a.wav,,", "b,mara.png,a.wav,,", "c,grace.jpg,a.wav,still,640"
    (course / "m.csv").write_text("\n".join(lines))
    jobs = check_manifest(course / "m.csv", (), Defaults(preset=None)).jobs
    assert [(job.preset, job.width) for job in jobs] == [(Preset.DRAFT, 512), (Preset.DEMO, 768), (Preset.STILL, 640)]


def test_a_photograph_needs_a_reference_to_a_consent(course: Path) -> None:
    (course / "grace.jpg").write_bytes(GRACE.read_bytes())
    (course / "m.csv").write_text(
        "id,portrait,audio,preset,consent\na,grace.jpg,a.wav,actalker,\nb,p.png,a.wav,still,\n"
    )
    (warning,) = check_manifest(course / "m.csv").warnings
    assert warning.startswith("row 2 (a): the portrait is a photograph, and the row has no reference")
    with pytest.raises(ManifestRefused) as caught:
        check_manifest(course / "m.csv", require_consent=True)
    (fault,) = caught.value.faults
    assert (fault.row, fault.column, fault.remedy) == (2, "consent", "Give one in the column consent.")
    (course / "m.csv").write_text("id,portrait,audio,preset,consent\na,grace.jpg,a.wav,actalker,signed 3 May\n")
    assert check_manifest(course / "m.csv", require_consent=True).warnings == ()


def test_a_workbook_is_checked_like_a_csv_file(course: Path) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (
        ["ID", "Portrait", "Audio", "Seed", "Title"],
        ["a", "p.png", "a.wav", 7, "One"],
        [2, "x.png", "a.wav", 7.5],
    ):
        book.active.append(row)
    book.save(course / "m.xlsx")
    with pytest.raises(ManifestRefused) as caught:
        check_manifest(course / "m.xlsx")
    assert [(fault.row, fault.id, fault.column, fault.value) for fault in caught.value.faults] == [
        (3, "2", "portrait", "x.png"),
        (3, "2", "seed", "7.5"),
    ]
    book.active.delete_rows(3)
    book.save(course / "m.xlsx")
    (job,) = check_manifest(course / "m.xlsx").jobs
    assert (job.id, job.row, job.seed, job.title) == ("a", 1, 7, "One")


@pytest.mark.bench
def test_ten_thousand_rows_with_files_of_their_own_are_checked_in_seconds(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    faces = [Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).resize((128, 128)) for _ in range(20)]
    for index, face in enumerate(faces):
        face.save(tmp_path / f"face{index}.jpg")
    lines = ["id,portrait,script,first_name"]
    for index in range(10_000):
        (tmp_path / f"{index}.jpg").hardlink_to(tmp_path / f"face{index % 20}.jpg")
        (tmp_path / f"{index}.md").write_text(
            f"# Lesson {index}\n\nHello {{{{first_name}}}}. " + "A sentence more. " * 20
        )
        lines.append(f"{index},{index}.jpg,{index}.md,N{random.Random(index).random()}")
    (tmp_path / "m.csv").write_text("\n".join(lines))
    began = time.monotonic()
    assert len(check_manifest(tmp_path / "m.csv").jobs) == 10_000
    print(f"\n10,000 rows with 20,000 files of their own are checked in {time.monotonic() - began:.1f} s")
