"""Follow: a batch's report, kept up to date while its journal grows.

A long journal takes seconds to read. So the driver keeps the report in `WORKSPACE/batches/<batch>/report.json` now and
then, with the place in the journal up to which it holds; a reader goes on from there.
The file may be deleted or damaged at any time: then the journal is read from its beginning.
"""

import shutil
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tasks.records import checked_json, journal, orders
from tasks.records.journal import VideoEnded
from tasks.records.orders import Order
from tasks.records.report import RECENT_ATTEMPTS, BatchReport, RowReport, Working
from tasks.records.store import write_text

FORMAT = 2
"""Raise it when a report has other fields: files of another format are passed over."""
LOOK_S = 1.0
LINES = 1000
"""So many lines are read in 25 ms: a report that is older than that is kept anew."""


@dataclass
class Follower:
    """The report of one batch.

    Args:
        root: The workspace.
        batch_id: The batch; it has a journal.
    """

    root: Path
    batch_id: str
    report: BatchReport = field(init=False)
    _reader: journal.Reader = field(init=False)
    _kept: int = 0
    _looked: float = 0.0

    def __post_init__(self) -> None:
        self.report = BatchReport(self.batch_id)
        self._reader = journal.Reader(journal.path_of(self.root / "ledger", self.batch_id), self._note_damage)
        self._load()

    def update(self) -> BatchReport:
        """Read what is new. The report."""
        for event in self._reader.new():
            self.report.take(event)
        running = journal.is_being_written(self._reader.path)
        given = orders.given(orders.path_of(self.root, self.batch_id))
        self.report.settle(given, running=running, free_bytes=shutil.disk_usage(self.root).free)
        return self.report

    def keep(self) -> None:
        """Keep the report as a file, if it is long enough since the last time. For the driver."""
        if time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        self.report.running = True
        for event in self._reader.new():
            self.report.take(event)
        if self._reader.number - self._kept >= LINES:
            self._kept = self._reader.number
            with suppress(OSError):  # a full disk: the journal has it all
                self._file.parent.mkdir(parents=True, exist_ok=True)
                write_text(self._file, checked_json.dumps(self._facts()))

    @property
    def _file(self) -> Path:
        return self.root / "batches" / self.batch_id / "report.json"

    def _note_damage(self, sentence: str) -> None:
        self.report.damaged.append(sentence)

    def _facts(self) -> dict[str, object]:
        report, reader = self.report, self._reader
        return {
            "format": FORMAT,
            "offset": reader.offset,
            "number": reader.number,
            "checked": reader.checked,
            "manifest": report.manifest,
            "command": report.command,
            "reserve_bytes": report.reserve_bytes,
            "started_ms": report.started_ms,
            "ended_ms": report.ended_ms,
            "error": report.error,
            "suspended": report.suspended,
            "orders": [asdict(order) for order in report.orders],
            "at_work": {attempt: asdict(working) for attempt, working in report.at_work.items()},
            "recent": list(report.recent),
            "damaged": report.damaged,
            "rows": [{**asdict(row), "video": row.video and asdict(row.video)} for row in report.rows.values()],
        }

    def _load(self) -> None:
        """Go on from the file, if there is one that fits the journal."""
        try:
            facts: Mapping[str, Any] = checked_json.loads(self._file.read_bytes(), required=True)
            if facts["format"] != FORMAT or facts["offset"] > self._reader.path.stat().st_size:
                return
            taken = [Order.of(order) for order in facts["orders"]]
            report = BatchReport(
                self.batch_id,
                facts["manifest"],
                facts["command"],
                facts["started_ms"],
                facts["ended_ms"],
                error=facts["error"],
                suspended=facts["suspended"],
                reserve_bytes=facts["reserve_bytes"],
                steering=orders.steering_of(taken),
                orders=taken,
                at_work={attempt: Working(**working) for attempt, working in facts["at_work"].items()},
                recent=deque(((a, b, c) for a, b, c in facts["recent"]), maxlen=RECENT_ATTEMPTS),
                damaged=facts["damaged"],
                rows={row["id"]: RowReport(**{**row, "video": _video(row["video"])}) for row in facts["rows"]},
            )
        except (OSError, ValueError, TypeError, KeyError):
            return
        self.report, self._kept = report, facts["number"]
        self._reader.offset, self._reader.number = facts["offset"], facts["number"]
        self._reader.checked = facts["checked"]


def _video(facts: dict[str, Any] | None) -> VideoEnded | None:
    event = facts and journal.event_of({"event": "VideoEnded", **facts})
    return event if isinstance(event, VideoEnded) else None


def report(root: Path, batch_id: str) -> BatchReport:
    """What a batch's journal says now."""
    return Follower(root, batch_id).update()
