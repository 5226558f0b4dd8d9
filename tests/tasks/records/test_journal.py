"""The journal loses nothing that was written, uses nothing that is damaged, and waits when the disk is full."""

import errno
import json
import os
from pathlib import Path

import pytest

from tasks.errors import Cancelled
from tasks.job import Outcome
from tasks.records import checked_json, journal
from tasks.records.journal import BatchEnded, BatchStarted, Event, Journal, VideoEnded, VideoPlanned
from tasks.records.space import DiskSpace

EVENTS: tuple[Event, ...] = (
    BatchStarted("night-1", "night.csv", 1_795_000_000_000, 1, (("a", "Über uns"),)),
    VideoPlanned("a", 1, 100),
    VideoEnded("a", 1, "Über uns", Outcome.DONE, 1, 2, measured={"loudness_lufs": -16.1}, notes=("Look.",)),
    BatchEnded(3, 1, 0),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with Journal(tmp_path, "night-1") as events:
        for event in EVENTS:
            events.write(event)
    return journal.path_of(tmp_path, "night-1")


def test_every_flipped_bit_is_found_or_harmless(path: Path) -> None:
    whole = path.read_bytes()
    for position in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            problems: list[str] = []
            found = list(journal.replay(path, problems.append))
            assert all(event in EVENTS for event in found)
            last_line_end = position == len(whole) - 1  # then the last line looks torn, as after a crash
            assert len(found) == len(EVENTS) or problems or last_line_end


def test_a_damaged_line_is_named_and_the_others_are_read(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"frames": 100', b'"frames": 900'))
    problems: list[str] = []
    assert list(journal.replay(path, problems.append)) == [EVENTS[0], *EVENTS[2:]]
    assert problems == ["night-1.jsonl, line 2 is damaged and left out: its checksum does not match its content"]


def test_what_a_newer_version_wrote_is_passed_over_and_kept(path: Path) -> None:
    newer = [
        {"event": "Approved", "job_id": "a"},
        {"event": "VideoPlanned", "job_id": "b", "segments": 2, "frames": 9, "colour": "blue"},
    ]
    with path.open("a") as file:
        for line in newer:
            file.write(checked_json.dumps(line) + "\n")
    problems: list[str] = []
    assert list(journal.replay(path, problems.append)) == [*EVENTS, VideoPlanned("b", 2, 9)]
    assert not problems
    with Journal(path.parents[1], "night-1"):
        pass
    assert b"Approved" in path.read_bytes()


def test_a_journal_of_an_older_version_has_no_checksums(path: Path) -> None:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        del line["crc32"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert tuple(journal.replay(path)) == EVENTS


def test_a_first_line_of_two_mebibytes_survives_opening(tmp_path: Path) -> None:
    rows = tuple((f"row{number}", "t" * 200) for number in range(10_000))
    started = BatchStarted("night-1", "night.csv", 1, 1, rows)
    for _ in range(2):
        with Journal(tmp_path, "night-1") as events:
            events.write(started)
    assert journal.path_of(tmp_path, "night-1").stat().st_size > 2 << 20
    assert list(journal.replay(journal.path_of(tmp_path, "night-1"))) == [started, started]


def test_a_torn_line_of_two_mebibytes_is_dropped(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b'{"event": "' + b"x" * (2 << 20))
    with Journal(path.parents[1], "night-1"):
        pass
    assert tuple(journal.replay(path)) == EVENTS
    assert path.read_bytes().endswith(b"}\n")


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("done_bytes", [0, 1, 40])
def test_a_write_that_a_full_disk_cuts_short_is_undone_and_repeated(
    path: Path, monkeypatch: pytest.MonkeyPatch, done_bytes: int, error: int
) -> None:
    write, tries = os.write, 0

    def cut_short(handle: int, data: bytes) -> int:
        nonlocal tries
        tries += 1
        if tries == 1 and done_bytes:
            return write(handle, data[:done_bytes])
        if tries <= 2:
            raise OSError(error, "No space left on device")
        return write(handle, data)

    space = DiskSpace(path.parent, reserve_bytes=0, pause_s=0.01)
    with Journal(path.parents[1], "night-1", space=space) as events:
        monkeypatch.setattr(journal.os, "write", cut_short)
        events.write(BatchEnded(9, 9, 9))
        events.write(BatchEnded(10, 9, 9))
    assert tuple(journal.replay(path)) == (*EVENTS, BatchEnded(9, 9, 9), BatchEnded(10, 9, 9))


def test_a_batch_that_ends_while_the_disk_is_full_does_not_wait(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    space = DiskSpace(path.parent, reserve_bytes=0, pause_s=60)
    space.close()
    with Journal(path.parents[1], "night-1", space=space) as events:
        monkeypatch.setattr(journal.os, "write", full)
        with pytest.raises(Cancelled):
            events.write(BatchEnded(9, 9, 9))
    assert tuple(journal.replay(path)) == EVENTS


def test_another_fault_of_the_disk_is_raised_and_leaves_no_part(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with Journal(path.parents[1], "night-1") as events:
        monkeypatch.setattr(journal.os, "fdatasync", broken)
        with pytest.raises(OSError, match="Input/output"):
            events.write(BatchEnded(9, 9, 9))
    assert tuple(journal.replay(path)) == EVENTS
