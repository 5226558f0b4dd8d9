"""The store publishes whole things, verifies what it finds, and sweeps what the dead left."""

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.records.store import Store, digest_of, write_text


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def published(store: Store, key: str = "ab" * 32) -> Path:
    temporary = store.temporary(".mkv")
    temporary.write_bytes(b"pixels")
    return store.publish_clip(key, temporary, frames=3, width=4, height=2, render_ms=7, worker="n/1").path


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
