"""Reviews are kept at once, one after the other, whoever gives them, and name the video that was looked at."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tasks.errors import BadInput, NoSpace
from tasks.job import Outcome
from tasks.records import journal, ledger, review_log
from tasks.records.journal import BatchStarted, Journal, VideoEnded
from tasks.records.review_log import Decision
from tasks.records.reviews import add_review, reviews_of
from tasks.records.store import digest_file


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    video = tmp_path / "videos" / "night" / "a" / "a.mp4"
    video.parent.mkdir(parents=True)
    video.write_bytes(b"video")
    with Journal(tmp_path / "ledger", "night") as pen:
        pen.write(BatchStarted("night", "night.csv", 1_795_000_000_000, 1, (("a", ""), ("b", ""))))
        path = str(video.relative_to(tmp_path))
        pen.write(VideoEnded("a", 1, "", Outcome.DONE, 1, 2, path=path, sha256=digest_file(video)))
        pen.write(VideoEnded("b", 2, "", Outcome.FAILED, 1, 2, error="boom"))
    return tmp_path


def table(workspace: Path) -> list[tuple[object, ...]]:
    query = (
        f"select batch_date::text, job_id, decision, reason, who, sha256 from '{workspace}/ledger/reviews/**/*.parquet'"
    )
    return duckdb.sql(query).fetchall()


def test_a_review_is_in_the_table_at_once_also_while_the_batch_is_rendered(workspace: Path) -> None:
    first = add_review(workspace, "night", "a", Decision.REJECT, " The name is wrong. ", "eva")
    assert table(workspace) == [("2026-11-18", "a", "reject", "The name is wrong.", "eva", first.sha256)]
    with Journal(workspace / "ledger", "night"):
        second = add_review(workspace, "night", "a", Decision.APPROVE, who="eva")
        assert len(table(workspace)) == 2
        ledger.snapshot(workspace / "ledger", "night")
        assert len(table(workspace)) == 2
    assert reviews_of(workspace, "night") == (first, second)
    assert first.at_ms <= second.at_ms
    assert b"eva" not in journal.path_of(workspace / "ledger", "night").read_bytes()


def test_reviews_that_come_at_once_are_all_kept(workspace: Path) -> None:
    imports = ("sys", "pathlib", "tasks.records.reviews as reviews", "tasks.records.review_log as review_log")
    script = "".join(f"import {name}\n" for name in imports)
    script += "workspace, name = pathlib.Path(sys.argv[1]), sys.argv[2]\n"
    script += "comment = review_log.Decision.COMMENT\n"
    script += "for k in range(8): reviews.add_review(workspace, 'night', 'a', comment, f'{name}{k}', 'eva')"
    commands = [
        subprocess.Popen([sys.executable, "-c", script, workspace, name], cwd=Path(__file__).parents[3])
        for name in "xy"
    ]
    assert [command.wait(timeout=60) for command in commands] == [0, 0]
    reasons = [review.reason for review in reviews_of(workspace, "night")]
    assert sorted(reasons) == sorted(f"{name}{k}" for name in "xy" for k in range(8))
    assert [row[3] for row in table(workspace)] == reasons


def test_a_torn_line_is_dropped_and_a_damaged_one_is_named(workspace: Path) -> None:
    path = review_log.path_of(workspace / "ledger", "night")
    first = add_review(workspace, "night", "a", Decision.APPROVE)
    with path.open("ab") as file:
        file.write(b'{"job_id": "a", "deci')
    second = add_review(workspace, "night", "a", Decision.APPROVE)
    assert reviews_of(workspace, "night") == (first, second)
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 2]) + whole[position + 1 :])
        problems: list[str] = []
        found = reviews_of(workspace, "night", problems.append)
        assert set(found) < {first, second}
        assert problems


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("morning", "a", Decision.APPROVE), "there is no batch 'morning'"),
        (("night", "z", Decision.APPROVE), "has no row 'z'. There are: a, b"),
        (("night", "b", Decision.APPROVE), "has no video. It is failed"),
        (("night", "a", Decision.REJECT), "reject needs a reason"),
        (("night", "a", Decision.COMMENT, " "), "comment needs a reason"),
    ],
)
def test_what_cannot_be_reviewed_is_refused(workspace: Path, arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        add_review(workspace, *arguments)  # type: ignore[arg-type]
    assert not review_log.path_of(workspace / "ledger", "night").exists()


def test_another_video_than_the_delivered_one_is_not_reviewed(workspace: Path) -> None:
    (workspace / "videos" / "night" / "a" / "a.mp4").write_bytes(b"another")
    with pytest.raises(BadInput, match=r"a\.mp4 is not the video that was delivered"):
        add_review(workspace, "night", "a", Decision.APPROVE)


def test_a_full_disk_leaves_no_half_review(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = add_review(workspace, "night", "a", Decision.APPROVE)
    write = os.write

    def cut_short(handle: int, data: bytes) -> int:
        if len(data) < 30:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, data[:-20])

    monkeypatch.setattr(os, "write", cut_short)
    with pytest.raises(NoSpace, match="give the review again"):
        add_review(workspace, "night", "a", Decision.APPROVE)
    assert reviews_of(workspace, "night") == (first,)


def test_a_user_without_a_name_has_to_say_who_it_is(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("getpass.getuser", nameless)
    with pytest.raises(BadInput, match="Say who you are with --who"):
        add_review(workspace, "night", "a", Decision.APPROVE)
    assert add_review(workspace, "night", "a", Decision.APPROVE, who="eva").who == "eva"
