"""Whatever is damaged in a workspace is named, with what makes it again, and nothing is changed."""

import os
import random
import shutil
from pathlib import Path

import pytest

from tasks.records import checked_json, ledger
from tasks.records.journal import Journal, VideoPlanned
from tasks.records.review_log import Decision
from tasks.records.reviews import add_review
from tasks.records.store import Store, digest_file, write_text
from tasks.records.verify import Damage, verify
from tests.made_workspace import command_of, make_batch

FLIPS = 24

FILES = {
    "ledger/journal/*.jsonl": command_of("night"),
    "batches/*/reviews.jsonl": "",
    "ledger/videos/*/*/*.parquet": "actalker ledger snapshot night --workspace ",
    "ledger/segments/*/*/*.parquet": "actalker ledger snapshot night --workspace ",
    "ledger/attempts/*/*/*.parquet": "actalker ledger snapshot night --workspace ",
    "ledger/batches/*/*/*.parquet": "actalker ledger snapshot night --workspace ",
    "ledger/reviews/*/*/*.parquet": "actalker ledger snapshot night --workspace ",
    "ledger/nights.json": "",
    "store/clips/*/*.avi": command_of("night"),
    "store/clips/*/*.json": command_of("night"),
    "store/videos/*/*/*.mp4": command_of("night"),
    "store/videos/*/*/*.vtt": command_of("night"),
    "store/videos/*/*/*.record.json": "",
    "store/inputs/*/*/*.png": command_of("night"),
    "videos/*/*/*.mp4": command_of("night"),
    "videos/*/*/*.record.json": command_of("night"),
    "videos/*/*/poster.jpg": command_of("night"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = tmp_path_factory.mktemp("whole") / "w"
    store = make_batch(workspace)
    add_review(workspace, "night", "a", Decision.APPROVE)
    write_text(store.ledger / "nights.json", checked_json.dumps({"night.csv ab": 1}))
    return workspace


@pytest.fixture
def workspace(whole: Path, tmp_path: Path) -> Path:
    """A copy, in which nothing is a link."""
    return Path(shutil.copytree(whole, tmp_path / "w"))


def damages(workspace: Path) -> dict[str, Damage]:
    return {damage.path: damage for damage in verify(Store(workspace)).damaged}


def test_a_whole_workspace_has_nothing_to_name(whole: Path) -> None:
    seen: list[tuple[int, int]] = []
    found = verify(Store(whole), lambda done, total: seen.append((done, total)))
    assert not found.damaged
    # Journal, reviews, nights; six tables with their digests; four clips, two videos and their deliveries, two inputs.
    assert found.files == 3 + 6 * 2 + 4 * 2 + 2 * 4 + 2 * 4 + 2
    assert seen[-1] == (found.files, found.files)


@pytest.mark.parametrize("pattern", FILES)
def test_a_flipped_bit_is_named_wherever_it_is(pattern: str, workspace: Path) -> None:
    paths, chance = sorted(workspace.glob(pattern)), random.Random(pattern)
    before = content(workspace)
    for _ in range(FLIPS):
        path = chance.choice(paths)
        data = path.read_bytes()
        place = chance.randrange(len(data))
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :])
        damaged = content(workspace)
        found = damages(workspace)
        assert set(found) == {str(path.relative_to(workspace))}
        (damage,) = found.values()
        assert damage.command.startswith(FILES[pattern])
        assert damage.problem
        assert damage.remedy
        assert content(workspace) == damaged, "it changes nothing"
        path.write_bytes(data)
    assert content(workspace) == before


def content(workspace: Path) -> dict[str, str]:
    return {str(path): digest_file(path) for path in workspace.rglob("*") if path.is_file()}


@pytest.mark.parametrize("pattern", ["ledger/videos/*/*/_*.sha256", "ledger/reviews/*/*/_*.sha256"])
def test_a_flipped_bit_in_the_digest_of_a_table_is_named(pattern: str, workspace: Path) -> None:
    """Which of the two is damaged cannot be told where the digest is still one."""
    (path,) = workspace.glob(pattern)
    data = path.read_bytes()
    pair = {str(path.relative_to(workspace)), str(path.relative_to(workspace).with_name("part-0.parquet"))}
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        found = set(damages(workspace))
        assert len(found) == 1
        assert found <= pair


@pytest.mark.parametrize(
    "pattern",
    [pattern for pattern in FILES if pattern.endswith((".avi", ".mp4", ".vtt", ".jpg", ".parquet", ".record.json"))],
)
def test_a_file_that_is_missing_is_named(pattern: str, workspace: Path) -> None:
    path = next(workspace.glob(pattern))
    path.unlink()
    (damage,) = damages(workspace).values()
    assert "missing" in damage.problem


def test_what_makes_a_table_again_does(workspace: Path) -> None:
    (path,) = ledger.files(workspace / "ledger", "videos")
    path.write_bytes(b"PAR1")
    assert damages(workspace)
    ledger.snapshot(workspace / "ledger", "night")
    assert not damages(workspace)


def test_links_are_read_once_and_both_names_are_given(tmp_path: Path) -> None:
    make_batch(tmp_path / "w", rows=["a"])
    path = tmp_path / "w" / "videos" / "night" / "a" / "a.mp4"
    assert path.stat().st_nlink == 2
    path.write_bytes(b"scribble")
    assert [path.partition("/")[0] for path in sorted(damages(tmp_path / "w"))] == ["store", "videos"]


def test_what_a_customer_has_taken_away_as_a_whole_is_no_damage(workspace: Path) -> None:
    shutil.rmtree(workspace / "videos" / "night" / "a")
    assert not damages(workspace)


def test_a_line_that_is_being_written_is_no_damage(workspace: Path) -> None:
    path = workspace / "ledger" / "journal" / "night.jsonl"
    with Journal(workspace / "ledger", "night") as pen:
        pen.write(VideoPlanned("c", 1, 10))
        with path.open("ab") as file:
            file.write(b'{"event": "Vid')
        assert not damages(workspace)
    (damage,) = damages(workspace).values()
    assert damage.problem.endswith("has no end")


def test_a_workspace_of_schema_1_is_whole(workspace: Path) -> None:
    shutil.copytree(Path(__file__).parent / "schema_1", workspace / "ledger", dirs_exist_ok=True)
    assert not damages(workspace)
    (path,) = (workspace / "ledger" / "videos").glob("*/batch_id=course-1/*.parquet")
    os.truncate(path, 100)
    assert list(damages(workspace)) == [str(path.relative_to(workspace))]
