"""What checks found out: kept, found again, never trusted when damaged, and never in the way."""

import os
import random
import sqlite3
from pathlib import Path

import pytest

from tasks.records import check_cache
from tasks.records.check_cache import CheckCache, cache_folder

FACTS = {"a" * 64: {"width": 512, "faces": [[1, 2, 3, 4]]}, "b" * 64: {"width": 9, "faces": []}}


@pytest.fixture
def cache(tmp_path: Path) -> CheckCache:
    return CheckCache(tmp_path / "checks.sqlite")


def test_what_is_kept_is_found(cache: CheckCache) -> None:
    assert cache.find(FACTS) == {}
    cache.keep(FACTS)
    assert cache.find([*FACTS, "c" * 64]) == FACTS
    cache.keep({"a" * 64: {"width": 1}})
    assert cache.find(["a" * 64]) == {"a" * 64: {"width": 1}}


def test_the_oldest_make_room(cache: CheckCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_cache, "MAX_ENTRIES", 3)
    for number in range(6):
        cache.keep({str(number): {"n": number}})
    assert cache.find(map(str, range(6))) == {str(number): {"n": number} for number in (3, 4, 5)}


def test_a_flipped_bit_is_never_believed(cache: CheckCache) -> None:
    cache.keep(FACTS)
    assert cache.file is not None
    whole, chance = cache.file.read_bytes(), random.Random(3)
    used = [place for place, byte in enumerate(whole) if byte]
    for _ in range(300):
        flipped = bytearray(whole)
        flipped[chance.choice(used)] ^= 1 << chance.randrange(8)
        cache.file.write_bytes(flipped)
        assert all(FACTS[key] == facts for key, facts in cache.find(FACTS).items())
    cache.file.write_bytes(whole)
    assert cache.find(FACTS) == FACTS


def test_what_is_no_database_is_replaced(cache: CheckCache) -> None:
    assert cache.file is not None
    cache.file.write_bytes(b"not a database" * 100)
    assert cache.find(FACTS) == {}
    cache.keep(FACTS)
    assert cache.find(FACTS) == FACTS


def test_facts_of_another_key_are_not_taken(cache: CheckCache) -> None:
    cache.keep(FACTS)
    assert cache.file is not None
    database = sqlite3.connect(cache.file)
    with database:
        database.execute("UPDATE checks SET key = ? WHERE key = ?", ("d" * 64, "a" * 64))
    database.close()
    assert cache.find(["d" * 64]) == {}


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = CheckCache(tmp_path / "file" / "checks.sqlite")
    cache.keep(FACTS)
    assert cache.find(FACTS) == {}


def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "actalker"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", os.fspath(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home/.cache/actalker"
