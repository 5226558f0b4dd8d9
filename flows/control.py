"""The driver's side of orders: they are read while a batch runs, noted in its journal, and obeyed."""

from collections.abc import Iterable
from pathlib import Path

from tasks.errors import Cancelled
from tasks.records import orders
from tasks.records.batch_context import now_ms
from tasks.records.journal import Event, Journal, OrderTaken, VideoEnded
from tasks.records.orders import Order, OrderKind, OrderReader, Steering
from tasks.records.space import DiskSpace


class Control:
    """What people want of one batch.

    Args:
        events: The batch's journal.
        root: The workspace.
        earlier: The journal's events so far.
        space: Of the journal's disk: while it is full nothing can be noted, and only a cancellation is obeyed.

    Attributes:
        steering: What all orders come to that have been obeyed.
    """

    def __init__(self, events: Journal, root: Path, earlier: Iterable[Event], space: DiskSpace) -> None:
        taken = [event.order for event in earlier if isinstance(event, OrderTaken)]
        self.steering: Steering = orders.steering_of(taken)
        self._events, self._space = events, space
        self._known = {order.id for order in taken}
        self._reader = OrderReader(orders.path_of(root, events.path.stem))
        self._unnoted: list[Order] = []

    def obey(self) -> list[Order]:
        """Take up what has been ordered since the last call."""
        self._unnoted += [order for order in self._reader.new() if order.id not in self._known]
        obeyed = []
        for order in tuple(self._unnoted):
            if not self._space() and not _ends_batch(order):
                break
            self.steering = self.steering.after(order)
            self._known.add(order.id)
            self._unnoted.remove(order)
            obeyed.append(order)
            try:
                self._events.write(OrderTaken(order, now_ms()))
            except Cancelled:
                break  # the batch ends on a full disk; the next run notes it
        return obeyed


def _ends_batch(order: Order) -> bool:
    return order.kind is OrderKind.CANCEL and not order.rows


def latest_videos(events: Iterable[Event]) -> dict[str, VideoEnded]:
    """How each row ended last, without those that an order has opened again since."""
    videos: dict[str, VideoEnded] = {}
    steering = Steering()
    for event in events:
        if isinstance(event, VideoEnded):
            videos[event.job_id] = event
        elif isinstance(event, OrderTaken):
            order = event.order
            steering = steering.after(order)
            videos = {row: video for row, video in videos.items() if not steering.opens(order, row, video.outcome)}
    return videos
