"""What the batches of a workspace refer to: clips, finished videos and copies of input files, by content."""

import json
import shlex
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tasks.job import Attempt, Outcome
from tasks.records import journal, report
from tasks.records.journal import AttemptStarted, BatchEnded, BatchStarted, SegmentEnded, VideoEnded, VideoPlanned
from tasks.records.store import Store

UPLOADS = "uploads"
"""The folder of a workspace that keeps what was uploaded by the page: a folder for each manifest, with its files."""


@dataclass
class References:
    """Those of one batch.

    Attributes:
        command: The one that goes on with it. Of a batch without one it lacks the options.
        ended: Whether every row was tried; else it runs, or goes on when it is submitted again.
        used_ms: When it last did anything.
        ever: Keys of all segments that it ever named.
        inputs: Digests.
        videos: How its rows ended, by id.
    """

    id: str
    workspace: Path
    manifest: str = ""
    command: str = ""
    ended: bool = False
    used_ms: int = 0
    inputs: set[str] = field(default_factory=set)
    videos: dict[str, VideoEnded] = field(default_factory=dict)
    ever: set[str] = field(default_factory=set)
    _planned: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @property
    def clips(self) -> set[str]:
        """Keys of the segments that it needs: of every row's latest plan; if it goes on, all that it ever named."""
        return set().union(*self._planned.values()) if self.ended else self.ever

    @property
    def upload(self) -> str:
        """The upload that its manifest lies in; empty if it lies elsewhere."""
        uploads, manifest = self.workspace.resolve() / UPLOADS, Path(self.manifest)
        return manifest.relative_to(uploads).parts[0] if manifest.is_relative_to(uploads) else ""

    @property
    def finished(self) -> Iterator[VideoEnded]:
        """The rows that have a video."""
        return (video for video in self.videos.values() if video.outcome in {Outcome.DONE, Outcome.REUSED})

    def is_delivered(self, store: Store) -> bool:
        """Whether anything that it delivered is still there."""
        return any(store.video(self.id, video.job_id).exists() for video in self.finished)

    def take(self, event: journal.Event) -> None:
        """Take one event in."""
        times = (getattr(event, name, 0) for name in ("started_ms", "ended_ms"))
        self.used_ms = max(self.used_ms, *times)
        match event:
            case BatchStarted():
                words = ("actalker", "submit", event.manifest, "--workspace", str(self.workspace))
                self.manifest = event.manifest
                self.command, self.ended = event.command or shlex.join(words), False
            case BatchEnded():
                self.ended = not event.error
            case VideoPlanned():
                self._planned[event.job_id].clear()
                self.inputs.update(event.inputs)
            case SegmentEnded():
                self._planned[event.job_id].add(event.key)
                self.ever.add(event.key)
            case AttemptStarted() | Attempt():
                self.ever.add(event.key)
            case VideoEnded():
                self.videos[event.job_id] = event
                self.inputs.update(_inputs(event))


def references(store: Store, on_damage: Callable[[str], None]) -> list[References]:
    """Those of every batch, newest first. A batch whose journal has damaged lines counts as one that goes on.

    Args:
        on_damage: Called with a sentence for each such line.
    """
    found = []
    for name in report.batches(store.ledger):
        batch, problems = References(name, store.root), list[str]()
        for event in journal.replay(journal.path_of(store.ledger, name), problems.append):
            batch.take(event)
        for problem in problems:
            on_damage(problem)
        batch.ended = batch.ended and not problems
        found.append(batch)
    return found


def _inputs(video: VideoEnded) -> Iterator[str]:
    settings = json.loads(video.settings)
    named = (video.portrait_sha256, video.audio_sha256, video.driving_sha256, settings.get("lexicon_sha256"))
    return (digest for digest in (*named, *settings.get("files", {}).values()) if digest)
