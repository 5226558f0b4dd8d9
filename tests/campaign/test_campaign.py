"""Faults on purpose, many of each: `make test-campaign`. It takes about an hour on two cores, and goes on when stopped.

Whatever is killed, filled up or damaged: the batch ends with every row done, every segment rendered once, the same
bytes as an undisturbed run, the right costs, and nothing left behind.
"""

import json
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import psutil
import pytest

from tasks.records import journal, ledger
from tasks.records.store import Store
from tests.campaign import results
from tests.campaign.crash import POINTS
from tests.course import actalker, alive, arguments_of, events, family, finished, rendered, wait_for, write_manifest

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(1800)]

SCRIPTS = {f"row{k}": f"Row number {k}. One. Two and a half. Three or more. Four at most." for k in range(3)}
FLIPS = 300


@pytest.fixture(autouse=True)
def resumed(request: pytest.FixtureRequest) -> None:
    if request.node.name in results.done():
        pytest.skip("passed before: remove campaign/results.jsonl to try again")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_manifest(tmp_path_factory.mktemp("inputs"), SCRIPTS)


@pytest.fixture(scope="module")
def reference(manifest: Path, tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Path:
    """The workspace of an undisturbed run."""
    workspace = tmp_path_factory.mktemp("reference") / "w"
    code, output = finished(submit(manifest, workspace, prefect_server))
    assert code == 0, output
    return workspace


def submit(manifest: Path, workspace: Path, api: str, program: tuple[str, ...] = ("-m", "flows")):
    arguments = ("submit", manifest, "--workspace", workspace, "--preset", "still", "--actors", "1")
    return actalker(*arguments, api=api, program=program)


def content(workspace: Path) -> dict[str, str]:
    """Every delivered file but the records, whose times differ, by name."""
    files = [path for path in workspace.glob("videos/*/*/*") if not path.name.endswith(".record.json")]
    return {f"{path.parent.name}/{path.name}": sha256(path.read_bytes()).hexdigest() for path in files}


def check(workspace: Path, reference: Path) -> dict[str, int]:
    """All that must hold at the end, whatever happened. Figures for the table."""
    last = {str(event["job_id"]): event for event in events(workspace, "VideoEnded")}
    assert {event["outcome"] for event in last.values()} == {"done"}
    assert content(workspace) == content(reference)
    keys = {str(event["key"]) for event in events(workspace, "SegmentEnded")}
    done = rendered(workspace)
    assert set(done) == keys
    clips = [json.loads(path.read_text()) for path in workspace.glob("store/clips/*/*.json")]
    tables = {name: ledger.read(next(workspace.glob(f"ledger/{name}/**/*.parquet"))) for name in ledger.SCHEMAS}
    assert sum(tables["videos"]["render_ms"].to_pylist()) == sum(clip["render_ms"] for clip in clips)
    assert not list((workspace / "store" / "tmp").iterdir())
    assert not list(workspace.glob("ledger/*/*/*/.part*"))
    assert not [path for path in workspace.glob("batches/*/work/*") if path.exists()]
    return {"segments": len(keys), "rendered twice": len(done) - len(keys)}


CHAINS = [POINTS[start : start + 5] for start in range(0, len(POINTS), 5)]


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain[0].replace(" ", "-"))
def test_the_driver_is_killed_again_and_again(
    chain: tuple[str, ...],
    manifest: Path,
    reference: Path,
    tmp_path: Path,
    prefect_server: str,
    request: pytest.FixtureRequest,
) -> None:
    workspace, killed = tmp_path / "w", 0
    for point in chain:
        command = submit(manifest, workspace, prefect_server, ("-m", "tests.campaign.crash", point, "1"))
        command.wait(timeout=300)
        assert command.stdout is not None
        command.stdout.close()
        assert command.returncode in {-signal.SIGKILL, 0}, point
        killed += command.returncode == -signal.SIGKILL
    code, output = finished(submit(manifest, workspace, prefect_server))
    assert code == 0, output
    assert killed
    figures = check(workspace, reference)
    results.note(request.node.name, "kill -9 of the driver, in chains", {"kills": killed, **figures})


