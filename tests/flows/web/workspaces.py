"""Workspaces for tests of the page: written as a batch writes them, without rendering."""

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from PIL import Image

from tasks.job import Attempt, Outcome, Verdict
from tasks.records import checked_json, journal
from tasks.records.journal import (
    VIDEO,
    AttemptStarted,
    BatchEnded,
    BatchStarted,
    Checked,
    Event,
    SegmentEnded,
    VideoEnded,
    VideoPlanned,
)
from tests.course import actalker

BEGAN_MS = 1_764_190_000_000
EVIL = '<script>alert("x")</script>'
"""A title and a finding that a page must not run."""


def write_journal(root: Path, name: str, events: Iterator[Event]) -> None:
    """A journal as a driver writes it, but synced to disk not at all: 60,000 events, each synced, take minutes."""
    path = journal.path_of(root / "ledger", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for event in events:
            file.write(checked_json.dumps({"event": type(event).__name__, **asdict(event)}).encode() + b"\n")


def deliver(root: Path, batch: str, row: str, sentences: tuple[str, ...]) -> dict[str, str]:
    """The files of a row, as bytes that name themselves, with words of 400 ms. Name -> digest."""
    folder = root / "videos" / batch / row
    folder.mkdir(parents=True)
    words = [(text, number) for number, sentence in enumerate(sentences) for text in sentence.split()]
    spoken = [
        {"text": text, "start_ms": 400 * k, "end_ms": 400 * k + 350, "sentence": number}
        for k, (text, number) in enumerate(words)
    ]
    (folder / f"{row}.mp4").write_bytes(f"the video of {row}".encode() * 100)
    (folder / f"{row}.vtt").write_text("WEBVTT\n\n1\n00:00:00.000 --> 00:00:02.000\nHello\n\n")
    (folder / f"{row}.words.json").write_text(json.dumps({"words": spoken}))
    (folder / f"{row}.chapters.txt").write_text("00:00 Begin\n00:02 Go on\n")
    Image.new("RGB", (160, 160), (70, 110, 160)).save(folder / "poster.jpg")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def video(root: Path, batch: str, row: str, place: int, **facts: object) -> VideoEnded:
    """A row that is done, its files delivered."""
    files = deliver(root, batch, row, ("Hello to everybody here.", "We go on & on."))
    ended = VideoEnded(
        job_id=row,
        row=place,
        title=f"Lesson {place}",
        outcome=Outcome.DONE,
        started_ms=BEGAN_MS,
        ended_ms=BEGAN_MS + 60_000,
        portrait="/data/portraits/mara.png",
        portrait_sha256="a" * 64,
        renderer="still-3",
        settings=json.dumps({"captions": "netflix", "finish": {"sound": "course"}}),
        language="en",
        words_from="synthesiser",
        width=160,
        height=160,
        frames=250,
        segments=3,
        segments_rendered=2,
        render_ms=8000,
        measured={"loudness_lufs": -16.1},
        path=f"videos/{batch}/{row}/{row}.mp4",
        sha256=files[f"{row}.mp4"],
        files=files,
    )
    return replace(ended, **facts)


def segments_of(row: str) -> Iterator[Event]:
    """Three segments: two rendered, of which one at the second try, and one that was found."""
    for index in (0, 1):
        for attempt in range(index + 1):
            began = BEGAN_MS + 10_000 * index + 4000 * attempt
            name = f"{row}.{index}.{attempt}"
            outcome = Outcome.DONE if attempt == index else Outcome.FAILED
            yield AttemptStarted(name, f"k{row}{index}", row, index, f"node/{index}", began)
            yield Attempt(
                name,
                f"k{row}{index}",
                row,
                index,
                f"node/{index}",
                began,
                began + 3500,
                outcome,
                "it flickered" if outcome is Outcome.FAILED else "",
                90,
            )
    yield Checked(row, 0, (Verdict("flicker", 0.02, 0.1, True, -1), Verdict("sharpness", 0.9, 0.5, True, 4)))
    yield Checked(row, 1, (Verdict("flicker", 0.3, 0.1, False, 105, "the picture flickers: 0.3, at most 0.1"),))
    yield Checked(row, VIDEO, (Verdict("lips", 0.04, 0.1, True, -1),))
    for index in range(3):
        outcome = Outcome.REUSED if index == 2 else Outcome.DONE
        yield SegmentEnded(row, index, f"k{row}{index}", 82 * index, 82 * index + 90, 7 + index, 1, outcome)


ROWS = ("lesson-1", "lesson-2", "lesson-3", "bad portrait", "ÄÖ & #1")


def small(root: Path, name: str = "course-1", ended: bool = True) -> Path:
    """A batch of five rows: two done, one of which needs a look; one failed; one done with a name of special letters;
    one that waits. It has ended, or its driver died."""

    def events() -> Iterator[Event]:
        titles = [f"Lesson {place}" for place in range(1, len(ROWS) + 1)]
        titles[1] = EVIL
        yield BatchStarted(name, "/data/course.csv", BEGAN_MS, 1, tuple(zip(ROWS, titles, strict=True)))
        for row in ROWS[:3]:
            yield VideoPlanned(row, 3, 250)
        for row in ROWS[:2]:
            yield from segments_of(row)
        yield video(root, name, ROWS[0], 1)
        yield video(root, name, ROWS[1], 2, title=EVIL, notes=(f"A caption is {EVIL} too fast.",))
        if ended:
            yield video(root, name, ROWS[2], 3, segments_rendered=0, render_ms=0, outcome=Outcome.REUSED)
        error = "portrait 'x.png' has no face. Give one that looks into the camera"
        yield VideoEnded(
            ROWS[3], 4, "", Outcome.FAILED, BEGAN_MS, BEGAN_MS + 5, error=error, error_class="RenderFailed"
        )
        yield video(root, name, ROWS[4], 5)
        if ended:
            yield BatchEnded(BEGAN_MS + 90_000, 4, 1)

    write_journal(root, name, events())
    return root


def large(root: Path, rows: int = 500, segments: int = 40, name: str = "night-500") -> Path:
    """A batch with so many rows of so many segments, a tenth of which failed or need a look."""
    files = deliver(root, name, "row-0", ("Hello.",))

    def events() -> Iterator[Event]:
        yield BatchStarted(name, "/data/night.csv", BEGAN_MS, 1, tuple((f"row-{k}", f"Row {k}") for k in range(rows)))
        for row in range(rows):
            job = f"row-{row}"
            yield VideoPlanned(job, segments, 250 * segments)
            for index in range(segments):
                began = BEGAN_MS + (row * segments + index) * 500
                worker = f"node/{index % 8}"
                attempt = f"{row}.{index}"
                yield AttemptStarted(attempt, attempt, job, index, worker, began)
                yield Attempt(attempt, attempt, job, index, worker, began, began + 3800, Outcome.DONE, "", 250)
                yield SegmentEnded(
                    job, index, attempt, 250 * index, 250 * index + 258, 1, 1, Outcome.DONE, render_ms=3800
                )
            failed = row % 20 == 7
            yield VideoEnded(
                job,
                row + 1,
                f"Row {row}",
                Outcome.FAILED if failed else Outcome.DONE,
                BEGAN_MS,
                BEGAN_MS + 1,
                frames=250 * segments,
                segments=segments,
                segments_rendered=segments,
                render_ms=3800 * segments,
                notes=() if row % 20 else ("A joint is rough at 0:42.",),
                files=files,
                error="it flickered" if failed else "",
                error_class="RenderFailed" if failed else "",
                sha256=files["row-0.mp4"],
            )

    write_journal(root, name, events())
    for row in range(1, rows):
        folder = root / "videos" / name / f"row-{row}"
        folder.mkdir()
        (folder / "poster.jpg").hardlink_to(root / "videos" / name / "row-0" / "poster.jpg")
    return root


@contextmanager
def served(workspace: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`actalker serve` as a process, with the link that it prints."""
    with actalker("serve", "--workspace", workspace, "--port", "0", own_group=True) as command:
        try:
            assert command.stdout
            for line in command.stdout:
                if found := re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", line):
                    yield command, found[0]
                    return
            raise AssertionError("serve ended without a link")
        finally:
            command.kill()
