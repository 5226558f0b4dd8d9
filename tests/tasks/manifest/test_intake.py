"""Every fault is found, named by row, column, value and remedy, all in one go; fuzz never gets a traceback."""

import os
import random
import time
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.errors import Fault, ManifestRefused
from tasks.job import Job, Preset
from tasks.manifest.form import COLUMNS
from tasks.manifest.intake import check_manifest


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
    return check_manifest(folder / "m.csv", allow, Preset.STILL).jobs


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


def test_defaults_are_as_documented(course: Path) -> None:
    (job,) = check(course, "id,portrait,audio", "a,p.png,a.wav")
    assert (job.voice, job.language, job.seed, job.width, job.height) == ("en-us", "en-us", 0, 512, 512)
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
    assert (fault.row, fault.column) == (1, column)
    assert says in str(fault)


def test_all_faults_are_told_at_once(course: Path) -> None:
    found = faults(course, "id,portrait,audio,seed", "a,none.png,a.wav,x", "A,p.png,silent.wav,1")
    assert [(fault.row, fault.column) for fault in found] == [(1, "portrait"), (1, "seed"), (2, "audio"), (2, "id")]
    assert "row 1 has the same id" in found[3].problem


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


CELLS = st.one_of(
    st.sampled_from(
        ["", "a", "p.png", "s.md", "a.wav", "1", "de", "demo", "open", "../x", "\x00", "-x", "'\"", "{{a}}"]
    ),
    st.text(max_size=30),
)
MANIFESTS = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=300).map(str.encode),
    st.lists(st.lists(CELLS, min_size=1, max_size=8).map(",".join), max_size=5).map(
        lambda lines: "\n".join(["id,portrait,script,audio,voice,seed,size,title", *lines]).encode(errors="replace")
    ),
    st.dictionaries(st.sampled_from([*COLUMNS, "x"]), st.one_of(CELLS, st.integers(), st.none(), st.booleans())).map(
        lambda row: repr(row).encode(errors="replace")
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(data=MANIFESTS, name=st.sampled_from(["f.csv", "f.jsonl"]))
def test_any_bytes_give_jobs_or_faults(course: Path, data: bytes, name: str) -> None:
    (course / name).write_bytes(data)
    try:
        assert all(isinstance(job, Job) for job in check_manifest(course / name, (), Preset.STILL).jobs)
    except ManifestRefused as refused:
        assert all(str(fault) for fault in refused.faults)


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
    assert len(check_manifest(tmp_path / "m.csv", (), Preset.STILL).jobs) == 10_000
    print(f"\n10,000 rows with 20,000 files of their own are checked in {time.monotonic() - began:.1f} s")