KINDS: dict[str, Callable[[psutil.Process], bool]] = {
    "actor": lambda process: "RenderWorker" in " ".join(arguments_of(process)),
    "raylet": lambda process: process.name() == "raylet",
    "GCS": lambda process: process.name() == "gcs_server",
    "ffmpeg": lambda process: "libx264" in arguments_of(process),
    "Prefect's server": lambda process: "uvicorn" in arguments_of(process),
}


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("kind", [*KINDS, "actor and ffmpeg", "actor and driver"])
def test_a_part_is_killed(
    kind: str,
    number: int,
    manifest: Path,
    reference: Path,
    tmp_path: Path,
    prefect_server: str,
    request: pytest.FixtureRequest,
) -> None:
    """At a moment that depends on the number. What cannot go on by itself goes on when it is submitted again."""
    workspace = tmp_path / "w"
    api = "" if kind == "Prefect's server" else prefect_server
    command = submit(manifest, workspace, api)
    if kind != "ffmpeg":
        wait_for(lambda: len(rendered(workspace)) > number or command.poll() is not None, "some segments", 200)
    names, killed = kind.split(" and "), 0
    deadline = time.monotonic() + 60
    while names and command.poll() is None and time.monotonic() < deadline:
        for name in list(names):
            found = [command] if name == "driver" else [one for one in processes_of(command.pid) if KINDS[name](one)]
            for process in found:
                process.kill()
                killed += 1
            if found:
                names.remove(name)
    command.wait(timeout=300)
    assert command.stdout is not None
    output = "" if "driver" in kind else command.stdout.read()
    command.stdout.close()
    assert "Traceback" not in output, output
    tries = 0
    while command.returncode != 0:
        tries += 1
        assert tries < 4, output
        command = submit(manifest, workspace, prefect_server)
        _, output = finished(command)
    figures = check(workspace, reference)
    results.note(request.node.name, f"kill -9 of {kind}", {"kills": killed, "submitted again": tries, **figures})


def processes_of(pid: int) -> list[psutil.Process]:
    try:
        return [process for process in family(pid)[1:] if process.is_running()]
    except psutil.NoSuchProcess:
        return []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder], check=False)
    if mount.returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("number", range(6))
