"""Portraits are looked at once, in parallel, and remembered by their content."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from PIL import Image

from actalker.shapes import Size
from tasks.errors import BadInput
from tasks.picture import inspection
from tasks.picture.inspection import ALONE, PortraitFacts, PortraitRef, Portraits, inspect
from tasks.records.check_cache import CheckCache
from tests.course import wait_for
from tests.photographs import GRACE

ROOT = Path(__file__).parents[3]
MARA = ROOT / "examples/course/portraits/mara.png"
_or_problem = inspection._or_problem


@pytest.fixture
def cache(tmp_path: Path) -> CheckCache:
    return CheckCache(tmp_path / "checks.sqlite")


def ref(path: Path) -> PortraitRef:
    return path, None


@pytest.fixture
def many(tmp_path: Path) -> list[Path]:
    """More than are looked at in this process; the last is broken."""
    paths = [tmp_path / f"{number}.png" for number in range(ALONE + 2)]
    for number, path in enumerate(paths):
        Image.new("RGB", (200, 150 + number), (number, 0, 0)).save(path)
    paths[-1].write_bytes(paths[-1].read_bytes()[:-40])
    return paths


def test_a_portrait_is_described(cache: CheckCache) -> None:
    facts = Portraits(cache).of(MARA)
    assert facts == inspect(MARA)
    assert (facts.findings.size, facts.findings.photograph) == (Size(1024, 1024), False)
    assert len(facts.findings.faces) == 1
    given = Portraits(cache).of(MARA, (100, 100, 300, 300))
    assert given == inspect(MARA, (100, 100, 300, 300)) != facts
    assert given.findings.given


def test_facts_are_kept_whole(cache: CheckCache) -> None:
    first = Portraits(cache).of(GRACE)
    assert first.findings.look is not None
    assert Portraits(cache).of(GRACE) == first


def test_what_was_seen_is_not_looked_at_again(cache: CheckCache, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Portraits(cache).of(MARA)
    monkeypatch.setattr(inspection, "inspect", lambda *_: pytest.fail("it was looked at again"))
    assert Portraits(cache).of(MARA) == before


def test_another_picture_of_the_same_name_is_looked_at(cache: CheckCache, tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    Image.new("RGB", (200, 300)).save(path)
    assert Portraits(cache).of(path).findings.size.width == 200
    Image.new("RGB", (201, 300)).save(path)
    assert Portraits(cache).of(path).findings.size.width == 201


def test_other_code_looks_again(cache: CheckCache, monkeypatch: pytest.MonkeyPatch) -> None:
    Portraits(cache).of(MARA)
    monkeypatch.setattr(inspection, "_code", lambda: "another version")
    looked: list[Path] = []
    monkeypatch.setattr(inspection, "inspect", lambda path, box: looked.append(path) or inspect(path, box))
    Portraits(cache).of(MARA)
    assert looked == [MARA]


def test_one_that_changes_meanwhile_is_not_remembered_as_the_other(
    cache: CheckCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(MARA.read_bytes())

    def replaced(*_: object) -> tuple[()]:
        Image.new("RGB", (300, 300)).save(path)
        return ()

    monkeypatch.setattr(inspection, "faces_of", replaced)
    with pytest.raises(BadInput, match="changed while it was looked at"):
        Portraits(cache).of(path)
    monkeypatch.undo()
    path.write_bytes(MARA.read_bytes())
    assert Portraits(cache).of(path).findings.faces


def test_many_are_looked_at_in_parallel_with_the_same_result(cache: CheckCache, many: list[Path]) -> None:
    told: list[tuple[int, int]] = []
    portraits = Portraits(cache)
    portraits.look_at(map(ref, [*many, *many]), lambda done, total: told.append((done, total)))
    assert told == [(done, len(many)) for done in range(1, len(many) + 1)]
    assert [portraits.of(path) for path in many[:-1]] == [inspect(path) for path in many[:-1]]
    with pytest.raises(BadInput, match="broken image"):
        portraits.of(many[-1])
    told.clear()
    Portraits(cache).look_at(map(ref, many), lambda done, total: told.append((done, total)))
    assert told == [(1, 1)]  # the broken one


def crashing(portrait: PortraitRef) -> PortraitFacts | BadInput:
    """As a decoder with a bug would."""
    if portrait[0].stem in {"3", "7"}:
        os.kill(os.getpid(), signal.SIGSEGV)
    return _or_problem(portrait)


def test_a_portrait_that_crashes_its_decoder_is_named_and_the_others_go_on(
    cache: CheckCache, many: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "_or_problem", crashing)
    portraits = Portraits(cache)
    portraits.look_at(map(ref, many))
    for path in many[:-1]:
        if path.stem in {"3", "7"}:
            with pytest.raises(BadInput, match="the program that decodes it crashed"):
                portraits.of(path)
        else:
            assert portraits.of(path).findings.size.width == 200


def slow(portrait: PortraitRef) -> PortraitFacts | BadInput:
    time.sleep(5)  # Ctrl-C waits for what is being looked at
    raise AssertionError(portrait)


SCRIPT = """
from pathlib import Path
from tasks.picture import inspection
from tests.tasks.picture import test_inspection
if __name__ == "__main__":
    inspection._or_problem = test_inspection.slow
    list(inspection._in_parallel([(Path(str(k)), None) for k in range(30)]))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_when_the_command_is_killed_or_interrupted(tmp_path: Path, number: signal.Signals) -> None:
    script = tmp_path / "look.py"
    script.write_text(SCRIPT)
    command = subprocess.Popen([sys.executable, script], env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path)
    others: list[psutil.Process] = []

    def started() -> bool:
        others[:] = psutil.Process(command.pid).children(recursive=True)
        return len(others) > 1 and all("spawn_main" in " ".join(one.cmdline()) for one in others[1:])

    wait_for(started, "processes that look at portraits")
    command.send_signal(number)
    wait_for(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in others), "no process")
    command.wait(timeout=30)
