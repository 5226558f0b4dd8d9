"""Manifests made by chance, of what people have and of what they should not: each gives jobs, or faults in words.

None is checked for more than five seconds, and no gigabyte is ever in use. 100,000 of them:

    pytest -m slow -s tests/tasks/manifest/test_manifest_campaign.py
"""

import csv
import io
import json
import os
import time
import wave
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tasks.errors import ManifestRefused
from tasks.job import Job
from tasks.manifest.header import COLUMNS, column
from tasks.manifest.intake import check_manifest
from tests.course import ROOT, write_portrait

ROUND, MANY = 400, 100_000
LONGEST_S, MOST_MB = 5, 1000


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with good and bad files of every kind."""
    folder = tmp_path_factory.mktemp("course")
    portrait = Image.open(write_portrait(folder / "p.png"))
    portrait.save(folder / "p.webp")
    portrait.convert("CMYK").save(folder / "cmyk.jpg")
    Image.fromarray(np.asarray(portrait.convert("L")).astype(np.uint16) * 257).save(folder / "grey16.png")
    Image.new("RGB", (127, 300)).save(folder / "small.png")
    Image.new("L", (5000, 5000)).save(folder / "large.jpg")
    (folder / "mara.png").write_bytes((ROOT / "examples/course/portraits/mara.png").read_bytes())
    (folder / "broken.png").write_bytes((folder / "p.png").read_bytes()[:2000])
    (folder / "eps.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 200 200\n%%EndComments\n{} loop\n")
    (folder / "heic.jpg").write_bytes(b"\0\0\0\x18ftypheic")
    (folder / "empty").touch()
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    (folder / "device.png").symlink_to("/dev/zero")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "s.md").write_text("# Title\n\nHello.\n")
    (folder / "variables.md").write_text("Hello {{first_name|there}}, {{fee}}, {{ name }} {{langauge|}}.")
    (folder / "often.md").write_text("{{fee}}" * 20_000 + "{{name}}.")
    (folder / "mute.md").write_text("# Only a heading\n\n[pause 2s]\n")
    (folder / "brackets.md").write_text("![" * 60_000)
    (folder / "accents.md").write_text("a" + "\u0316\u0301" * 60_000)
    (folder / "latin.md").write_bytes("Grüße".encode("latin-1"))
    (folder / "word.md").write_bytes(b"PK\x03\x04")
    (folder / "names.csv").write_text("word,said\nHello,/həˈloʊ/\n")
    entry = "<lexeme><grapheme>Hello</grapheme><alias>Hallo</alias></lexeme>"
    (folder / "names.pls").write_text(f"<lexicon>{entry}</lexicon>")
    (folder / "de.pls").write_text(f'<lexicon xml:lang="de">{entry}</lexicon>')
    for name, samples in (("a.wav", 9000 * np.sin(np.arange(16_000) / 9)), ("silent.wav", np.zeros(16_000))):
        with wave.open(str(folder / name), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(samples.astype("<i2").tobytes())
    return folder


FILES = (
    *("p.png", "p.webp", "cmyk.jpg", "grey16.png", "small.png", "large.jpg", "mara.png", "broken.png", "eps.png"),
    *("heic.jpg", "empty", "folder.png", "pipe.png", "device.png", "loop.png", "s.md", "variables.md", "often.md"),
    *("mute.md", "brackets.md", "accents.md", "latin.md", "word.md", "a.wav", "silent.wav", "none.png", ".", "..", "/"),
    *("/etc/passwd", "../x.png", "scripts\\s.md", "~/p.png", "file:///p.png", "x" * 300, "x/" * 3000),
)
ODD = (
    *("", " ", "#N/A", "#REF!", "#DIV/0!", "Err:502", "########", "\0", "a\x07", "\x85", "\u202e", "\ufeff", "\ud7ff"),
    *(
        "{{first_name}}",
        "{{fee}} {{name|}}",
        "{{",
        "{{" + " " * 5000,
        "}}",
        "{{nobody}}",
        "=1+1",
        "'",
        '"',
        '""',
        ",",
        ";",
    ),
    *(
        "a\nb",
        "a\r\nb",
        "\t",
        "Hello there.",
        "0",
        "1",
        "-1",
        "1e3",
        "7.0",
        "inf",
        "9" * 400,
        "TRUE",
        "null",
        "e\u0301",
    ),
    *("a" + "\u0316\u0301" * 3000, "x" * 2000, "日本語", "😀", "Ⅷ", "½"),
)
GOOD = {
    "id": ("a", "b", "lesson-1", "a b", "Ä", "A"),
    "portrait": ("p.png", "p.webp", "grey16.png", "mara.png"),
    "script": ("s.md", "s.md", "s.md", "variables.md"),
    "audio": ("", "", "a.wav"),
    "driving_video": ("",),
    "voice": ("", "en-us", "de", "en-us+f3@140", "hibari@140", "jm_kumo"),
    "language": ("", "en", "de", "en-gb"),
    "lexicon": ("", "names.csv", "names.pls", "de.pls"),
    "title": ("", "A title", "A title", "Hello {{first_name}}"),
    "seed": ("", "0", "7"),
    "audio_gate": ("", "open"),
    "motion_gate": ("", "closed"),
    "preset": (*[""] * 20, "still", "demo"),
    "size": ("", "512", "512x768", "2160x2160"),
    "face_box": ("", "10 10 90 90", "0 0 1 1"),
    "priority": ("", "3"),
    "consent": ("", "c-1"),
}
NAMES = st.one_of(
    st.sampled_from(COLUMNS),
    st.sampled_from([name.replace("_", " ").title() for name in COLUMNS]),
    st.sampled_from(
        ["first_name", "fee", "name", "langauge", "consnet", "", " ", "ID ", "x\ny", "\0", "\ufeffid", "x" * 250]
    ),
    st.text(max_size=8),
)
CELL = st.one_of(st.sampled_from(FILES), st.sampled_from(ODD), st.text(max_size=20))


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """A header and rows. A half of them are as they should be, or about."""
    tame = draw(st.booleans())
    names = ["id", "portrait", "script"]
    if tame:
        others = [*COLUMNS[3:], "first_name", "fee", "name", ""]
        names += draw(st.lists(st.sampled_from(others), max_size=4, unique=True))
        names = [name.replace("_", " ").title() if draw(st.booleans()) else name for name in names]
    else:
        names = draw(st.permutations([*names, *draw(st.lists(NAMES, max_size=4))]))
    rows = [names]
    for number in range(draw(st.integers(1, 4))):
        odd = draw(st.integers(0, len(names) * (12 if tame else 1)))
        row = [draw(st.sampled_from(GOOD.get(column(name), ("Ada", "$5")))) for name in names]
        row = [f"{cell}{number}" if column(name) == "id" else cell for name, cell in zip(names, row, strict=True)]
        row = [
            draw(CELL) if place + 1 == odd else "" if not name else cell
            for place, (name, cell) in enumerate(zip(names, row, strict=True))
        ]
        rows += [[], row] if draw(st.integers(0, 9)) == 9 else [row]
    return rows


def as_csv(rows: Sequence[Sequence[str]], delimiter: str, end: str, quoting: int, encoding: str) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=end, quoting=quoting, escapechar="\\")  # type: ignore[arg-type]
    writer.writerows(rows)
    return buffer.getvalue().encode(encoding, errors="replace")


def as_json(rows: Sequence[Sequence[str]]) -> bytes:
    lines = [json.dumps(dict(zip(rows[0], row, strict=False))) for row in rows[1:]]
    return "\n".join(lines).encode()


def as_workbook(rows: Sequence[Sequence[str]]) -> bytes:
    """The least that a workbook consists of."""
    sheet = "".join(
        "<row>"
        + "".join(f'<c t="inlineStr"><is><t>{escape(cell)}</t></is></c>' if cell else "<c/>" for cell in row)
        + "</row>"
        for row in rows
    )
    main, relations = "http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://schemas.openxmlformats.org"
    office, package = f"{relations}/officeDocument/2006/relationships", f"{relations}/package/2006"
    files = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Override PartName="/xl/workbook.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="1" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData></worksheet>',
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text.encode(errors="replace"))
    return buffer.getvalue()


@st.composite
def manifests(draw: st.DrawFn) -> tuple[str, bytes]:
    """A file's name and what is in it."""
    kind = draw(st.sampled_from(["m.csv"] * 4 + ["m.jsonl", "m.xlsx", "noise.csv", "noise.jsonl"]))
    if kind.startswith("noise"):
        return kind, draw(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode()))
    rows = draw(tables())
    if kind == "m.csv":
        data = as_csv(
            rows,
            draw(st.sampled_from(",;\t")),
            draw(st.sampled_from(["\n", "\r\n", "\r"])),
            draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONE])),
            draw(st.sampled_from(["utf-8"] * 5 + ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])),
        )
    else:
        data = as_json(rows) if kind == "m.jsonl" else as_workbook(rows)
    for _ in range(draw(st.sampled_from([0] * 8 + [1, 3]))):
        place = draw(st.integers(0, len(data)))
        data = data[:place] + draw(st.binary(max_size=3)) + data[place + draw(st.integers(0, 5)) :]
    return kind, data