def test_a_disk_that_is_full_at_any_moment(
    number: int,
    small_disk: Path,
    manifest: Path,
    reference: Path,
    prefect_server: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Something fills the disk to the last byte and frees it again, in turns of another length in every case."""
    monkeypatch.setenv("ACTALKER_RESERVE_MB", "0")  # so that the writes themselves meet the full disk
    workspace, filler = small_disk / "w", small_disk / "filler"
    command = submit(manifest, workspace, prefect_server)
    wait_for(workspace.exists, "the workspace", 120)
    turn_s, full = 0.4 + 0.35 * number, 0
    deadline = time.monotonic() + 240
    while command.poll() is None and time.monotonic() < deadline:
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096):
                    pass
            except OSError:
                full += 1
            time.sleep(turn_s)
        filler.unlink()
        time.sleep(2 * turn_s)
    code, output = finished(command)
    assert "Traceback" not in output, output
    assert code == 0, output
    results.note(request.node.name, "a disk that fills up", {"times full": full, **check(workspace, reference)})


def damaged(path: Path, chance: random.Random) -> bytes:
    """Flip one bit of a file. Its bytes before."""
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
    replaced = path.with_name(f".{path.name}.flipped")  # not in place: files are links
    replaced.write_bytes(flipped)
    replaced.rename(path)
    return whole


def restore(path: Path, whole: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(whole)


FILES = {
    "a clip": "store/clips/*/*.avi",
    "a clip's record": "store/clips/*/*.json",
    "a video": "store/videos/*/*/*.mp4",
    "captions": "store/videos/*/*/*.vtt",
    "a video's record": "store/videos/*/*/*.record.json",
    "a delivered video": "videos/*/*/*.mp4",
    "a delivered poster": "videos/*/*/poster.jpg",
    "an input": "store/inputs/*/*/*.png",
    "the journal": "ledger/journal/*.jsonl",
    "a table": "ledger/segments/*/*/*.parquet",
}


@pytest.mark.parametrize("kind", FILES)
def test_a_flipped_bit_is_found_or_harmless(
    kind: str, reference: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    workspace = Path(shutil.copytree(reference, tmp_path / "w"))
    paths, chance, found = sorted(workspace.glob(FILES[kind])), random.Random(kind), 0
    assert paths
    for _ in range(FLIPS):
        path = chance.choice(paths)
        before = reading(kind, path, workspace)
        whole = damaged(path, chance)
        after = reading(kind, path, workspace)
        assert after in (before, None), f"{path} was used though it is damaged"
        found += after is None
        if kind in {"a video", "captions", "a video's record"}:
            for damaged_folder in (workspace / "store" / "damaged").glob("*"):
                if damaged_folder.is_dir():
                    damaged_folder.rename(path.parent)
        restore(path, whole)
        assert reading(kind, path, workspace) == before
    results.note(request.node.name, f"a flipped bit in {kind}", {"flips": FLIPS, "found": found})


def reading(kind: str, path: Path, workspace: Path) -> object:
    """What the program makes of the file: None when it finds it damaged."""
    for name, read in READERS.items():
        if name in kind:
            return read(path, Store(workspace))
    raise KeyError(kind)


def read_clip(path: Path, store: Store) -> object:
    record = path.with_suffix(".json")
    kept = record.read_bytes()
    clip = store.find_clip(path.stem)
    if clip is None and path != record:
        restore(record, kept)
    return clip


def read_video(path: Path, store: Store) -> object:
    name = next(path.parent.glob("*.record.json")).name.removesuffix(".record.json")
    video = store.find_video(path.parent.name, name)
    return video and video.record


def read_delivery(path: Path, store: Store) -> object:
    batch, job = path.parts[-3:-1]
    record = json.loads((path.parent / f"{job}.record.json").read_text())
    return store.is_delivered(batch, job, record["files"]) or None


def read_input(path: Path, store: Store) -> object:
    return sha256(path.read_bytes()).hexdigest() == path.parent.name or None


def read_journal(path: Path, store: Store) -> object:
    problems: list[str] = []
    read = list(journal.replay(path, problems.append))
    torn = not path.read_bytes().endswith(b"\n")
    return None if problems or torn else read


def read_table(path: Path, store: Store) -> object:
    try:
        return ledger.read(path).to_pylist()
    except OSError:
        return None


READERS: dict[str, Callable[[Path, Store], object]] = {
    "clip": read_clip,
    "delivered": read_delivery,
    "input": read_input,
    "journal": read_journal,
    "table": read_table,
    "": read_video,
}


@pytest.mark.parametrize("step_s", [-3600, -2, 2, 3600])
def test_a_clock_that_steps(
    step_s: int, manifest: Path, reference: Path, tmp_path: Path, prefect_server: str, request: pytest.FixtureRequest
) -> None:
    """In one driver, which is killed afterwards, while another works on the same workspace: each knows who lives."""
    workspace = tmp_path / "w"
    other = write_manifest(Path(shutil.copytree(manifest.parent, tmp_path / "other")), {**SCRIPTS, "more": "One more."})
    program = ("-m", "tests.campaign.clock", str(step_s), "AttemptStarted", "2")
    stepped = submit(manifest, workspace, prefect_server, program)
    wait_for(lambda: rendered(workspace), "a segment is rendered")
    beside = submit(other, workspace, prefect_server)  # it sweeps what the dead have left
    wait_for(lambda: len(rendered(workspace)) > 2 or stepped.poll() is not None, "more segments")
    stepped.kill()
    stepped.wait(timeout=60)
    assert stepped.stdout is not None
    stepped.stdout.close()
    for command in (beside, submit(manifest, workspace, prefect_server, (*program[:2], str(-step_s), *program[3:]))):
        code, output = finished(command)
        assert code == 0, output
        assert "Traceback" not in output, output
    expected = content(reference)

    ours = {name: sha256 for name, sha256 in content(workspace).items() if name in expected}
    assert ours == expected
    assert not list((workspace / "store" / "tmp").iterdir())
    results.note(request.node.name, "a clock that steps", {"steps": 2, "kills": 1})


def test_two_drivers_on_one_workspace(
    manifest: Path, reference: Path, tmp_path: Path, prefect_server: str, request: pytest.FixtureRequest
) -> None:
    """The same batch has one driver; another batch on the same workspace goes on beside it."""
    workspace = tmp_path / "w"
    other = write_manifest(Path(shutil.copytree(manifest.parent, tmp_path / "other")), {**SCRIPTS, "more": "One more."})
    first = submit(manifest, workspace, prefect_server)
    wait_for(lambda: events(workspace, "BatchStarted"), "it has begun")
    second, beside = submit(manifest, workspace, prefect_server), submit(other, workspace, prefect_server)
    code, output = finished(second)
    assert code == 2, output
    assert "is being rendered by another process" in output, output
    assert "Traceback" not in output, output
    for command in (first, beside):
        code, output = finished(command)
        assert code == 0, output
    assert not alive([process for process in psutil.process_iter() if process.pid in {first.pid, beside.pid}])
    expected = content(reference)
    assert {name: digest for name, digest in content(workspace).items() if name in expected} == expected
    results.note(request.node.name, "two drivers on one workspace", {"refused": 1})


def test_a_workspace_that_vanishes(manifest: Path, tmp_path: Path, prefect_server: str) -> None:
    workspace = tmp_path / "w"
    command = submit(manifest, workspace, prefect_server)
    wait_for(lambda: rendered(workspace), "a segment is rendered")
    workspace.rename(tmp_path / "gone")
    code, output = finished(command)
    assert code in {2, 3}, output
    assert "Traceback" not in output, output
