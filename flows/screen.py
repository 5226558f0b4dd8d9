"""What a person sees of a batch or a training at work: live bars on a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from tasks.job import FPS, Outcome, Segment
from tasks.pool.events import Kind, PoolEvent
from tasks.records.journal import (
    BatchEnded,
    BatchStarted,
    Event,
    OrderTaken,
    SegmentEnded,
    VideoEnded,
    VideoPlanned,
)

COLOURS = {
    "done": "green",
    "reused": "cyan",
    "failed": "red",
    "rendering": "yellow",
    "cancelled": "magenta",
    "skipped": "magenta",
}


class _Bars:
    """Named bars with a note each, live on a terminal; a context manager."""

    def __init__(self, console: Console, *columns: ProgressColumn, pace_period_s: float = 30.0) -> None:
        self.console = console
        self._progress = Progress(
            TextColumn("{task.description:9}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            *columns,
            console=console,
            disable=not console.is_terminal,
            speed_estimate_period=pace_period_s,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()


class Screen(_Bars):
    """Shows rows, segments, frames per second and the time left; a context manager.

    Args:
        console: Where to; when it is no terminal, every ended row is a line.
        on_end: Called when the batch has ended.
        on_start: Called when it has started, in the thread of its flow.

    Attributes:
        batch_id: Empty until the batch has begun.
        ended: How it ended; None until then.
        worked: Whether there was anything to do.
    """

    def __init__(
        self,
        console: Console,
        on_end: Callable[[BatchEnded], None] = lambda ended: None,
        on_start: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(console)
        self.batch_id = ""
        self.ended: BatchEnded | None = None
        self.worked = False
        self._on_end, self._on_start = on_end, on_start
        self._guard = threading.Lock()
        self._began = time.monotonic()
        self._planned: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._rows_bar: TaskID = self._progress.add_task("rows", total=None, note="")
        self._segments_bar: TaskID = self._progress.add_task("segments", total=0, note="")

    def on_event(self, event: Event | PoolEvent) -> None:
        """See `flows.observer.Observer`."""
        with self._guard:
            self._take(event)

    def _take(self, event: Event | PoolEvent) -> None:
        match event:
            case BatchStarted():
                self.batch_id = event.batch_id
                self._on_start()
                self._progress.update(self._rows_bar, total=len(event.rows))
                self.console.print(
                    f"Batch [bold]{event.batch_id}[/], {counted(len(event.rows), 'row')}.", highlight=False
                )
            case BatchEnded():
                self.ended = event
                self._on_end(event)
            case VideoPlanned():
                self.worked = True
                self._planned[event.job_id] = event.frames
                self._progress.update(self._segments_bar, total=self._total(self._segments_bar) + event.segments)
            case PoolEvent(kind=Kind.FINISHED, segment=Segment() as segment):
                self._done[segment.job_id] = self._done.get(segment.job_id, 0) + segment.frames
                self._progress.advance(self._segments_bar)
                self._show_pace()
            case PoolEvent(kind=Kind.WAITING_FOR_SPACE | Kind.WORKER_LOST | Kind.WORKER_ABANDONED | Kind.QUARANTINED):
                self.console.print(f"[yellow]{event.kind}[/] {event.worker} {event.error}", highlight=False)
            case SegmentEnded(outcome=Outcome.REUSED):
                self._progress.advance(self._segments_bar)
            case OrderTaken():
                self.console.print(f"[yellow]{escape(str(event.order))}[/]", highlight=False)
            case VideoEnded(outcome=Outcome.CANCELLED):
                self._progress.advance(self._rows_bar)  # the order has its own line, the rows may be hundreds
            case VideoEnded():
                self.worked = True  # also a row that failed before it was planned
                self._done[event.job_id] = event.frames
                self._progress.advance(self._rows_bar)
                self._show_pace()
                self._show_video(event)
            case _:
                pass

    def _total(self, bar: TaskID) -> float:
        return next(task.total or 0 for task in self._progress.tasks if task.id == bar)

    def _show_pace(self) -> None:
        """Frames per second so far, and the time that the planned rows will take, scaled up to all rows."""
        pace = sum(self._done.values()) / (time.monotonic() - self._began)
        expected = sum(self._planned.values()) * self._total(self._rows_bar) / max(1, len(self._planned))
        left_s = max(0.0, expected - sum(self._done.values())) / pace if pace else 0.0
        self._progress.update(self._rows_bar, note=f"{pace:.0f} frames/s, {clock(left_s)} left")

    def _show_video(self, video: VideoEnded) -> None:
        colour = COLOURS.get(video.outcome, "white")
        line = f"[{colour}]{video.outcome:7}[/] {escape(video.job_id)}"
        if video.error:
            self.console.print(f"{line}: {escape(video.error)}", highlight=False)
            return
        rendered = f"{video.segments_rendered} of {counted(video.segments, 'segment')} rendered"
        took_s = (video.ended_ms - video.started_ms) / 1000
        self.console.print(f"{line}  {clock(video.frames / FPS)}, {rendered}, in {took_s:.1f} s", highlight=False)
        for note in video.notes:
            self.console.print(f"        {escape(note)}", highlight=False)


class TrainingScreen(_Bars):
    """Shows the stages of a training, how far each is and its loss; a context manager.

    Args:
        console: Where to; when it is no terminal, every 500 steps are a line.
    """

    _LINE_EVERY = 500

    def __init__(self, console: Console) -> None:
        # A logged step comes every few seconds: over shorter stretches the time left would be restless.
        super().__init__(console, TextColumn("left"), TimeRemainingColumn(), pace_period_s=300.0)
        self._bars: dict[str, TaskID] = {}

    def on_step(self, stage: str, step: int, steps: int, metrics: Mapping[str, float]) -> None:
        """See `flows.train.OnStep`."""
        note = f"loss {metrics['loss']:.3f}"
        if stage not in self._bars:  # a run that goes on begins where it was: its pace is that of today's steps
            self._bars[stage] = self._progress.add_task(stage, total=steps, completed=step, note=note)
        self._progress.update(self._bars[stage], completed=step, note=note)
        if not self.console.is_terminal and step % self._LINE_EVERY == 0:
            self.console.print(f"{stage}: step {step} of {steps}, {note}")


def counted(number: int, noun: str) -> str:
    """Such as `1 row` or `2 rows`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def clock(seconds: float) -> str:
    """Such as `1:05`, or `2:00:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
