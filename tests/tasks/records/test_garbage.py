"""Only what no batch needs is removed, oldest use first; never beside a batch; whatever cuts it short."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.errors import BadInput
from tasks.records import garbage, journal
from tasks.records.garbage import Item, Kind, remove, survey
from tasks.records.journal import BatchEnded, BatchStarted, Journal
from tasks.records.store import Store, digest_of
from tasks.records.verify import verify
from tests.made_workspace import make_batch

ALL = float("inf")


def clips(store: Store) -> set[str]:
    """The names of the rows whose clips are in the store, whole."""
    keys = {name: [digest_of("clip", name, index) for index in range(2)] for name in "abc"}
    return {name for name, both in keys.items() if all(store.find_clip(key) for key in both)}


def unused(store: Store) -> list[Item]:
    return survey(store).to_remove(ALL, None)


def kinds(items: list[Item]) -> dict[str, int]:
    return {kind: sum(item.kind is kind for item in items) for kind in Kind if any(item.kind is kind for item in items)}


def withdrawn(workspace: Path, batch_id: str = "night", **options: object) -> Store:
    """A batch whose delivered files were deleted."""
    store = make_batch(workspace, batch_id, **options)  # type: ignore[arg-type]
    shutil.rmtree(store.videos / batch_id)
    return store


def test_what_was_delivered_needs_all_that_it_was_made_from(tmp_path: Path) -> None:
    store = make_batch(tmp_path / "w")
    assert unused(store) == []
    shutil.rmtree(store.video("night", "a"))
    assert unused(store) == [], "b is still there"


def test_what_nobody_needs_is_found_with_its_size(tmp_path: Path) -> None:
    store = withdrawn(tmp_path / "w")
    found = survey(store)
    assert kinds(found.unused) == {"clip": 4, "finished video": 2, "input": 2}
    files = [path for folder in ("clips", "videos", "inputs") for path in (store.root / "store" / folder).rglob("*.*")]
    assert found.bytes == sum(item.bytes for item in found.unused) == sum(path.stat().st_size for path in files)


def test_a_batch_that_can_go_on_needs_its_clips(tmp_path: Path) -> None:
    assert unused(withdrawn(tmp_path / "w", ends=False)) == []
    store = withdrawn(tmp_path / "v")
    with Journal(store.ledger, "night") as pen:
        pen.write(BatchEnded(1, 0, 1, error="ended early"))
    assert unused(store) == []


def test_what_two_batches_share_is_needed_by_either(tmp_path: Path) -> None:
    make_batch(tmp_path / "w", "morning", rows=["b", "c"])
    store = withdrawn(tmp_path / "w", "night", rows=["a", "b"])
    found = unused(store)
    assert kinds(found) == {"clip": 2, "finished video": 1, "input": 1}
    remove(store, found)
    assert clips(store) == {"b", "c"}
    assert not verify(store).damaged
    assert all(video.is_dir() for video in (store.videos / "morning" / "b", store.videos / "morning" / "c"))


def test_the_oldest_use_goes_first_until_the_size_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for days, (batch_id, name) in enumerate((("first", "a"), ("second", "b"), ("third", "c")), 1):
        monkeypatch.setattr("tests.made_workspace.now_ms", lambda days=days: days * 86_400_000)
        monkeypatch.setattr("tasks.records.batch_context.now_ms", lambda days=days: days * 86_400_000)
        store = withdrawn(tmp_path / "w", batch_id, rows=[name])
    for path in (store.root / "store").rglob("*.*"):
        os.utime(path, (1, 1))
    found = survey(store)
    days = [item.used_ms // 86_400_000 for item in found.unused]
    assert days == [1] * 4 + [2] * 4 + [3] * 4
    assert [item.kind for item in found.unused[:4]] == [Kind.CLIP, Kind.CLIP, Kind.INPUT, Kind.VIDEO]
    assert found.to_remove(2.5 * 86_400_000, None) == found.unused[:8]
    first = sum(item.bytes for item in found.unused[:4])
    assert found.to_remove(ALL, found.bytes - first) == found.unused[:4]
    assert found.to_remove(ALL, found.bytes - first - 1) == found.unused[:5]
    assert found.to_remove(ALL, found.bytes) == []
    monkeypatch.setattr("tests.made_workspace.now_ms", lambda: 9 * 86_400_000)
    withdrawn(tmp_path / "w", "fourth", rows=["a"])  # it used the clips of the first once more
    days = [item.used_ms // 86_400_000 for item in survey(store).unused if item.kind is Kind.CLIP]
    assert days == [2, 2, 3, 3, 9, 9]


def test_a_file_that_has_another_name_frees_nothing(tmp_path: Path) -> None:
    store = make_batch(tmp_path / "w", rows=["a"])
    (tmp_path / "archive").mkdir()
    (store.video("night", "a")).rename(tmp_path / "archive" / "a")
    assert [item.bytes for item in unused(store) if item.kind is Kind.VIDEO] == [0]


def test_what_a_crash_left_of_a_clip_is_removed(tmp_path: Path) -> None:
    store = make_batch(tmp_path / "w")
    orphan = store.clips / "zz" / "zz1.avi"
    orphan.parent.mkdir()
    orphan.write_bytes(b"pixels")
    (item,) = unused(store)
    remove(store, [item])
    assert not orphan.exists()


def test_videos_of_an_older_version_are_known_by_their_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replay = journal.replay

    def without_keys(path: Path, on_damage: Callable[[str], None]) -> list[journal.Event]:
        events = list(replay(path, on_damage))
        for event in events:
            if isinstance(event, journal.VideoEnded):
                object.__setattr__(event, "key", "")
        return events

    store = make_batch(tmp_path / "w")
    monkeypatch.setattr(journal, "replay", without_keys)
    assert unused(store) == []
    shutil.rmtree(store.videos / "night")
    assert kinds(unused(store))["finished video"] == 2


def test_a_batch_whose_journal_is_damaged_counts_as_one_that_goes_on(tmp_path: Path) -> None:
    store = withdrawn(tmp_path / "w")
    path = journal.path_of(store.ledger, "night")
    path.write_bytes(path.read_bytes().replace(b'"frames": 108', b'"frames": 109', 1))
    problems: list[str] = []
    assert survey(store, problems.append).unused == []
    assert len(problems) == 1


def test_never_beside_a_batch_and_no_batch_beside_it(tmp_path: Path) -> None:
    store = withdrawn(tmp_path / "w")
    with (
        Journal(store.ledger, "other"),
        pytest.raises(BadInput, match="is being rendered"),
        journal.all_ended(store.ledger),
    ):
        pytest.fail("it began")
    with journal.all_ended(store.ledger):
        with pytest.raises(BadInput, match="`actalker gc` is clearing this workspace"):
            Journal(store.ledger, "new")
        with pytest.raises(BadInput, match="is being rendered"), journal.all_ended(store.ledger):
            pytest.fail("two at once")
    with Journal(store.ledger, "new"), Journal(store.ledger, "other"):
        pass


class Killed(BaseException):
    """Nothing catches it."""


@pytest.mark.parametrize("call", ["unlink", "rename", "rmdir", "fsync"])
def test_whatever_cuts_it_short_the_store_is_whole_and_the_next_call_finishes(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, cut = getattr(os, call), 0
    for at in range(1, 100):
        workspace = tmp_path / f"w{at}"
        make_batch(workspace, "morning", rows=["c"])
        store, calls = withdrawn(workspace), 0

        def counted(*arguments: object, at: int = at, **options: object) -> object:
            nonlocal calls
            calls += 1
            if calls == at:
                raise Killed
            return original(*arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(os, call, counted)
            try:
                remove(store, garbage.survey(store).unused)
            except Killed:
                cut += 1
        assert not verify(store).damaged
        assert "c" in clips(store)
        remove(store, survey(store).unused)
        assert clips(store) == {"c"}
        assert survey(store).unused == []
        if calls < at:
            break
    assert cut >= 2


def test_what_was_removed_is_made_again_when_it_is_asked_for(tmp_path: Path) -> None:
    store = withdrawn(tmp_path / "w")
    remove(store, survey(store).unused)
    assert clips(store) == set()
    make_batch(tmp_path / "w")
    assert clips(store) == {"a", "b"}
    assert not verify(store).damaged
    assert len(list(store.video("night", "a").iterdir())) == 4


def test_uploads_go_when_no_batch_needs_them_and_nobody_is_busy_with_them(tmp_path: Path) -> None:
    store = make_batch(tmp_path / "w")
    now_s = time.time()
    ages = {"submitted-1": 90, "forgotten-2": 90, "new-3": 0, "empty-4": 90}
    for name in ages:
        (store.root / "uploads" / name / "portraits").mkdir(parents=True)
        if name != "empty-4":
            (store.root / "uploads" / name / "night.csv").write_text("id\n")
    with Journal(store.ledger, "by-page") as pen:
        manifest = str(store.root.resolve() / "uploads" / "submitted-1" / "night.csv")
        pen.write(BatchStarted("by-page", manifest, 1, os.getpid(), (("a", ""),)))
    for name, days in ages.items():
        for path in [*(store.root / "uploads" / name).rglob("*"), store.root / "uploads" / name]:
            os.utime(path, (now_s - days * 86_400,) * 2)
    found = unused(store)
    assert {item.path.name for item in found} == {"forgotten-2", "empty-4"}
    with journal.all_ended(store.ledger):
        remove(store, found)
    assert sorted(path.name for path in (store.root / "uploads").iterdir()) == ["new-3", "submitted-1"]
