"""Webhooks: what a person should know of a batch, posted as JSON, without ever holding it up.

A notification is a file in `WORKSPACE/outbox` until a server has taken it, so that none is lost with a process. A
thread posts them while the batch runs. At its end they are given `END_BUDGET_S`; what is left then is posted by a
process of its own (`python -m flows.notify WORKSPACE`), or by the next command on the workspace.
"""

import hashlib
import hmac
import json
import logging
import os
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import httpx

from tasks.errors import BadInput
from tasks.job import Outcome
from tasks.media import detached
from tasks.pool.events import Kind, PoolEvent
from tasks.records import checked_json
from tasks.records.journal import BatchEnded, BatchStarted, BatchSuspended, Event, VideoEnded
from tasks.records.store import write_text

log = logging.getLogger("tasks.notify")

SECRET: Final = "ACTALKER_NOTIFY_SECRET"  # noqa: S105 - the name of a variable
SIGNATURE: Final = "X-Actalker-Signature"
"""`sha256=`, and the HMAC-SHA256 of the body with the secret, in hexadecimal digits."""
TIMEOUT_S: Final = 10.0
END_BUDGET_S: Final = 0.9
BACKOFF_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Between two tries; the last one again and again."""
AFTER_THE_END_S: Final = 600.0
"""How long a process of its own goes on."""
KEPT_S: Final = 86_400.0
"""What nobody has taken within a day is old news, and removed."""


def check_urls(urls: tuple[str, ...]) -> None:
    """See that notifications can be posted there.

    Raises:
        BadInput: One is no address of a web server.
    """
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise BadInput(f"{url!r} is no address to notify", "Give one that begins with http:// or https://.")


class Outbox:
    """The notifications of a workspace that no server has taken yet."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "outbox"

    def add(self, url: str, body: str) -> None:
        """Keep one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns():020}-{secrets.token_hex(4)}.json"
        write_text(self.folder / name, checked_json.dumps({"url": url, "body": body}))

    def __iter__(self) -> Iterator[Path]:
        """The files, oldest first."""
        return iter(sorted(self.folder.glob("*.json")))

    def post(self, path: Path) -> bool:
        """Post one, and remove it when it was taken, or is damaged or old. Whether it is done with."""
        try:
            kept = checked_json.loads(path.read_bytes(), required=True)
            age_s = time.time() - path.stat().st_mtime
        except FileNotFoundError:
            return True  # another process has posted it
        except (OSError, ValueError) as error:
            log.warning("the notification %s cannot be read and is not posted: %s", path, error)
            path.unlink(missing_ok=True)
            return True
        problem = _problem_of_posting(str(kept["url"]), str(kept["body"]).encode())
        if problem and age_s < KEPT_S:
            log.info("notification not taken yet: %s", problem)
            return False
        if problem:
            log.warning("nobody has taken the notification %s within a day: %s", path.name, problem)
        path.unlink(missing_ok=True)
        return True


def _problem_of_posting(url: str, body: bytes) -> str:
    """Post a body, signed. Why the server has not taken it; empty when it has."""
    headers = {"Content-Type": "application/json"}
    if secret := os.environ.get(SECRET):
        headers[SIGNATURE] = f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
    host = urlsplit(url).hostname  # the rest of a webhook's address is often its secret
    try:
        answer = httpx.post(url, content=body, headers=headers, timeout=TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return f"{host}: {type(error).__name__}: {error}"
    return "" if answer.is_success else f"{host} answers {answer.status_code}"


class Notifier:
    """Posts what happens in one batch to some addresses; a context manager, and an observer (flows/observer.py).

    Args:
        root: The workspace.
        urls: Checked by `check_urls`. Without any it does nothing.
    """

    def __init__(self, root: Path, urls: tuple[str, ...]) -> None:
        self._root, self._urls, self._outbox = root, urls, Outbox(root)
        self._batch: BatchStarted | None = None
        self._failed = self._full = self._late = self._cancelled = False
        self._news, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="notifier", daemon=True)

    def __enter__(self) -> Self:
        if self._urls or any(self._outbox):
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.set()
        self._news.set()
        if self._thread.is_alive():
            self._thread.join(END_BUDGET_S)
        if any(self._outbox) and not self._cancelled:
            _post_the_rest(self._root)

    def on_event(self, event: Event | PoolEvent) -> None:
        """See `flows.observer.Observer`."""
        match event:
            case BatchStarted():
                self._batch = event
            case VideoEnded(outcome=Outcome.FAILED) if not self._failed:
                self._failed = True
                self._tell("first-failure", f"row {event.job_id} failed: {event.error}", row=event.job_id)
            case PoolEvent(kind=Kind.WAITING_FOR_SPACE) if not self._full:
                self._full = True
                self._tell("paused-for-space", event.error)
            case BatchSuspended():
                self._tell("suspended", event.reason)
            case BatchEnded():
                self._cancelled = bool(event.cancelled)
                self._tell("ended", _end_of(event), done=event.done, failed=event.failed, cancelled=event.cancelled)
            case _:
                pass

    def late(self, text: str) -> None:
        """Say once that the batch will miss its deadline."""
        if not self._late:
            self._late = True
            self._tell("deadline", text)

    def _tell(self, event: str, text: str, **facts: object) -> None:
        batch = self._batch
        name = batch.batch_id if batch else ""
        body = {
            "event": event,
            "batch": name,
            "manifest": batch.manifest if batch else "",
            "rows": len(batch.rows) if batch else 0,
            "workspace": str(self._root),
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            **facts,
            "text": f"{name}: {text}",
        }
        for url in self._urls:
            try:
                self._outbox.add(url, json.dumps(body))
            except OSError as error:  # a full disk: to pause for space is told when there is some
                log.warning("a notification is lost: %s", error)
        self._news.set()

    def _work(self) -> None:
        failures = 0
        while True:
            taken = [self._outbox.post(path) for path in self._outbox]
            failures = 0 if all(taken) else failures + 1
            if self._closing.is_set() and not self._news.is_set():
                return
            self._news.wait(BACKOFF_S[min(failures, len(BACKOFF_S)) - 1] if failures else None)
            self._news.clear()


def _end_of(ended: BatchEnded) -> str:
    parts = [f"{ended.done} rows done", *([f"{ended.failed} failed"] if ended.failed else [])]
    parts += [f"{ended.cancelled} cancelled"] if ended.cancelled else []
    return f"ended, {', '.join(parts)}{f'. {ended.error}' if ended.error else ''}"


def _post_the_rest(root: Path) -> None:
    """Leave what no server has taken to a process that outlives this one."""
    try:
        detached.start_unattended([sys.executable, "-m", "flows.notify", str(root.resolve())])
    except OSError as error:
        log.warning("notifications wait for the next command on this workspace: %s", error)


def post_all(root: Path, limit_s: float = AFTER_THE_END_S) -> bool:
    """Post what waits in a workspace, again and again for a while. Whether nothing is left."""
    outbox, ends, failures = Outbox(root), time.monotonic() + limit_s, 0
    while True:
        taken = [outbox.post(path) for path in outbox]
        if all(taken) or time.monotonic() > ends:
            return all(taken)
        time.sleep(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
        failures += 1


if __name__ == "__main__":
    post_all(Path(sys.argv[1]))