def memory_mb(figure: str) -> int:
    """A figure of this process's memory: what it has, or its peak."""
    return int(Path("/proc/self/status").read_text().partition(figure)[2].split()[0]) >> 10


@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("rounds", [1, pytest.param(MANY // ROUND, marks=pytest.mark.slow)])
def test_every_manifest_gives_jobs_or_faults_in_words(course: Path, rounds: int) -> None:
    ends: Counter[str] = Counter()
    longest_s = 0.0

    @settings(
        max_examples=ROUND,  # Hypothesis remembers what it has tried: 100,000 at once would fill the memory with that
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(manifests())
    def checked(manifest: tuple[str, bytes]) -> None:
        nonlocal longest_s
        name, data = manifest
        (course / name).write_bytes(data)
        began = time.process_time()
        try:
            found = check_manifest(course / name)
            assert found.jobs and all(isinstance(job, Job) for job in found.jobs)
            ends["accepted"] += 1
        except ManifestRefused as refused:
            assert refused.faults and all(fault.problem and str(fault) for fault in refused.faults)
            ends["refused"] += 1
            ends["faults"] += len(refused.faults)
        took_s = time.process_time() - began
        longest_s = max(longest_s, took_s)
        assert took_s < LONGEST_S

    begun_mb = memory_mb("VmRSS:")
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew: other tests ran in this process
    for _ in range(rounds):
        checked()
        peak_mb = memory_mb("VmHWM:") - begun_mb
        print(f"\n{dict(ends)}; the longest check took {longest_s:.2f} s, the peak is {peak_mb} MB")
        assert peak_mb < MOST_MB
    assert ends["accepted"] > ends["refused"] / 10
