"""Webhooks: what is told, that it is signed, and that no server can hold a batch up."""

import hashlib
import hmac
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from flows import notify
from flows.notify import SECRET, SIGNATURE, Notifier, Outbox, check_urls, post_all
from tasks.errors import BadInput
from tasks.job import Outcome
from tasks.media import detached, processes
from tasks.pool.events import Kind, PoolEvent
from tasks.records.journal import BatchEnded, BatchStarted, VideoEnded
from tests.course import ROOT, actalker, finished, wait_for, write_manifest

STARTED = BatchStarted("night-1", "/srv/night.csv", 1, 1, (("a", ""), ("b", "")))
FAILED = VideoEnded("b", 2, "", Outcome.FAILED, 1, 2, error="it broke")
ENDED = BatchEnded(3, 1, 1)


@dataclass
class Hook:
    """A server of webhooks.

    Attributes:
        answers: The status of each answer, the last one again and again.
        slow_s: How long it takes for each.
    """

    answers: list[int] = field(default_factory=lambda: [204])
    slow_s: float = 0.0
    asked: int = 0
    taken: list[dict[str, object]] = field(default_factory=list)
    signatures: list[tuple[str | None, bytes]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def hook() -> Iterator[Hook]:
    state = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.asked += 1
            time.sleep(state.slow_s)
            status = state.answers.pop(0) if len(state.answers) > 1 else state.answers[0]
            if status < 300:
                state.taken.append(json.loads(body))
                state.signatures.append((self.headers[SIGNATURE], body))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}/secret/path"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield state
        server.shutdown()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "BACKOFF_S", (0.05,))


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The workspaces for which a process of its own would be started."""
    started: list[Path] = []
    monkeypatch.setattr(notify, "_post_the_rest", started.append)
    return started


def test_what_happens_is_told_once_in_order_and_signed(
    tmp_path: Path, hook: Hook, alone: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET, "key")
    with Notifier(tmp_path, (hook.url,)) as notifier:
        for event in (STARTED, FAILED, FAILED, PoolEvent(Kind.WAITING_FOR_SPACE, error="no space is left"), ENDED):
            notifier.on_event(event)
        notifier.late("will not be done by 06:00")
        notifier.late("will not be done by 06:00")
        wait_for(lambda: len(hook.taken) == 4, "the notifications")
    assert [body["event"] for body in hook.taken] == ["first-failure", "paused-for-space", "ended", "deadline"]
    assert hook.taken[0] | {"at": ""} == {
        "event": "first-failure",
        "batch": "night-1",
        "manifest": "/srv/night.csv",
        "rows": 2,
        "workspace": str(tmp_path),
        "at": "",
        "row": "b",
        "text": "night-1: row b failed: it broke",
    }
    assert hook.taken[2]["text"] == "night-1: ended, 1 rows done, 1 failed"
    for signature, body in hook.signatures:
        assert signature == f"sha256={hmac.new(b'key', body, hashlib.sha256).hexdigest()}"
    assert (list(Outbox(tmp_path)), alone) == ([], [])


def test_without_a_secret_nothing_is_signed(tmp_path: Path, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SECRET, raising=False)
    Outbox(tmp_path).add(hook.url, "{}")
    assert post_all(tmp_path)
    assert hook.signatures == [(None, b"{}")]


def test_a_server_that_answers_500_is_asked_again(tmp_path: Path, hook: Hook, alone: list[Path]) -> None:
    hook.answers = [500, 503, 200]
    with Notifier(tmp_path, (hook.url,)) as notifier:
        notifier.on_event(ENDED)
        wait_for(lambda: hook.taken, "the third try")
    assert (hook.asked, len(hook.taken), alone) == (3, 1, [])


@pytest.mark.parametrize("kind", ["slow", "down", "failing"])
def test_no_server_holds_up_the_end_and_nothing_is_lost(
    tmp_path: Path, hook: Hook, alone: list[Path], kind: str
) -> None:
    url = hook.url if kind != "down" else "http://127.0.0.1:9/"
    hook.slow_s, hook.answers = (3.0 if kind == "slow" else 0.0), [500 if kind == "failing" else 200]
    with Notifier(tmp_path, (url,)) as notifier:
        notifier.on_event(STARTED)
        notifier.on_event(ENDED)
        began = time.monotonic()
    assert time.monotonic() - began < 1.2
    assert alone == [tmp_path]
    assert len(list(Outbox(tmp_path))) == 1
    hook.slow_s, hook.answers = 0.0, [200]
    (kept,) = Outbox(tmp_path)
    kept.write_text(kept.read_text())  # whole, as the next command finds it
    if kind != "down":
        with Notifier(tmp_path, ()):
            wait_for(lambda: not list(Outbox(tmp_path)), "the next command on the workspace")
        assert hook.taken[-1]["event"] == "ended"


def test_after_a_cancellation_no_process_is_left_behind(tmp_path: Path, alone: list[Path]) -> None:
    with Notifier(tmp_path, ("http://127.0.0.1:9/",)) as notifier:
        notifier.on_event(BatchEnded(3, 0, 0, "cancelled", cancelled=2))
    assert alone == []
    assert len(list(Outbox(tmp_path))) == 1


def test_a_process_of_its_own_posts_what_is_left(tmp_path: Path, hook: Hook) -> None:
    Outbox(tmp_path).add(hook.url, json.dumps({"text": "later"}))
    subprocess.run([sys.executable, "-m", "flows.notify", tmp_path], cwd=ROOT, check=True, timeout=60)
    assert hook.taken == [{"text": "later"}]


def test_a_process_of_its_own_outlives_what_a_command_ends(tmp_path: Path) -> None:
    mark, state = tmp_path / "mark", tmp_path / "state"
    state.mkdir()
    detached.start_unattended(["sh", "-c", f"sleep 1; touch {mark}"])
    processes.remember(state)
    processes.forget(state)
    wait_for(mark.exists, "the end of the process", 20)


def test_what_is_damaged_or_a_day_old_is_dropped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox(tmp_path)
    outbox.add("http://127.0.0.1:9/", "{}")
    outbox.add("http://127.0.0.1:9/", "{}")
    damaged, old = outbox
    damaged.write_bytes(damaged.read_bytes()[:-9])
    day_ago = time.time() - notify.KEPT_S - 1
    os.utime(old, (day_ago, day_ago))
    assert post_all(tmp_path, limit_s=0)
    assert list(outbox) == []
    assert "cannot be read and is not posted" in caplog.text
    assert "within a day: 127.0.0.1:" in caplog.text


@pytest.mark.parametrize("url", ["hooks.example.com", "file:///etc/passwd", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="is no address to notify"):
        check_urls((url,))


def test_a_batch_tells_its_end(tmp_path: Path, hook: Hook) -> None:
    manifest = write_manifest(tmp_path, {"a": "One."})
    arguments = ("submit", manifest, "--workspace", tmp_path / "w", "--preset", "still", "--notify", hook.url)
    code, output = finished(actalker(*arguments))
    assert code == 0, output
    wait_for(lambda: hook.taken, "the end")
    assert [(body["event"], body["done"]) for body in hook.taken] == [("ended", 1)]
