"""A week of nights in fast motion: a schedule that fires every minute, and all that can happen to it.

pytest -m slow -s tests/flows/test_week.py
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.course import actalker, events, family, rendered, wait_for, write_portrait

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

LIMIT_S = 400
SENTENCES = "{0} begins. Then it goes on for a while. In the end {0} is over."


class Server:
    """A Prefect server that can be stopped and started again, with the same database."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.home, self.api = home, f"http://127.0.0.1:{self.port}/api"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.home.mkdir(exist_ok=True)
        environment = {
            **os.environ,
            "PREFECT_HOME": str(self.home),
            "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2",
        }
        environment.pop("PREFECT_API_URL", None)
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen([*command, "--no-ui"], env=environment, stdout=log, stderr=log)
        wait_for(self.answers, "the server", 120)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.api}/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(60)


@contextmanager
def schedule(inbox: Path, workspace: Path, api: str) -> Iterator[subprocess.Popen[str]]:
    arguments = ("nightly", inbox, "--workspace", workspace, "--cron", "* * * * *", "--until", "23:59:59")
    command = actalker(*arguments, "--preset", "still", "--actors", "1", api=api, program=("-m", "tests.slow"))
    try:
        yield command
    finally:
        members = family(command.pid)
        command.send_signal(signal.SIGTERM)
        psutil.wait_procs(members, timeout=30)
        for member in members:
            if member.is_running():
                member.kill()
        command.communicate()


def drop(inbox: Path, name: str, *rows: str) -> bytes:
    """A manifest of these rows, whole, whose files lie in a folder beside it; its text."""
    folder = inbox / Path(name).stem
    folder.mkdir(exist_ok=True)
    write_portrait(folder / "p.png")
    lines = ["id,portrait,script,voice,size"]
    for row in rows:
        (folder / f"{row}.md").write_text(SENTENCES.format(row))
        lines.append(f"{row},{folder.name}/p.png,{folder.name}/{row}.md,en-us,128")
    text = "\n".join(lines).encode()
    (inbox / name).write_bytes(text)
    return text


def copy_slowly(text: bytes, path: Path) -> None:
    """A copy that takes two minutes: it is at work when the schedule fires."""
    path.write_bytes(b"")
    for number in range(len(text)):
        time.sleep(120 / len(text))
        path.write_bytes(text[: number + 1])


def done(inbox: Path, name: str) -> bool:
    return (inbox / "done" / name).exists()


def test_a_week_of_nights_delivers_everything_once(tmp_path: Path) -> None:
    inbox, workspace, server = tmp_path / "inbox", tmp_path / "w", Server(tmp_path / "prefect")
    inbox.mkdir()
    server.start()
    try:
        with schedule(inbox, workspace, server.api):
            # The first night: one that is whole, one that is half copied, one with bad rows.
            drop(inbox, "first.csv", "a1", "a2")
            text = drop(inbox, "half.csv", "b1", "b2")
            copying = threading.Thread(target=copy_slowly, args=(text, inbox / "half.csv"))
            copying.start()
            (inbox / "bad.csv").write_text("id,portrait,script\nc1,none.png,none.md\n")
            wait_for(lambda: events(workspace, "BatchStarted"), "the first night", LIMIT_S)
            assert copying.is_alive()
            copying.join()
            wait_for(lambda: done(inbox, "first.csv"), "the first manifest", LIMIT_S)
            wait_for(lambda: done(inbox, "half.csv"), "the half-copied one", LIMIT_S)
            wait_for((inbox / "refused" / "bad.csv.faults.csv").exists, "the refusal", LIMIT_S)

            # The process that renders is killed in the middle of a batch.
            drop(inbox, "killed.csv", *(f"d{number}" for number in range(6)))
            before = len(rendered(workspace))
            wait_for(lambda: len(rendered(workspace)) > before + 2, "the batch that is killed", LIMIT_S)
            started = next(e for e in events(workspace, "BatchStarted")[::-1] if e["batch_id"].startswith("killed-"))
            os.kill(int(started["pid"]), signal.SIGKILL)

            # The server is away for a while.
            server.stop()
            time.sleep(20)
            server.start()
            wait_for(lambda: done(inbox, "killed.csv"), "the batch that was killed", LIMIT_S)

            # One is edited and dropped again.
            drop(inbox, "first.csv", "a1", "a3")
            wait_for(lambda: done(inbox, "first-2.csv"), "the edited one", LIMIT_S)
    finally:
        server.stop()

    assert not list(inbox.glob("*.csv"))
    assert {path.name for path in inbox.glob("refused/*.csv")} == {"bad.csv", "bad.csv.faults.csv"}
    assert (inbox / "refused" / "bad.csv.txt").read_text().count("there is no such file") == 2
    videos = Counter(path.stem for path in workspace.glob("videos/*/*/*.mp4"))
    rows = ["a1", "a2", "a3", "b1", "b2", *(f"d{number}" for number in range(6))]
    assert set(videos) == set(rows)
    assert {row: videos[row] for row in rows if row != "a1"} == dict.fromkeys([row for row in rows if row != "a1"], 1)
    assert videos["a1"] == 2  # in both batches, rendered once
    keys = rendered(workspace)
    assert len(keys) == len(set(keys))
