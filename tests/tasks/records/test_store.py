"""The store publishes whole things, verifies what it finds, and sweeps what the dead left."""

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.errors import BadInput
from tasks.job import Clip
from tasks.records import checked_json
from tasks.records.store import RECORD_SUFFIX, Store, digest_file, digest_of, write_text


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def published(store: Store, key: str = "ab" * 32) -> Path:
    temporary = store.temporary(".mkv")
    temporary.write_bytes(b"pixels")
    clip = Clip(key, temporary, 3, 4, 2, "", render_ms=7, worker="n/1", attempt="a1", batch_id="b", job_id="j")
    return store.publish_clip(clip, temporary).path


def test_a_published_clip_is_found_as_it_was(store: Store) -> None:
    path = published(store)
    clip = store.find_clip("ab" * 32)
    assert clip is not None
    assert (clip.path, clip.frames, clip.width, clip.height, clip.render_ms) == (path, 3, 4, 2, 7)
    assert not list(store.scratch.iterdir())


def test_an_unknown_key_is_not_found(store: Store) -> None:
    assert store.find_clip("cd" * 32) is None


def test_a_clip_with_a_flipped_byte_is_not_found_and_can_be_made_again(store: Store) -> None:
    published(store).write_bytes(b"pixelz")
    assert store.find_clip("ab" * 32) is None
    published(store)
    assert store.find_clip("ab" * 32) is not None


def test_a_clip_without_its_card_does_not_count(store: Store) -> None:
    published(store).with_suffix(".json").unlink()
    assert store.find_clip("ab" * 32) is None


def test_sweep_takes_what_the_dead_left_and_spares_the_living(store: Store) -> None:
    mine = store.temporary(".mkv")
    mine.touch()
    script = "import sys; from pathlib import Path; from tasks.records.store import Store;s = Store(Path(sys.argv[1]));"
    script += "s.temporary('.mkv').touch(); s.temporary('').mkdir()"
    subprocess.run([sys.executable, "-c", script, store.root], check=True, cwd=Path(__file__).parents[3])
    assert store.sweep() == 2
    assert list(store.scratch.iterdir()) == [mine]


def test_there_is_nothing_to_sweep_where_somebody_has_removed_the_workspace(store: Store, tmp_path: Path) -> None:
    for folder in (store.scratch, store.scratch.parent):
        folder.rename(tmp_path / f"gone-{folder.name}")
        assert store.sweep() == 0


def test_a_video_is_delivered_by_link_and_delivered_again_without_residue(store: Store) -> None:
    for text in ("first", "second"):
        with store.temporary_folder() as folder:
            (folder / "a.mp4").write_text(text)
            (folder / f"{text}.srt").write_text(text)
            finished = store.publish_video(digest_of(text), folder)
        store.deliver(finished, "batch", "a b")
        target = store.deliver(finished, "batch", "a b")
    assert sorted(path.name for path in target.iterdir()) == ["a.mp4", "second.srt"]
    assert (target / "a.mp4").read_text() == "second"
    assert (target / "a.mp4").samefile(finished / "a.mp4")
    assert not list(store.scratch.iterdir())


def test_digests_frame_their_parts() -> None:
    assert digest_of("ab", "c") != digest_of("a", "bc")
    assert digest_of(1) != digest_of("1")
    assert digest_of("x", b"y", 1, 0.5) == digest_of("x", b"y", 1, 0.5)


def test_text_is_replaced_whole(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "one")
    write_text(tmp_path / "a.txt", "zwei")
    assert (tmp_path / "a.txt").read_text() == "zwei"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_every_flipped_bit_of_a_clips_record_is_found_or_harmless(store: Store) -> None:
    record = published(store).with_suffix(".json")
    whole, clip = record.read_bytes(), store.find_clip("ab" * 32)
    for position in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << bit
            record.write_bytes(damaged)
            assert store.find_clip("ab" * 32) in (None, clip)
    assert len(list(store.damaged.iterdir())) > 4 * len(whole)


def test_a_damaged_clip_is_moved_aside_and_named(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    path = published(store)
    path.write_bytes(b"pixelz")
    assert store.find_clip("ab" * 32) is None
    assert sorted(kept.name.split(".")[1] for kept in store.damaged.iterdir()) == ["avi", "json"]
    assert "its video is not what its digest says" in caplog.text


def finished(store: Store, name: str = "a") -> Path:
    with store.temporary_folder() as folder:
        (folder / f"{name}.mp4").write_text("video")
        (folder / f"{name}.srt").write_text("captions")
        files = {path.name: digest_file(path) for path in folder.iterdir()}
        record = {"sha256": files[f"{name}.mp4"], "files": files}
        (folder / f"{name}{RECORD_SUFFIX}").write_text(checked_json.dumps(record))
        return store.publish_video("cd" * 32, folder)


@pytest.mark.parametrize("name", ["a.mp4", "a.srt", f"a{RECORD_SUFFIX}"])
@pytest.mark.parametrize("damage", ["overwritten", "removed"])
def test_a_finished_video_with_a_damaged_file_is_made_again(store: Store, name: str, damage: str) -> None:
    folder = finished(store)
    assert store.find_video("cd" * 32, "a") is not None
    if damage == "removed":
        (folder / name).unlink()
    else:
        (folder / name).write_text("something else")
    assert store.find_video("cd" * 32, "a") is None
    assert not folder.exists()
    assert finished(store) == folder


def test_an_input_that_was_edited_after_the_check_is_refused(store: Store, tmp_path: Path) -> None:
    portrait = tmp_path / "mara.png"
    portrait.write_bytes(b"Mara")
    digest = digest_file(portrait)
    kept = store.keep_input(portrait, digest)
    portrait.write_bytes(b"Jonas")
    assert store.keep_input(portrait, digest).read_bytes() == b"Mara"
    with pytest.raises(BadInput, match="was changed after it was checked"):
        Store(store.root).keep_input(portrait, "00" * 32)
    portrait.unlink()
    with pytest.raises(BadInput, match="was removed after it was checked"):
        store.keep_input(portrait, "11" * 32)
    assert not list(store.scratch.iterdir())
    kept.write_bytes(b"flip")
    portrait.write_bytes(b"Mara")
    assert Store(store.root).keep_input(portrait, digest).read_bytes() == b"Mara"
    assert len(list(store.damaged.iterdir())) == 1


def test_a_step_of_the_clock_does_not_make_the_living_look_dead(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process lives and holds its files; neither clock nor boot time says so, only its lock does."""
    script = "import sys; from pathlib import Path; from tasks.records.store import Store;s = Store(Path(sys.argv[1]));"
    script += "s.temporary('.avi').touch(); print('ready', flush=True); sys.stdin.read()"
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", script, store.root], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
        monkeypatch.setattr("time.time", lambda: 4e9)
        assert store.sweep() == 0
        assert len(list(store.scratch.iterdir())) == 1
        other.communicate()
    assert store.sweep() == 1


def test_a_workspace_that_cannot_be_made_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match=r"the workspace .*file/w cannot be used: Not a directory"):
        Store(tmp_path / "file" / "w")
